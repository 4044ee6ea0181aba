/**
 * The stream of changes of this node's catalog, for subscribers of this node: each change as one message, and again under each namespace it
 * concerns. Nothing is made for a topic nobody subscribes to, and nothing is said of what only renews a lifetime.
 *
 * Subscriptions to discovery's own topics are not told of: following the stream would be a change, and everybody's stream would tell of
 * everybody else's following it.
 */
import type { Env } from '../base/index.ts'
import type { Catalog, CatalogChange } from '../fabric/index.ts'
import {
  type CatalogDelta,
  catalogDeltaMessage,
  compareCodePoints,
  DISCOVERY_PREFIX,
  deltaTopic,
  encodeMessage,
  type Message,
  namespaceOf,
  RawJson,
  type TopicEntry,
} from '../wire/index.ts'
import { literalPrefix } from './entry-names.ts'

export interface DeltaStreamDeps {
  readonly env: Pick<Env, 'clock' | 'random'>
  readonly nodeId: string
  readonly clusterId: string
  /** Name of the node. */
  readonly publisher: string
  readonly catalog: Pick<Catalog, 'observe' | 'list'>
  /** Whether anybody subscribes to a topic. */
  isWanted(topic: string): boolean
  /** To subscribers of this node only. */
  publish(message: Message): void
}

/** Ends it. */
export type StopStream = () => void

export function startDeltaStream(deps: DeltaStreamDeps): StopStream {
  const { catalog, clusterId, env, nodeId, publisher } = deps
  const { clock, random } = env
  /** Subscriptions that are not told of: their removal names nothing but the id. As many as the catalog has. */
  const unspoken = new Set(catalog.list('topics').filter(isOwnTopic).map(idOf))

  function told(delta: CatalogDelta): CatalogDelta {
    const { topic_removals: removals, topics } = delta
    if (topics.length === 0 && removals.length === 0) return delta
    // Before the additions: a subscription that changes its patterns is removed and added at once.
    const removed = removals.filter((id) => !unspoken.delete(id))
    const added: TopicEntry[] = []
    for (const entry of topics) {
      if (isOwnTopic(entry)) unspoken.add(idOf(entry))
      else {
        unspoken.delete(idOf(entry))
        added.push(entry)
      }
    }
    return { ...delta, topics: added, topic_removals: removed }
  }

  return catalog.observe((change: CatalogChange) => {
    const delta = told(change.delta)
    if (!change.isNoticeable) return
    const counts = {
      ...change.counts,
      topics_added: Math.min(change.counts.topics_added, delta.topics.length),
      topics_removed: Math.min(change.counts.topics_removed, delta.topic_removals.length),
    }
    if (Object.values(counts).every((count) => count === 0)) return
    const namespaces = namespacesIn(delta)
    const topics = [deltaTopic(), ...namespaces.map(deltaTopic)].filter(deps.isWanted)
    if (topics.length === 0) return
    const now = clock.wall()
    const payload = new RawJson(
      catalogDeltaMessage.write({ delta, counts, namespaces, source_node: nodeId, source_cluster: clusterId, published_at: now }),
    )
    const headers = { event: 'discovery.catalog_delta', cluster_id: clusterId }
    for (const topic of topics) {
      const messageId = topic === deltaTopic() ? delta.update_id : random.ulid()
      const text = encodeMessage({ topic, payload, timestamp: now, messageId, publisher, headers })
      deps.publish({ topic, timestamp: now, messageId, publisher, text })
    }
  })
}

function isOwnTopic({ patterns }: TopicEntry): boolean {
  return patterns.length > 0 && patterns.every((pattern) => pattern.startsWith(DISCOVERY_PREFIX))
}

function idOf({ subscription_id }: TopicEntry): string {
  return subscription_id
}

/** In order; the cluster when a delta concerns no namespace. */
function namespacesIn(delta: CatalogDelta): string[] {
  const namespaces = new Set<string>()
  const named = (name: string) => namespaces.add(namespaceOf(name) || name)
  for (const { identity } of [...delta.functions, ...delta.function_removals]) named(identity.name)
  for (const { queue_name } of [...delta.queues, ...delta.queue_removals]) named(queue_name)
  for (const { name, namespace } of [...delta.services, ...delta.service_removals]) namespaces.add(namespace || name)
  for (const { patterns } of delta.topics) for (const pattern of patterns) namespaces.add(literalPrefix(pattern))
  namespaces.delete('')
  return namespaces.size === 0 ? [delta.cluster_id] : [...namespaces].sort(compareCodePoints)
}
