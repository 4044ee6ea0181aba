/**
 * The stream of changes of this node's catalog, for subscribers of this node: each change as one message, and again in parts under the namespaces it
 * concerns. Nothing is made for a topic nobody subscribes to, and nothing is said of what only renews a lifetime.
 *
 * Of a change that concerns several namespaces, each is told its own part: the whole under each of them would be as large as its square, some
 * gigabytes when a node with a thousand namespaces joins.
 *
 * Subscriptions to discovery's own topics are not told of: following the stream would be a change, and everybody's stream would tell of
 * everybody else's following it.
 */
import type { Env } from '../base/index.ts'
import { CATALOG_KINDS, type Catalog, type CatalogChange, type DeltaDraft, deltaSize, draftDelta, REMOVALS_OF } from '../fabric/index.ts'
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
    if (deltaSize(delta) === 0) return
    const namespaces = namespacesIn(delta)
    if (deps.isWanted(deltaTopic())) publish(deltaTopic(), delta, namespaces, delta.update_id)
    const wanted = namespaces.filter((namespace) => deps.isWanted(deltaTopic(namespace)))
    if (wanted.length === 0) return
    const parts = namespaces.length === 1 ? undefined : partsOf(delta, wanted)
    for (const namespace of wanted) {
      publish(deltaTopic(namespace), parts?.get(namespace)?.finish(delta) ?? delta, [namespace], random.ulid())
    }
  })

  function publish(topic: string, delta: CatalogDelta, namespaces: readonly string[], messageId: string): void {
    const now = clock.wall()
    const source = { source_node: nodeId, source_cluster: clusterId, published_at: now }
    const payload = new RawJson(catalogDeltaMessage.write({ delta, counts: countsIn(delta), namespaces, ...source }))
    const headers = { event: 'discovery.catalog_delta', cluster_id: clusterId }
    const text = encodeMessage({ topic, payload, timestamp: now, messageId, publisher, headers })
    deps.publish({ topic, timestamp: now, messageId, publisher, text })
  }
}

function isOwnTopic({ patterns }: TopicEntry): boolean {
  return patterns.length > 0 && patterns.every((pattern) => pattern.startsWith(DISCOVERY_PREFIX))
}

function idOf({ subscription_id }: TopicEntry): string {
  return subscription_id
}

/** In order; the cluster when a delta concerns no namespace. */
function namespacesIn(delta: CatalogDelta): readonly string[] {
  const found = new Set<string>()
  share(delta, (namespace) => {
    found.add(namespace)
    return undefined
  })
  return found.size === 0 ? [delta.cluster_id] : [...found].sort(compareCodePoints)
}

function partsOf(delta: CatalogDelta, namespaces: readonly string[]): ReadonlyMap<string, DeltaDraft> {
  const parts = new Map(namespaces.map((namespace) => [namespace, draftDelta()]))
  share(delta, (namespace) => parts.get(namespace))
  return parts
}

/** Puts what a delta has into the parts of its namespaces. Nodes and caches belong to none. @param partOf undefined: not asked for */
function share(delta: CatalogDelta, partOf: (namespace: string) => DeltaDraft | undefined): void {
  const of = (namespace: string) => (namespace === '' ? undefined : partOf(namespace))
  const named = (name: string) => of(namespaceOf(name) || name)
  for (const entry of delta.functions) named(entry.identity.name)?.add('functions', entry)
  for (const key of delta.function_removals) named(key.identity.name)?.remove('functions', key)
  for (const entry of delta.queues) named(entry.queue_name)?.add('queues', entry)
  for (const key of delta.queue_removals) named(key.queue_name)?.remove('queues', key)
  for (const entry of delta.services) of(entry.namespace || entry.name)?.add('services', entry)
  for (const key of delta.service_removals) of(key.namespace || key.name)?.remove('services', key)
  for (const entry of delta.topics) for (const prefix of new Set(entry.patterns.map(literalPrefix))) of(prefix)?.add('topics', entry)
}

function countsIn(delta: CatalogDelta): Readonly<Record<string, number>> {
  return Object.fromEntries(
    CATALOG_KINDS.flatMap((kind) => [
      [`${kind}_added`, delta[kind].length],
      [`${kind}_removed`, delta[REMOVALS_OF[kind]].length],
    ]),
  )
}
