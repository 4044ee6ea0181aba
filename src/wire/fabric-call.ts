/**
 * Frames of calls between nodes, read and written in one pass: they are most of what a busy link carries.
 *
 * Every implementation prints these frames with the same members in the same order, so they are read by comparing the text between the values;
 * nothing is parsed, and arguments and results are passed over. A frame of any other look may be just as valid: it is left to
 * {@link scanFabricFrame} and {@link decodeFabricPayload}, which understand all JSON. A test holds both ways to the same result.
 */
import {
  DELIVERIES,
  type Delivery,
  type FabricHeaders,
  type FabricMessage,
  PRIORITIES,
  type Priority,
  type Span,
  skipJson,
} from './fabric.ts'
import type { FabricRpcRequest, FabricRpcResponse } from './fabric-payloads.ts'
import { textSet } from './fields.ts'
import { listText, quoted, quotedOrNull, RawJson } from './json.ts'

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

function readRequest(reader: LayoutReader): FabricRpcRequest {
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
    request_id,
    command,
    args,
    kwargs,
    resources,
    function_id,
    version_constraint,
    target_cluster,
    target_node,
    reply_to,
    federation_path,
    federation_remaining_hops,
  }
}

function readResponse(reader: LayoutReader): FabricRpcResponse {
  const request_id = reader.text()
  const success = reader.passes(',"success":true,"result":')
  if (!success) reader.pass(',"success":false,"result":')
  const result = reader.value()
  reader.pass(',"error":')
  const error = reader.value()
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
    request_id,
    success,
    result,
    error: error.text === 'null' ? null : error,
    responder,
    reply_to,
    reply_cluster,
    routing_path,
  }
}

function readHeaders(reader: LayoutReader): FabricHeaders {
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

const NO_TEXTS: readonly string[] = Object.freeze([])
const NONE = new RawJson('')
const QUOTE = 34
const BACKSLASH = 92
/** More digits than any hop count has. */
const DIGITS_MAX = 9

/** Walks along a text that is expected to look a certain way. After the first surprise it reads nothing more, and says so at the end. */
class LayoutReader {
  readonly source: string
  at = 0
  failed = false

  constructor(source: string) {
    this.source = source
  }

  fail(): void {
    this.failed = true
    // Nothing is there.
    this.at = this.source.length
  }

  passes(expected: string): boolean {
    if (!this.source.startsWith(expected, this.at)) return false
    this.at += expected.length
    return true
  }

  pass(expected: string): void {
    if (!this.passes(expected)) this.fail()
  }

  /** The rest of a string whose opening quote was passed; not empty, and without escapes. */
  text(): string {
    const { source } = this
    const start = this.at
    let end = start
    for (let c = source.charCodeAt(end); c !== QUOTE; c = source.charCodeAt(++end)) {
      // NaN at the end of the text fails the comparison, too.
      if (!(c >= 32) || c === BACKSLASH) {
        this.fail()
        return ''
      }
    }
    if (end === start) this.fail()
    else this.at = end + 1
    return source.slice(start, end)
  }

  textOrNull(): string | null {
    if (this.passes('null')) return null
    this.pass('"')
    return this.text()
  }

  texts(): readonly string[] {
    if (this.passes('[]')) return NO_TEXTS
    this.pass('["')
    const out = [this.text()]
    while (this.passes(',"')) out.push(this.text())
    this.pass(']')
    return out
  }

  /** Texts as a set is printed. */
  ascendingTexts(): readonly string[] {
    const texts = this.texts()
    for (let i = 1; i < texts.length; i++) {
      // Beyond ASCII the order is by code points, which this comparison does not know.
      if ((texts[i - 1] as string) >= (texts[i] as string) || !ASCII.test(texts[i] as string)) this.fail()
    }
    return texts
  }

  /** Any value; with `opening` only one that begins so. */
  value(opening?: '[' | '{'): RawJson {
    const start = this.at
    if (this.failed || (opening !== undefined && this.source[start] !== opening)) {
      this.fail()
      return NONE
    }
    try {
      this.at = skipJson(this.source, start)
    } catch {
      this.fail()
      return NONE
    }
    return new RawJson(this.source.slice(start, this.at))
  }

  wholeOrNull(): number | null {
    if (this.passes('null')) return null
    const start = this.at
    const end = this.#digits(start)
    const hasLeadingZero = end - start > 1 && this.source.charCodeAt(start) === 48
    if (end === start || end - start > DIGITS_MAX || hasLeadingZero) {
      this.fail()
      return null
    }
    this.at = end
    return Number(this.source.slice(start, end))
  }

  /** A number without sign or exponent. */
  decimal(): number {
    const start = this.at
    let end = this.#digits(start)
    if (end === start) this.fail()
    if (this.source.charCodeAt(end) === 46) {
      const fraction = end + 1
      end = this.#digits(fraction)
      if (end === fraction) this.fail()
    }
    if (this.failed) return 0
    this.at = end
    return Number(this.source.slice(start, end))
  }

  #digits(from: number): number {
    let at = from
    for (let c = this.source.charCodeAt(at); c >= 48 && c <= 57; c = this.source.charCodeAt(++at));
    return at
  }
}

const ASCII = /^[ -~]*$/

/** As {@link encodeFabricPayload} prints it, in one step. */
export function encodeCall(call: FabricRpcRequest | FabricRpcResponse): RawJson {
  return new RawJson(call.kind === 'rpc-request' ? requestText(call) : responseText(call))
}

function requestText(call: FabricRpcRequest): string {
  const resources = call.resources.length < 2 ? listText(call.resources) : textSet.write(call.resources)
  return `{"kind":"rpc-request","request_id":${quoted(call.request_id)},"command":${quoted(call.command)},"args":${call.args.text},"kwargs":${call.kwargs.text},"resources":${resources},"function_id":${quotedOrNull(call.function_id)},"version_constraint":${quotedOrNull(call.version_constraint)},"target_cluster":${quotedOrNull(call.target_cluster)},"target_node":${quotedOrNull(call.target_node)},"reply_to":${quoted(call.reply_to)},"federation_path":${listText(call.federation_path)},"federation_remaining_hops":${call.federation_remaining_hops}}`
}

function responseText(call: FabricRpcResponse): string {
  return `{"kind":"rpc-response","request_id":${quoted(call.request_id)},"success":${call.success},"result":${call.result.text},"error":${call.error === null ? 'null' : call.error.text},"responder":${quoted(call.responder)},"reply_to":${quoted(call.reply_to)},"reply_cluster":${quotedOrNull(call.reply_cluster)},"routing_path":${listText(call.routing_path)}}`
}
