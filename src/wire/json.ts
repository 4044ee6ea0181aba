/**
 * JSON as the fabric speaks it: compact, UTF-8, and lossless for what is only carried.
 *
 * JavaScript's own round trip changes documents: `1.0` becomes `1`, integers beyond 2^53 lose digits, integer-like keys are
 * re-ordered. Arguments, results and payloads that a node echoes or relays therefore travel as {@link RawJson}, a slice of the text they
 * arrived in. Only the code that really looks into a value parses it.
 */
import { MpregError } from './errors.ts'

export type JsonValue = null | boolean | number | bigint | string | JsonValue[] | { [key: string]: JsonValue } | RawJson

/** Deepest nesting this node emits: what the strictest encoder of the fabric can print again. */
export const JSON_DEPTH_MAX = 253

/** A value that has no JSON form. Its message ends up as the last line of an RPC error's details, hence the class name there. */
export class EncodingError extends MpregError {
  override readonly name = 'TypeError'
  readonly code = 'not_serializable'
}

let rawSeen = false

/** One JSON value kept as the text it arrived in (or leaves as). Immutable. */
export class RawJson {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  /** The value as ordinary JavaScript; integers beyond 2^53 become `bigint`, so that no digit is lost. */
  parse(): unknown {
    return parseJson(this.text)
  }

  /** Reached only when nested inside a value given to `JSON.stringify`; {@link encodeJson} then starts again the careful way. */
  toJSON(): null {
    rawSeen = true
    return null
  }
}

/** A float that must keep its fraction on the wire: `float(1)` is sent as `1.0`, where a plain `1` is sent as `1`. */
export function float(value: number): RawJson {
  return new RawJson(floatText(value))
}

/**
 * Text of a float as the reference prints it: shortest round-trip digits, always with a fraction or an exponent, plain notation for
 * 1e-5 <= |x| < 1e16. `null` for NaN and infinities.
 */
export function floatText(value: number): string {
  if (!Number.isFinite(value)) return 'null'
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0'
  const magnitude = Math.abs(value)
  if (magnitude >= 1e16 || magnitude < 1e-5) return value.toExponential()
  const text = String(value)
  return text.includes('.') ? text : `${text}.0`
}

/**
 * JSON text of a result or payload. Sets become arrays, maps objects, dates ISO strings, `bigint` integers of up to 64 bits, NaN and
 * infinities `null`, `undefined` at the top `null`, lone surrogates U+FFFD.
 * @throws EncodingError for functions, symbols, cycles, wider integers, and nesting beyond {@link JSON_DEPTH_MAX}.
 */
export function encodeJson(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return encodeString(value)
    case 'number':
      return Number.isFinite(value) ? String(value) : 'null'
    case 'boolean':
      return value ? 'true' : 'false'
    case 'undefined':
      return 'null'
    case 'object':
      if (value === null) return 'null'
      if (value instanceof RawJson) return value.text
      break
    default:
      return encodeCarefully(value, 0)
  }
  if (!isPlain(value, 0)) return encodeCarefully(value, 0)
  rawSeen = false
  const text = JSON.stringify(value)
  return rawSeen || text.includes('\\ud') ? encodeCarefully(value, 0) : text
}

function encodeString(value: string): string {
  return JSON.stringify(value.isWellFormed() ? value : value.toWellFormed())
}

/** Printable ASCII that JSON writes as it is: what ids and URLs are made of. */
const PLAIN = /^[ !#-[\]-~]*$/

/** Whether a text is not empty and all of it is {@link PLAIN}. */
export function isPlainText(value: string): boolean {
  return value !== '' && PLAIN.test(value)
}

/** JSON text of an id or another short text, for frames that are printed piece by piece. */
export function quoted(value: string): string {
  return PLAIN.test(value) ? `"${value}"` : encodeString(value)
}

export function quotedOrNull(value: string | null): string {
  return value === null ? 'null' : quoted(value)
}

/** JSON text of a short list of such texts. */
export function listText(values: readonly string[]): string {
  if (values.length === 0) return '[]'
  let out = `[${quoted(values[0] as string)}`
  for (let i = 1; i < values.length; i++) out += `,${quoted(values[i] as string)}`
  return `${out}]`
}

/** True when `JSON.stringify` alone prints the value rightly (lone surrogates are looked for in its output). */
function isPlain(value: object, depth: number): boolean {
  if (depth > JSON_DEPTH_MAX) return false
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) if (!isPlainMember(value[i], depth)) return false
    return true
  }
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return false
  for (const key in value) if (!isPlainMember((value as Record<string, unknown>)[key], depth)) return false
  return true
}

function isPlainMember(member: unknown, depth: number): boolean {
  switch (typeof member) {
    case 'string':
    case 'number':
    case 'boolean':
    case 'undefined':
      return true
    case 'object':
      return member === null || isPlain(member, depth + 1)
    default:
      return false
  }
}

function encodeCarefully(value: unknown, depth: number): string {
  if (depth > JSON_DEPTH_MAX) throw new EncodingError(`Nesting deeper than ${JSON_DEPTH_MAX} levels (or a cycle) is not JSON serializable`)
  switch (typeof value) {
    case 'bigint':
      if (!fits64Bits(value)) throw new EncodingError(`Integer exceeds 64-bit range: ${value}`)
      return String(value)
    case 'function':
    case 'symbol':
      throw new EncodingError(`Type is not JSON serializable: ${typeof value}`)
    case 'object':
      if (value !== null && !(value instanceof RawJson)) return encodeObject(value, depth)
  }
  return encodeJson(value)
}

function fits64Bits(value: bigint): boolean {
  return value >= -(2n ** 63n) && value < 2n ** 64n
}

function encodeObject(value: object, depth: number): string {
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') {
    return encodeCarefully((value as { toJSON(): unknown }).toJSON(), depth + 1)
  }
  if (Array.isArray(value) || value instanceof Set) {
    return `[${Array.from(value, (member) => encodeCarefully(member, depth + 1)).join(',')}]`
  }
  if (value instanceof Error) return encodeCarefully({ name: value.name, message: value.message }, depth)
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
    throw new EncodingError(`Type is not JSON serializable: ${value.constructor.name} (send base64 text, or an array of numbers)`)
  }
  if (value instanceof Promise || value instanceof WeakMap || value instanceof RegExp) {
    throw new EncodingError(`Type is not JSON serializable: ${value.constructor.name}`)
  }
  const entries = value instanceof Map ? value.entries() : Object.entries(value)
  const members: string[] = []
  for (const [key, member] of entries) {
    if (typeof key !== 'string') throw new EncodingError(`Object key must be a string, got ${typeof key}`)
    if (member !== undefined) members.push(`${encodeString(key)}:${encodeCarefully(member, depth + 1)}`)
  }
  return `{${members.join(',')}}`
}

/**
 * Parses JSON for a consumer of the value: ordinary JavaScript, except that an integer beyond 2^53 becomes a `bigint`. One beyond 64
 * bits is a float everywhere on the wire, so it stays a number.
 * @throws SyntaxError
 */
export function parseJson(text: string): unknown {
  if (text.includes('\\') && ESCAPED_KEY.test(text)) {
    JSON.parse(text)
    return parseMembers(text)
  }
  if (!hasLongInteger(text)) return JSON.parse(text)
  return JSON.parse(text, (_key, value: unknown, context?: { source?: string }) => {
    if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
    const source = context?.source
    if (source === undefined || !INTEGER.test(source)) return value
    const exact = BigInt(source)
    return fits64Bits(exact) ? exact : value
  })
}

/**
 * A key written with an escape. V8 (seen in 13.6) takes such a key for one that an earlier object of the same shape had, when that one reads
 * like its spelling: after `{"a":1,"\\":1}` it reads `{"a":1,"\n":2}` as another object with a backslash for
 * a key. Keys without escapes are safe.
 */
const ESCAPED_KEY = /\\.[^"\\]*"\s*:/s

/** Member by member, so that each key is parsed as a string of its own. `text` is valid JSON; every character is looked at once. */
function parseMembers(text: string): unknown {
  let at = 0

  function value(depth: number): unknown {
    at = skipSpace(text, at)
    const first = text.charCodeAt(at)
    const nested = first === OPEN_OBJECT || first === OPEN_ARRAY
    if (!nested || depth > JSON_DEPTH_MAX) {
      const start = at
      at = skipValue(text, at)
      return nested ? JSON.parse(text.slice(start, at)) : parseJson(text.slice(start, at))
    }
    at = skipSpace(text, at + 1)
    return first === OPEN_ARRAY ? elements(depth + 1) : members(depth + 1)
  }

  function elements(depth: number): unknown[] {
    const items: unknown[] = []
    while (text.charCodeAt(at) !== CLOSE_ARRAY) {
      items.push(value(depth))
      next()
    }
    at++
    return items
  }

  function members(depth: number): unknown {
    const entries: [string, unknown][] = []
    while (text.charCodeAt(at) !== CLOSE_OBJECT) {
      const key = at
      at = skipString(text, at)
      const name = JSON.parse(text.slice(key, at)) as string
      at = skipSpace(text, at) + 1
      entries.push([name, value(depth)])
      next()
    }
    at++
    return Object.fromEntries(entries)
  }

  /** Over the comma, if there is one. */
  function next(): void {
    at = skipSpace(text, at)
    if (text.charCodeAt(at) === COMMA) at = skipSpace(text, at + 1)
  }

  return value(0)
}

const INTEGER = /^-?\d+$/
/** Every integer beyond 2^53 has at least so many digits. */
const LONG_DIGITS = 16

/** Whether that many digits stand in a row. Such a run covers a multiple of its length, so one character in sixteen is looked at. */
function hasLongInteger(text: string): boolean {
  for (let i = LONG_DIGITS - 1; i < text.length; i += LONG_DIGITS) {
    if (!isDigit(text.charCodeAt(i))) continue
    let start = i
    let end = i + 1
    while (isDigit(text.charCodeAt(start - 1))) start--
    while (isDigit(text.charCodeAt(end))) end++
    if (end - start >= LONG_DIGITS) return true
  }
  return false
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE
}

/** Where a number may have an int/float distinction, too many digits or a sign of zero that a round trip loses, or a key an array index or an escape. */
const SUSPECT = /\\.[^"\\]*"\s*:|(?:^|[:,[\s])-?(?:\d{16}|\d+[.eE])|(?:^|[:,[\s])-0|"(?:0|[1-9]\d{0,9})"\s*:/s
const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y

/**
 * False when a parsed value can not have come from a lossy text, whatever that was: it holds no number, no key like an array index
 * and none with a backslash.
 * Looking at a few values is much cheaper than {@link isLossy} on the frame they came in.
 */
export function mayBeLossy(value: unknown, depth = 0): boolean {
  if (typeof value === 'number') return true
  if (typeof value !== 'object' || value === null) return false
  // Deeper than we care to look: let the text decide.
  if (depth > JSON_DEPTH_MAX) return true
  if (Array.isArray(value)) return value.some((member) => mayBeLossy(member, depth + 1))
  for (const key in value) {
    if (isDigit(key.charCodeAt(0)) || key.includes('\\') || mayBeLossy((value as Record<string, unknown>)[key], depth + 1)) return true
  }
  return false
}

/**
 * True unless `JSON.stringify(JSON.parse(text))` surely says the same as `text`. A first test costs well under a microsecond on a
 * usual frame; only a suspect goes through the exact scan. `text` must be valid JSON.
 */
export function isLossy(text: string): boolean {
  return SUSPECT.test(text) && hasLossyLexeme(text)
}

function hasLossyLexeme(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c === QUOTE) {
      const end = skipString(text, i)
      if (isUnsafeKey(text, i, end)) return true
      i = end - 1
    } else if (c === MINUS || (c >= ZERO && c <= NINE)) {
      NUMBER.lastIndex = i
      const lexeme = NUMBER.exec(text)?.[0] ?? ''
      if (String(Number(lexeme)) !== lexeme) return true
      i += lexeme.length - 1
    }
  }
  return false
}

/** Array indexes move to the front of their object; keys with escapes see {@link ESCAPED_KEY}. */
function isUnsafeKey(text: string, start: number, end: number): boolean {
  if (text.charCodeAt(skipSpace(text, end)) !== COLON) return false
  const key = text.slice(start + 1, end - 1)
  return key.includes('\\') || /^(?:0|[1-9]\d{0,9})$/.test(key)
}

/* Scanning valid JSON text without parsing it. All positions are string indexes; `text` was accepted by JSON.parse before. */

const QUOTE = 34
const BACKSLASH = 92
const COMMA = 44
const MINUS = 45
const ZERO = 48
const NINE = 57
const COLON = 58
const OPEN_OBJECT = 123
const CLOSE_OBJECT = 125
const OPEN_ARRAY = 91
const CLOSE_ARRAY = 93

function skipSpace(text: string, at: number): number {
  let i = at
  for (let c = text.charCodeAt(i); c === 32 || c === 10 || c === 13 || c === 9; c = text.charCodeAt(i)) i++
  return i
}

/** Index after the string that starts at `at`. */
function skipString(text: string, at: number): number {
  let end = text.indexOf('"', at + 1)
  while (text.charCodeAt(end - 1) === BACKSLASH) {
    let slashes = 1
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes++
    if (slashes % 2 === 0) break
    end = text.indexOf('"', end + 1)
  }
  if (end < 0) throw new ScanError()
  return end + 1
}

/** Index after the value that starts at `at`. */
function skipValue(text: string, at: number): number {
  const first = text.charCodeAt(at)
  if (first === QUOTE) return skipString(text, at)
  let i = at
  if (first !== OPEN_OBJECT && first !== OPEN_ARRAY) {
    for (let c = first; c !== COMMA && c !== CLOSE_OBJECT && c !== CLOSE_ARRAY && c > 32 && i < text.length; c = text.charCodeAt(i)) i++
    return i
  }
  for (let depth = 0; i < text.length; ) {
    const c = text.charCodeAt(i)
    if (c === QUOTE) {
      i = skipString(text, i)
      continue
    }
    if (c === OPEN_OBJECT || c === OPEN_ARRAY) depth++
    else if ((c === CLOSE_OBJECT || c === CLOSE_ARRAY) && --depth === 0) return i + 1
    i++
  }
  throw new ScanError()
}

/** A scan began where no such value stands, or the text is not JSON: a mistake of the caller, but never an endless one. */
class ScanError extends Error {
  override readonly name = 'ScanError'

  constructor() {
    super('scanned text is not the JSON value it was taken for')
  }
}

function opened(text: string, at: number, bracket: number): number {
  const start = skipSpace(text, at)
  if (text.charCodeAt(start) !== bracket) throw new ScanError()
  return skipSpace(text, start + 1)
}

/** The text of the value that starts at `at`. */
export function valueText(text: string, at: number): string {
  return text.slice(at, skipValue(text, at))
}

/** Calls `visit` with each member of the object at `at`: key, and the span of its value. Returns the index after the object. */
export function scanObject(text: string, at: number, visit: (key: string, start: number, end: number) => void): number {
  let i = opened(text, at, OPEN_OBJECT)
  while (text.charCodeAt(i) === QUOTE) {
    const keyEnd = skipString(text, i)
    const literal = text.slice(i + 1, keyEnd - 1)
    const start = skipSpace(text, skipSpace(text, keyEnd) + 1)
    const end = skipValue(text, start)
    visit(literal.includes('\\') ? (JSON.parse(text.slice(i, keyEnd)) as string) : literal, start, end)
    i = skipSpace(text, end)
    if (text.charCodeAt(i) === COMMA) i = skipSpace(text, i + 1)
  }
  return i + 1
}

/** Where the members of the object at `at` start; of a repeated key the last, which is the one that counts. */
export function memberStarts(text: string, at: number): Map<string, number> {
  const starts = new Map<string, number>()
  scanObject(text, at, (key, start) => {
    starts.set(key, start)
  })
  return starts
}

/** Calls `visit` with the span of each element of the array at `at`. Returns the index after the array. */
export function scanArray(text: string, at: number, visit: (start: number, end: number) => void): number {
  let i = opened(text, at, OPEN_ARRAY)
  while (text.charCodeAt(i) !== CLOSE_ARRAY) {
    const end = skipValue(text, i)
    visit(i, end)
    i = skipSpace(text, end)
    if (text.charCodeAt(i) === COMMA) i = skipSpace(text, i + 1)
  }
  return i + 1
}

/** Text of the value that `path` leads to through objects; undefined when a step is missing or not an object. */
export function sliceAt(text: string, path: readonly string[]): string | undefined {
  let slice = text
  for (const step of path) {
    const start = skipSpace(slice, 0)
    if (slice.charCodeAt(start) !== OPEN_OBJECT) return undefined
    let found: string | undefined
    const source = slice
    scanObject(source, start, (key, from, to) => {
      if (key === step) found = source.slice(from, to)
    })
    if (found === undefined) return undefined
    slice = found
  }
  return slice
}

/**
 * Replaces strings (never keys) anywhere inside a JSON text; everything else keeps its lexemes.
 * `replacement` gets the decoded string and returns JSON text, or undefined to leave it.
 */
export function replaceStrings(text: string, replacement: (value: string) => string | undefined): string {
  let out = ''
  let copied = 0
  for (let i = 0; i < text.length; ) {
    if (text.charCodeAt(i) !== QUOTE) {
      i++
      continue
    }
    const end = skipString(text, i)
    if (text.charCodeAt(skipSpace(text, end)) !== COLON) {
      const put = replacement(JSON.parse(text.slice(i, end)) as string)
      if (put !== undefined) {
        out += text.slice(copied, i) + put
        copied = end
      }
    }
    i = end
  }
  return copied === 0 ? text : out + text.slice(copied)
}

/**
 * A value of a parsed frame that will be carried on: itself where a round trip is faithful, else its slice of the frame.
 * `lossy` is {@link isLossy} of the whole frame, so that faithful frames pay nothing.
 */
export function carried(value: unknown, text: string, start: number, end: number): unknown {
  const slice = text.slice(start, end)
  return value === undefined || isLossy(slice) ? new RawJson(slice) : value
}
