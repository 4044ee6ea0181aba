/**
 * The namespace policy on discovery's own topics: each subscriber is shown of a message what it may see, whoever published it. Without this
 * a subscription to `mpreg.discovery.#` would tell of every namespace the queries hide.
 */
import type { Clock } from '../base/index.ts'
import type { CatalogEntry, CatalogKind } from '../fabric/index.ts'
import {
  type CatalogDelta,
  type CatalogDeltaMessage,
  catalogDeltaMessage,
  DELTA_TOPIC,
  encodeMessage,
  FrameError,
  type Message,
  RawJson,
  readCatalogDelta,
  readSummaries,
  SUMMARY_TOPIC,
  type SummaryMessage,
  summaryMessage,
} from '../wire/index.ts'
import { governedNames } from './entry-names.ts'
import type { NamespacePolicy } from './policy.ts'
import type { Viewer } from './viewer.ts'

export interface StreamGuard {
  /** What a viewer is shown of a message on a topic of discovery; undefined: nothing. */
  shownTo(message: Message, viewer: Viewer): Message | undefined
}

type Sees = (namespace: string) => boolean

/** A message as all its subscribers have it in common. */
interface Judged {
  readonly message: Message
  readonly rules: NamespacePolicy['rules']
  readonly defaultAllow: boolean
  /** By viewer. */
  readonly shown: Map<string, Message | undefined>
  /** @throws FrameError, as the next does */
  readonly delta: () => CatalogDeltaMessage
  readonly summaries: () => SummaryMessage
}

export function createStreamGuard(clock: Pick<Clock, 'wall'>, policy: NamespacePolicy): StreamGuard {
  /** A message goes to many subscribers, most of whom see the same of it: only the last one is remembered, and read once. */
  let last: Judged | undefined

  function judged(message: Message): Judged {
    const { defaultAllow, rules } = policy
    if (last?.message === message && last.rules === rules && last.defaultAllow === defaultAllow) return last
    const now = clock.wall()
    const delta = once(() => readCatalogDelta(message, now))
    const summaries = once(() => readSummaries(message, now))
    last = { message, rules, defaultAllow, shown: new Map(), delta, summaries }
    return last
  }

  function shown({ delta, message, summaries }: Judged, sees: Sees): Message | undefined {
    const { topic } = message
    try {
      if (isUnder(DELTA_TOPIC, topic)) return sees(topic.slice(DELTA_TOPIC.length + 1)) ? deltaShown(message, delta(), sees) : undefined
      return isUnder(SUMMARY_TOPIC, topic) ? summariesShown(message, summaries(), sees) : message
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      // What can not be read can not be judged either.
      return undefined
    }
  }

  function deltaShown(message: Message, payload: CatalogDeltaMessage, sees: Sees): Message | undefined {
    const delta = visible(payload.delta, sees)
    const namespaces = payload.namespaces.filter(sees)
    if (sameLengths(delta, payload.delta) && namespaces.length === payload.namespaces.length) return message
    const counts = countsOf(payload, delta)
    if (Object.values(counts).every((count) => count === 0)) return undefined
    return withPayload(message, catalogDeltaMessage.write({ ...payload, delta, namespaces, counts }))
  }

  function summariesShown(message: Message, payload: SummaryMessage, sees: Sees): Message | undefined {
    const summaries = payload.summaries.filter(({ namespace, service_id }) => sees(namespace) && sees(service_id))
    const namespaces = payload.namespaces.filter(sees)
    if (summaries.length === payload.summaries.length && namespaces.length === payload.namespaces.length) return message
    if (summaries.length === 0) return undefined
    return withPayload(message, summaryMessage.write({ ...payload, summaries, namespaces }))
  }

  return {
    shownTo(message, viewer) {
      if (!policy.enabled) return message
      const known = judged(message)
      const who = JSON.stringify([viewer.clusterId, viewer.tenantId])
      if (known.shown.has(who)) return known.shown.get(who)
      const seen = shown(known, (namespace) => namespace === '' || policy.viewer(namespace, viewer).allowed)
      known.shown.set(who, seen)
      return seen
    },
  }
}

function once<T extends object>(read: () => T): () => T {
  let value: T | undefined
  return () => {
    value ??= read()
    return value
  }
}

function isUnder(base: string, topic: string): boolean {
  return topic === base || topic.startsWith(`${base}.`)
}

/** Without what a viewer may not see. Of what was removed the delta tells names only; of a subscription an id, which says nothing. */
function visible(delta: CatalogDelta, sees: Sees): CatalogDelta {
  const isSeen = (kind: CatalogKind) => (entry: CatalogEntry) => governedNames(kind, entry).every(sees)
  return {
    ...delta,
    functions: delta.functions.filter(isSeen('functions')),
    function_removals: delta.function_removals.filter(({ identity }) => sees(identity.name)),
    queues: delta.queues.filter(isSeen('queues')),
    queue_removals: delta.queue_removals.filter(({ queue_name }) => sees(queue_name)),
    services: delta.services.filter(isSeen('services')),
    service_removals: delta.service_removals.filter(({ namespace }) => sees(namespace)),
    topics: delta.topics.filter(isSeen('topics')),
  }
}

const FILTERED = {
  functions_added: 'functions',
  functions_removed: 'function_removals',
  queues_added: 'queues',
  queues_removed: 'queue_removals',
  services_added: 'services',
  services_removed: 'service_removals',
  topics_added: 'topics',
} as const satisfies Readonly<Record<string, keyof CatalogDelta>>

function sameLengths(a: CatalogDelta, b: CatalogDelta): boolean {
  return Object.values(FILTERED).every((list) => a[list].length === b[list].length)
}

/** No more than what is left. */
function countsOf({ counts }: CatalogDeltaMessage, delta: CatalogDelta): Readonly<Record<string, number>> {
  const lists: Readonly<Record<string, keyof typeof delta>> = FILTERED
  return Object.fromEntries(
    Object.entries(counts).map(([name, count]) => {
      const list = lists[name]
      return [name, list === undefined ? count : Math.min(count, (delta[list] as readonly unknown[]).length)]
    }),
  )
}

function withPayload(message: Message, payloadText: string): Message {
  const { messageId, publisher, timestamp, topic } = message
  const { headers } = JSON.parse(message.text) as { readonly headers: Readonly<Record<string, unknown>> }
  const text = encodeMessage({ topic, payload: new RawJson(payloadText), timestamp, messageId, publisher, headers })
  return { ...message, text }
}
