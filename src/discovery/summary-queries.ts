/** The commands about summaries and streams: `summary_query`, `summary_watch`, `catalog_watch`. */
import type { Clock } from '../base/index.ts'
import type { Caller } from '../rpc/index.ts'
import {
  compareCodePoints,
  deltaTopic,
  encodeJson,
  type FunctionEntry,
  float,
  namespaceMatches,
  pageOf,
  type QueryFields,
  queryFlag,
  queryList,
  queryName,
  queryScope,
  queryText,
  RawJson,
  RPC_CODES,
  RpcError,
  type Scope,
  type ServiceSummary,
  serviceSummary,
  summaryTopic,
} from '../wire/index.ts'
import type { Access } from './access.ts'
import type { CatalogSource } from './catalog-source.ts'
import { type Ingress, type IngressQuery, ingressOf } from './ingress.ts'
import type { NamespacePolicy } from './policy.ts'
import { type HostingNodes, summarise, summaryNamespace } from './service-summaries.ts'
import type { SummaryStore } from './summary-store.ts'
import type { Viewer, Viewers } from './viewer.ts'

/** Who is told how answers came about: ways into a cluster, and summaries of others. */
export interface SummaryDiagnostics {
  enabled(channel: 'summary_ingress' | 'discovery_summary'): boolean
  line(channel: 'summary_ingress' | 'discovery_summary', text: string): void
}

export interface SummaryQueryDeps {
  readonly clock: Pick<Clock, 'wall'>
  nodeId(): string
  readonly clusterId: string
  readonly policy: NamespacePolicy
  readonly access: Access
  readonly viewers: Viewers
  /** What summaries are worked out from. */
  readonly source: CatalogSource
  readonly nodes: HostingNodes
  /** Summaries of other clusters, where they are followed. */
  readonly store: SummaryStore | undefined
  /** Functions that are not summarised: those every node has. */
  isBuiltin(functionName: string): boolean
  /** By which a node can be reached; none for one that is gone. */
  urlsOf(nodeId: string): readonly string[]
  readonly diagnostics: SummaryDiagnostics
  /** Lifetime of a summary that is worked out. */
  readonly ttlSeconds: number
}

export interface SummaryQueries {
  query(request: QueryFields, caller: Caller): object
  watchSummaries(request: QueryFields, caller: Caller): object
  watchCatalog(request: QueryFields, caller: Caller): object
}

export function createSummaryQueries(deps: SummaryQueryDeps): SummaryQueries {
  const { access, clock, clusterId, diagnostics, policy, source, store, viewers } = deps

  /** The sources of an answer: what other clusters told, where that is asked for and followed, else what the catalog holds. */
  function summaries(scope: Scope | undefined, isWanted: (functionName: string, cluster: string) => boolean): ServiceSummary[] {
    if (store !== undefined && (scope === 'region' || scope === 'global')) {
      return store.list(scope).filter((summary) => isWanted(summary.service_id, summary.source_cluster ?? ''))
    }
    const inArea = (entry: FunctionEntry): boolean =>
      (scope !== 'local' || entry.node_id === deps.nodeId()) && (scope !== 'zone' || entry.cluster_id === clusterId)
    const functions = source
      .list('functions')
      .filter((entry) => !deps.isBuiltin(entry.identity.name) && inArea(entry) && isWanted(entry.identity.name, entry.cluster_id))
    return summarise(functions, deps.nodes, {
      now: clock.wall(),
      ttlSeconds: deps.ttlSeconds,
      scope,
      policyVersion: (namespace) => policy.ruleFor(namespace)?.policy_version,
    })
  }

  function found(request: QueryFields, viewer: Viewer, scope: Scope | undefined): ServiceSummary[] {
    const namespace = queryName(request, 'namespace')
    if (namespace !== '' && !access.decide('summary_query', viewer, namespace).allowed) return []
    const serviceId = queryText(request.service_id)
    const isWanted = (name: string): boolean =>
      (serviceId === '' || name === serviceId) && namespaceMatches(namespace, summaryNamespace(name)) && policy.viewer(name, viewer).allowed
    return summaries(scope, isWanted).sort(
      (a, b) =>
        compareCodePoints(a.namespace, b.namespace) ||
        compareCodePoints(a.service_id, b.service_id) ||
        compareCodePoints(a.source_cluster ?? '', b.source_cluster ?? ''),
    )
  }

  function ingress(
    request: QueryFields,
    clusters: ReadonlySet<string>,
    scope: Scope | undefined,
  ): Readonly<Record<string, readonly string[]>> {
    const explicit = queryScope(request.ingress_scope)
    const asked: IngressQuery = {
      scope: explicit ?? (scope === 'region' || scope === 'global' ? scope : undefined),
      isStrict: explicit !== undefined,
      capabilities: queryList(request.ingress_capabilities),
      tags: queryList(request.ingress_tags),
      limit: limitAsked(request.ingress_limit),
    }
    const nodes = source.list('nodes')
    const urls: [string, readonly string[]][] = []
    for (const cluster of clusters) {
      if (diagnostics.enabled('summary_ingress')) diagnostics.line('summary_ingress', startLine(cluster, asked))
      const way = ingressOf(
        nodes.filter((node) => node.cluster_id === cluster),
        deps.urlsOf,
        asked,
      )
      if (diagnostics.enabled('summary_ingress')) diagnostics.line('summary_ingress', endLine(cluster, way))
      if (way.urls.length > 0) urls.push([cluster, way.urls])
    }
    return Object.fromEntries(urls)
  }

  function startLine(cluster: string, { capabilities, isStrict, limit, scope, tags }: IngressQuery): string {
    return `[DIAG_SUMMARY_INGRESS] node=${deps.nodeId()} action=ingress_lookup_start cluster=${cluster} scope=${scope ?? 'None'} scope_strict=${isStrict ? 'True' : 'False'} capabilities=${encodeJson(capabilities)} tags=${encodeJson(tags)} limit=${Number.isFinite(limit) ? limit : 'None'}`
  }

  function endLine(cluster: string, { nodeCount, reason, result, urls }: Ingress): string {
    const outcome = `[DIAG_SUMMARY_INGRESS] node=${deps.nodeId()} action=ingress_lookup_end cluster=${cluster} result=${result}`
    if (result === 'empty') return `${outcome} reason=${reason}`
    return `${outcome} urls=${encodeJson(urls)}${result === 'ok' ? ` node_count=${nodeCount}` : ''}`
  }

  /** @throws RpcError 403 for a namespace the viewer may not see */
  function watch(command: string, request: QueryFields, caller: Caller, topicOf: (scope: Scope | null, namespace: string) => string) {
    const viewer = viewers.of(caller, request)
    const namespace = queryName(request, 'namespace')
    const scope = queryScope(request.scope)
    access.admit(command, viewer, namespace)
    if (namespace !== '' && !access.decide(command, viewer, namespace).allowed) {
      throw new RpcError({
        code: RPC_CODES.forbidden,
        message: 'discovery_access_denied',
        details: `${command} denied for namespace ${namespace}`,
      })
    }
    return {
      topic: topicOf(scope ?? null, namespace.trim()),
      generated_at: float(clock.wall()),
      ...(scope !== undefined && { scope }),
      ...(namespace !== '' && { namespace }),
      cluster_id: queryText(request.cluster_id) || clusterId,
    }
  }

  return {
    query(request, caller) {
      const viewer = viewers.of(caller, request)
      const scope = queryScope(request.scope)
      access.admit('summary_query', viewer, queryName(request, 'namespace'))
      const { items, nextPageToken } = pageOf(found(request, viewer, scope), request)
      if (store !== undefined && diagnostics.enabled('discovery_summary')) {
        const asked = `scope=${scope ?? 'None'} namespace=${queryText(request.namespace) || 'None'} service_id=${queryText(request.service_id) || 'None'}`
        const told = `returned=${items.length} cache_entries=${store.snapshot().entry_counts.summaries}`
        diagnostics.line('discovery_summary', `[DIAG_DISCOVERY_SUMMARY] node=${deps.nodeId()} action=summary_query_cache ${asked} ${told}`)
      }
      const clusters = new Set(items.map(({ source_cluster = '' }) => source_cluster))
      const ways = queryFlag(request, 'include_ingress') === true ? ingress(request, clusters, scope) : {}
      return {
        generated_at: float(clock.wall()),
        items: items.map((summary) => new RawJson(serviceSummary.write(summary))),
        ...(Object.keys(ways).length > 0 && { ingress: ways }),
        ...(nextPageToken !== undefined && { next_page_token: nextPageToken }),
      }
    },
    watchSummaries: (request, caller) => watch('summary_watch', request, caller, summaryTopic),
    watchCatalog: (request, caller) => watch('catalog_watch', request, caller, (_scope, namespace) => deltaTopic(namespace)),
  }
}

/** At least one; without a number, all. */
function limitAsked(value: unknown): number {
  const asked = queryText(value) === '' ? Number.NaN : Number(value)
  return Number.isFinite(asked) ? Math.max(1, Math.trunc(asked)) : Number.POSITIVE_INFINITY
}
