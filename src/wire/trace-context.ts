/**
 * Trace context in frames: `traceparent` and `tracestate` as W3C has them, and `trace_hops`, the reports of the nodes passed so far, where somebody
 * asked for them.
 *
 * Between nodes they are members of `headers.metadata`, which every implementation passes on and none looks into; in a client's request they are
 * members of the frame, where unknown ones are ignored; in a publication, headers of the message, which reach its subscribers. A frame without
 * a context has none of them.
 */
import { copiedText, type TraceContext } from '../base/index.ts'
import { encodeJson, RawJson, scanObject } from './json.ts'
import { LayoutReader } from './layout-reader.ts'

/** What one node or client did with a traced call. */
export interface TraceHop {
  readonly node: string
  /** `request`, `command`, `call`, `forward`, `execute`, `return`. */
  readonly event: string
  /** Function it was done for; null where there is more than one. */
  readonly subject: string | null
  /** When it began, Unix seconds by the clock of `node`. */
  readonly at: number
  readonly took_ms: number
  /** Null: it succeeded. */
  readonly error: string | null
  readonly attributes: Readonly<Record<string, unknown>>
  /** What it consisted of. */
  readonly hops: readonly TraceHop[]
}

const PARENT = 'traceparent'
const HOPS = 'trace_hops'
/** Metadata with nothing but a traceparent, as a rule; parsing them would cost more than all the rest that is done for a trace. */
const ALONE = /^\{"traceparent":"([0-9a-f-]{55})"\}$/
const MEMBERS: ReadonlySet<string> = new Set([PARENT, 'tracestate', HOPS])
/** Version, trace id, span id, flags; later versions may have more. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-[\w.~-]*)?$/
const TRACEPARENT_CHARACTERS_MAX = 128
/** As W3C asks to pass on at least. */
const TRACESTATE_CHARACTERS_MAX = 512
/** Reports of a journey come to a few hundred characters a hop. Beyond this they are dropped, not the message. */
const HOPS_CHARACTERS_MAX = 64 * 1024

/** The context among the members of a request, or the headers of a publication; undefined without one, or when it is none. */
export function traceContextOf(members: {
  readonly traceparent?: unknown
  readonly tracestate?: unknown
  readonly trace_hops?: unknown
}): TraceContext | undefined {
  const { traceparent, tracestate, trace_hops: hops } = members
  if (traceparent === undefined || typeof traceparent !== 'string' || traceparent.length > TRACEPARENT_CHARACTERS_MAX) return undefined
  if (!TRACEPARENT.test(traceparent)) return undefined
  return {
    traceparent,
    tracestate: typeof tracestate === 'string' && isStateText(tracestate) ? tracestate : undefined,
    hops: hops === true ? '[]' : Array.isArray(hops) ? hopsText(hops) : undefined,
  }
}

function isStateText(text: string): boolean {
  return text.length > 0 && text.length <= TRACESTATE_CHARACTERS_MAX && /^[ -~]+$/.test(text)
}

function hopsText(hops: readonly unknown[]): string {
  const text = JSON.stringify(hops)
  return text.length > HOPS_CHARACTERS_MAX ? '[]' : text
}

export function isSampled({ traceparent }: TraceContext): boolean {
  return (Number.parseInt(traceparent.slice(53, 55), 16) & 1) === 1
}

/** The context in the metadata of a message. */
export function traceContextIn(metadata: RawJson): TraceContext | undefined {
  const alone = ALONE.exec(metadata.text)
  if (alone !== null) return traceContextOf({ traceparent: copiedText(alone[1] as string) })
  if (!metadata.text.includes(PARENT)) return undefined
  return traceContextOf(membersOf(metadata))
}

/** The reports in the metadata of an answer, as a JSON list; undefined without any. */
export function traceHopsIn(metadata: RawJson): string | undefined {
  if (!metadata.text.includes(HOPS)) return undefined
  const { trace_hops: hops } = membersOf(metadata)
  return Array.isArray(hops) ? hopsText(hops) : undefined
}

function membersOf(metadata: RawJson): { readonly trace_hops?: unknown } {
  try {
    return (JSON.parse(metadata.text) as object | null) ?? {}
  } catch {
    return {}
  }
}

/** The metadata with this context in place of another, and everything else in it as it came. @param metadata JSON object */
export function withTraceContext(metadata: RawJson, { hops, traceparent, tracestate }: TraceContext): RawJson {
  const members: string[] = []
  if (metadata.text !== '{}') {
    scanObject(metadata.text, 0, (key, from, to) => {
      if (!MEMBERS.has(key)) members.push(`${encodeJson(key)}:${metadata.text.slice(from, to)}`)
    })
  }
  members.push(`"${PARENT}":"${traceparent}"`)
  if (tracestate !== undefined) members.push(`"tracestate":${JSON.stringify(tracestate)}`)
  if (hops !== undefined) members.push(`"${HOPS}":${hops}`)
  return new RawJson(`{${members.join()}}`)
}

/** Metadata of an answer: the reports alone. */
export function metadataOfHops(hops: string): RawJson {
  return new RawJson(`{"trace_hops":${hops}}`)
}

/** Members of a request frame, each with a comma before it. */
export function traceMembers({ hops, traceparent, tracestate }: TraceContext): string {
  const state = tracestate === undefined ? '' : `,"tracestate":${JSON.stringify(tracestate)}`
  return `,"traceparent":"${traceparent}"${state}${hops === undefined ? '' : ',"trace_hops":true'}`
}

/** An answer to a request with the reports of all who worked on it. */
export function answerWithHops(answer: string, hops: string): string {
  return `${answer.slice(0, -1)},"trace":${hops}}`
}

/** What of a call in a bundle belongs to that call alone: the metadata it would have in a message of its own. */
export interface BundledTrace {
  /** Its place in the bundle, from 0. */
  readonly call: number
  readonly command: string
  readonly metadata: RawJson
}

/** The traced calls of a bundle of so many, by its metadata; what can not be read is left out, and all if there are more of them than calls. */
export function bundledTracesIn(metadata: RawJson, count: number): readonly BundledTrace[] {
  if (!metadata.text.startsWith(TRACES)) return NO_TRACES
  const laidOut = tracesAsPrinted(metadata.text)
  if (laidOut !== undefined) return laidOut.length > count ? NO_TRACES : laidOut
  const { traces } = membersOf(metadata) as { readonly traces?: unknown }
  if (!Array.isArray(traces) || traces.length > count) return NO_TRACES
  return traces.flatMap((one: { readonly [K in keyof BundledTrace]?: unknown } | null) => {
    const { call, command, metadata: own } = one ?? {}
    if (typeof call !== 'number' || typeof command !== 'string' || typeof own !== 'object' || own === null || Array.isArray(own)) return []
    return { call, command, metadata: new RawJson(JSON.stringify(own)) }
  })
}

/** As {@link metadataOfTraces} prints contexts without more; undefined: they look different, which is no fault. */
function tracesAsPrinted(text: string): readonly BundledTrace[] | undefined {
  const reader = new LayoutReader(text)
  const traces: BundledTrace[] = []
  reader.pass(TRACES)
  do {
    reader.pass('{"call":')
    const call = reader.wholeOrNull() ?? -1
    reader.pass(',"command":"')
    const command = reader.text()
    reader.pass(',"metadata":')
    const metadata = reader.value('{')
    reader.pass('}')
    if (call < 0 || !ALONE.test(metadata.text)) reader.fail()
    traces.push({ call, command, metadata })
  } while (!reader.failed && reader.passes(','))
  reader.pass(']}')
  return reader.failed || reader.at !== text.length ? undefined : traces
}

export function metadataOfTraces(traces: readonly BundledTrace[]): RawJson {
  const list = traces.map(
    ({ call, command, metadata }) => `{"call":${call},"command":${JSON.stringify(command)},"metadata":${metadata.text}}`,
  )
  return new RawJson(`${TRACES}${list.join()}]}`)
}

const TRACES = '{"traces":['
const NO_TRACES: readonly BundledTrace[] = Object.freeze([])
