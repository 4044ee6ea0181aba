/**
 * Topic exchange of one node: who subscribes to what, and delivery of a message to each matching subscription, once.
 *
 * Matching costs one walk of the trie for wildcard patterns and one map look-up for exact ones. Delivery is synchronous and never waits:
 * a subscriber's own bounded buffer decides what happens to a slow one.
 */
import { type Env, type LogScope, TopicTrie, type TopicTrieStats } from '../base/index.ts'
import type { Message, Subscription } from '../wire/index.ts'
import { type Backlog, type BacklogOptions, type BacklogSnapshot, createBacklog } from './backlog.ts'

/** Whoever holds subscriptions: a session, or in-process code. Its subscriptions end with it. */
export interface Subscriber {
  /** For logs and errors. */
  readonly label: string
  /** Hands over one message; must not throw and must not wait. */
  deliver(message: Message, subscription: Subscription): void
}

export type SubscribeOutcome = { readonly ok: true } | { readonly ok: false; readonly error: string }

export interface ExchangeSnapshot {
  readonly active_subscriptions: number
  readonly active_subscribers: number
  readonly messages_published: number
  readonly messages_delivered: number
  readonly delivery_ratio: number
  readonly trie_stats: TopicTrieStats
  readonly backlog_stats: BacklogSnapshot
}

/** How large a topic or a pattern may be. */
export interface TopicLimits {
  readonly segmentsMax: number
  /** UTF-16 units, dots included. */
  readonly topicCharactersMax: number
}

/** Topics of a system of the node that has its own rules for who is shown what, and for what late subscribers get. */
export interface RuledTopics {
  /** How all of them begin. */
  readonly prefix: string
  /** Whether the backlog keeps messages of a topic. */
  isKept(topic: string): boolean
  /** What a new subscription missed of those it does not keep, oldest first. */
  replay(subscription: Subscription): readonly Message[]
  /** What a subscriber is shown of a message; undefined: nothing. */
  shownTo(message: Message, subscriber: Subscriber): Message | undefined
}

export interface ExchangeOptions extends Partial<TopicLimits> {
  readonly backlog: BacklogOptions
  readonly ruled?: RuledTopics
  /** Subscriptions one owner may hold. */
  readonly subscriptionsPerOwnerMax: number
  /** Patterns one subscription may have; default PATTERNS_PER_SUBSCRIPTION_MAX. */
  readonly patternsPerSubscriptionMax?: number
}

/** A subscribe frame is carried out in one go; this many patterns keep that, and what one subscription id can hold, small. */
const PATTERNS_PER_SUBSCRIPTION_MAX = 100
/** Each segment of a pattern is a node of the trie and each one of a topic a step of every match; topics in use have fewer than ten. */
const SEGMENTS_MAX = 64
/** The texts of segments stay in memory as long as their pattern, and topics as long as their messages; names in use are far shorter. */
const TOPIC_CHARACTERS_MAX = 1024

const TOPIC_LIMITS: TopicLimits = { segmentsMax: SEGMENTS_MAX, topicCharactersMax: TOPIC_CHARACTERS_MAX }

/** What is wrong with a topic that a message is to be published on, as a sentence for its publisher; undefined = nothing. */
export function topicProblem(topic: string, limits: TopicLimits = TOPIC_LIMITS): string | undefined {
  return sizeProblem('topic', topic, limits)
}

function sizeProblem(noun: 'topic' | 'pattern', text: string, { segmentsMax, topicCharactersMax }: TopicLimits): string | undefined {
  if (text.length > topicCharactersMax) {
    return `the ${noun} has ${text.length} characters and at most ${topicCharactersMax} are allowed; use a shorter ${noun}`
  }
  const segments = text.split('.').length
  if (segments > segmentsMax) {
    return `the ${noun} has ${segments} segments and at most ${segmentsMax} are allowed; use a ${noun} with fewer dots`
  }
  return undefined
}

export interface SubscriptionObserver {
  /** One that is new, or that has taken the place of an older one with its id. */
  added(subscription: Subscription): void
  removed(subscription: Subscription): void
}

export interface Exchange {
  /** The same owner replaces its own id at once; an id that another live owner holds is refused, and so is what exceeds a limit. */
  subscribe(owner: Subscriber, subscription: Subscription): SubscribeOutcome
  /** False for an id the owner does not hold. */
  unsubscribe(owner: Subscriber, subscriptionId: string): boolean
  /** Ends all subscriptions of an owner; the number ended. */
  removeOwner(owner: Subscriber): number
  /** Delivers to every matching subscription and keeps the message for late ones. Returns the number of deliveries. */
  publish(message: Message): number
  /** Messages a new subscription missed: each once, oldest first. */
  backlogFor(owner: Subscriber, subscription: Subscription): Message[]
  /** Whether anybody would get a message on a topic. */
  isWanted(topic: string): boolean
  /** Every subscription that is held, oldest first. */
  subscriptions(): Iterable<Subscription>
  /** Tells of each subscription that comes or goes, at once; the function returned ends it. An observer must not throw. */
  observe(observer: SubscriptionObserver): () => void
  readonly subscriptionCount: number
  snapshot(): ExchangeSnapshot
}

interface Held {
  readonly subscription: Subscription
  readonly owner: Subscriber
  /** Number of the publication that was last delivered to it: several matching patterns deliver once. */
  lastPublication: number
}

export function createExchange(env: Env, options: ExchangeOptions): Exchange {
  const log: LogScope = env.log.scope('pubsub')
  const held = new Map<string, Held>()
  const byOwner = new Map<Subscriber, Set<string>>()
  const trie = new TopicTrie<Held>()
  const exact = new Map<string, Set<Held>>()
  const observers = new Set<SubscriptionObserver>()
  const backlog: Backlog = createBacklog(env.clock, options.backlog)
  const { ruled } = options
  const patternsMax = options.patternsPerSubscriptionMax ?? PATTERNS_PER_SUBSCRIPTION_MAX
  const limits: TopicLimits = {
    segmentsMax: options.segmentsMax ?? SEGMENTS_MAX,
    topicCharactersMax: options.topicCharactersMax ?? TOPIC_CHARACTERS_MAX,
  }
  let published = 0
  let delivered = 0

  function patternsProblem({ patterns }: Subscription): string | undefined {
    if (patterns.length > patternsMax) {
      return `the subscription has ${patterns.length} patterns and at most ${patternsMax} are allowed; spread them over several subscriptions`
    }
    for (const { pattern } of patterns) {
      const problem = sizeProblem('pattern', pattern, limits)
      if (problem !== undefined) return problem
    }
    return undefined
  }

  function add(entry: Held): void {
    const { subscription, owner } = entry
    held.set(subscription.subscriptionId, entry)
    let ids = byOwner.get(owner)
    if (ids === undefined) {
      ids = new Set()
      byOwner.set(owner, ids)
    }
    ids.add(subscription.subscriptionId)
    for (const { pattern, exact: isExact } of subscription.patterns) {
      if (!isExact) trie.add(pattern, entry)
      else {
        const entries = exact.get(pattern)
        if (entries === undefined) exact.set(pattern, new Set([entry]))
        else entries.add(entry)
      }
    }
  }

  function remove(entry: Held): void {
    const { subscription, owner } = entry
    held.delete(subscription.subscriptionId)
    const ids = byOwner.get(owner)
    ids?.delete(subscription.subscriptionId)
    if (ids?.size === 0) byOwner.delete(owner)
    for (const { pattern, exact: isExact } of subscription.patterns) {
      if (!isExact) trie.remove(pattern, entry)
      else {
        const entries = exact.get(pattern)
        entries?.delete(entry)
        if (entries?.size === 0) exact.delete(pattern)
      }
    }
  }

  function end(entry: Held): void {
    remove(entry)
    for (const observer of observers) observer.removed(entry.subscription)
  }

  return {
    subscribe(owner, subscription) {
      const problem = patternsProblem(subscription)
      if (problem !== undefined) return { ok: false, error: problem }
      const present = held.get(subscription.subscriptionId)
      if (present !== undefined && present.owner !== owner) {
        return { ok: false, error: `subscription_id '${subscription.subscriptionId}' is held by another live connection; use a fresh id` }
      }
      if (present === undefined && (byOwner.get(owner)?.size ?? 0) >= options.subscriptionsPerOwnerMax) {
        return {
          ok: false,
          error: `overloaded: ${options.subscriptionsPerOwnerMax} subscriptions on this connection already; unsubscribe some first`,
        }
      }
      if (present !== undefined) remove(present)
      add({ subscription, owner, lastPublication: 0 })
      for (const observer of observers) observer.added(subscription)
      if (log.debugOn)
        log.debug(
          `subscribed id=${subscription.subscriptionId} by=${owner.label} patterns=${subscription.patterns.map((p) => p.pattern).join(',')}`,
        )
      return { ok: true }
    },

    unsubscribe(owner, subscriptionId) {
      const entry = held.get(subscriptionId)
      if (entry === undefined || entry.owner !== owner) return false
      end(entry)
      if (log.debugOn) log.debug(`unsubscribed id=${subscriptionId} by=${owner.label}`)
      return true
    },

    removeOwner(owner) {
      const ids = [...(byOwner.get(owner) ?? [])]
      for (const id of ids) end(held.get(id) as Held)
      return ids.length
    },

    publish(message) {
      published++
      const publication = published
      const rules = ruled !== undefined && message.topic.startsWith(ruled.prefix) ? ruled : undefined
      if (rules === undefined || rules.isKept(message.topic)) backlog.add(message)
      let count = 0
      const hand = (entry: Held) => {
        if (entry.lastPublication === publication) return
        entry.lastPublication = publication
        const shown = rules === undefined ? message : rules.shownTo(message, entry.owner)
        if (shown === undefined) return
        count++
        entry.owner.deliver(shown, entry.subscription)
      }
      const entries = exact.get(message.topic)
      // Copies, because a delivery may end a subscription (a slow consumer is dropped) while the walk goes on.
      if (entries !== undefined) for (const entry of [...entries]) hand(entry)
      for (const entry of trie.match(message.topic)) hand(entry)
      delivered += count
      return count
    },

    backlogFor(owner, subscription) {
      const kept = backlog.replay(subscription.patterns, subscription.backlogSeconds)
      if (ruled === undefined) return kept
      const missed: Message[] = []
      for (const message of [...kept, ...ruled.replay(subscription)].sort((a, b) => a.timestamp - b.timestamp)) {
        const shown = message.topic.startsWith(ruled.prefix) ? ruled.shownTo(message, owner) : message
        if (shown !== undefined) missed.push(shown)
      }
      return missed
    },

    isWanted: (topic) => exact.has(topic) || trie.match(topic).length > 0,

    *subscriptions() {
      for (const { subscription } of held.values()) yield subscription
    },

    observe(observer) {
      observers.add(observer)
      return () => void observers.delete(observer)
    },

    get subscriptionCount() {
      return held.size
    },

    snapshot() {
      const names = new Set<string>()
      for (const { subscription } of held.values()) names.add(subscription.subscriber)
      return {
        active_subscriptions: held.size,
        active_subscribers: names.size,
        messages_published: published,
        messages_delivered: delivered,
        delivery_ratio: delivered / Math.max(published, 1),
        trie_stats: trie.stats(),
        backlog_stats: backlog.snapshot(),
      }
    },
  }
}
