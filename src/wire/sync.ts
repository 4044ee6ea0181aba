/**
 * `fabric-sync`: how nodes that announce `sync/1` keep their catalogs equal.
 *
 * Every such node owns one versioned record: its entries and the tombstones of those it removed, each with the version at which it last
 * changed. A record is named by its stamp (epoch, version, beat); the messages tell stamps around (`have`), ask for what a stamp promises
 * (`want`), bring it (`state`), and compare whole catalogs cheaply (`digest`, `buckets`, `items`). Stamps and versioned entries travel as
 * short arrays, since there are many of them.
 *
 *     {"role":"fabric-sync","payload":{"kind":"have","items":[["ws://a:1",1761000000000,4,19,250]]}}
 */
import { type TSchema, Type } from 'typebox'
import {
  type CacheProfileEntry,
  type CacheRoleEntry,
  type CacheRoleRemoval,
  cacheProfileEntry,
  cacheRoleEntry,
  cacheRoleRemoval,
  type FunctionEntry,
  type FunctionRemoval,
  functionEntry,
  functionRemoval,
  type NodeEntry,
  type NodeRemoval,
  nodeEntry,
  nodeRemoval,
  type QueueEntry,
  type QueueRemoval,
  queueEntry,
  queueRemoval,
  type ServiceEntry,
  type ServiceRemoval,
  serviceEntry,
  serviceRemoval,
  type TopicEntry,
  topicEntry,
} from './catalog.ts'
import { FrameError } from './errors.ts'
import {
  defaulted,
  type Field,
  id,
  list,
  literal,
  natural,
  omittable,
  type RecordField,
  type RecordOf,
  readMember,
  record,
  text,
  texts,
} from './fields.ts'
import { scanArray } from './json.ts'

/** The most elements all lists of one message may have together; a message with more is refused unread. */
export const SYNC_ITEMS_MAX = 50_000

/** Entry and key of each of the seven tables. */
interface Kinds {
  functions: { entry: FunctionEntry; key: FunctionRemoval }
  topics: { entry: TopicEntry; key: string }
  queues: { entry: QueueEntry; key: QueueRemoval }
  services: { entry: ServiceEntry; key: ServiceRemoval }
  caches: { entry: CacheRoleEntry; key: CacheRoleRemoval }
  cache_profiles: { entry: CacheProfileEntry; key: NodeRemoval }
  nodes: { entry: NodeEntry; key: NodeRemoval }
}
export type SyncKind = keyof Kinds

/** An entry, and the version of its owner's record at which it last changed. */
export type VersionedEntry = {
  [K in SyncKind]: { readonly kind: K; readonly version: number; readonly entry: Kinds[K]['entry'] }
}[SyncKind]
export type VersionedRemoval = {
  [K in SyncKind]: { readonly kind: K; readonly version: number; readonly key: Kinds[K]['key'] }
}[SyncKind]

const tables: { readonly [K in SyncKind]: { readonly entry: RecordField<Kinds[K]['entry']>; readonly key: RecordField<Kinds[K]['key']> } } =
  {
    nodes: { entry: nodeEntry, key: nodeRemoval },
    functions: { entry: functionEntry, key: functionRemoval },
    topics: { entry: topicEntry, key: id },
    queues: { entry: queueEntry, key: queueRemoval },
    services: { entry: serviceEntry, key: serviceRemoval },
    caches: { entry: cacheRoleEntry, key: cacheRoleRemoval },
    cache_profiles: { entry: cacheProfileEntry, key: nodeRemoval },
  }
export const SYNC_KINDS = Object.keys(tables) as readonly SyncKind[]

/** An object that travels as an array, members by position. */
function tuple<F extends Readonly<Record<string, Field<unknown>>>>(fields: F): RecordField<RecordOf<RecordField<TupleOf<F>>>> {
  const members = Object.entries(fields)
  const usesText = members.some(([, field]) => field.usesText)
  return {
    schema: Type.Tuple(members.map(([, field]) => field.schema as TSchema)),
    usesText,
    read(value, reading, at) {
      if (!Array.isArray(value)) throw new FrameError('', 'must be an array')
      const starts: number[] = []
      if (usesText) scanArray(reading.text, at, (start) => starts.push(start))
      const out: Record<string, unknown> = {}
      members.forEach(([name, field], i) => {
        try {
          out[name] = field.read(value[i], reading, starts[i] ?? -1)
        } catch (error) {
          throw error instanceof FrameError ? error.within(name) : error
        }
      })
      return out as TupleOf<F>
    },
    write: (value) => `[${members.map(([name, field]) => field.write((value as Record<string, unknown>)[name])).join(',')}]`,
  }
}
type TupleOf<F> = { readonly [K in keyof F]: F[K] extends { read(value: unknown, reading: never, at: number): infer T } ? T : never }

/** Epochs, versions and beats are raised by receivers and kept with some bits beside them: they stay well below 2^53. */
const COUNTER_MAX = 2 ** 48

function counter(otherwise?: number): RecordField<number> {
  const field = natural(otherwise)
  return {
    ...field,
    schema: Type.Integer({ minimum: 0, maximum: COUNTER_MAX }),
    read(value, reading, at) {
      const count = field.read(value, reading, at)
      if (count > COUNTER_MAX) throw new FrameError('', `must be at most ${COUNTER_MAX}`)
      return count
    },
  }
}

const stamp = tuple({ node_id: id, epoch: counter(), version: counter(), beat: counter(), age_ms: natural(0) })
/**
 * Which state of a record a node has. `epoch`: milliseconds since 1970 at the owner's start; `version` rises with each of its changes,
 * `beat` with each sign of life. `age_ms`: how long ago the owner gave that sign, summed over all nodes it came by.
 */
export type SyncStamp = RecordOf<typeof stamp>

const wish = tuple({ node_id: id, epoch: counter(), since: counter() })
/** A record somebody lacks: changes after version `since` of `epoch`; `since` 0 asks for everything. */
export type SyncWish = RecordOf<typeof wish>

function versioned<T>(field: RecordField<T>, name: 'entry' | 'key') {
  return tuple({ version: counter(), [name]: field })
}

const versionedEntries = record(
  Object.fromEntries(SYNC_KINDS.map((kind) => [kind, list(versioned(tables[kind].entry as RecordField<unknown>, 'entry'))])),
)
const versionedKeys = defaulted(
  record(Object.fromEntries(SYNC_KINDS.map((kind) => [kind, list(versioned(tables[kind].key as RecordField<unknown>, 'key'))]))),
)

const head = {
  node_id: id,
  cluster_id: text(''),
  instance_id: text(''),
  epoch: counter(),
  version: counter(),
  beat: counter(),
  age_ms: natural(0),
  /** The version the changes start after; 0: this is the whole record, and what it does not name does not exist. */
  since: counter(0),
  /** On every piece of a whole record too large for one frame: the version of the whole. Each piece stands on the one before. */
  whole: omittable(counter()),
}
const headRecord = record(head)
const wireState = record({ ...head, entries: versionedEntries, removals: versionedKeys })

/** The state of a record, or what changed in it since a version, or a piece of that. */
export interface SyncState extends RecordOf<typeof headRecord> {
  readonly entries: readonly VersionedEntry[]
  readonly removals: readonly VersionedRemoval[]
}

const state: RecordField<SyncState> = {
  ...wireState,
  read(value, reading, at) {
    const { entries, removals, ...rest } = wireState.read(value, reading, at)
    return { ...rest, entries: flat(entries) as readonly VersionedEntry[], removals: flat(removals) as readonly VersionedRemoval[] }
  },
  write: ({ entries, removals, ...rest }) =>
    wireState.write({ ...rest, entries: grouped(entries), removals: grouped(removals) } as RecordOf<typeof wireState>),
}

function flat(groups: Readonly<Record<string, readonly object[]>>): object[] {
  return SYNC_KINDS.flatMap((kind) => (groups[kind] ?? []).map((element) => ({ kind, ...element })))
}

function grouped(elements: readonly { readonly kind: SyncKind }[]): Record<string, object[]> {
  const groups: Record<string, object[]> = Object.fromEntries(SYNC_KINDS.map((kind) => [kind, []]))
  for (const element of elements) groups[element.kind]?.push(element)
  return groups
}

const kinds = {
  /** The sender has these states of these records. */
  have: record({ kind: literal('have'), items: list(stamp) }),
  /** The sender lacks these. */
  want: record({ kind: literal('want'), owners: list(wish) }),
  state: record({ kind: literal('state'), owners: list(state) }),
  /** Hash over all stamps without their beats; `overdue`: records whose owners the sender has not heard of for too long. */
  digest: record({ kind: literal('digest'), hash: text(), count: natural(0), overdue: list(stamp) }),
  /** The digests differ: one hash for each bucket of records. */
  buckets: record({ kind: literal('buckets'), hashes: texts }),
  /** All stamps the sender has in these buckets, which differ. */
  items: record({ kind: literal('items'), buckets: list(natural()), items: list(stamp) }),
}
export type SyncMessageKind = keyof typeof kinds
export const SYNC_MESSAGE_KINDS = Object.keys(kinds) as readonly SyncMessageKind[]
export type SyncMessageOf<K extends SyncMessageKind> = RecordOf<(typeof kinds)[K]>
export type SyncMessage = { [K in SyncMessageKind]: SyncMessageOf<K> }[SyncMessageKind]

/** The frame as a value: what connections inside one process hand over. */
export interface SyncFrame {
  readonly role: 'fabric-sync'
  readonly payload: SyncMessage
}

/** `dropped` names list elements that could not be read and were left out. */
export type SyncDecodeResult = { readonly message: SyncMessage; readonly dropped: readonly FrameError[] } | { readonly rejected: string }

/**
 * @param frame the parsed frame; `frameText` what it was parsed from
 * @param now Unix seconds, default of every missing time stamp
 */
export function decodeSync(frame: { payload?: unknown }, frameText: string, now: number): SyncDecodeResult {
  const payload = frame.payload as { kind?: unknown } | null | undefined
  const kind = payload?.kind
  if (typeof kind !== 'string' || !Object.hasOwn(kinds, kind))
    return { rejected: kind === undefined ? 'kind is missing' : `unknown kind ${JSON.stringify(kind)}` }
  const count = countElements(payload, 0)
  if (count > SYNC_ITEMS_MAX) return { rejected: `${count} list elements are more than ${SYNC_ITEMS_MAX}` }
  const dropped: FrameError[] = []
  try {
    const reader = kinds[kind as SyncMessageKind] as RecordField<SyncMessage>
    return { message: readMember(reader, frame, 'payload', { text: frameText, now, dropped }), dropped }
  } catch (error) {
    if (error instanceof FrameError) return { rejected: error.message }
    throw error
  }
}

export function encodeSync(message: SyncMessage): string {
  return `{"role":"fabric-sync","payload":${(kinds[message.kind] as RecordField<SyncMessage>).write(message)}}`
}

/** How many bytes an entry or removal adds to a `state` frame, at most. */
export function versionedBytes(element: VersionedEntry | VersionedRemoval): number {
  const { entry, key } = tables[element.kind]
  const body = 'entry' in element ? (entry as RecordField<unknown>).write(element.entry) : (key as RecordField<unknown>).write(element.key)
  return textBytes(body) + VERSION_BYTES
}

/** `[9007199254740991,` and `],` around the entry. */
const VERSION_BYTES = 20

/** Depth 5 holds every list of the protocol: payload, owners, entries by kind. */
const LIST_DEPTH_MAX = 5

function countElements(value: unknown, depth: number): number {
  if (typeof value !== 'object' || value === null || depth > LIST_DEPTH_MAX) return 0
  if (Array.isArray(value)) {
    let count = value.length
    // A tuple's members are no elements of their own; owners and the lists inside them are.
    if (depth <= 2) for (const element of value) if (!Array.isArray(element)) count += countElements(element, depth + 1)
    return count
  }
  let count = 0
  for (const member of Object.values(value)) count += countElements(member, depth + 1)
  return count
}

/** Bytes of a text in UTF-8, the encoding of every frame. */
export function textBytes(text: string): number {
  let bytes = text.length
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x80) continue
    // The halves of a pair count two each: together the four bytes of their character.
    bytes += code < 0x800 || (code >= 0xd800 && code < 0xe000) ? 1 : 2
  }
  return bytes
}
