/**
 * Hooks around publications that clients make, for the user's own logging, authorisation and metrics.
 *
 * Hooks run in registration order. `before` is synchronous, so that publications of a connection keep their order: what needs to wait
 * (a database, a token service) is decided when the connection opens, or looked up from a copy in memory. `after` and `error` see the
 * outcome and can not change it; nobody waits for them.
 */
import type { Caller } from '../rpc/index.ts'
import type { Message } from '../wire/index.ts'

export interface PublishMiddleware {
  /** Throwing refuses the publication: its text becomes the error of the acknowledgement. Returning a promise refuses it, too. */
  before?(message: Message, context: { readonly caller: Caller }): void
  /** Nobody waits for this one and the next two, which may be async; what they return is of no interest. */
  after?(message: Message, context: { readonly caller: Caller; readonly deliveries: number }): unknown
  /** Told of a refusal by any `before` hook. */
  error?(message: Message, context: { readonly caller: Caller; readonly error: unknown }): unknown
  /** Told when one of the other hooks here throws or rejects where that refuses nothing any more. Its own failure is dropped. */
  failed?(error: unknown): unknown
}

/** @throws what a hook threw to refuse the publication; TypeError when a hook returned a promise */
export function runBefore(middleware: readonly PublishMiddleware[], message: Message, context: { readonly caller: Caller }): void {
  try {
    for (const hooks of middleware) {
      const returned: unknown = hooks.before?.(message, context)
      if (!isThenable(returned)) continue
      watch(hooks, () => returned)
      throw new TypeError('publish hooks must be synchronous')
    }
  } catch (error) {
    for (const hooks of middleware) watch(hooks, () => hooks.error?.(message, { ...context, error }))
    throw error
  }
}

/** Never throws. */
export function runAfter(
  middleware: readonly PublishMiddleware[],
  message: Message,
  context: { readonly caller: Caller; readonly deliveries: number },
): void {
  for (const hooks of middleware) watch(hooks, () => hooks.after?.(message, context))
}

/** Calls a hook nobody waits for; `failed` of the same hooks hears of its failure, at once or later. */
function watch(hooks: PublishMiddleware, hook: () => unknown): void {
  settle(hook, (error) =>
    settle(
      () => hooks.failed?.(error),
      () => {},
    ),
  )
}

function settle(hook: () => unknown, failed: (error: unknown) => void): void {
  try {
    const pending = hook()
    if (isThenable(pending)) Promise.resolve(pending).catch(failed)
  } catch (error) {
    failed(error)
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}
