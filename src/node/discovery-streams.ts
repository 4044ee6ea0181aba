/**
 * What a node publishes of discovery and follows of others: the stream of its catalog's changes, summaries of services, those of other
 * clusters, and a resolver where the settings ask for one. Also the functions that ask about them.
 */
import type { Cancel, Env } from '../base/index.ts'
import {
  createResolver,
  createStoreForward,
  createStreamGuard,
  createSummaryExport,
  createSummaryQueries,
  createSummaryStore,
  exportDenial,
  type HostingNodes,
  type NodeHealth,
  type Resolver,
  type SummaryExport,
  type SummaryStore,
  startDeltaStream,
  summarise,
  type Viewer,
} from '../discovery/index.ts'
import type { RuledTopics, Subscriber } from '../pubsub/index.ts'
import { isBuiltin } from '../rpc/index.ts'
import type { Diagnostics, RefusalLedger } from '../telemetry/index.ts'
import { DISCOVERY_PREFIX, encodeJson, float, type Message, SUMMARY_TOPIC, summaryTopic } from '../wire/index.ts'
import { type Builtin, queryBuiltin } from './builtins.ts'
import type { Discovery } from './discovery.ts'
import { type DiscoveryStatus, discoveryStatus } from './discovery-status.ts'
import type { Fabric } from './fabric.ts'
import type { Settings } from './settings/index.ts'

export interface DiscoveryStreamDeps {
  readonly env: Env
  readonly settings: Settings
  readonly discovery: Pick<Discovery, 'access' | 'policy' | 'source' | 'viewers'>
  readonly diagnostics: Diagnostics
  readonly refusals: RefusalLedger
  nodeId(): string
  /** @throws Error before the node has one */
  fabric(): Fabric
  /** Whether a subscriber of this node would get a message. */
  isWanted(topic: string): boolean
  /** To subscribers of this node only. */
  publishHere(message: Message): void
  /** To subscribers of this node and of others; the number of the former. */
  publishEverywhere(message: Message): number
  subscribe(patterns: readonly string[], receive: (message: Message) => void): Cancel
  /** On whose behalf somebody subscribes; undefined: the node's own process, which may see everything. */
  viewerOf(subscriber: Subscriber): Viewer | undefined
}

export interface DiscoveryStreams {
  readonly builtins: readonly Builtin[]
  readonly ruledTopics: RuledTopics
  /** While the node runs as one. */
  readonly resolver: Resolver | undefined
  readonly exportedOf: SummaryExport['exportedOf']
  readonly status: DiscoveryStatus
  /** Before the fabric starts: from here on every change of its catalog is seen. */
  follow(): void
  /** Once the node offers what it has. */
  startExport(): void
  stop(): void
  snapshot(): DiscoveryStreamsSnapshot
}

/** Parts that are switched off are undefined. */
export interface DiscoveryStreamsSnapshot {
  readonly resolver: ReturnType<Resolver['snapshot']> | undefined
  readonly summaries: ReturnType<SummaryStore['snapshot']> | undefined
  readonly exported: ReturnType<SummaryExport['snapshot']> | undefined
}

/** A summary outlives two rounds that got lost. */
const ROUNDS_PER_TTL = 3

export function createDiscoveryStreams(deps: DiscoveryStreamDeps): DiscoveryStreams {
  const { diagnostics, discovery, env, fabric, nodeId, refusals, settings } = deps
  const { access, policy, source, viewers } = discovery
  const { clock, timers } = env
  const { clusterId } = settings
  const ttlSeconds = Math.max(settings.fabricCatalogTtlSeconds, ROUNDS_PER_TTL * settings.discoverySummaryExportIntervalSeconds)
  const guard = createStreamGuard(clock, policy)
  let resolver: Resolver | undefined
  let running: readonly Cancel[] = []

  const nodes: HostingNodes = {
    regionOf: (id) => fabric().catalog.node(id)?.region ?? '',
    healthOf,
    roundTripMs: (id) => fabric().peers.sender.roundTripMs(id),
  }

  function healthOf(id: string): NodeHealth {
    if (id === nodeId()) return 'up'
    const { membership, peers } = fabric()
    const state = membership.stateOf(id)
    if (state === 'failed' || state === 'left') return 'down'
    if (state === 'suspect') return 'doubtful'
    const status = peers.statusOf(id)?.status ?? 'ok'
    // That the own link to a node ended says nothing about one that others find alive.
    if (status === 'disconnected') return state === 'alive' ? 'up' : 'down'
    return status === 'ok' ? 'up' : 'doubtful'
  }

  function explain(action: string): void {
    if (diagnostics.enabled('discovery_summary'))
      diagnostics.line('discovery_summary', `[DIAG_DISCOVERY_SUMMARY] node=${nodeId()} action=${action}`)
  }

  const storeForward = createStoreForward(clock, {
    windowSeconds: settings.discoverySummaryExportStoreForwardSeconds,
    messagesMax: settings.discoverySummaryExportStoreForwardMaxMessages,
  })
  const scope = settings.discoverySummaryExportScope
  const isStored = settings.discoverySummaryExportStoreForwardSeconds > 0 && settings.discoverySummaryExportStoreForwardMaxMessages > 0
  const exporter = createSummaryExport(
    {
      env,
      nodeId,
      clusterId,
      publisher: settings.name,
      storeForward,
      summaries() {
        const now = clock.wall()
        const functions = fabric()
          .catalog.list('functions')
          .filter((entry) => !isBuiltin(entry.identity.name) && exportDenial(policy, entry, { clusterId, scope, now }) === undefined)
        return summarise(functions, nodes, { now, ttlSeconds, scope: scope ?? undefined, policyVersion })
      },
      publish(message, { namespaces, summaries }) {
        const notifications = deps.publishEverywhere(message)
        const told = `namespaces=${encodeJson(namespaces)} summaries=${summaries.length} notifications=${notifications}`
        explain(`publish topic=${message.topic} scope=${scope ?? 'None'} ${told} store_forward=${isStored ? 'True' : 'False'}`)
      },
    },
    {
      intervalSeconds: settings.discoverySummaryExportIntervalSeconds,
      scope,
      includeUnscoped: settings.discoverySummaryExportIncludeUnscoped,
      namespaces: settings.discoverySummaryExportNamespaces,
      holdDownSeconds: settings.discoverySummaryExportHoldDownSeconds,
      ttlSeconds,
      storeForwardSeconds: settings.discoverySummaryExportStoreForwardSeconds,
    },
  )

  function policyVersion(namespace: string): string | undefined {
    return policy.ruleFor(namespace)?.policy_version
  }

  const store = settings.discoverySummaryResolverMode
    ? createSummaryStore(
        {
          clock,
          onFull: ({ namespace, service_id, source_cluster }) =>
            refusals.record(
              'discovery',
              namespace,
              'summaries_max',
              `${service_id} of cluster ${source_cluster}: no room for more summaries`,
            ),
        },
        { namespaces: settings.discoverySummaryResolverNamespaces, scopes: settings.discoverySummaryResolverScopes },
      )
    : undefined

  const queries = createSummaryQueries({
    clock,
    nodeId,
    clusterId,
    policy,
    access,
    viewers,
    source,
    nodes,
    store,
    isBuiltin,
    urlsOf: (id) => fabric().peers.views.urlsOf(id),
    diagnostics,
    ttlSeconds,
  })

  function followSummaries(): Cancel[] {
    if (store === undefined) return []
    const { discoverySummaryResolverPruneIntervalSeconds: pruneSeconds, discoverySummaryResolverScopes: scopes } = settings
    const topics = scopes.length === 0 ? [SUMMARY_TOPIC] : scopes.map((each) => summaryTopic(each))
    const receive = (message: Message): void => {
      const received = store.receive(message)
      if (received === undefined || !diagnostics.enabled('discovery_summary')) return
      const { applied, message: told } = received
      const from = `scope=${told.scope ?? 'None'} source_cluster=${told.source_cluster} summaries=${told.summaries.length}`
      const kept = store.snapshot().entry_counts.summaries
      explain(`resolver_notification_applied topic=${message.topic} ${from} applied=${applied} entry_count=${kept}`)
    }
    store.prune()
    return [
      deps.subscribe(
        topics.flatMap((topic) => [topic, `${topic}.#`]),
        receive,
      ),
      timers.every(pruneSeconds * 1000, store.prune),
    ]
  }

  function followCatalog(): Cancel[] {
    if (!settings.discoveryResolverMode) return []
    const started = createResolver({ env, nodeId: nodeId(), catalog: fabric().catalog }, resolverOptions(settings))
    resolver = started
    started.start()
    return [started.stop]
  }

  const status = discoveryStatus({ clock, settings, resolver: () => resolver?.snapshot(), store, exporter })

  return {
    ruledTopics: {
      prefix: DISCOVERY_PREFIX,
      isKept: (topic) => topic !== SUMMARY_TOPIC && !topic.startsWith(`${SUMMARY_TOPIC}.`),
      replay: ({ backlogSeconds, patterns }) => storeForward.replay(patterns, backlogSeconds),
      shownTo(message, subscriber) {
        const viewer = policy.enabled ? deps.viewerOf(subscriber) : undefined
        return viewer === undefined ? message : guard.shownTo(message, viewer)
      },
    },
    get resolver() {
      return resolver
    },
    exportedOf: exporter.exportedOf,
    status,

    follow() {
      running = [
        startDeltaStream({
          env,
          nodeId: nodeId(),
          clusterId,
          publisher: settings.name,
          catalog: fabric().catalog,
          isWanted: deps.isWanted,
          publish: deps.publishHere,
        }),
        ...followCatalog(),
        ...followSummaries(),
      ]
    },
    startExport() {
      if (!settings.discoverySummaryExportEnabled) return
      exporter.start()
      running = [...running, exporter.stop]
    },
    stop() {
      for (const cancel of running) cancel()
      running = []
    },

    snapshot: () => ({
      resolver: resolver?.snapshot(),
      summaries: store?.snapshot(),
      exported: settings.discoverySummaryExportEnabled ? exporter.snapshot() : undefined,
    }),

    builtins: [
      queryBuiltin('summary_query', 'Services in summary: of this cluster, or of others that tell of theirs.', queries.query),
      queryBuiltin('summary_watch', 'The topic on which summaries are published.', queries.watchSummaries),
      queryBuiltin('catalog_watch', 'The topic on which changes of the catalog are published.', queries.watchCatalog),
      queryBuiltin('resolver_cache_stats', 'What the resolver of this node holds, and how it is used.', () => {
        const { query_cache, stats, ...rest } = status.resolver()
        return { ...rest, generated_at: float(rest.generated_at), ...timed(stats), ...(query_cache && { query_cache }) }
      }),
      queryBuiltin('resolver_resync', 'Has the resolver of this node begin anew with what the catalog holds.', (request, caller) => {
        access.admitChange('resolver_resync', viewers.of(caller, request), caller)
        if (resolver === undefined) {
          return { enabled: false, generated_at: float(clock.wall()), resynced: false, error: 'resolver_mode_disabled' }
        }
        resolver.resync()
        const { entry_counts, generated_at, stats } = status.resolver()
        return { enabled: true, generated_at: float(generated_at), resynced: true, entry_counts, ...timed(stats) }
      }),
    ],
  }
}

function resolverOptions(settings: Settings): Parameters<typeof createResolver>[1] {
  return {
    namespaces: settings.discoveryResolverNamespaces,
    seedOnStart: settings.discoveryResolverSeedOnStart,
    pruneIntervalSeconds: settings.discoveryResolverPruneIntervalSeconds,
    resyncIntervalSeconds: settings.discoveryResolverResyncIntervalSeconds,
    queryCache: settings.discoveryResolverQueryCacheEnabled
      ? {
          ttlSeconds: settings.discoveryResolverQueryTtlSeconds,
          staleSeconds: settings.discoveryResolverQueryStaleSeconds,
          negativeTtlSeconds: settings.discoveryResolverQueryNegativeTtlSeconds,
          entriesMax: settings.discoveryResolverQueryCacheMaxEntries,
        }
      : undefined,
  }
}

type ResolverStatistics = ReturnType<DiscoveryStatus['resolver']>['stats']

/** Statistics whose times print as such. */
function timed(stats: ResolverStatistics): { readonly stats?: object } {
  if (stats === undefined) return {}
  const times = (['last_delta_at', 'last_seed_at', 'last_prune_at'] as const).map((name) => {
    const at = stats[name]
    return [name, at === null ? null : float(at)]
  })
  return { stats: { ...stats, ...Object.fromEntries(times) } }
}
