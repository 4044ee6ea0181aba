/**
 * Calls that travel together: what a node has for one other node within a turn of the event loop goes as one frame.
 *
 * What the calls have in common (the way, the sender, the receiver) stands once at the beginning; a hop on the way looks at that and passes over
 * the calls as one span of text. Only between nodes that announce `bundles/1`, and only within a cluster.
 *
 *     {"role":"fabric-bundle","payload":{"kind":"rpc-requests","count":2,"headers":{…},"target_node":"ws://b","calls":[{…},{…}]}}
 */
import { encodeFabricHeaders, type FabricHeaders, type Span } from './fabric.ts'
import { type Answered, type Asked, answeredText, askedText, readAnswered, readAsked, readHeaders } from './fabric-call.ts'
import { isPlainText, listText, quoted, RawJson } from './json.ts'
import { LayoutReader } from './layout-reader.ts'

/** Calls in a bundle: a few times what anybody sends, and far from what would hold up a node. */
export const BUNDLE_CALLS_MAX = 256

/** Requests of one node to another. */
export interface RequestBundle {
  readonly kind: 'rpc-requests'
  readonly count: number
  readonly headers: FabricHeaders
  readonly target_node: string
  /** Who asks. */
  readonly reply_to: string
  /** JSON array of {@link BundledRequest}. */
  readonly calls: RawJson
}

/** Answers of one node to requests that came together. */
export interface ResponseBundle {
  readonly kind: 'rpc-responses'
  readonly count: number
  readonly headers: FabricHeaders
  readonly responder: string
  readonly reply_to: string
  /** The way of the requests with the responder at its end. */
  readonly routing_path: readonly string[]
  /** JSON array of {@link BundledResponse}. */
  readonly calls: RawJson
}

export type CallBundle = RequestBundle | ResponseBundle

export type BundledRequest = Asked & {
  /** Milliseconds the sender still waits. */
  readonly deadline_ms: number
}
export type BundledResponse = Answered

export interface BundleScan {
  readonly text: string
  readonly bundle: CallBundle
  readonly headers: Span
}

/** Undefined for anything but a frame as {@link encodeBundle} prints it; the calls are not looked at. */
export function scanBundle(text: string): BundleScan | undefined {
  const reader = new LayoutReader(text)
  const isRequests = reader.passes('{"role":"fabric-bundle","payload":{"kind":"rpc-requests","count":')
  if (!isRequests) reader.pass('{"role":"fabric-bundle","payload":{"kind":"rpc-responses","count":')
  const count = reader.wholeOrNull() ?? 0
  reader.pass(',"headers":')
  const start = reader.at
  const headers = readHeaders(reader)
  const end = reader.at
  const bundle = isRequests ? readRequests(reader, count, headers) : readResponses(reader, count, headers)
  reader.pass('}}')
  return reader.failed || reader.at !== text.length ? undefined : { text, bundle, headers: { start, end } }
}

function readRequests(reader: LayoutReader, count: number, headers: FabricHeaders): RequestBundle {
  reader.pass(',"target_node":"')
  const target_node = reader.text()
  reader.pass(',"reply_to":"')
  const reply_to = reader.text()
  reader.pass(',"calls":')
  return { kind: 'rpc-requests', count, headers, target_node, reply_to, calls: reader.value('[') }
}

function readResponses(reader: LayoutReader, count: number, headers: FabricHeaders): ResponseBundle {
  reader.pass(',"responder":"')
  const responder = reader.text()
  reader.pass(',"reply_to":"')
  const reply_to = reader.text()
  reader.pass(',"routing_path":')
  const routing_path = reader.texts()
  reader.pass(',"calls":')
  return { kind: 'rpc-responses', count, headers, responder, reply_to, routing_path, calls: reader.value('[') }
}

/** All or none: undefined when one of them can not be read. */
export function bundledRequests({ calls, count }: RequestBundle): readonly BundledRequest[] | undefined {
  return readCalls(calls, count, readBundledRequest)
}

/** All or none: undefined when one of them can not be read. Results and errors are not looked at. */
export function bundledResponses({ calls, count }: ResponseBundle): readonly BundledResponse[] | undefined {
  return readCalls(calls, count, readBundledResponse)
}

function readCalls<T>({ text }: RawJson, count: number, read: (reader: LayoutReader) => T): readonly T[] | undefined {
  const reader = new LayoutReader(text)
  const out: T[] = []
  reader.pass('[')
  do out.push(read(reader))
  while (!reader.failed && reader.passes(','))
  reader.pass(']')
  return reader.failed || reader.at !== text.length || out.length !== count ? undefined : out
}

function readBundledRequest(reader: LayoutReader): BundledRequest {
  reader.pass('{"request_id":"')
  const asked = readAsked(reader)
  reader.pass(',"deadline_ms":')
  const deadline_ms = reader.wholeOrNull() ?? 0
  reader.pass('}')
  return { ...asked, deadline_ms }
}

function readBundledResponse(reader: LayoutReader): BundledResponse {
  reader.pass('{"request_id":"')
  const answered = readAnswered(reader)
  reader.pass('}')
  return answered
}

/** Whether a request can travel in a bundle: names beyond printable ASCII, and times that are no count of milliseconds, go by themselves. */
export function isBundled({ command, deadline_ms, function_id, resources, version_constraint }: BundledRequest): boolean {
  return (
    deadline_ms < DEADLINE_MS_END &&
    isPlainText(command) &&
    (function_id === null || isPlainText(function_id)) &&
    (version_constraint === null || isPlainText(version_constraint)) &&
    resources.every(isPlainText)
  )
}

const DEADLINE_MS_END = 1e9

export function requestsText(requests: readonly BundledRequest[]): RawJson {
  return new RawJson(`[${requests.map((request) => `{${askedText(request)},"deadline_ms":${request.deadline_ms}}`).join()}]`)
}

export function responsesText(responses: readonly BundledResponse[]): RawJson {
  return new RawJson(`[${responses.map((response) => `{${answeredText(response)}}`).join()}]`)
}

export function encodeBundle(bundle: CallBundle): string {
  const head = `{"role":"fabric-bundle","payload":{"kind":"${bundle.kind}","count":${bundle.count},"headers":${encodeFabricHeaders(bundle.headers)}`
  const common =
    bundle.kind === 'rpc-requests' ? `,"target_node":${quoted(bundle.target_node)}` : `,"responder":${quoted(bundle.responder)}`
  const path = bundle.kind === 'rpc-requests' ? '' : `,"routing_path":${listText(bundle.routing_path)}`
  return `${head}${common},"reply_to":${quoted(bundle.reply_to)}${path},"calls":${bundle.calls.text}}}`
}
