/**
 * Hooks around every call, for the user's own logging, authorisation and metrics.
 *
 * `before` hooks run in registration order and refuse a call by throwing; `after` and `error` hooks run in reverse order, see the outcome
 * and can not change it. A hook that fails after the fact is reported, never lets the call fail.
 */
import { RPC_CODES, RpcError } from '../wire/index.ts'
import type { Call } from './call.ts'
import type { RegisteredFunction } from './registry.ts'

export interface CallMiddleware {
  /** Throwing refuses the call: an `RpcError` is answered as it is, anything else as "execution failed". */
  before?(call: Call, args: readonly unknown[]): void | Promise<void>
  after?(call: Call, outcome: { readonly result: unknown; readonly durationMs: number }): void
  error?(call: Call, outcome: { readonly error: unknown; readonly durationMs: number }): void
  /** Told when one of the two above throws. */
  failed?(error: unknown): void
}

export function hasHooks(middleware: readonly CallMiddleware[]): boolean {
  return middleware.length > 0
}

/** @throws RpcError 403 when the function's own authorisation says no */
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
    for (const hooks of middleware) await hooks.before?.(call, args)
    const result = await fn.invoke(args, call)
    tell(middleware, (hooks) => hooks.after?.(call, { result, durationMs: now() - startedMs }))
    return result
  } catch (error) {
    tell(middleware, (hooks) => hooks.error?.(call, { error, durationMs: now() - startedMs }))
    throw error
  }
}

function tell(middleware: readonly CallMiddleware[], event: (hooks: CallMiddleware) => void): void {
  for (const hooks of middleware.toReversed()) {
    try {
      event(hooks)
    } catch (error) {
      hooks.failed?.(error)
    }
  }
}
