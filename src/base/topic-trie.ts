/**
 * Topic matching: which of very many wildcard patterns match this topic?
 *
 *     const trie = new TopicTrie<string>()
 *     trie.add('orders.*.created', 'a')
 *     trie.add('orders.#', 'b')
 *     trie.match('orders.eu.created')   // ['a', 'b'] in any order
 *
 * Topics and patterns are segments separated by `.`; the empty string has no segments, `a.` has two. In a pattern the segment `*` is exactly
 * one segment (an empty one too) and `#` is any number, zero included, in any position. A segment that merely contains these characters is
 * a literal, and in a topic they are always plain text. A value comes at most once per match, however many of its patterns match.
 *
 * The patterns form a trie. Matching walks it as a nondeterministic automaton: the set of nodes reached after each segment, advanced by
 * literal child, `*` child and `#` child. A `#` node loops on itself, so once entered it stays for the rest of the topic; entering is noted
 * per match, and nodes other than `#` have one way in. So no node is visited twice for one segment, whatever the number of `#`: time is
 * at most O(segments * nodes), in practice the few dozen nodes that really match.
 *
 * Layout: nodes, edges and pattern lists are integers in flat arrays, and values and segments are interned. This is what makes a
 * subscription cost little more than its node (32 bytes), and a step of the walk one or two reads of adjacent memory.
 */

import { hashStep, SegmentTable } from './segment-table.ts'

export interface TopicTrieOptions {
  /** How many topics' results to remember until the next change of the patterns; default 0, none. */
  readonly cachedTopicsMax?: number
}

/** Field names as they appear in node statistics on the wire. */
export interface TopicTrieStats {
  readonly cache_hits: number
  readonly cache_misses: number
  /** 0 before the first match with a cache. */
  readonly cache_hit_ratio: number
  /** Topics whose result is remembered now. */
  readonly cached_patterns: number
  /** The root counts as one. */
  readonly total_nodes: number
  /** Distinct patterns with at least one value. */
  readonly total_patterns: number
  /** Mean number of segments over those patterns. */
  readonly average_pattern_depth: number
  /** Bytes of the arrays in use plus estimates for maps and texts; the values themselves are the caller's. */
  readonly memory_usage_estimate_bytes: number
}

const DOT = 46
const STAR = 42
const HASH = 35

// A node is eight integers in one array, at node * 8.
const NODE_SHIFT = 3
/** Child by `*`; 0 = none (the root is nobody's child). */
const STAR_CHILD = 0
/** Child by `#`; 0 = none. */
const HASH_CHILD = 1
/** What the pattern ending here holds: 0 nothing, n > 0 the value numbered n, n < 0 the list numbered -n. */
const VALUES = 2
/** How many literal children are in the edge table: all but the one that is kept in the node itself. */
const EDGES = 3
/** Segment of the literal child kept in the node; 0 = none (there may be edges all the same). */
const SEGMENT = 4
const LITERAL_CHILD = 5
/** For a `#` node: the number of the latest match that entered it. */
const ENTERED = 6

const ROOT = 0
/** When the full cache must make room, this many of the oldest go at once. */
const CACHE_EVICTION = 1000
/** Above this length a list of values keeps an index of positions, so that its changes stay O(1). */
const INDEXED_LENGTH = 16

/** The values of one pattern that has several. */
interface ValueList<V> {
  readonly ids: number[]
  /** The values by the same positions, so that a match reads them in a row. */
  readonly values: V[]
  positions: Map<number, number> | undefined
}

export class TopicTrie<V> {
  #nodes = new Int32Array(16 << NODE_SHIFT)
  /** Nodes ever used, and a stack of those free again. */
  #nodeEnd = 1
  #freeNodes: number[] = []
  #edges = new EdgeTable()
  #segments = new SegmentTable()

  // Values are numbered from 1. Each counts the patterns it is in; only a value in several can come up twice in a match.
  #valueIds = new Map<V, number>()
  #values: (V | undefined)[] = [undefined]
  #patternsOfValue: number[] = [0]
  /** How many values are in several patterns. */
  #sharedValues = 0
  #seenValue: number[] = [0]
  #freeValues: number[] = []
  #lists: (ValueList<V> | undefined)[] = [undefined]
  #freeLists: number[] = []

  #patterns = 0
  #patternSegments = 0

  /** Number of the latest match: what ENTERED and #seenValue are compared with. */
  #matchNumber = 0
  #current: number[] = []
  #following: number[] = []
  /** The `#` nodes entered in this match that have children. */
  #sticky: number[] = []
  #stickyCount = 0
  /** What the patterns that match hold, in the encoding of VALUES. */
  #hits: number[] = []
  #hitCount = 0
  #found: V[] = []
  #foundCount = 0

  readonly #cachedTopicsMax: number
  readonly #cache = new Map<string, readonly V[]>()
  #cacheHits = 0
  #cacheMisses = 0

  constructor(options: TopicTrieOptions = {}) {
    this.#cachedTopicsMax = options.cachedTopicsMax ?? 0
  }

  /**
   * All values with a pattern that matches `topic`, each once, in no particular order. The array is the caller's to keep and change.
   */
  match(topic: string): V[] {
    if (this.#cachedTopicsMax > 0) return this.#matchCached(topic)
    this.#walk(topic)
    return this.#found.slice(0, this.#foundCount)
  }

  /**
   * Calls `visit` with each of the values `match` would return, without building an array. `visit` may match and change the trie; what it
   * changes does not affect the calls still to come.
   */
  matchInto(topic: string, visit: (value: V) => void): void {
    this.#walk(topic)
    const found = this.#found
    const count = this.#foundCount
    // A match within `visit` needs a buffer of its own.
    const spare: V[] = []
    this.#found = spare
    for (let i = 0; i < count; i++) visit(found[i] as V)
    // Not when a value was removed meanwhile: the old buffer would keep it alive.
    if (this.#found === spare) this.#found = found
  }

  /**
   * Adds `value` under `pattern`; false when it is there already. With `exact`, wildcard segments are plain text: `a.*` then matches
   * the topic `a.*` only.
   */
  add(pattern: string, value: V, exact = false): boolean {
    let node = ROOT
    let depth = 0
    for (let start = 0; start <= pattern.length && pattern !== ''; depth++) {
      const end = segmentEnd(pattern, start)
      node = this.#childFor(node, pattern, start, end, exact)
      start = end + 1
    }
    const id = this.#valueIds.get(value) ?? this.#newValue(value)
    const at = (node << NODE_SHIFT) + VALUES
    const held = this.#nodes[at] as number
    if (held === 0) {
      this.#nodes[at] = id
      this.#patterns++
      this.#patternSegments += depth
    } else if (held > 0) {
      if (held === id) return false
      this.#nodes[at] = -this.#newList(held, id)
    } else if (!insertValue(this.#lists[-held] as ValueList<V>, id, value)) {
      return false
    }
    const patterns = (this.#patternsOfValue[id] as number) + 1
    this.#patternsOfValue[id] = patterns
    if (patterns === 2) this.#sharedValues++
    this.#forgetResults()
    return true
  }

  /** Takes `value` away from `pattern` as it was added (same `exact`), freeing what only it used; false when it was not there. */
  remove(pattern: string, value: V, exact = false): boolean {
    const id = this.#valueIds.get(value)
    if (id === undefined) return false
    const path: number[] = [ROOT]
    const steps: number[] = []
    let node = ROOT
    for (let start = 0; start <= pattern.length && pattern !== ''; ) {
      const end = segmentEnd(pattern, start)
      const wildcard = exact ? 0 : wildcardAt(pattern, start, end)
      const step = wildcard === 0 ? this.#segments.find(pattern, start, end) : -wildcard
      node = step === 0 ? 0 : this.#child(node, step)
      if (node === 0) return false
      path.push(node)
      steps.push(step)
      start = end + 1
    }
    if (!this.#removeId(node, id)) return false
    const patterns = (this.#patternsOfValue[id] as number) - 1
    this.#patternsOfValue[id] = patterns
    if (patterns === 1) this.#sharedValues--
    else if (patterns === 0) this.#freeValue(value, id)
    if (this.#nodes[(node << NODE_SHIFT) + VALUES] === 0) {
      this.#patterns--
      this.#patternSegments -= steps.length
      this.#prune(path, steps)
    }
    this.#forgetResults()
    return true
  }

  /** Back to the state of a new trie, statistics included. */
  clear(): void {
    this.#nodes = new Int32Array(16 << NODE_SHIFT)
    this.#nodeEnd = 1
    this.#freeNodes = []
    this.#edges = new EdgeTable()
    this.#segments = new SegmentTable()
    this.#valueIds = new Map()
    this.#values = [undefined]
    this.#patternsOfValue = [0]
    this.#sharedValues = 0
    this.#seenValue = [0]
    this.#freeValues = []
    this.#lists = [undefined]
    this.#freeLists = []
    this.#patterns = 0
    this.#patternSegments = 0
    this.#matchNumber = 0
    this.#found = []
    this.#cache.clear()
    this.#cacheHits = 0
    this.#cacheMisses = 0
  }

  stats(): TopicTrieStats {
    const lookups = this.#cacheHits + this.#cacheMisses
    return {
      cache_hits: this.#cacheHits,
      cache_misses: this.#cacheMisses,
      cache_hit_ratio: lookups === 0 ? 0 : this.#cacheHits / lookups,
      cached_patterns: this.#cache.size,
      total_nodes: this.#nodeEnd - this.#freeNodes.length,
      total_patterns: this.#patterns,
      average_pattern_depth: this.#patterns === 0 ? 0 : this.#patternSegments / this.#patterns,
      memory_usage_estimate_bytes: this.#bytesEstimate(),
    }
  }

  #forgetResults(): void {
    // Clearing an empty Map allocates a new table all the same.
    if (this.#cache.size > 0) this.#cache.clear()
  }

  #matchCached(topic: string): V[] {
    const known = this.#cache.get(topic)
    if (known !== undefined) {
      this.#cacheHits++
      return known.slice()
    }
    this.#cacheMisses++
    this.#walk(topic)
    const values = this.#found.slice(0, this.#foundCount)
    if (this.#cache.size >= this.#cachedTopicsMax) {
      let excess = CACHE_EVICTION
      for (const oldest of this.#cache.keys()) {
        if (excess-- === 0) break
        this.#cache.delete(oldest)
      }
    }
    this.#cache.set(topic, values)
    return values.slice()
  }

  /** Leaves the matching values in #found[0 .. #foundCount). */
  #walk(topic: string): void {
    if (this.#matchNumber === 0x3fffffff) this.#restartMatchNumbers()
    this.#matchNumber++
    this.#stickyCount = 0
    this.#hitCount = 0
    const nodes = this.#nodes
    const edges = this.#edges
    const segments = this.#segments
    const hashStart = segments.hashStart
    const sticky = this.#sticky
    let current = this.#current
    let following = this.#following
    let count = 1
    current[0] = ROOT

    const length = topic.length
    for (let start = 0; start <= length && length > 0; ) {
      let hashed = hashStart
      let end = start
      for (; end < length; end++) {
        const code = topic.charCodeAt(end)
        if (code === DOT) break
        hashed = hashStep(hashed, code)
      }
      const segment = segments.findHashed(hashed, topic, start, end)
      start = end + 1

      let reached = 0
      // First the nodes reached by the segment before, which may enter further `#` nodes, then all `#` nodes entered so far.
      for (let i = 0; i < count + this.#stickyCount; i++) {
        const node = (i < count ? current[i] : sticky[i - count]) as number
        const at = node << NODE_SHIFT
        const hash = nodes[at + HASH_CHILD] as number
        if (hash !== 0) this.#enterHash(hash)
        const star = nodes[at + STAR_CHILD] as number
        if (star !== 0) following[reached++] = star
        if (segment === 0) continue
        if (nodes[at + SEGMENT] === segment) {
          following[reached++] = nodes[at + LITERAL_CHILD] as number
        } else if (nodes[at + EDGES] !== 0) {
          const child = edges.find(node, segment)
          if (child !== 0) following[reached++] = child
        }
      }
      const swap = current
      current = following
      following = swap
      count = reached
      if (count + this.#stickyCount === 0) break
    }
    for (let i = 0; i < count; i++) {
      const at = (current[i] as number) << NODE_SHIFT
      const held = nodes[at + VALUES] as number
      if (held !== 0) this.#hits[this.#hitCount++] = held
      const hash = nodes[at + HASH_CHILD] as number
      if (hash !== 0) this.#enterHash(hash)
    }
    this.#resolve()
  }

  /** Follows `#` into `node`, unless this match has been there: it never leaves again. */
  #enterHash(node: number): void {
    const nodes = this.#nodes
    for (let hash = node; hash !== 0; ) {
      const at = hash << NODE_SHIFT
      if (nodes[at + ENTERED] === this.#matchNumber) return
      nodes[at + ENTERED] = this.#matchNumber
      const held = nodes[at + VALUES] as number
      if (held !== 0) this.#hits[this.#hitCount++] = held
      if (nodes[at + STAR_CHILD] !== 0 || hasLiteral(nodes, at)) this.#sticky[this.#stickyCount++] = hash
      hash = nodes[at + HASH_CHILD] as number
    }
  }

  /** Turns the pattern contents that were hit into values, each once. */
  #resolve(): void {
    const hits = this.#hits
    const hitCount = this.#hitCount
    const values = this.#values
    const found = this.#found
    const unique = this.#sharedValues === 0
    let n = 0
    for (let i = 0; i < hitCount; i++) {
      const held = hits[i] as number
      if (held > 0) {
        if (unique || this.#isNew(held)) found[n++] = values[held] as V
        continue
      }
      const list = this.#lists[-held] as ValueList<V>
      const length = list.ids.length
      for (let k = 0; k < length; k++) {
        if (unique || this.#isNew(list.ids[k] as number)) found[n++] = list.values[k] as V
      }
    }
    this.#foundCount = n
  }

  #isNew(id: number): boolean {
    if ((this.#patternsOfValue[id] as number) === 1) return true
    if (this.#seenValue[id] === this.#matchNumber) return false
    this.#seenValue[id] = this.#matchNumber
    return true
  }

  /** The marks of a billion matches ago must not look like those of now. */
  #restartMatchNumbers(): void {
    this.#matchNumber = 0
    this.#seenValue.fill(0)
    for (let at = ENTERED; at < this.#nodes.length; at += 1 << NODE_SHIFT) this.#nodes[at] = 0
  }

  /** The child of `node` by a literal segment (`step` > 0), `*` (-STAR) or `#` (-HASH); 0 when there is none. */
  #child(node: number, step: number): number {
    const at = node << NODE_SHIFT
    if (step === -STAR) return this.#nodes[at + STAR_CHILD] as number
    if (step === -HASH) return this.#nodes[at + HASH_CHILD] as number
    if (this.#nodes[at + SEGMENT] === step) return this.#nodes[at + LITERAL_CHILD] as number
    return this.#edges.find(node, step)
  }

  #childFor(node: number, pattern: string, start: number, end: number, exact: boolean): number {
    const wildcard = exact ? 0 : wildcardAt(pattern, start, end)
    const step = wildcard === 0 ? this.#segments.find(pattern, start, end) : -wildcard
    const known = step === 0 ? 0 : this.#child(node, step)
    if (known !== 0) return known

    const child = this.#newNode()
    const at = node << NODE_SHIFT
    if (wildcard === STAR) {
      this.#nodes[at + STAR_CHILD] = child
    } else if (wildcard === HASH) {
      this.#nodes[at + HASH_CHILD] = child
    } else {
      const segment = this.#segments.acquire(pattern, start, end)
      if (this.#nodes[at + SEGMENT] === 0) {
        this.#nodes[at + SEGMENT] = segment
        this.#nodes[at + LITERAL_CHILD] = child
      } else {
        this.#edges.set(node, segment, child)
        this.#nodes[at + EDGES] = (this.#nodes[at + EDGES] as number) + 1
      }
    }
    return child
  }

  #newNode(): number {
    const free = this.#freeNodes.pop()
    if (free !== undefined) return free
    if (this.#nodeEnd << NODE_SHIFT === this.#nodes.length) {
      // By half rather than double: at rest a quarter of the array is unused instead of a third.
      const wider = new Int32Array((this.#nodeEnd + (this.#nodeEnd >> 1)) << NODE_SHIFT)
      wider.set(this.#nodes)
      this.#nodes = wider
    }
    return this.#nodeEnd++
  }

  /** Frees the nodes at the end of `path` that have neither values nor children. `steps[i]` leads from `path[i]` to `path[i + 1]`. */
  #prune(path: readonly number[], steps: readonly number[]): void {
    const nodes = this.#nodes
    for (let i = steps.length - 1; i >= 0; i--) {
      const at = (path[i + 1] as number) << NODE_SHIFT
      if (nodes[at + VALUES] !== 0 || nodes[at + STAR_CHILD] !== 0 || nodes[at + HASH_CHILD] !== 0 || hasLiteral(nodes, at)) return
      nodes.fill(0, at, at + (1 << NODE_SHIFT))
      this.#freeNodes.push(path[i + 1] as number)
      const parent = path[i] as number
      const parentAt = parent << NODE_SHIFT
      const step = steps[i] as number
      if (step === -STAR) {
        nodes[parentAt + STAR_CHILD] = 0
      } else if (step === -HASH) {
        nodes[parentAt + HASH_CHILD] = 0
      } else {
        if (nodes[parentAt + SEGMENT] === step) {
          nodes[parentAt + SEGMENT] = 0
        } else {
          this.#edges.delete(parent, step)
          nodes[parentAt + EDGES] = (nodes[parentAt + EDGES] as number) - 1
        }
        this.#segments.release(step)
      }
    }
  }

  #newValue(value: V): number {
    const id = this.#freeValues.pop() ?? this.#values.length
    this.#values[id] = value
    this.#patternsOfValue[id] = 0
    this.#seenValue[id] = 0
    this.#valueIds.set(value, id)
    return id
  }

  #freeValue(value: V, id: number): void {
    this.#valueIds.delete(value)
    this.#values[id] = undefined
    this.#freeValues.push(id)
    // The buffer of the latest match must not keep the value alive.
    this.#found = []
  }

  #newList(first: number, second: number): number {
    const number = this.#freeLists.pop() ?? this.#lists.length
    this.#lists[number] = { ids: [first, second], values: [this.#values[first] as V, this.#values[second] as V], positions: undefined }
    return number
  }

  #removeId(node: number, id: number): boolean {
    const at = (node << NODE_SHIFT) + VALUES
    const held = this.#nodes[at] as number
    if (held >= 0) {
      if (held !== id) return false
      this.#nodes[at] = 0
      return true
    }
    const list = this.#lists[-held] as ValueList<V>
    if (!deleteValue(list, id)) return false
    if (list.ids.length === 1) {
      this.#nodes[at] = list.ids[0] as number
      this.#lists[-held] = undefined
      this.#freeLists.push(-held)
    }
    return true
  }

  #bytesEstimate(): number {
    const mapEntry = 40
    const perValue = mapEntry + 3 * 8
    let lists = 0
    for (const list of this.#lists) if (list !== undefined) lists += 64 + list.ids.length * 16 + (list.positions?.size ?? 0) * mapEntry
    let cached = 0
    for (const [topic, values] of this.#cache) cached += mapEntry + 16 + topic.length + 16 + values.length * 8
    const nodes = (this.#nodeEnd << NODE_SHIFT) * 4
    return nodes + this.#edges.bytes + this.#segments.bytes + this.#valueIds.size * perValue + lists + cached
  }
}

function hasLiteral(nodes: Int32Array, at: number): boolean {
  return nodes[at + SEGMENT] !== 0 || nodes[at + EDGES] !== 0
}

function segmentEnd(text: string, start: number): number {
  const end = text.indexOf('.', start)
  return end < 0 ? text.length : end
}

/** STAR or HASH when that is the whole segment, else 0. */
function wildcardAt(pattern: string, start: number, end: number): number {
  if (end - start !== 1) return 0
  const code = pattern.charCodeAt(start)
  return code === STAR || code === HASH ? code : 0
}

function insertValue<V>(list: ValueList<V>, id: number, value: V): boolean {
  const { ids } = list
  if (list.positions === undefined && ids.length > INDEXED_LENGTH) list.positions = new Map(ids.map((known, i) => [known, i]))
  if (list.positions === undefined ? ids.includes(id) : list.positions.has(id)) return false
  list.positions?.set(id, ids.length)
  ids.push(id)
  list.values.push(value)
  return true
}

/** Order does not matter, so the last takes the place of the removed. */
function deleteValue<V>(list: ValueList<V>, id: number): boolean {
  const { ids, values, positions } = list
  const at = positions === undefined ? ids.indexOf(id) : (positions.get(id) ?? -1)
  if (at < 0) return false
  const last = ids.pop() as number
  const lastValue = values.pop() as V
  positions?.delete(id)
  if (last !== id) {
    ids[at] = last
    values[at] = lastValue
    positions?.set(last, at)
  }
  return true
}

/**
 * (node, segment) -> child, for the literal children beyond a node's first. Open addressing with linear probing, at most half full;
 * deletion moves later entries back (Knuth, TAOCP 6.4, algorithm R), so there are no tombstones.
 */
class EdgeTable {
  /** Four integers for each slot, so that it lies within a cache line: node, segment, child, unused. A child of 0 means the slot is free. */
  #slots = new Int32Array(8 << 2)
  #mask = 7
  #size = 0

  get bytes(): number {
    return this.#slots.byteLength
  }

  find(node: number, segment: number): number {
    const slots = this.#slots
    for (let i = edgeHash(node, segment) & this.#mask; ; i = (i + 1) & this.#mask) {
      const at = i << 2
      const child = slots[at + 2] as number
      if (child === 0 || (slots[at] === node && slots[at + 1] === segment)) return child
    }
  }

  set(node: number, segment: number, child: number): void {
    if ((this.#size + 1) * 2 > this.#mask + 1) this.#grow()
    this.#size++
    this.#insert(node, segment, child)
  }

  delete(node: number, segment: number): void {
    const slots = this.#slots
    const mask = this.#mask
    let hole = edgeHash(node, segment) & mask
    while (slots[hole << 2] !== node || slots[(hole << 2) + 1] !== segment || slots[(hole << 2) + 2] === 0) hole = (hole + 1) & mask
    for (let i = (hole + 1) & mask; slots[(i << 2) + 2] !== 0; i = (i + 1) & mask) {
      const home = edgeHash(slots[i << 2] as number, slots[(i << 2) + 1] as number) & mask
      // An entry may move into the hole unless its home lies cyclically after the hole: it could then not be found.
      if (((i - home) & mask) >= ((i - hole) & mask)) {
        slots.copyWithin(hole << 2, i << 2, (i << 2) + 4)
        hole = i
      }
    }
    slots.fill(0, hole << 2, (hole << 2) + 4)
    this.#size--
  }

  #insert(node: number, segment: number, child: number): void {
    const slots = this.#slots
    let i = edgeHash(node, segment) & this.#mask
    while (slots[(i << 2) + 2] !== 0) i = (i + 1) & this.#mask
    slots[i << 2] = node
    slots[(i << 2) + 1] = segment
    slots[(i << 2) + 2] = child
  }

  #grow(): void {
    const old = this.#slots
    this.#slots = new Int32Array(old.length * 2)
    this.#mask = this.#mask * 2 + 1
    for (let at = 0; at < old.length; at += 4) {
      if (old[at + 2] !== 0) this.#insert(old[at] as number, old[at + 1] as number, old[at + 2] as number)
    }
  }
}

function edgeHash(node: number, segment: number): number {
  const mixed = Math.imul(node, 0x9e3779b1) ^ Math.imul(segment, 0x85ebca6b)
  return mixed ^ (mixed >>> 15)
}
