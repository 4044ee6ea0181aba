/** One topic matcher with 10,000 wildcard subscriptions, ours or qlobber's. */
import qlobber from 'qlobber'
import { TopicTrie } from '../../src/base/index.ts'
import { settle } from '../memory.ts'
import { roleInput, serveRole } from '../role.ts'
import { createTopicLoad } from '../topic-load.ts'

export interface MatcherInput {
  readonly contender: 'trie' | 'qlobber'
  readonly subscriptions: number
}

/** What stands for a subscriber. */
interface Subscriber {
  readonly id: number
}

interface Matcher {
  add(pattern: string, value: Subscriber): unknown
  match(topic: string): Subscriber[]
}

const { contender, subscriptions } = roleInput<MatcherInput>()

/** Topics are made before the clock runs, so many at a time. */
const BATCH = 2000

const operations = {
  /** Heap bytes a subscription takes in the matcher, the subscriber itself not counted. */
  async bytesPerSubscription(): Promise<number> {
    const subscribers = Array.from({ length: subscriptions }, (_, id): Subscriber => ({ id }))
    // Compiled code and lazily made tables are there after a first filling; only the second one is measured.
    fill(createMatcher(), subscribers)
    const before = await bytesHeld()
    const matcher = createMatcher()
    fill(matcher, subscribers)
    const after = await bytesHeld()
    if (matcher.match('nothing').length > subscriptions) throw new Error('unreachable; it keeps the matcher alive')
    return (after - before) / subscriptions
  },

  /** How many match each of a few topics, for comparing the contenders with each other. */
  counts({ topics }: { readonly topics: number }): number[] {
    const load = createTopicLoad('sample')
    return Array.from({ length: topics }, () => new Set(shared().match(load.topic())).size)
  },

  /** Matched topics a second; `seed` makes them new ones. */
  throughput({ seconds, seed }: { readonly seconds: number; readonly seed: string }): number {
    const matcher = shared()
    const load = createTopicLoad(seed)
    let elapsedMs = 0
    let matched = 0
    let values = 0
    while (elapsedMs < seconds * 1000) {
      const topics = Array.from({ length: BATCH }, load.topic)
      const began = performance.now()
      for (const topic of topics) values += matcher.match(topic).length
      elapsedMs += performance.now() - began
      matched += BATCH
    }
    if (values === 0) throw new Error('nothing matched')
    return (matched * 1000) / elapsedMs
  },
}
export type TopicMatcher = typeof operations
serveRole(operations)

let filled: Matcher | undefined

function shared(): Matcher {
  if (filled === undefined) {
    filled = createMatcher()
    fill(
      filled,
      Array.from({ length: subscriptions }, (_, id) => ({ id })),
    )
  }
  return filled
}

function createMatcher(): Matcher {
  return contender === 'trie' ? new TopicTrie<Subscriber>() : new qlobber.Qlobber<Subscriber>()
}

function fill(matcher: Matcher, subscribers: readonly Subscriber[]): void {
  const load = createTopicLoad('patterns')
  for (const subscriber of subscribers) matcher.add(load.pattern(), subscriber)
}

async function bytesHeld(): Promise<number> {
  await settle()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
