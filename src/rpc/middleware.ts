/**
 * Hooks around every call, for the user's own logging, authorisation and metrics.
 *
 * `before` hooks run in registration order and refuse a call by throwing; `after` and `error` hooks run in reverse order, see the outcome
 * and can not change it. A hook that fails after the fact is reported, never lets the call fail. A call that is aborted while its
 * authorisation or a `before` hook is awaited does not run.
 */
import { RPC_CODES, RpcError } from '../wire/index.ts'
import type { Call } from './call.ts'
import type { RegisteredFunction } from './registry.ts'

export interface CallMiddleware {
  /** Throwing refuses the call: an `RpcError` is answered as it is, anything else as "execution failed". */
  before?(call: Call, args: readonly unknown[]): void | Promise<void>
  /** Nobody waits for this one and the next two, which may be async; what they return is of no interest. */
  after?(call: Call, outcome: { readonly result: unknown; readonly durationMs: number }): unknown
  error?(call: Call, outcome: { readonly error: unknown; readonly durationMs: number }): unknown
  /** Told when one of the two above throws or rejects. Its own failure is dropped. */
  failed?(error: unknown): unknown
}

export function hasHooks(middleware: readonly CallMiddleware[]): boolean {
  return middleware.length > 0
}

/** @throws RpcError 403 when the function's own authorisation says no; the reason of the call's signal when it aborted before the function ran */
export async function runHooked(
  middleware: readonly CallMiddleware[],
  fn: RegisteredFunction,
  call: Call,
  args: readonly unknown[],
  now: () => number,
): Promise<unknown> {
  const startedMs = now()
  try {
    if (fn.authorize !== undefined && !(await fn.authorize(call))) {
      throw new RpcError({
        code: RPC_CODES.forbidden,
        message: 'forbidden',
        details: `ForbiddenError: this caller may not run '${fn.name}'`,
      })
    }
    for (const hooks of middleware) {
      call.signal.throwIfAborted()
      await hooks.before?.(call, args)
    }
    call.signal.throwIfAborted()
    const result = await fn.invoke(args, call)
    tell(middleware, (hooks) => hooks.after?.(call, { result, durationMs: now() - startedMs }))
    return result
  } catch (error) {
    tell(middleware, (hooks) => hooks.error?.(call, { error, durationMs: now() - startedMs }))
    throw error
  }
}

function tell(middleware: readonly CallMiddleware[], event: (hooks: CallMiddleware) => unknown): void {
  for (const hooks of middleware.toReversed()) {
    watch(
      () => event(hooks),
      (error) =>
        watch(
          () => hooks.failed?.(error),
          () => {},
        ),
    )
  }
}

/** Calls a hook nobody waits for; `failed` hears of its failure, at once or later. */
function watch(hook: () => unknown, failed: (error: unknown) => void): void {
  try {
    const pending = hook()
    if (pending !== undefined) Promise.resolve(pending).catch(failed)
  } catch (error) {
    failed(error)
  }
}
