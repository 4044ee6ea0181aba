/** `catalog_query`: entries of one kind, filtered, in order, page by page, without what the viewer may not see. */
import { compareVersions, matchesTopicGlob, parseConstraint, parseVersion, satisfies } from '../base/index.ts'
import { CATALOG_KINDS, type CatalogEntry, type CatalogKind, type EntryOfKind } from '../fabric/index.ts'
import {
  type CacheRoleEntry,
  catalogRecords,
  compareCodePoints,
  type FunctionEntry,
  float,
  type NodeEntry,
  namespaceMatches,
  pageOf,
  QueryError,
  type QueryFields,
  type QueueEntry,
  queryList,
  queryText,
  RawJson,
  type ServiceEntry,
  type TopicEntry,
} from '../wire/index.ts'
import type { CatalogSource } from './catalog-source.ts'
import { denialOf, governedNames, toldOf } from './entry-names.ts'
import { type KeptOrder, keepInOrder } from './kept-order.ts'
import type { NamespacePolicy } from './policy.ts'
import { areaOf, type Command, hasAll, isInArea, openQuestion, type QuestionDeps, reaches } from './question.ts'
import type { Recall } from './recall.ts'
import type { Viewer } from './viewer.ts'

export interface CatalogQueryDeps extends QuestionDeps {
  readonly source: CatalogSource
  readonly policy: NamespacePolicy
  readonly recall: Recall
  /** This node, as it announces itself. */
  ownNode(): NodeEntry
}

/** Fields of a request that decide about the answer, paging and viewer excepted. */
const FIELDS = [
  'namespace',
  'scope',
  'capabilities',
  'resources',
  'tags',
  'cluster_id',
  'node_id',
  'function_name',
  'function_id',
  'version_constraint',
  'queue_name',
  'service_name',
  'service_protocol',
  'service_port',
  'topic',
] as const

/** @throws QueryError for an unknown kind or scope, RpcError 429 (both when called) */
export function createCatalogQuery(deps: CatalogQueryDeps): Command {
  const { policy, recall, source } = deps
  const wanted = filters(source)
  const inOrder = Object.fromEntries(CATALOG_KINDS.map((kind) => [kind, keepInOrder(ORDER[kind])])) as Readonly<
    Record<CatalogKind, KeptOrder<CatalogEntry>>
  >

  function entriesOf<K extends CatalogKind>(kind: K): readonly EntryOfKind[K][] {
    const entries = source.list(kind)
    if (kind !== 'nodes' || !source.includesSelf || entries.some(({ node_id }) => node_id === deps.nodeId())) return entries
    return [...entries, deps.ownNode() as EntryOfKind[K]]
  }

  function matching(kind: CatalogKind, request: QueryFields, namespace: string, viewer: Viewer): readonly CatalogEntry[] {
    const area = areaOf(request)
    const tags = queryList(request.tags)
    const isWanted = wanted[kind](request, namespace)
    return inOrder[kind](entriesOf(kind)).filter(
      (entry) =>
        isInArea(area, entry, deps) &&
        // Nodes of mixed versions agree on nodes: they are listed whatever their scope.
        (kind === 'nodes' || reaches(entry.scope, area)) &&
        hasAll(tags, entry.tags) &&
        isWanted(entry) &&
        denialOf(policy, governedNames(kind, entry), (name) => policy.viewer(name, viewer)) === undefined,
    )
  }

  return (request, caller) => {
    const kind = kindOf(request.entry_type)
    const counted = { command: 'catalog_query', budget: 'catalog_query', name: nameAsked(kind, request) }
    const { isOpen, namespace, viewer } = openQuestion(deps, counted, request, caller)
    const key = JSON.stringify([kind, viewer, ...FIELDS.map((field) => request[field])])
    const { generatedAt, items } = recall('catalog', key, () => (isOpen ? matching(kind, request, namespace, viewer) : []))
    const page = pageOf(items, request)
    const { write } = catalogRecords[kind] as { write(entry: CatalogEntry): string }
    return {
      entry_type: kind,
      generated_at: float(generatedAt),
      items: page.items.map((entry) => new RawJson(write(source.announced(entry)))),
      ...(page.nextPageToken !== undefined && { next_page_token: page.nextPageToken }),
    }
  }
}

/** Of the one thing asked for; empty: none. */
function nameAsked(kind: CatalogKind, request: QueryFields): string {
  if (kind === 'functions') return queryText(request.function_name)
  return kind === 'queues' ? queryText(request.queue_name) : ''
}

/** The plural is the name; the singular will do. @throws QueryError */
function kindOf(asked: unknown): CatalogKind {
  const word = queryText(asked).trim().toLowerCase().replaceAll('-', '_')
  const kind = CATALOG_KINDS.find((known) => known === word || known === `${word}s`)
  if (kind === undefined) throw new QueryError(`Unsupported catalog entry_type: ${queryText(asked)}`)
  return kind
}

type Filter = (entry: CatalogEntry) => boolean

/** What is asked of the entries of each kind besides place, scope and tags. Each reads its fields of the request once. */
function filters(source: CatalogSource): Record<CatalogKind, (request: QueryFields, namespace: string) => Filter> {
  return {
    functions(request, namespace) {
      const name = queryText(request.function_name)
      const id = queryText(request.function_id)
      const constraint = queryText(request.version_constraint) === '' ? undefined : parseConstraint(queryText(request.version_constraint))
      const resources = queryList(request.resources)
      const capabilities = queryList(request.capabilities)
      return (entry) => {
        const { identity, node_id, resources: offered } = entry as FunctionEntry
        return (
          (name === '' || identity.name === name) &&
          (id === '' || identity.function_id === id) &&
          (constraint === undefined || satisfies(parseVersion(identity.version), constraint)) &&
          hasAll(resources, offered) &&
          (namespace === '' || namespaceMatches(namespace, toldOf(entry as FunctionEntry).namespace)) &&
          (capabilities.length === 0 ||
            hasAll(capabilities, [...toldOf(entry as FunctionEntry).capabilities, ...(source.node(node_id)?.capabilities ?? [])]))
        )
      }
    },
    nodes(request, namespace) {
      const resources = queryList(request.resources)
      const capabilities = queryList(request.capabilities)
      return (entry) => {
        const node = entry as NodeEntry
        return hasAll(resources, node.resources) && hasAll(capabilities, node.capabilities) && isNodeNamed(namespace, node)
      }
    },
    queues(request, namespace) {
      const name = queryText(request.queue_name)
      return (entry) => {
        const { queue_name } = entry as QueueEntry
        return (name === '' || queue_name === name) && namespaceMatches(namespace, queue_name)
      }
    },
    services(request, namespace) {
      const name = queryText(request.service_name)
      const protocol = queryText(request.service_protocol)
      const port = queryText(request.service_port)
      const capabilities = queryList(request.capabilities)
      return (entry) => {
        const service = entry as ServiceEntry
        return (
          (namespace === '' || service.namespace === namespace) &&
          (name === '' || service.name === name) &&
          (protocol === '' || service.protocol === protocol) &&
          (port === '' || service.port === Number(port)) &&
          hasAll(capabilities, service.capabilities)
        )
      }
    },
    topics(request, namespace) {
      const topic = queryText(request.topic)
      return (entry) => {
        const { patterns } = entry as TopicEntry
        return (
          (namespace === '' || patterns.some((pattern) => namespaceMatches(namespace, pattern))) &&
          (topic === '' || patterns.some((pattern) => isSubscribed(pattern, topic)))
        )
      }
    },
    caches: () => () => true,
    cache_profiles: () => () => true,
  }
}

/** Wildcards of subscriptions stand for whole words, in a name without dots too: a dot on both sides says so. */
function isSubscribed(pattern: string, topic: string): boolean {
  return matchesTopicGlob(`.${pattern}`, `.${topic}`)
}

/** Nodes have no namespace: the beginning of anything they are known by will do, as in `cluster_map_v2`. */
export function isNodeNamed(prefix: string, { capabilities, cluster_id, node_id, resources }: NodeEntry): boolean {
  return prefix === '' || [node_id, cluster_id, ...resources, ...capabilities].some((word) => word.startsWith(prefix))
}

type Order = (a: CatalogEntry, b: CatalogEntry) => number

function byPlace(a: CatalogEntry, b: CatalogEntry): number {
  return compareCodePoints(a.cluster_id, b.cluster_id) || compareCodePoints(a.node_id, b.node_id)
}

/** First by what `first` says, then by place, then by what `last` says. */
function ordered<E extends CatalogEntry>(first: (a: E, b: E) => number, last: (a: E, b: E) => number = () => 0): Order {
  return (a, b) => first(a as E, b as E) || byPlace(a, b) || last(a as E, b as E)
}

const ORDER: Record<CatalogKind, Order> = {
  nodes: byPlace,
  cache_profiles: byPlace,
  functions: ordered<FunctionEntry>(
    ({ identity: a }, { identity: b }) =>
      compareCodePoints(a.name, b.name) ||
      compareCodePoints(a.function_id, b.function_id) ||
      (a.version === b.version ? 0 : compareVersions(parseVersion(a.version), parseVersion(b.version))),
  ),
  queues: ordered<QueueEntry>((a, b) => compareCodePoints(a.queue_name, b.queue_name)),
  services: ordered<ServiceEntry>(
    (a, b) =>
      compareCodePoints(a.namespace, b.namespace) ||
      compareCodePoints(a.name, b.name) ||
      compareCodePoints(a.protocol, b.protocol) ||
      a.port - b.port,
  ),
  topics: ordered<TopicEntry>(
    () => 0,
    (a, b) => compareCodePoints(a.subscription_id, b.subscription_id),
  ),
  caches: ordered<CacheRoleEntry>((a, b) => compareCodePoints(a.role, b.role)),
}
