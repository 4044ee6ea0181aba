/** The commands about summaries and streams: `summary_query`, `summary_watch`, `catalog_watch`. */
import type { Clock } from '../base/index.ts'
import type { Caller } from '../rpc/index.ts'
import {
  compareCodePoints,
  deltaTopic,
  float,
  namespaceMatches,
  pageOf,
  type QueryFields,
  queryFlag,
  queryText,
  RawJson,
  RPC_CODES,
  RpcError,
  type Scope,
  type ServiceSummary,
  serviceSummary,
  summaryTopic,
} from '../wire/index.ts'
import type { CatalogSource } from './catalog-source.ts'
import { denialOf, namesOfFunction, viewerDenial } from './entry-names.ts'
import { ingressOf, ingressQuery, lookupEnd, lookupStart } from './ingress.ts'
import type { NamespacePolicy } from './policy.ts'
import { type Area, areaOf, isInArea, openQuestion, type Question, type QuestionDeps } from './question.ts'
import { type HostingNodes, summarise, summaryNamespace } from './service-summaries.ts'
import type { SummaryStore } from './summary-store.ts'

/** Who is told how answers came about: ways into a cluster, and summaries of others. */
export interface SummaryDiagnostics {
  enabled(channel: 'summary_ingress' | 'discovery_summary'): boolean
  line(channel: 'summary_ingress' | 'discovery_summary', text: string): void
}

export interface SummaryQueryDeps extends QuestionDeps {
  readonly clock: Pick<Clock, 'wall'>
  readonly policy: NamespacePolicy
  /** What summaries are worked out from. */
  readonly source: CatalogSource
  readonly nodes: HostingNodes
  /** Summaries of other clusters, where they are followed. */
  readonly store: SummaryStore | undefined
  /** Functions that are not summarised: those nodes have by themselves. */
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
  const { clock, clusterId, diagnostics, policy, source, store } = deps

  function open(command: string, request: QueryFields, caller: Caller, name = ''): Question {
    return openQuestion(deps, { command, budget: command, name }, request, caller)
  }

  /** From what other clusters told, where that is asked for and followed, else from what the catalog holds. */
  function summaries({ viewer, namespace }: Question, area: Area, serviceId: string): ServiceSummary[] {
    const { scope } = area
    const isWanted = (name: string, within: string): boolean =>
      (serviceId === '' || name === serviceId) && namespaceMatches(namespace, within)
    if (store !== undefined && (scope === 'region' || scope === 'global')) {
      return store
        .list(scope)
        .filter(
          ({ namespace: within, service_id: name }) =>
            isWanted(name, within) && denialOf(policy, namesOfFunction(name, within), (each) => policy.viewer(each, viewer)) === undefined,
        )
    }
    const functions = source
      .list('functions')
      .filter(
        (entry) =>
          isWanted(entry.identity.name, summaryNamespace(entry.identity.name)) &&
          !deps.isBuiltin(entry.identity.name) &&
          isInArea(area, entry, deps) &&
          viewerDenial(policy, entry, viewer) === undefined,
      )
    return summarise(functions, deps.nodes, {
      now: clock.wall(),
      ttlSeconds: deps.ttlSeconds,
      scope,
      policyVersion: (name) => policy.ruleFor(name)?.policy_version,
    })
  }

  /** URLs by cluster; without those that have none. */
  function ingress(request: QueryFields, clusters: ReadonlySet<string>, scope: Scope | undefined): [string, readonly string[]][] {
    const asked = ingressQuery(request, scope)
    const nodes = source.list('nodes')
    const ways: [string, readonly string[]][] = []
    for (const cluster of clusters) {
      if (diagnostics.enabled('summary_ingress')) tell('summary_ingress', lookupStart(cluster, asked))
      const members = nodes.filter((node) => node.cluster_id === cluster)
      const way = ingressOf(members, deps.urlsOf, asked)
      if (diagnostics.enabled('summary_ingress')) tell('summary_ingress', lookupEnd(cluster, way))
      if (way.urls.length > 0) ways.push([cluster, way.urls])
    }
    return ways
  }

  function tell(channel: 'summary_ingress' | 'discovery_summary', told: string): void {
    diagnostics.line(channel, `[DIAG_${channel.toUpperCase()}] node=${deps.nodeId()} ${told}`)
  }

  /** @throws RpcError 403 for a namespace the viewer may not see */
  function watch(command: string, request: QueryFields, caller: Caller, topicOf: (scope: Scope | null, namespace: string) => string) {
    const { cluster, scope } = areaOf(request)
    const { isOpen, namespace } = open(command, request, caller)
    if (!isOpen) {
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
      cluster_id: cluster || clusterId,
    }
  }

  return {
    query(request, caller) {
      const area = areaOf({ scope: request.scope })
      const serviceId = queryText(request.service_id)
      const question = open('summary_query', request, caller, serviceId)
      const found = question.isOpen ? summaries(question, area, serviceId).sort(byService) : []
      const { items, nextPageToken } = pageOf(found, request)
      if (store !== undefined && diagnostics.enabled('discovery_summary')) {
        const asked = `scope=${area.scope ?? 'None'} namespace=${question.namespace || 'None'} service_id=${serviceId || 'None'}`
        const kept = store.snapshot().entry_counts.summaries
        tell('discovery_summary', `action=summary_query_cache ${asked} returned=${items.length} cache_entries=${kept}`)
      }
      const clusters = new Set(items.map(({ source_cluster = '' }) => source_cluster))
      const ways = queryFlag(request, 'include_ingress') === true ? ingress(request, clusters, area.scope) : []
      return {
        generated_at: float(clock.wall()),
        items: items.map((summary) => new RawJson(serviceSummary.write(summary))),
        ...(ways.length > 0 && { ingress: Object.fromEntries(ways) }),
        ...(nextPageToken !== undefined && { next_page_token: nextPageToken }),
      }
    },
    watchSummaries: (request, caller) => watch('summary_watch', request, caller, summaryTopic),
    watchCatalog: (request, caller) => watch('catalog_watch', request, caller, (_scope, namespace) => deltaTopic(namespace)),
  }
}

function byService(a: ServiceSummary, b: ServiceSummary): number {
  return (
    compareCodePoints(a.namespace, b.namespace) ||
    compareCodePoints(a.service_id, b.service_id) ||
    compareCodePoints(a.source_cluster ?? '', b.source_cluster ?? '')
  )
}
