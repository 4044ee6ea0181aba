/** Calls a node makes itself, in-process: the same way as a client's, only without a connection. */
import { LinkedList, type Random } from '../base/index.ts'
import type { Caller, Executor } from '../rpc/index.ts'
import { parseJson, RpcError, type RpcErrorObject } from '../wire/index.ts'

/** What a call asks of the function besides its name. */
export interface CallOptions {
  readonly kwargs?: Readonly<Record<string, unknown>>
  /** Resources the function must offer. */
  readonly locs?: readonly string[]
  readonly functionId?: string
  readonly versionConstraint?: string
  readonly targetCluster?: string
}

export type OwnCall = (options: CallOptions, fun: string, ...args: readonly unknown[]) => Promise<unknown>

const COMMAND = 'call'

/** @throws RpcError as a client would get it (by way of the promise) */
export function createOwnCalls(executor: Executor, random: Random, clusterId: string): OwnCall {
  const caller: Caller = {
    connectionId: '',
    remote: 'in-process',
    viewerCluster: clusterId,
    viewerTenant: null,
    credential: null,
    isAdmin: true,
  }
  const source = { caller, inFlight: new LinkedList<object>() }
  return (options, fun, ...args) =>
    new Promise((resolve, reject) => {
      const command = {
        name: COMMAND,
        fun,
        args,
        kwargs: options.kwargs ?? {},
        locs: options.locs ?? [],
        function_id: options.functionId ?? null,
        version_constraint: options.versionConstraint ?? null,
        target_cluster: options.targetCluster ?? null,
        routing_topic: null,
      }
      const request = {
        u: random.ulid(),
        cmds: [command],
        return_intermediate_results: false,
        intermediate_result_callback_topic: null,
        include_execution_summary: false,
        debug_mode: false,
      }
      executor.execute(request, source, (text) => {
        const { error, r } = parseJson(text) as { r: Record<string, unknown> | null; error: RpcErrorObject | null }
        if (error === null) resolve(r?.[COMMAND])
        else reject(new RpcError(error))
      })
    })
}
