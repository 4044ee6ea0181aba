/** The client's half of RPC: requests as text, responses as values. Knows no validator, so that it also runs in a browser. */
import { encodeJson } from './json.ts'

/** A command as a caller writes it; absent fields get their defaults. */
export interface CommandInit {
  readonly name: string
  readonly fun: string
  readonly args?: readonly unknown[]
  readonly kwargs?: Readonly<Record<string, unknown>>
  readonly locs?: readonly string[]
  readonly functionId?: string | undefined
  readonly versionConstraint?: string | undefined
  readonly targetCluster?: string | undefined
  readonly routingTopic?: string | undefined
}

export interface RequestInit {
  readonly returnIntermediateResults?: boolean
  readonly intermediateResultCallbackTopic?: string
  readonly includeExecutionSummary?: boolean
  readonly debugMode?: boolean
}

const PLAIN_TAIL =
  ',"return_intermediate_results":false,"intermediate_result_callback_topic":null,"include_execution_summary":false,"debug_mode":false}'

/**
 * The request frame with every field present.
 * @throws EncodingError for an argument without a JSON form
 */
export function encodeRpcRequest(u: string, cmds: readonly CommandInit[], init?: RequestInit): string {
  let list = ''
  for (const cmd of cmds) list += list === '' ? encodeCommand(cmd) : `,${encodeCommand(cmd)}`
  const tail =
    init === undefined
      ? PLAIN_TAIL
      : `,"return_intermediate_results":${init.returnIntermediateResults ?? false},"intermediate_result_callback_topic":${JSON.stringify(init.intermediateResultCallbackTopic ?? null)},"include_execution_summary":${init.includeExecutionSummary ?? false},"debug_mode":${init.debugMode ?? false}}`
  return `{"role":"rpc","cmds":[${list}],"u":"${u}"${tail}`
}

function encodeCommand(cmd: CommandInit): string {
  const args = cmd.args === undefined || cmd.args.length === 0 ? '[]' : encodeJson(cmd.args)
  const kwargs = cmd.kwargs === undefined ? '{}' : encodeJson(cmd.kwargs)
  const locs = cmd.locs === undefined || cmd.locs.length === 0 ? '[]' : encodeJson(cmd.locs)
  return `{"name":${JSON.stringify(cmd.name)},"fun":${JSON.stringify(cmd.fun)},"args":${args},"kwargs":${kwargs},"locs":${locs},"function_id":${text(cmd.functionId)},"version_constraint":${text(cmd.versionConstraint)},"target_cluster":${text(cmd.targetCluster)},"routing_topic":${text(cmd.routingTopic)}}`
}

function text(value: string | undefined): string {
  return value === undefined ? 'null' : JSON.stringify(value)
}
