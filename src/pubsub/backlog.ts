/**
 * Recent messages, kept for subscribers that come later.
 *
 * Bounded three ways: messages per topic, age, and bytes over all topics. Whatever bound is met, the oldest goes first; what goes because
 * of the number or the bytes is counted. Age runs from the publisher's timestamp, but at the latest from arrival: a message "from the
 * future" stays no longer than one from now.
 *
 * Every entry is in two doubly linked lists, that of all entries and that of its topic, both in order of arrival. So letting go of one is
 * O(1) wherever it stands, and nothing refers to it afterwards.
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
  /** Everything that is kept, in order of arrival, expired messages that were not found yet included. */
  held(): Iterable<Message>
  snapshot(): BacklogSnapshot
}

interface Entry {
  readonly message: Message
  readonly bytes: number
  /** When its age begins, Unix seconds: the earlier of timestamp and arrival. */
  readonly since: number
  readonly topic: Topic
  older: Entry | undefined
  newer: Entry | undefined
  olderInTopic: Entry | undefined
  newerInTopic: Entry | undefined
}

interface Topic {
  oldest: Entry | undefined
  newest: Entry | undefined
  count: number
}

/** What a kept message costs besides its text. */
const ENTRY_BYTES = 160
/** Expired messages are looked for on every so many additions. */
const PURGE_EVERY = 64
/**
 * Entries one purge looks at behind the oldest. More than PURGE_EVERY, so that the search goes round the whole list however fast it grows;
 * few enough that no publisher waits for it.
 */
const PURGE_LOOKS = 256

export function createBacklog(clock: Clock, options: BacklogOptions): Backlog {
  const topics = new Map<string, Topic>()
  let oldest: Entry | undefined
  let newest: Entry | undefined
  /** Where the next purge goes on looking; undefined = at the oldest. */
  let nextLook: Entry | undefined
  let bytes = 0
  let count = 0
  let dropped = 0
  let additions = 0

  function link(entry: Entry): void {
    const { topic } = entry
    if (newest === undefined) oldest = entry
    else newest.newer = entry
    newest = entry
    if (topic.newest === undefined) topic.oldest = entry
    else topic.newest.newerInTopic = entry
    topic.newest = entry
    topic.count++
    bytes += entry.bytes
    count++
  }

  function unlink(entry: Entry): void {
    const { topic, older, newer, olderInTopic, newerInTopic } = entry
    if (nextLook === entry) nextLook = newer
    if (older === undefined) oldest = newer
    else older.newer = newer
    if (newer === undefined) newest = older
    else newer.older = older
    if (olderInTopic === undefined) topic.oldest = newerInTopic
    else olderInTopic.newerInTopic = newerInTopic
    if (newerInTopic === undefined) topic.newest = olderInTopic
    else newerInTopic.olderInTopic = olderInTopic
    // A dead entry that garbage collection has not reached yet would keep its younger neighbours alive.
    entry.newer = undefined
    entry.newerInTopic = undefined
    topic.count--
    if (topic.count === 0) topics.delete(entry.message.topic)
    bytes -= entry.bytes
    count--
  }

  /**
   * Lets go of expired entries. Those at the old end go all at once. Further on, an entry can be expired behind a live one only because its
   * publisher dated it back; each purge looks at some of these and the next one goes on from there.
   */
  function purge(): void {
    const expiry = clock.wall() - options.retentionSeconds
    while (oldest !== undefined && oldest.since < expiry) unlink(oldest)
    for (let looks = Math.min(count, PURGE_LOOKS); looks > 0; looks--) {
      const entry = nextLook ?? oldest
      if (entry === undefined) return
      nextLook = entry.newer
      if (entry.since < expiry) unlink(entry)
    }
  }

  return {
    add(message) {
      const size = message.text.length + ENTRY_BYTES
      if (size > options.bytesMax) return
      let topic = topics.get(message.topic)
      if (topic === undefined) {
        topic = { oldest: undefined, newest: undefined, count: 0 }
        topics.set(message.topic, topic)
      }
      link({
        message,
        bytes: size,
        since: Math.min(message.timestamp, clock.wall()),
        topic,
        older: newest,
        newer: undefined,
        olderInTopic: topic.newest,
        newerInTopic: undefined,
      })
      if (topic.count > options.messagesPerTopicMax && topic.oldest !== undefined) {
        dropped++
        unlink(topic.oldest)
      }
      while (bytes > options.bytesMax && oldest !== undefined) {
        dropped++
        unlink(oldest)
      }
      if (++additions % PURGE_EVERY === 0) purge()
    },

    replay(patterns, windowSeconds) {
      if (windowSeconds <= 0) return []
      const expiry = clock.wall() - Math.min(windowSeconds, options.retentionSeconds)
      const wildcards = new TopicTrie<true>()
      const exact = new Set<string>()
      for (const { pattern, exact: isExact } of patterns) {
        if (isExact) exact.add(pattern)
        else wildcards.add(pattern, true)
      }
      const found: Message[] = []
      for (const [name, topic] of topics) {
        if (!exact.has(name) && wildcards.match(name).length === 0) continue
        for (let entry = topic.oldest; entry !== undefined; entry = entry.newerInTopic) if (entry.since >= expiry) found.push(entry.message)
      }
      return found.sort((a, b) => a.timestamp - b.timestamp)
    },

    *held() {
      for (let entry = oldest; entry !== undefined; entry = entry.newer) yield entry.message
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
