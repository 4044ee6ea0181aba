/**
 * Calls that travel together: what a node has for one other node within a turn of the event loop goes as one frame.
 *
 * What the calls have in common (the way, the sender, the receiver) stands once at the beginning; a hop on the way looks at that alone. The
 * calls are all the rest of the frame, whatever it holds: a frame that begins like this is read in this way or not at all, so nothing in
 * them can pass for a member of the frame. Only between nodes that announce `bundles/1`, and only within a cluster.
 *
 *     {"role":"fabric-bundle","payload":{"kind":"rpc-requests","count":2,"headers":{…},"target_node":"ws://b","calls":[{…},{…}]}}
 */
import { encodeFabricHeaders, type FabricHeaders, type Span } from './fabric.ts'
import { type Answered, type Asked, answeredText, askedText, readAnswered, readAsked, readHeaders } from './fabric-call.ts'
import { isPlainText, listText, quoted, RawJson } from './json.ts'
import { LayoutReader } from './layout-reader.ts'
import type { Command } from './rpc.ts'

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
  /** Where the calls begin. */
  readonly callsAt: number
}

const END = '}}'

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
  const common = isRequests ? readRequests(reader) : readResponses(reader)
  reader.pass(',"calls":')
  if (reader.failed || !text.endsWith(END)) return undefined
  const callsAt = reader.at
  const calls = new RawJson(text.slice(callsAt, -END.length))
  return { text, bundle: { ...common, count, headers, calls }, headers: { start, end }, callsAt }
}

function readRequests(reader: LayoutReader): Pick<RequestBundle, 'kind' | 'target_node' | 'reply_to'> {
  reader.pass(',"target_node":"')
  const target_node = reader.text()
  reader.pass(',"reply_to":"')
  return { kind: 'rpc-requests', target_node, reply_to: reader.text() }
}

function readResponses(reader: LayoutReader): Pick<ResponseBundle, 'kind' | 'responder' | 'reply_to' | 'routing_path'> {
  reader.pass(',"responder":"')
  const responder = reader.text()
  reader.pass(',"reply_to":"')
  const reply_to = reader.text()
  reader.pass(',"routing_path":')
  return { kind: 'rpc-responses', responder, reply_to, routing_path: reader.texts() }
}

/**
 * All or none: undefined when one of them can not be read.
 * @param scan of the text the bundle came as
 */
export function bundledRequests(bundle: RequestBundle, scan: BundleScan | undefined): readonly BundledRequest[] | undefined {
  return readCalls(bundle, scan, readBundledRequest)
}

/**
 * All or none: undefined when one of them can not be read. Results and errors are not looked at.
 * @param scan of the text the bundle came as
 */
export function bundledResponses(bundle: ResponseBundle, scan: BundleScan | undefined): readonly BundledResponse[] | undefined {
  return readCalls(bundle, scan, readBundledResponse)
}

/** In the text of the frame where there is one: of a part of a text each character costs more to read. */
function readCalls<T>(
  { calls, count }: CallBundle,
  scan: BundleScan | undefined,
  read: (reader: LayoutReader) => T,
): readonly T[] | undefined {
  const reader = new LayoutReader(scan?.text ?? calls.text)
  reader.at = scan?.callsAt ?? 0
  const end = reader.at + calls.text.length
  const out: T[] = []
  reader.pass('[')
  do out.push(read(reader))
  while (!reader.failed && reader.passes(','))
  reader.pass(']')
  return reader.failed || reader.at !== end || out.length !== count ? undefined : out
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

/**
 * Whether a request can travel in a bundle: names beyond printable ASCII, and times that are no count of milliseconds, go by themselves.
 * @param deadlineMs the sender still waits
 */
export function isBundled(
  { fun, function_id, locs, version_constraint }: Pick<Command, 'fun' | 'function_id' | 'locs' | 'version_constraint'>,
  deadlineMs: number,
): boolean {
  return (
    deadlineMs < DEADLINE_MS_END &&
    isPlainText(fun) &&
    (function_id === null || isPlainText(function_id)) &&
    (version_constraint === null || isPlainText(version_constraint)) &&
    locs.every(isPlainText)
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
