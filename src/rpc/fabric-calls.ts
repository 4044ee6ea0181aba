/** What the messages of calls between nodes look like from outside, and how they are made. */
import { type HeaderPlace, originHeaders } from '../fabric/index.ts'
import {
  type BundledTrace,
  type BundleScan,
  type CallBundle,
  type CallScan,
  decodeFabricPayload,
  encodeBundle,
  encodeCall,
  encodeFabricMessage,
  encodeJson,
  type FabricHeaders,
  type FabricMessage,
  type FabricRpcCancel,
  type FabricRpcRequest,
  type FabricRpcResponse,
  type FabricScan,
  metadataOfHops,
  metadataOfTraces,
  OutboundFrame,
  type PayloadScan,
  RawJson,
  type ResponseBundle,
  type RpcErrorObject,
  responsesText,
  scanCallPayload,
  scanFabricPayload,
  scannedMember,
  scannedText,
  spliceFabricFrame,
  spliceFabricHeaders,
  splicePayload,
  traceContextIn,
  traceHopsIn,
  withTraceContext,
} from '../wire/index.ts'

const TOPIC_RESPONSE = 'mpreg.rpc.response'
export const NO_TRACES: readonly BundledTrace[] = []
export const NO_METADATA = new RawJson('{}')

export type Outcome = Pick<FabricRpcResponse, 'success' | 'result' | 'error'>

/** What an answer needs of its request. */
export type Answerable = Pick<FabricRpcRequest, 'command' | 'reply_to' | 'request_id'>

/** What a hop needs to know of a request. */
export type RequestGlance = Answerable &
  Pick<FabricRpcRequest, 'kind' | 'target_cluster' | 'target_node' | 'federation_path' | 'federation_remaining_hops'>
export type ResponseGlance = Pick<FabricRpcResponse, 'kind' | 'request_id' | 'reply_to' | 'routing_path'>
type CancelGlance = Pick<FabricRpcCancel, 'kind' | 'request_id' | 'target_node'>
/** The payload of a call: whole if it has the usual layout, else as much as a hop needs. */
export type Glance = RequestGlance | ResponseGlance | CancelGlance

/** The text a message came as, if it came as text. */
export type FrameScan = CallScan | FabricScan | undefined

/** Of a response, besides its result, with room for long paths. */
export const ENVELOPE_BYTES = 4096
/** Characters of arguments or of an answer that may travel in a bundle. */
export const BUNDLED_CHARACTERS_MAX = 8 * 1024
const NULL = new RawJson('null')

/** Undefined for what is no call. */
export function glanceAt(message: FabricMessage, scan: FrameScan): Glance | undefined {
  if (scan !== undefined) return 'call' in scan ? scan.call : glanceAtMembers(scan)
  const call = scanCallPayload(message.payload)
  if (call !== undefined) return call
  const members = scanFabricPayload(message.payload)
  return members && glanceAtMembers(members)
}

function glanceAtMembers(scan: PayloadScan): Glance | undefined {
  const text = (name: string) => scannedText(scan, name)
  const list = (name: string): readonly string[] => {
    try {
      const value: unknown = JSON.parse(scannedMember(scan, name) ?? '[]')
      return Array.isArray(value) ? value.filter((element) => typeof element === 'string') : []
    } catch {
      return []
    }
  }
  const kind = text('kind')
  const ids = { request_id: text('request_id') ?? '', reply_to: text('reply_to') ?? '' }
  const target_node = text('target_node')
  if (kind === 'rpc-response') return { kind, ...ids, routing_path: list('routing_path') }
  if (kind === 'rpc-cancel') return { kind, ...ids, target_node }
  if (kind !== 'rpc-request') return undefined
  const hops = Number.parseInt(scannedMember(scan, 'federation_remaining_hops') ?? '', 10)
  return {
    kind,
    ...ids,
    command: text('command') ?? '',
    target_cluster: text('target_cluster'),
    target_node,
    federation_path: list('federation_path'),
    federation_remaining_hops: Number.isNaN(hops) ? null : hops,
  }
}

/** All of a request that was glanced at; undefined when it can not be read. @param now Unix seconds */
export function wholeRequest(glance: RequestGlance, message: FabricMessage, now: number): FabricRpcRequest | undefined {
  if ('args' in glance) return glance as FabricRpcRequest
  const payload = decoded(message, now)
  return payload?.kind === 'rpc-request' ? payload : undefined
}

/** All of an answer that was glanced at, its result or error being JSON; undefined when it can not be read. @param now Unix seconds */
export function wholeResponse(glance: ResponseGlance, message: FabricMessage, now: number): FabricRpcResponse | undefined {
  if ('result' in glance) {
    const response = glance as FabricRpcResponse
    return isReadable(response) ? response : undefined
  }
  const payload = decoded(message, now)
  return payload?.kind === 'rpc-response' ? payload : undefined
}

function decoded(message: FabricMessage, now: number) {
  try {
    const result = decodeFabricPayload(message.payload, now)
    return 'rejected' in result ? undefined : result.payload
  } catch {
    return undefined
  }
}

/** Whether what an answer says is JSON: up to here nobody looked. */
export function isReadable({ error, result }: Pick<FabricRpcResponse, 'result' | 'error'>): boolean {
  return isJson(result) && (error === null || isJson(error))
}

function isJson({ text }: RawJson): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** A request's payload with another account of the clusters it passed; everything else stays. */
export function crossing(
  glance: RequestGlance,
  message: FabricMessage,
  scan: FrameScan,
  federation_path: readonly string[],
  federation_remaining_hops: number,
): RawJson {
  if ('args' in glance) return encodeCall({ ...(glance as FabricRpcRequest), federation_path, federation_remaining_hops })
  const members = (scan as FabricScan | undefined) ?? (scanFabricPayload(message.payload) as PayloadScan)
  return splicePayload(
    members,
    new Map([
      ['federation_path', JSON.stringify(federation_path)],
      ['federation_remaining_hops', String(federation_remaining_hops)],
    ]),
  )
}

export function failure(error: RawJson): Outcome {
  return { success: false, result: NULL, error }
}

/** The message with other headers; from its text, if it came as one, without printing the payload anew. */
export function passedOn(message: FabricMessage, headers: FabricHeaders, scan: FrameScan): OutboundFrame {
  const value = { role: 'fabric-message', payload: { ...message, headers } } as const
  return new OutboundFrame(value, ({ payload }) => {
    if (scan === undefined) return encodeFabricMessage(payload)
    if (payload.payload === scan.message.payload) return spliceFabricHeaders(scan, headers)
    return 'call' in scan ? encodeFabricMessage(payload) : spliceFabricFrame(scan, headers, payload.payload)
  })
}

/**
 * The message of a request that has its own frame.
 * @param headers of their metadata the trace context stays
 * @param deadlineMs the sender still waits; @param now Unix seconds
 */
export function messageOf(request: FabricRpcRequest, headers: FabricHeaders, deadlineMs: number, now: number): FabricMessage {
  const metadata = new RawJson(`{"deadline_ms":${deadlineMs}}`)
  const context = traceContextIn(headers.metadata)
  return {
    message_id: request.request_id,
    topic: `mpreg.rpc.execute.${request.command}`,
    message_type: 'rpc',
    delivery: 'at_least_once',
    payload: encodeCall(request),
    headers: {
      ...headers,
      correlation_id: request.request_id,
      metadata: context === undefined ? metadata : withTraceContext(metadata, context),
    },
    timestamp: now,
  }
}

/** The message of an answer. @param now Unix seconds */
export function answerMessage(payload: RawJson, requestId: string, headers: FabricHeaders, now: number): FabricMessage {
  return {
    message_id: requestId,
    topic: TOPIC_RESPONSE,
    message_type: 'rpc',
    delivery: 'at_least_once',
    payload,
    headers,
    timestamp: now,
  }
}

export function frameOf(message: FabricMessage): OutboundFrame {
  return new OutboundFrame({ role: 'fabric-message', payload: message } as const, ({ payload }) => encodeFabricMessage(payload))
}

/** @param scan of the text a bundle came as: then only the headers are printed */
export function bundleFrame(bundle: CallBundle, scan: BundleScan | undefined): OutboundFrame {
  return new OutboundFrame({ role: 'fabric-bundle', payload: bundle } as const, ({ payload }) =>
    scan === undefined ? encodeBundle(payload) : spliceFabricHeaders(scan, payload.headers),
  )
}

/** An answer that leaves together with others to the same requests. */
export interface BundledAnswer {
  readonly request: Answerable
  readonly outcome: Outcome
  /** The headers of its request as they are after the work. */
  readonly headers: FabricHeaders
}

/** Answers that go back together. @param headers the requests came with */
export function responseBundle(
  place: HeaderPlace,
  headers: FabricHeaders,
  replyTo: string,
  items: readonly BundledAnswer[],
): ResponseBundle {
  const answers = items.map(({ outcome, request }) => ({ request_id: request.request_id, ...outcome }))
  const traces = items.flatMap(({ headers: { metadata }, request: { command } }, call): readonly BundledTrace[] => {
    const hops = traceHopsIn(metadata)
    return hops === undefined ? NO_TRACES : [{ call, command, metadata: metadataOfHops(hops) }]
  })
  return {
    kind: 'rpc-responses',
    count: answers.length,
    headers: originHeaders(place, headers.correlation_id, {
      target_cluster: headers.source_cluster,
      ...(traces.length > 0 && { metadata: metadataOfTraces(traces) }),
    }),
    responder: place.nodeId,
    reply_to: replyTo,
    routing_path: [...headers.routing_path, place.nodeId],
    calls: responsesText(answers),
  }
}

export function errorValue(value: Readonly<Record<string, unknown>>): RawJson {
  return new RawJson(encodeJson(value))
}

/** The protocol's error value of a function that failed, with what this implementation knows besides. */
export function failureOf(command: string, error: unknown, object: RpcErrorObject | undefined): Readonly<Record<string, unknown>> {
  const text =
    error instanceof Error
      ? error.message
      : typeof error === 'object' && error !== null
        ? String((error as { message?: unknown }).message)
        : String(error)
  const type = error instanceof Error ? error.name || error.constructor.name : 'Error'
  const more = object === undefined ? {} : { code: object.code, message: object.message, details: object.details ?? null }
  return { error: text, command, error_type: type, ...more }
}

/** Milliseconds the sender still waits; undefined when the metadata, which nobody has looked into yet, are not JSON. */
export function deadlineOf({ metadata }: FabricHeaders): number | undefined {
  let deadline: unknown
  try {
    deadline = (JSON.parse(metadata.text) as { deadline_ms?: unknown }).deadline_ms
  } catch {
    return undefined
  }
  return typeof deadline === 'number' && deadline >= 0 ? deadline : Number.POSITIVE_INFINITY
}
