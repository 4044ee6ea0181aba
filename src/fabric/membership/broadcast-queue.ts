/**
 * News waiting to ride on messages that leave anyway (SWIM §4.1: infection-style dissemination).
 *
 * One item a member: newer news about it replaces older. Each item is sent a limited number of times, lambda * log10(n + 1), enough to reach
 * everybody with high probability. What was sent least goes first, and of those the newest, so that a refutation does not queue behind a
 * storm of arrivals. Taking k items costs O(k).
 */

export interface BroadcastQueueSnapshot {
  readonly waiting: number
  readonly added_total: number
  /** Replaced by newer news about the same member before they had been sent often enough. */
  readonly replaced_total: number
  /** Left for want of room. */
  readonly dropped_total: number
  /** Sent as often as they were to be. */
  readonly finished_total: number
  readonly transmissions_total: number
}

export interface BroadcastQueue<T> {
  readonly size: number
  /** `timesMax`: send it no more often than this, for news that matters less. */
  add(about: string, item: T, timesMax?: number): void
  has(about: string): boolean
  /** Up to `count` items to send once. */
  take(count: number): T[]
  /** The same items, without counting it as sent. */
  peek(count: number): T[]
  clear(): void
  snapshot(): BroadcastQueueSnapshot
}

export interface BroadcastQueueOptions {
  /** The most members with news waiting; beyond it the news that was sent most often makes room. */
  readonly capacity: number
  /** How often an item is sent; asked at each taking, because the group grows and shrinks. */
  readonly transmitLimit: () => number
}

/** Times one piece of news is sent by each of `members` members; at least once. */
export function retransmitLimit(lambda: number, members: number): number {
  return Math.max(1, Math.ceil(lambda * Math.ceil(Math.log10(Math.max(0, members) + 1))))
}

interface Entry<T> {
  readonly about: string
  readonly item: T
  readonly timesMax: number
  /** Replaced, dropped or finished: still on a shelf, to be skipped. */
  gone: boolean
}

/** Entries that are gone may outnumber the living by this many before the shelves are cleared. */
const GONE_SLACK = 64

export function createBroadcastQueue<T>({ capacity, transmitLimit }: BroadcastQueueOptions): BroadcastQueue<T> {
  const byMember = new Map<string, Entry<T>>()
  /** Index: how often its entries were sent. Each shelf is a stack, newest on top. */
  const shelves: Entry<T>[][] = []
  let gone = 0
  const counters = { added_total: 0, replaced_total: 0, dropped_total: 0, finished_total: 0, transmissions_total: 0 }

  function remove(entry: Entry<T>): void {
    byMember.delete(entry.about)
    entry.gone = true
    gone++
    if (gone <= byMember.size + GONE_SLACK) return
    for (let i = 0; i < shelves.length; i++) shelves[i] = (shelves[i] as Entry<T>[]).filter((kept) => !kept.gone)
    gone = 0
  }

  /** The oldest of those sent most often. */
  function dropOne(): void {
    for (let i = shelves.length - 1; i >= 0; i--) {
      const victim = (shelves[i] as Entry<T>[]).find((entry) => !entry.gone)
      if (victim === undefined) continue
      counters.dropped_total++
      remove(victim)
      return
    }
  }

  function shelf(sent: number): Entry<T>[] {
    while (shelves.length <= sent) shelves.push([])
    return shelves[sent] as Entry<T>[]
  }

  return {
    get size() {
      return byMember.size
    },
    add(about, item, timesMax = Number.POSITIVE_INFINITY) {
      counters.added_total++
      const older = byMember.get(about)
      if (older !== undefined) {
        counters.replaced_total++
        remove(older)
      } else if (byMember.size >= capacity) dropOne()
      const entry = { about, item, timesMax, gone: false }
      byMember.set(about, entry)
      shelf(0).push(entry)
    },
    has: (about) => byMember.has(about),
    take(count) {
      const items: T[] = []
      if (byMember.size === 0) return items
      const limit = transmitLimit()
      const sent: { entry: Entry<T>; times: number }[] = []
      for (let times = 0; times < shelves.length && items.length < count; times++) {
        const stack = shelves[times] as Entry<T>[]
        while (items.length < count) {
          const entry = stack.pop()
          if (entry === undefined) break
          if (entry.gone) {
            gone--
            continue
          }
          items.push(entry.item)
          sent.push({ entry, times: times + 1 })
        }
      }
      counters.transmissions_total += items.length
      // In reverse, so that the newest lies on top again.
      for (let i = sent.length - 1; i >= 0; i--) {
        const { entry, times } = sent[i] as { entry: Entry<T>; times: number }
        if (times < Math.min(limit, entry.timesMax)) shelf(times).push(entry)
        else {
          counters.finished_total++
          byMember.delete(entry.about)
        }
      }
      return items
    },
    peek(count) {
      const items: T[] = []
      for (const stack of shelves) {
        for (let i = stack.length - 1; i >= 0 && items.length < count; i--) {
          const { item, gone: isGone } = stack[i] as Entry<T>
          if (!isGone) items.push(item)
        }
      }
      return items
    },
    clear() {
      byMember.clear()
      shelves.length = 0
      gone = 0
    },
    snapshot: () => ({ waiting: byMember.size, ...counters }),
  }
}
