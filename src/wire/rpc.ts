/**
 * `rpc` requests and their responses.
 *
 * A request is parsed and validated once; a value of `args` or `kwargs` whose lexemes a round trip would change arrives as {@link RawJson}.
 * Responses are assembled from text, since every result is encoded exactly once.
 */
import { Type } from 'typebox'
import type { TraceContext } from '../base/index.ts'
import type { RpcErrorObject } from './errors.ts'
import { carried, encodeJson, isLossy, mayBeLossy, memberStarts, scanArray, scanObject } from './json.ts'
import { CorrelationId, FreeObject, frameSchema, Maybe } from './schema.ts'
import { traceContextOf } from './trace-context.ts'

/** One step of a request's dependency graph, all defaults filled in. */
export interface Command {
  /** Label of the step: key in the result, target of references. */
  readonly name: string
  readonly fun: string
  /** Values, or `RawJson` where only the text is faithful. */
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  /** Resources the executing function must offer, all of them. */
  readonly locs: readonly string[]
  readonly function_id: string | null
  readonly version_constraint: string | null
  readonly target_cluster: string | null
  readonly routing_topic: string | null
}

export interface RpcRequest {
  /** Correlation id, echoed in the response. */
  readonly u: string
  readonly cmds: readonly Command[]
  readonly return_intermediate_results: boolean
  readonly intermediate_result_callback_topic: string | null
  readonly include_execution_summary: boolean
  readonly debug_mode: boolean
  /** The caller's place in a trace. */
  readonly trace?: TraceContext | undefined
}

const CommandFrame = Type.Object({
  name: Type.String(),
  fun: Type.String(),
  args: Type.Optional(Type.Array(Type.Unknown())),
  kwargs: Type.Optional(FreeObject),
  locs: Type.Optional(Type.Array(Type.String())),
  function_id: Maybe(Type.String()),
  version_constraint: Maybe(Type.String()),
  target_cluster: Maybe(Type.String()),
  routing_topic: Maybe(Type.String()),
})

export const rpcRequestFrame = frameSchema(
  Type.Object({
    role: Type.Literal('rpc'),
    cmds: Type.Array(CommandFrame),
    u: CorrelationId,
    return_intermediate_results: Type.Optional(Type.Boolean()),
    intermediate_result_callback_topic: Maybe(Type.String()),
    include_execution_summary: Type.Optional(Type.Boolean()),
    debug_mode: Type.Optional(Type.Boolean()),
    // A context that is none is ignored: it must never fail a request.
    traceparent: Type.Optional(Type.Unknown()),
    tracestate: Type.Optional(Type.Unknown()),
    trace_hops: Type.Optional(Type.Unknown()),
  }),
)

export const rpcResponseFrame = frameSchema(
  Type.Object({
    r: Type.Optional(Type.Unknown()),
    error: Maybe(Type.Object({ code: Type.Integer(), message: Type.String(), details: Type.Optional(Type.Unknown()) })),
    u: Type.String(),
    intermediate_results: Type.Optional(Type.Array(FreeObject)),
    execution_summary: Maybe(FreeObject),
  }),
)

/**
 * @param parsed the parsed frame, `role` already known to be `rpc`
 * @param text the text it was parsed from
 * @throws FrameError
 */
export function decodeRpcRequest(parsed: unknown, text: string): RpcRequest {
  const frame = rpcRequestFrame.parse(parsed)
  const cmds = frame.cmds.map(
    (cmd): Command => ({
      name: cmd.name,
      fun: cmd.fun,
      args: cmd.args ?? [],
      kwargs: (cmd.kwargs as Record<string, unknown> | undefined) ?? {},
      locs: cmd.locs ?? [],
      function_id: cmd.function_id ?? null,
      version_constraint: cmd.version_constraint ?? null,
      target_cluster: cmd.target_cluster ?? null,
      routing_topic: cmd.routing_topic ?? null,
    }),
  )
  return {
    u: frame.u,
    cmds: cmds.some(holdsNumbers) && isLossy(text) ? withCarriedArguments(cmds, text) : cmds,
    return_intermediate_results: frame.return_intermediate_results ?? false,
    intermediate_result_callback_topic: frame.intermediate_result_callback_topic ?? null,
    include_execution_summary: frame.include_execution_summary ?? false,
    debug_mode: frame.debug_mode ?? false,
    trace: frame.traceparent === undefined ? undefined : traceContextOf(frame),
  }
}

function holdsNumbers(cmd: Command): boolean {
  return mayBeLossy(cmd.args) || mayBeLossy(cmd.kwargs)
}

/** The same commands, each lossy argument replaced by its slice of the frame. */
function withCarriedArguments(cmds: readonly Command[], text: string): Command[] {
  const out: Command[] = []
  scanArray(text, memberStarts(text, 0).get('cmds') ?? 0, (from) => {
    const cmd = cmds[out.length] as Command
    const starts = memberStarts(text, from)
    const args = starts.get('args')
    const kwargs = starts.get('kwargs')
    out.push({
      ...cmd,
      args: args === undefined ? cmd.args : carriedArray(cmd.args, text, args),
      kwargs: kwargs === undefined ? cmd.kwargs : carriedMembers(cmd.kwargs, text, kwargs),
    })
  })
  return out
}

function carriedArray(values: readonly unknown[], text: string, at: number): unknown[] {
  const out: unknown[] = []
  scanArray(text, at, (start, end) => {
    out.push(carried(values[out.length], text, start, end))
  })
  return out
}

function carriedMembers(values: Readonly<Record<string, unknown>>, text: string, at: number): Record<string, unknown> {
  const out: [string, unknown][] = []
  scanObject(text, at, (key, start, end) => {
    out.push([key, carried(values[key], text, start, end)])
  })
  return Object.fromEntries(out)
}

const NO_EXTRAS = ',"intermediate_results":[],"execution_summary":null}'

/** Per-level record of an instrumented request. Result values are JSON text. */
export interface IntermediateResult {
  readonly request_id: string
  readonly level_index: number
  readonly level_results: ReadonlyMap<string, string>
  readonly accumulated_results: ReadonlyMap<string, string>
  readonly total_levels: number
  readonly completed_levels: number
  /** End of the level, Unix seconds. */
  readonly timestamp: number
  readonly execution_time_ms: number
}

export interface ExecutionSummary {
  readonly request_id: string
  readonly total_execution_time_ms: number
  readonly total_levels: number
  readonly level_execution_times: readonly number[]
  /** First level with the longest time. */
  readonly bottleneck_level_index: number
  readonly average_level_time_ms: number
  readonly parallel_commands_executed: number
  readonly cross_cluster_hops: number
}

/** Response to a request whose last level holds this one command. */
export function encodeSingleResult(u: string, name: string, resultText: string): string {
  return `{"r":{${encodeJson(name)}:${resultText}},"error":null,"u":${encodeJson(u)}${NO_EXTRAS}`
}

/** Response with the results of the last level, and what the request asked for besides. */
export function encodeRpcResponse(
  u: string,
  results: ReadonlyMap<string, string>,
  intermediate: readonly IntermediateResult[],
  summary: ExecutionSummary | null,
): string {
  const extras =
    intermediate.length === 0 && summary === null
      ? NO_EXTRAS
      : `,"intermediate_results":[${intermediate.map(encodeIntermediateResult).join(',')}],"execution_summary":${JSON.stringify(summary)}}`
  return `{"r":${encodeResults(results)},"error":null,"u":${encodeJson(u)}${extras}`
}

/** Acknowledgement of a `server` frame: `r` is a plain word. */
export function encodeServerReply(u: string, word: string): string {
  return `{"r":${encodeJson(word)},"error":null,"u":${encodeJson(u)}${NO_EXTRAS}`
}

/** @throws EncodingError when the details have no JSON form */
export function encodeRpcError(u: string, error: RpcErrorObject): string {
  return `{"r":null,"error":${encodeJson(error)},"u":${encodeJson(u)}${NO_EXTRAS}`
}

export function encodeIntermediateResult(record: IntermediateResult): string {
  return `{"request_id":${encodeJson(record.request_id)},"level_index":${record.level_index},"level_results":${encodeResults(record.level_results)},"accumulated_results":${encodeResults(record.accumulated_results)},"total_levels":${record.total_levels},"completed_levels":${record.completed_levels},"timestamp":${JSON.stringify(record.timestamp)},"execution_time_ms":${JSON.stringify(record.execution_time_ms)}}`
}

function encodeResults(results: ReadonlyMap<string, string>): string {
  let members = ''
  for (const [name, text] of results) members += `${members === '' ? '' : ','}${encodeJson(name)}:${text}`
  return `{${members}}`
}
