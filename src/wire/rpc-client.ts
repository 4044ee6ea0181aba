/** The client's half of RPC: requests as text, responses as values. Knows no validator, so that it also runs in a browser. */
import type { TraceContext } from '../base/index.ts'
import { encodeJson } from './json.ts'
import { traceMembers } from './trace-context.ts'

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

/**
 * The request frame. What has its default is left out, as the protocol allows: a plain call is a third shorter, for the network and for
 * whoever parses it.
 * @throws EncodingError for an argument without a JSON form
 */
export function encodeRpcRequest(u: string, cmds: readonly CommandInit[], init?: RequestInit, trace?: TraceContext): string {
  let list = ''
  for (const cmd of cmds) list += list === '' ? encodeCommand(cmd) : `,${encodeCommand(cmd)}`
  return `{"role":"rpc","cmds":[${list}],"u":"${u}"${init === undefined ? '' : encodeInit(init)}${trace === undefined ? '' : traceMembers(trace)}}`
}

function encodeCommand(cmd: CommandInit): string {
  let text = `{"name":${JSON.stringify(cmd.name)},"fun":${JSON.stringify(cmd.fun)}`
  if (cmd.args !== undefined && cmd.args.length > 0) text += `,"args":${encodeJson(cmd.args)}`
  if (cmd.kwargs !== undefined) text += `,"kwargs":${encodeJson(cmd.kwargs)}`
  if (cmd.locs !== undefined && cmd.locs.length > 0) text += `,"locs":${encodeJson(cmd.locs)}`
  if (cmd.functionId !== undefined) text += `,"function_id":${JSON.stringify(cmd.functionId)}`
  if (cmd.versionConstraint !== undefined) text += `,"version_constraint":${JSON.stringify(cmd.versionConstraint)}`
  if (cmd.targetCluster !== undefined) text += `,"target_cluster":${JSON.stringify(cmd.targetCluster)}`
  if (cmd.routingTopic !== undefined) text += `,"routing_topic":${JSON.stringify(cmd.routingTopic)}`
  return `${text}}`
}

function encodeInit(init: RequestInit): string {
  let text = ''
  if (init.returnIntermediateResults === true) text += ',"return_intermediate_results":true'
  if (init.intermediateResultCallbackTopic !== undefined) {
    text += `,"intermediate_result_callback_topic":${JSON.stringify(init.intermediateResultCallbackTopic)}`
  }
  if (init.includeExecutionSummary === true) text += ',"include_execution_summary":true'
  if (init.debugMode === true) text += ',"debug_mode":true'
  return text
}
