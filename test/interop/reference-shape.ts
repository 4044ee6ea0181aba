/**
 * What a frame between nodes looks like: the shapes of the recorded frames, and a judge that compares a frame with them.
 *
 * Nodes of the Python implementation drop the link over a member they do not know, an enum word they do not know, or one that is missing. So
 * a frame is judged strictly: the same members, of the same JSON types, as in the recordings of its kind.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const VECTORS = fileURLToPath(new URL('../vectors/peer-frames/', import.meta.url))

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** Types seen at a path, with what is inside of objects and arrays. */
interface Shape {
  readonly types: Set<string>
  members?: Map<string, Shape>
  /** Times the object was seen, and how often with each member: a member missing once is optional. */
  seen: number
  readonly present: Map<string, number>
  element?: Shape
}

/** Objects whose keys are data, by path. */
const FREE = [
  /\.vector_clock$/,
  /\.metadata$/,
  /\.kwargs$/,
  /\.headers\.metadata$/,
  /\.result$/,
  /\.args$/,
  /\.payload\.payload\.payload$/,
  /\.payload\.payload\.headers$/,
  /\.(?:rejection_reasons|routes_per_destination)$/,
]
/** Members that have no recording, or are left out at will. */
const OPTIONAL = [/\.rpc_summary/, /\.rpc_spec/, /\.spec_digest$/, /\.region$/, /\.metrics\.\w+$/]
/** Members that only this implementation writes, and the Python one ignores. */
const ADDITIVE = [/^server:STATUS\.server\.(?:extensions|monitoring_url)$/, /\.payload\.error\.(?:code|message|details)$/]
/** Null in some recordings, text in others, whatever happened to be recorded. */
const NULLABLE = [
  /\.(?:function_id|version_constraint|target_cluster|target_node|reply_cluster|source_cluster|error|result|federation_remaining_hops|return_type)$/,
]

/** `fabric-gossip:catalog_update`, `server:STATUS`, `response`... */
export function kindOf(frame: Json): string {
  const { role, server, payload, r } = frame as Record<string, Record<string, Json> & Json>
  if (typeof role !== 'string') return r === undefined ? 'unknown' : 'response'
  if (role === 'server') return `server:${(server as Record<string, Json>).what}`
  if (role === 'fabric-gossip') return `fabric-gossip:${(payload as Record<string, Json>).message_type}`
  if (role !== 'fabric-message') return role
  const { message_type, payload: inner } = payload as Record<string, Json>
  return `fabric-message:${message_type}:${(inner as Record<string, Json>).kind ?? ''}`
}

const recorded = new Map<string, Shape>()
for (const file of readdirSync(VECTORS).filter((name) => name.endsWith('.json'))) {
  const frame = JSON.parse(readFileSync(VECTORS + file, 'utf8')) as Json
  const kind = kindOf(frame)
  const shape = recorded.get(kind) ?? emptyShape()
  recorded.set(kind, shape)
  learn(shape, frame, kind)
}

function emptyShape(): Shape {
  return { types: new Set(), seen: 0, present: new Map() }
}

function learn(shape: Shape, value: Json, path: string): void {
  shape.types.add(typeOf(value))
  if (Array.isArray(value)) {
    shape.element ??= emptyShape()
    for (const element of value) learn(shape.element, element, `${path}[]`)
  } else if (typeof value === 'object' && value !== null && !FREE.some((free) => free.test(path))) {
    shape.seen++
    shape.members ??= new Map()
    for (const [key, member] of Object.entries(value)) {
      const known = shape.members.get(key) ?? emptyShape()
      shape.members.set(key, known)
      shape.present.set(key, (shape.present.get(key) ?? 0) + 1)
      learn(known, member, `${path}.${key}`)
    }
  }
}

function typeOf(value: Json): string {
  return value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value
}

/** What a node of the Python implementation would stumble over in the frame; empty when nothing. */
export function problemsOf(text: string): string[] {
  const frame = JSON.parse(text) as Json
  const kind = kindOf(frame)
  const shape = recorded.get(kind)
  if (shape === undefined) return [`no recording of a ${kind} frame`]
  const problems: string[] = []
  judge(shape, frame, kind, problems)
  if (kind.startsWith('fabric-gossip')) {
    const { hop_count, max_hops, ttl } = (frame as { payload: Record<string, number> }).payload
    if (hop_count === 0 && !(ttl === 0 && max_hops === 0)) problems.push(`${kind}: hop_count 0 on a message that may be forwarded`)
  }
  return problems
}

function judge(shape: Shape, value: Json, path: string, problems: string[]): void {
  const type = typeOf(value)
  const nullable = NULLABLE.some((name) => name.test(path))
  if (!shape.types.has(type) && !(nullable && (type === 'null' || shape.types.has('null')))) {
    problems.push(`${path} is ${type}, recorded as ${[...shape.types].join(' or ')}`)
    return
  }
  if (Array.isArray(value)) {
    if (shape.element === undefined || shape.element.types.size === 0) return
    for (const element of value) judge(shape.element, element, `${path}[]`, problems)
  } else if (typeof value === 'object' && value !== null && shape.members !== undefined) {
    for (const [key, member] of Object.entries(value)) {
      const known = shape.members.get(key)
      const at = `${path}.${key}`
      if (known !== undefined) judge(known, member, at, problems)
      else if (!ADDITIVE.some((name) => name.test(at)) && !OPTIONAL.some((name) => name.test(at)))
        problems.push(`${at} is not in any recording`)
    }
    for (const key of shape.members.keys()) {
      const at = `${path}.${key}`
      if (!(key in value) && shape.present.get(key) === shape.seen && !OPTIONAL.some((name) => name.test(at)))
        problems.push(`${at} is missing`)
    }
  }
}
