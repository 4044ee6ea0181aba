/**
 * Vector clocks (Fidge 1988, Mattern 1989): which of two states may have seen the other.
 *
 * A clock is an immutable plain object from node id to a counter, exactly as it travels; an absent node counts as 0. Two answers are odd
 * and kept because all nodes of a cluster must agree: `{}` is *before* `{a: 0}`, and `{a: 0, b: 1}` is *concurrent* with `{b: 1}`: an
 * explicit zero is not the same as an absent entry. No function here makes a zero that was not given to it.
 */

export type VectorClock = Readonly<Record<string, number>>

export type CausalOrder = 'equal' | 'before' | 'after' | 'concurrent'

/** A clock was built from, or asked for, something a clock can not hold. */
export class InvalidVectorClockError extends Error {
  readonly code = 'invalid_vector_clock'
  override readonly name = 'InvalidVectorClockError'
}

export const emptyClock: VectorClock = Object.freeze({})

/**
 * A clock from `[node id, counter]` pairs or a plain object. Throws {@link InvalidVectorClockError} for an empty or repeated id and for a
 * counter that is not a non-negative integer.
 */
export function vectorClock(entries: Iterable<readonly [string, number]> | Readonly<Record<string, number>>): VectorClock {
  const pairs = Symbol.iterator in entries ? [...(entries as Iterable<readonly [string, number]>)] : Object.entries(entries)
  const ids = new Set<string>()
  for (const [id, timestamp] of pairs) {
    if (id === '') throw new InvalidVectorClockError('Node ID cannot be empty')
    if (timestamp < 0) throw new InvalidVectorClockError(`Timestamp must be non-negative, got ${timestamp}`)
    if (!Number.isInteger(timestamp)) throw new InvalidVectorClockError(`Timestamp must be an integer, got ${timestamp}`)
    if (ids.has(id)) throw new InvalidVectorClockError('Duplicate node IDs in vector clock')
    ids.add(id)
  }
  return Object.fromEntries(pairs)
}

/** How `a` relates to `b`: `before` means that b has seen all of a and more. */
export function compareClocks(a: VectorClock, b: VectorClock): CausalOrder {
  if (sameEntries(a, b)) return 'equal'
  if (happensBefore(a, b)) return 'before'
  if (happensBefore(b, a)) return 'after'
  return 'concurrent'
}

/** Whether every counter of `a` is at most that of `b` and one is smaller; the empty clock is before every other, even before zeros. */
export function happensBefore(a: VectorClock, b: VectorClock): boolean {
  if (isEmpty(b)) return false
  if (isEmpty(a)) return true
  let smaller = false
  for (const id in a) {
    const mine = a[id] as number
    const theirs = getTimestamp(b, id)
    if (mine > theirs) return false
    if (mine < theirs) smaller = true
  }
  if (smaller) return true
  for (const id in b) {
    if ((b[id] as number) > 0 && !Object.hasOwn(a, id)) return true
  }
  return false
}

/** The greatest counter of each node; entries of either side stay, zeros included. Returns `a` itself when `b` adds nothing to it. */
export function mergeClocks(a: VectorClock, b: VectorClock): VectorClock {
  let merged: Record<string, number> | undefined
  for (const id in b) {
    const theirs = b[id] as number
    if (Object.hasOwn(a, id) && (a[id] as number) >= theirs) continue
    merged ??= { ...a }
    define(merged, id, theirs)
  }
  return merged ?? a
}

/** `clock` with one more event of node `id`. Throws {@link InvalidVectorClockError} for an empty id. */
export function incrementClock(clock: VectorClock, id: string): VectorClock {
  if (id === '') throw new InvalidVectorClockError('Node ID cannot be empty')
  return { ...clock, [id]: getTimestamp(clock, id) + 1 }
}

/** The counter of `id`, 0 when absent. */
export function getTimestamp(clock: VectorClock, id: string): number {
  return Object.hasOwn(clock, id) ? (clock[id] as number) : 0
}

/** The counter of `id`. Throws {@link InvalidVectorClockError} when absent. */
export function requireTimestamp(clock: VectorClock, id: string): number {
  if (!Object.hasOwn(clock, id)) throw new InvalidVectorClockError(`Node ID '${id}' not found in vector clock`)
  return clock[id] as number
}

/** The largest counter; 0 for the empty clock. */
export function maxTimestamp(clock: VectorClock): number {
  let max = 0
  for (const id in clock) max = Math.max(max, clock[id] as number)
  return max
}

/** The sum of all counters. */
export function totalEvents(clock: VectorClock): number {
  let sum = 0
  for (const id in clock) sum += clock[id] as number
  return sum
}

/** Entries sorted by node id: the order in which a clock is hashed and shown. */
export function sortedClockEntries(clock: VectorClock): [string, number][] {
  return Object.entries(clock).sort(([a], [b]) => (a < b ? -1 : 1))
}

function isEmpty(clock: VectorClock): boolean {
  for (const _ in clock) return false
  return true
}

function sameEntries(a: VectorClock, b: VectorClock): boolean {
  let unseen = 0
  for (const id in a) {
    if (!Object.hasOwn(b, id) || a[id] !== b[id]) return false
    unseen++
  }
  for (const _ in b) unseen--
  return unseen === 0
}

/** A plain assignment to `__proto__` would be lost, and node ids come from the network. */
function define(target: Record<string, number>, id: string, value: number): void {
  if (id === '__proto__') Object.defineProperty(target, id, { value, enumerable: true, configurable: true, writable: true })
  else target[id] = value
}
