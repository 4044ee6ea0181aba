/** A call on one particular node, made by a function while it runs: no other node will do in its place. */
import type { Env } from '../base/index.ts'
import { type FunctionEntry, RPC_CODES, RpcError } from '../wire/index.ts'
import { type Call, Cancellation, RunningCall } from './call.ts'
import type { RemoteFunction } from './executor.ts'

export interface NodeCallDeps {
  readonly env: Pick<Env, 'clock' | 'timers'>
  /** See OutgoingCalls.caller. */
  caller(target: FunctionEntry, isOnly: boolean): RemoteFunction['call']
}

interface Given {
  readonly args?: readonly unknown[]
  readonly kwargs?: Readonly<Record<string, unknown>>
}

/** @param timeoutMs default: as long as the call that makes it has */
export type CallNode = (target: FunctionEntry, given: Given, parent: Call, timeoutMs?: number) => Promise<unknown>

/** The promise resolves like a remote function's, and rejects with RpcError 1004 when the time is over. */
export function createNodeCalls({ caller, env: { clock, timers } }: NodeCallDeps): CallNode {
  return async (target, { args = [], kwargs = {} }, parent, timeoutMs = Number.POSITIVE_INFINITY) => {
    const { function_id, name: fun, version } = target.identity
    const deadlineMs = Math.min(parent.deadlineMs, clock.monotonic() + timeoutMs)
    const cancellation = new Cancellation()
    const fn = { name: fun, versionText: version }
    const call = new RunningCall(parent.requestId, parent.command, parent.caller, deadlineMs, fn, cancellation, clock.monotonic)
    const cancelTimer = timers.after(Math.max(0, deadlineMs - clock.monotonic()), () =>
      cancellation.abort(new RpcError({ code: RPC_CODES.timedOut, message: `no answer from ${target.node_id} in time` })),
    )
    const abandon = (): void => cancellation.abort(parent.signal.reason as Error)
    parent.signal.addEventListener('abort', abandon, { once: true })
    const command = {
      name: parent.command,
      fun,
      args,
      kwargs,
      locs: [],
      function_id,
      version_constraint: null,
      target_cluster: target.cluster_id,
      routing_topic: null,
    }
    try {
      return await caller(target, true)(command, args, kwargs, call)
    } finally {
      cancelTimer()
      parent.signal.removeEventListener('abort', abandon)
    }
  }
}
