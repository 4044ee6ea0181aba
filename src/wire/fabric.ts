/**
 * The `fabric-message` envelope: one shape for every subsystem that talks between nodes.
 *
 * `payload` and `headers.metadata` stay the text they arrived in, so that a hop which only forwards neither parses nor prints them:
 * {@link scanFabricFrame} looks at a frame's text once, and {@link spliceFabricFrame} puts other headers into it.
 */
import { errorLine } from './errors.ts'
import { floatText, listText, memberStarts, quoted, quotedOrNull, RawJson, valueText } from './json.ts'

export const MESSAGE_TYPES = ['rpc', 'pubsub', 'queue', 'cache', 'control', 'data'] as const
export type MessageType = (typeof MESSAGE_TYPES)[number]
export const DELIVERIES = ['fire_and_forget', 'at_least_once', 'exactly_once', 'broadcast', 'quorum'] as const
export type Delivery = (typeof DELIVERIES)[number]
export const PRIORITIES = ['critical', 'high', 'normal', 'low', 'bulk'] as const
export type Priority = (typeof PRIORITIES)[number]

export interface FabricHeaders {
  readonly correlation_id: string
  readonly source_cluster: string | null
  readonly target_cluster: string | null
  /** Node ids passed so far; the transmitting node is last. */
  readonly routing_path: readonly string[]
  /** Cluster ids passed so far. */
  readonly federation_path: readonly string[]
  /** Most node hops; never decremented on the way. */
  readonly hop_budget: number | null
  readonly priority: Priority
  readonly metadata: RawJson
}

export interface FabricMessage {
  readonly message_id: string
  readonly topic: string
  readonly message_type: MessageType
  readonly delivery: Delivery
  readonly payload: RawJson
  readonly headers: FabricHeaders
  /** Unix seconds. */
  readonly timestamp: number
}

/** Why an envelope was not accepted, or the envelope. */
export type FabricDecodeResult = { readonly message: FabricMessage } | { readonly rejected: string }

/**
 * Lenient as the protocol demands: unknown `message_type`, `delivery` or `priority` take their defaults; only a missing `message_id`,
 * `topic` or `headers.correlation_id` makes the frame worthless.
 * @param frame the parsed frame; `text` what it was parsed from
 * @param now Unix seconds, used when the message carries no timestamp
 */
export function decodeFabricMessage(frame: { payload?: unknown }, text: string, now: number): FabricDecodeResult {
  const message = asObject(frame.payload)
  if (message === undefined) return { rejected: 'payload is not an object' }
  const headers = asObject(message.headers)
  const correlationId = headers?.correlation_id
  if (!isText(message.message_id)) return { rejected: 'message_id is missing' }
  if (!isText(message.topic)) return { rejected: 'topic is missing' }
  if (headers === undefined || !isText(correlationId)) return { rejected: 'headers.correlation_id is missing' }
  const starts = memberStarts(text, memberStarts(text, 0).get('payload') ?? 0)
  const payloadAt = starts.get('payload')
  const headersAt = starts.get('headers') ?? 0
  return {
    message: envelopeOf(
      message,
      new RawJson(payloadAt === undefined ? 'null' : valueText(text, payloadAt)),
      headersOf(headers, correlationId, () => valueText(text, memberStarts(text, headersAt).get('metadata') ?? 0)),
      now,
    ),
  }
}

function envelopeOf(fields: Record<string, unknown>, payload: RawJson, headers: FabricHeaders, now: number): FabricMessage {
  return {
    message_id: fields.message_id as string,
    topic: fields.topic as string,
    message_type: oneOf(MESSAGE_TYPES, fields.message_type, 'data'),
    delivery: oneOf(DELIVERIES, fields.delivery, 'fire_and_forget'),
    payload,
    headers,
    timestamp: typeof fields.timestamp === 'number' ? fields.timestamp : now,
  }
}

/** @param metadataText asked for only when there are metadata */
function headersOf(headers: Record<string, unknown>, correlationId: string, metadataText: () => string): FabricHeaders {
  const metadata = asObject(headers.metadata)
  return {
    correlation_id: correlationId,
    source_cluster: textOrNull(headers.source_cluster),
    target_cluster: textOrNull(headers.target_cluster),
    routing_path: textList(headers.routing_path),
    federation_path: textList(headers.federation_path),
    hop_budget: Number.isInteger(headers.hop_budget) ? (headers.hop_budget as number) : null,
    priority: oneOf(PRIORITIES, headers.priority, 'normal'),
    metadata: metadata === undefined || isEmpty(metadata) ? NO_METADATA : new RawJson(metadataText()),
  }
}

const NO_METADATA = new RawJson('{}')

function isEmpty(object: object): boolean {
  for (const _ in object) return false
  return true
}

export function encodeFabricMessage(message: FabricMessage): string {
  return `{"role":"fabric-message","payload":{"message_id":${quoted(message.message_id)},"topic":${quoted(message.topic)},"message_type":"${message.message_type}","delivery":"${message.delivery}","payload":${message.payload.text},"headers":${encodeFabricHeaders(message.headers)},"timestamp":${floatText(message.timestamp)}}}`
}

export function encodeFabricHeaders(h: FabricHeaders): string {
  return `{"correlation_id":${quoted(h.correlation_id)},"source_cluster":${quotedOrNull(h.source_cluster)},"target_cluster":${quotedOrNull(h.target_cluster)},"routing_path":${listText(h.routing_path)},"federation_path":${listText(h.federation_path)},"hop_budget":${h.hop_budget},"priority":"${h.priority}","metadata":${h.metadata.text}}`
}

/** Where a value stands in a text; `end` is the index after it. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** A payload that is an object, and where its members are. Nothing inside of them was looked at. */
export interface PayloadScan {
  readonly text: string
  readonly span: Span
  readonly members: ReadonlyMap<string, Span>
}

/** A frame of which everything was read but the payload. */
export interface FabricScan extends PayloadScan {
  readonly message: FabricMessage
  readonly headers: Span
}

export type FabricScanResult = { readonly scan: FabricScan } | { readonly rejected: string }

/**
 * Reads the text of a frame like {@link decodeFabricMessage} does, but without parsing its payload: one look at each character, strings
 * skipped in one step. What lies inside the payload's members need not even be JSON; whoever looks into them finds out.
 * @param now Unix seconds, used when the message carries no timestamp
 */
export function scanFabricFrame(text: string, now: number): FabricScanResult {
  let role = ''
  let fields: Record<string, unknown> | undefined
  let payload: Span | undefined
  let headers: Span | undefined
  let members = new Map<string, Span>()

  function messageMember(key: string, start: number): number {
    if (key === 'payload') {
      members = new Map()
      const end = text.charCodeAt(start) === OPEN_OBJECT ? walkMembers(text, start, members) : skipJson(text, start)
      payload = { start, end }
      return end
    }
    const end = skipJson(text, start)
    if (key === 'headers') headers = { start, end }
    else if (READ_MEMBERS.has(key)) (fields as Record<string, unknown>)[key] = JSON.parse(text.slice(start, end))
    return end
  }

  try {
    const end = walkObject(text, 0, (key, start) => {
      if (key === 'payload' && text.charCodeAt(start) === OPEN_OBJECT) {
        fields = {}
        payload = undefined
        headers = undefined
        return walkObject(text, start, messageMember)
      }
      const memberEnd = skipJson(text, start)
      if (key === 'payload') fields = undefined
      if (key === 'role') role = text.slice(start, memberEnd)
      return memberEnd
    })
    if (skipSpace(text, end) !== text.length) return { rejected: 'more than one JSON value' }
    if (role !== '"fabric-message"') return { rejected: `role is ${role || 'missing'}` }
    if (fields === undefined) return { rejected: 'payload is not an object' }
    if (!isText(fields.message_id)) return { rejected: 'message_id is missing' }
    if (!isText(fields.topic)) return { rejected: 'topic is missing' }
    const headersText = headers === undefined ? 'null' : text.slice(headers.start, headers.end)
    const parsed = asObject(JSON.parse(headersText))
    const correlationId = parsed?.correlation_id
    if (headers === undefined || parsed === undefined || !isText(correlationId)) return { rejected: 'headers.correlation_id is missing' }
    const span = payload ?? { start: headers.start, end: headers.start }
    const message = envelopeOf(
      fields,
      new RawJson(payload === undefined ? 'null' : text.slice(span.start, span.end)),
      headersOf(parsed, correlationId, () => valueText(headersText, memberStarts(headersText, 0).get('metadata') ?? 0)),
      now,
    )
    return { scan: { text, message, headers, span, members } }
  } catch (error) {
    return { rejected: `not JSON (${errorLine(error)})` }
  }
}

/** The members of a payload that came without its frame; undefined when it is no object. */
export function scanFabricPayload(payload: RawJson): PayloadScan | undefined {
  const { text } = payload
  const start = skipSpace(text, 0)
  if (text.charCodeAt(start) !== OPEN_OBJECT) return undefined
  const members = new Map<string, Span>()
  try {
    return { text, span: { start, end: walkMembers(text, start, members) }, members }
  } catch {
    return undefined
  }
}

/** JSON text of a payload's member; undefined when it has none. */
export function scannedMember(scan: PayloadScan, name: string): string | undefined {
  const span = scan.members.get(name)
  return span && scan.text.slice(span.start, span.end)
}

/** A payload's member that ought to be a text; null when it is absent, empty or something else. */
export function scannedText(scan: PayloadScan, name: string): string | null {
  const lexeme = scannedMember(scan, name)
  if (lexeme === undefined || lexeme.length <= 2 || lexeme.charCodeAt(0) !== QUOTE) return null
  return lexeme.includes('\\') ? (JSON.parse(lexeme) as string) : lexeme.slice(1, -1)
}

/** The payload with other values, given as JSON text, for some of its members; all the rest keeps its bytes. */
export function splicePayload(scan: PayloadScan, changes: ReadonlyMap<string, string>): RawJson {
  const { text, span, members } = scan
  const edits: { readonly start: number; readonly end: number; readonly put: string }[] = []
  let added = ''
  for (const [name, put] of changes) {
    const at = members.get(name)
    if (at === undefined) added += `${JSON.stringify(name)}:${put},`
    else edits.push({ ...at, put })
  }
  let out = '{'
  let copied = skipSpace(text, span.start + 1)
  if (added !== '') out += members.size === 0 ? added.slice(0, -1) : added
  for (const { start, end, put } of edits.sort((a, b) => a.start - b.start)) {
    out += text.slice(copied, start) + put
    copied = end
  }
  return new RawJson(out + text.slice(copied, span.end))
}

/** The frame with other headers; every other byte stays. */
export function spliceFabricHeaders(scan: Pick<FabricScan, 'text' | 'headers'>, headers: FabricHeaders): string {
  const { text } = scan
  return text.slice(0, scan.headers.start) + encodeFabricHeaders(headers) + text.slice(scan.headers.end)
}

/** The frame with other headers and perhaps another payload; every other byte stays. */
export function spliceFabricFrame(scan: FabricScan, headers: FabricHeaders, payload?: RawJson): string {
  if (payload === undefined) return spliceFabricHeaders(scan, headers)
  const { text, span } = scan
  const put = encodeFabricHeaders(headers)
  const [first, second] = span.start < scan.headers.start ? [span, scan.headers] : [scan.headers, span]
  const [firstPut, secondPut] = first === span ? [payload.text, put] : [put, payload.text]
  return text.slice(0, first.start) + firstPut + text.slice(first.end, second.start) + secondPut + text.slice(second.end)
}

const QUOTE = 34
const COMMA = 44
const COLON = 58
const BACKSLASH = 92
const OPEN_ARRAY = 91
const OPEN_OBJECT = 123
const CLOSE_OBJECT = 125

const READ_MEMBERS: ReadonlySet<string> = new Set(['message_id', 'topic', 'message_type', 'delivery', 'timestamp'])

function walkMembers(text: string, at: number, into: Map<string, Span>): number {
  return walkObject(text, at, (key, start) => {
    const end = skipJson(text, start)
    into.set(key, { start, end })
    return end
  })
}

/**
 * Calls `visit` with each member of the object at `at`: its key, and where its value starts; it returns the index after the value. Unlike the
 * scans of parsed text this one trusts nothing.
 * @returns the index after the object
 */
function walkObject(text: string, at: number, visit: (key: string, start: number) => number): number {
  if (text.charCodeAt(at) !== OPEN_OBJECT) throw new SyntaxError('an object is missing')
  let i = skipSpace(text, at + 1)
  if (text.charCodeAt(i) === CLOSE_OBJECT) return i + 1
  for (;;) {
    if (text.charCodeAt(i) !== QUOTE) throw new SyntaxError('a key is missing')
    const key = valueText(text, i)
    const colon = skipSpace(text, i + key.length)
    if (text.charCodeAt(colon) !== COLON) throw new SyntaxError('a colon is missing')
    i = skipSpace(text, visit(key.includes('\\') ? (JSON.parse(key) as string) : key.slice(1, -1), skipSpace(text, colon + 1)))
    const next = text.charCodeAt(i)
    if (next === CLOSE_OBJECT) return i + 1
    if (next !== COMMA) throw new SyntaxError('a comma is missing')
    i = skipSpace(text, i + 1)
  }
}

/**
 * Index after the value at `at`. A payload may be large and is passed over here, so this looks at each character once and at nothing else:
 * brackets are told apart only by opening and closing (`|` 32 makes one of each pair).
 */
export function skipJson(text: string, at: number): number {
  const first = text.charCodeAt(at)
  if (first !== OPEN_OBJECT && first !== OPEN_ARRAY) {
    const { length } = valueText(text, at)
    if (length === 0) throw new SyntaxError('a value is missing')
    return at + length
  }
  const far = Math.min(text.length, at + NEAR_CHARACTERS)
  let depth = 0
  let i = at
  // Numbers, not names: a name is looked up for each character. 34 ", 92 \\, 91 [, 123 {, 125 }.
  while (i < far) {
    let c = text.charCodeAt(i++)
    if (c === 34) {
      const long = i + 64
      while (i < long) {
        c = text.charCodeAt(i++)
        if (c === 34) break
        if (c === 92) i++
      }
      // Of a longer string the end is searched for.
      if (c !== 34) i = longStringEnd(text, i) + 1
    } else if (c >= 91) {
      c |= 32
      if (c === 123) depth++
      else if (c === 125 && --depth === 0) return i
    }
  }
  return skipFar(text, i, depth)
}

/** Characters of a value that are looked at one by one where they are. */
const NEAR_CHARACTERS = 1024
/** Of a longer value the rest is copied, so many characters at a time, to where reading one costs less than in a text; it stays in the first cache. */
const PIECE_CHARACTERS = 8 * 1024
/** A character takes up to three bytes of UTF-8. */
const piece = new Uint8Array(3 * PIECE_CHARACTERS)
const encoder = new TextEncoder()

/** Puts the codes of the next characters into `piece`, one to a character, 0 for those beyond ASCII. @returns how many */
function takePiece(text: string, start: number): number {
  const part = text.slice(start, start + PIECE_CHARACTERS)
  const { written } = encoder.encodeInto(part, piece)
  if (written === part.length) return written
  for (let i = 0; i < part.length; i++) {
    const code = part.charCodeAt(i)
    piece[i] = code < 128 ? code : 0
  }
  return part.length
}

/** Goes on from `from`, which is in no string, inside of so many brackets. */
function skipFar(text: string, from: number, open: number): number {
  let depth = open
  let isInString = false
  for (let start = from; start < text.length; ) {
    const end = takePiece(text, start)
    let at = 0
    while (at < end) {
      while (isInString && at < end) {
        const c = piece[at++] as number
        if (c === 34) isInString = false
        else if (c === 92) at++
      }
      while (at < end) {
        let c = piece[at++] as number
        if (c === 34) {
          isInString = true
          break
        }
        if (c < 91) continue
        c |= 32
        if (c === 123) depth++
        else if (c === 125 && --depth === 0) return start + at
      }
    }
    // After a backslash at the end of a piece the next one begins with the character after it.
    start += at
  }
  throw new SyntaxError('a bracket is missing')
}

/** Index of the quote that ends the string `from` is in; the character there is not escaped. */
function longStringEnd(text: string, from: number): number {
  for (let quote = text.indexOf('"', from); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let slashes = 0
    while (quote - slashes > from && text.charCodeAt(quote - slashes - 1) === BACKSLASH) slashes++
    if (slashes % 2 === 0) return quote
  }
  return text.length
}

function skipSpace(text: string, at: number): number {
  let i = at
  for (let c = text.charCodeAt(i); c === 32 || c === 10 || c === 13 || c === 9; c = text.charCodeAt(i)) i++
  return i
}

function asObject(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}

function textList(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}

function oneOf<T extends string>(known: readonly T[], value: unknown, otherwise: T): T {
  return known.includes(value as T) ? (value as T) : otherwise
}
