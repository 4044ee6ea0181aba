/**
 * Recent messages, kept for subscribers that come later.
 *
 * Bounded three ways: messages per topic, age (by the publisher's timestamp), and bytes over all topics. Whatever bound is met, the
 * oldest goes first, and is counted.
 */
import { type Clock, TopicTrie } from '../base/index.ts'
import type { Message, TopicPattern } from '../wire/index.ts'

export interface BacklogOptions {
  readonly messagesPerTopicMax: number
  readonly retentionSeconds: number
  /** Bytes of message text over all topics; 0 keeps nothing. */
  readonly bytesMax: number
}

export interface BacklogSnapshot {
  readonly total_messages: number
  readonly total_size_bytes: number
  readonly total_size_mb: number
  readonly active_topics: number
  /** Messages let go because a bound was met, not because of age. */
  readonly dropped_total: number
}

export interface Backlog {
  add(message: Message): void
  /** Messages not older than `windowSeconds` on topics that any pattern matches: each once, ascending timestamp. */
  replay(patterns: readonly TopicPattern[], windowSeconds: number): Message[]
  snapshot(): BacklogSnapshot
}

interface Entry {
  readonly message: Message
  readonly bytes: number
  kept: boolean
  next: Entry | undefined
}

/** What a kept message costs besides its text. */
const ENTRY_BYTES = 160
/** Expired messages are looked for on every so many additions. */
const PURGE_EVERY = 64

export function createBacklog(clock: Clock, options: BacklogOptions): Backlog {
  const topics = new Map<string, Entry[]>()
  /** All entries in order of arrival, to find the oldest. Entries dropped from their topic are skipped when met. */
  let head: Entry | undefined
  let tail: Entry | undefined
  let bytes = 0
  let count = 0
  let dropped = 0
  let additions = 0

  function drop(entry: Entry): void {
    if (!entry.kept) return
    entry.kept = false
    bytes -= entry.bytes
    count--
    const entries = topics.get(entry.message.topic) as Entry[]
    // The oldest of a topic is first but for late arrivals, so this finds it at once.
    entries.splice(entries.indexOf(entry), 1)
    if (entries.length === 0) topics.delete(entry.message.topic)
  }

  function purge(): void {
    const oldest = clock.wall() - options.retentionSeconds
    while (head !== undefined && (!head.kept || head.message.timestamp < oldest)) {
      drop(head)
      head = head.next
    }
    if (head === undefined) tail = undefined
  }

  return {
    add(message) {
      const size = message.text.length + ENTRY_BYTES
      if (size > options.bytesMax) return
      const entry: Entry = { message, bytes: size, kept: true, next: undefined }
      const entries = topics.get(message.topic)
      if (entries === undefined) topics.set(message.topic, [entry])
      else {
        entries.push(entry)
        if (entries.length > options.messagesPerTopicMax) {
          dropped++
          drop(entries[0] as Entry)
        }
      }
      if (tail === undefined) head = entry
      else tail.next = entry
      tail = entry
      bytes += size
      count++
      while (bytes > options.bytesMax && head !== undefined) {
        if (head.kept) dropped++
        drop(head)
        head = head.next
      }
      if (++additions % PURGE_EVERY === 0) purge()
    },

    replay(patterns, windowSeconds) {
      if (windowSeconds <= 0) return []
      const oldest = clock.wall() - Math.min(windowSeconds, options.retentionSeconds)
      const wildcards = new TopicTrie<true>()
      const exact = new Set<string>()
      for (const { pattern, exact: isExact } of patterns) {
        if (isExact) exact.add(pattern)
        else wildcards.add(pattern, true)
      }
      const found: Message[] = []
      for (const [topic, entries] of topics) {
        if (!exact.has(topic) && wildcards.match(topic).length === 0) continue
        for (const { message } of entries) if (message.timestamp >= oldest) found.push(message)
      }
      return found.sort((a, b) => a.timestamp - b.timestamp)
    },

    snapshot: () => ({
      total_messages: count,
      total_size_bytes: bytes,
      total_size_mb: bytes / 1048576,
      active_topics: topics.size,
      dropped_total: dropped,
    }),
  }
}
