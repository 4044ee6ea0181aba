/**
 * Frames of calls between nodes, read and written in one pass: they are most of what a busy link carries.
 *
 * Every implementation prints these frames with the same members in the same order, so they are read by comparing the text between the values;
 * nothing is parsed, and arguments and results are passed over. A frame of any other look may be just as valid: it is left to
 * {@link scanFabricFrame} and {@link decodeFabricPayload}, which understand all JSON. A test holds both ways to the same result.
 */
import { DELIVERIES, type Delivery, type FabricHeaders, type FabricMessage, PRIORITIES, type Priority, type Span } from './fabric.ts'
import type { FabricRpcRequest, FabricRpcResponse } from './fabric-payloads.ts'
import { textSet } from './fields.ts'
import { listText, quoted, quotedOrNull, RawJson } from './json.ts'
import { LayoutReader } from './layout-reader.ts'

/** A frame of a call, read to the end. */
export interface CallScan {
  readonly text: string
  readonly message: FabricMessage
  readonly call: FabricRpcRequest | FabricRpcResponse
  readonly headers: Span
}

/**
 * A request or answer in the usual layout; undefined when the frame is anything else.
 * What stands inside `args`, `kwargs`, `result`, `error` and `metadata` is not looked at: it need not even be JSON.
 */
export function scanCall(text: string): CallScan | undefined {
  const reader = new LayoutReader(text)
  reader.pass('{"role":"fabric-message","payload":{"message_id":"')
  const message_id = reader.text()
  reader.pass(',"topic":"')
  const topic = reader.text()
  reader.pass(',"message_type":"rpc","delivery":"')
  const delivery = reader.text() as Delivery
  reader.pass(',"payload":')
  const payloadAt = reader.at
  const call = readCall(reader)
  const payloadEnd = reader.at
  reader.pass(',"headers":')
  const headersAt = reader.at
  const headers = readHeaders(reader)
  const headersEnd = reader.at
  reader.pass(',"timestamp":')
  const timestamp = reader.decimal()
  reader.pass('}}')
  if (call === undefined || reader.failed || reader.at !== text.length || !DELIVERIES.includes(delivery)) return undefined
  return {
    text,
    message: {
      message_id,
      topic,
      message_type: 'rpc',
      delivery,
      payload: new RawJson(text.slice(payloadAt, payloadEnd)),
      headers,
      timestamp,
    },
    call,
    headers: { start: headersAt, end: headersEnd },
  }
}

/** A payload that came without its frame, in the usual layout. */
export function scanCallPayload({ text }: RawJson): FabricRpcRequest | FabricRpcResponse | undefined {
  const reader = new LayoutReader(text)
  const call = readCall(reader)
  return reader.failed || reader.at !== text.length ? undefined : call
}

function readCall(reader: LayoutReader): FabricRpcRequest | FabricRpcResponse | undefined {
  if (reader.passes('{"kind":"rpc-request","request_id":"')) return readRequest(reader)
  if (reader.passes('{"kind":"rpc-response","request_id":"')) return readResponse(reader)
  return undefined
}

/** What a request asks for, by itself or in a bundle. */
export type Asked = Pick<
  FabricRpcRequest,
  'request_id' | 'command' | 'args' | 'kwargs' | 'resources' | 'function_id' | 'version_constraint'
>
/** What an answer says, by itself or in a bundle. */
export type Answered = Pick<FabricRpcResponse, 'request_id' | 'success' | 'result' | 'error'>

/** From the id on, whose opening quote was passed. */
export function readAsked(reader: LayoutReader): Asked {
  const request_id = reader.text()
  reader.pass(',"command":"')
  const command = reader.text()
  reader.pass(',"args":')
  const args = reader.value('[')
  reader.pass(',"kwargs":')
  const kwargs = reader.value('{')
  reader.pass(',"resources":')
  const resources = reader.ascendingTexts()
  reader.pass(',"function_id":')
  const function_id = reader.textOrNull()
  reader.pass(',"version_constraint":')
  const version_constraint = reader.textOrNull()
  return { request_id, command, args, kwargs, resources, function_id, version_constraint }
}

/** From the id on, whose opening quote was passed. */
export function readAnswered(reader: LayoutReader): Answered {
  const request_id = reader.text()
  const success = reader.passes(',"success":true,"result":')
  if (!success) reader.pass(',"success":false,"result":')
  const result = reader.value()
  reader.pass(',"error":')
  const error = reader.value()
  return { request_id, success, result, error: error.text === 'null' ? null : error }
}

/** The members {@link readAsked} reads, without their braces. */
export function askedText(asked: Asked): string {
  const resources = asked.resources.length < 2 ? listText(asked.resources) : textSet.write(asked.resources)
  return `"request_id":${quoted(asked.request_id)},"command":${quoted(asked.command)},"args":${asked.args.text},"kwargs":${asked.kwargs.text},"resources":${resources},"function_id":${quotedOrNull(asked.function_id)},"version_constraint":${quotedOrNull(asked.version_constraint)}`
}

/** The members {@link readAnswered} reads, without their braces. */
export function answeredText({ error, request_id, result, success }: Answered): string {
  return `"request_id":${quoted(request_id)},"success":${success},"result":${result.text},"error":${error === null ? 'null' : error.text}`
}

function readRequest(reader: LayoutReader): FabricRpcRequest {
  const asked = readAsked(reader)
  reader.pass(',"target_cluster":')
  const target_cluster = reader.textOrNull()
  reader.pass(',"target_node":')
  const target_node = reader.textOrNull()
  reader.pass(',"reply_to":"')
  const reply_to = reader.text()
  reader.pass(',"federation_path":')
  const federation_path = reader.texts()
  reader.pass(',"federation_remaining_hops":')
  const federation_remaining_hops = reader.wholeOrNull()
  reader.pass('}')
  return {
    kind: 'rpc-request',
    ...asked,
    target_cluster,
    target_node,
    reply_to,
    federation_path,
    federation_remaining_hops,
  }
}

function readResponse(reader: LayoutReader): FabricRpcResponse {
  const answered = readAnswered(reader)
  reader.pass(',"responder":"')
  const responder = reader.text()
  reader.pass(',"reply_to":"')
  const reply_to = reader.text()
  reader.pass(',"reply_cluster":')
  const reply_cluster = reader.textOrNull()
  reader.pass(',"routing_path":')
  const routing_path = reader.texts()
  reader.pass('}')
  return {
    kind: 'rpc-response',
    ...answered,
    responder,
    reply_to,
    reply_cluster,
    routing_path,
  }
}

export function readHeaders(reader: LayoutReader): FabricHeaders {
  reader.pass('{"correlation_id":"')
  const correlation_id = reader.text()
  reader.pass(',"source_cluster":')
  const source_cluster = reader.textOrNull()
  reader.pass(',"target_cluster":')
  const target_cluster = reader.textOrNull()
  reader.pass(',"routing_path":')
  const routing_path = reader.texts()
  reader.pass(',"federation_path":')
  const federation_path = reader.texts()
  reader.pass(',"hop_budget":')
  const hop_budget = reader.wholeOrNull()
  reader.pass(',"priority":"')
  const priority = reader.text() as Priority
  reader.pass(',"metadata":')
  const metadata = reader.value('{')
  reader.pass('}')
  if (!PRIORITIES.includes(priority)) reader.fail()
  return { correlation_id, source_cluster, target_cluster, routing_path, federation_path, hop_budget, priority, metadata }
}

/** As {@link encodeFabricPayload} prints it, in one step. */
export function encodeCall(call: FabricRpcRequest | FabricRpcResponse): RawJson {
  return new RawJson(call.kind === 'rpc-request' ? requestText(call) : responseText(call))
}

function requestText(call: FabricRpcRequest): string {
  return `{"kind":"rpc-request",${askedText(call)},"target_cluster":${quotedOrNull(call.target_cluster)},"target_node":${quotedOrNull(call.target_node)},"reply_to":${quoted(call.reply_to)},"federation_path":${listText(call.federation_path)},"federation_remaining_hops":${call.federation_remaining_hops}}`
}

function responseText(call: FabricRpcResponse): string {
  return `{"kind":"rpc-response",${answeredText(call)},"responder":${quoted(call.responder)},"reply_to":${quoted(call.reply_to)},"reply_cluster":${quotedOrNull(call.reply_cluster)},"routing_path":${listText(call.routing_path)}}`
}
