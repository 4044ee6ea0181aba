/**
 * What clients are shown of the other nodes: `list_peers`, `cluster_map`. And what they are not shown: every known node
 * that is left out has a typed reason.
 *
 * Floats are marked, so that the answers print as they must.
 */
import type { Clock } from '../../base/index.ts'
import {
  compareCodePoints,
  type FunctionEntry,
  float,
  type NodeEntry,
  type QueryFields,
  queryScope,
  queryText,
  type RawJson,
  type TransportEndpoint,
} from '../../wire/index.ts'
import type { Departures } from './departures.ts'
import { byClusterAndNode, type Directory } from './directory.ts'
import {
  disconnectedStaleSeconds,
  FULL_MESH_MAX,
  type LoadFacts,
  type LoadObject,
  loadObject,
  loadScore,
  loadStaleSeconds,
  silentStaleSeconds,
  targetHint,
} from './load.ts'
import type { PeerStatus, StatusTable } from './status-table.ts'

/** Failure detection's word on a node; undefined: it watches nobody of that name. */
export type Liveness = 'alive' | 'suspect' | 'failed' | 'left' | undefined

export type HiddenReason =
  | 'departed'
  | 'membership_failed'
  | 'membership_left'
  | 'other_cluster'
  /** No link, and found disconnected too long ago. */
  | 'disconnected'
  /** No link, and no word for too long. */
  | 'silent'

/** Why a known node is not listed. */
export interface HiddenPeer {
  readonly url: string
  readonly cluster_id: string
  readonly reason: HiddenReason
  /** Of its last status, and the age at which it is hidden. */
  readonly age_seconds?: number
  readonly stale_after_seconds?: number
}

/** An item of `list_peers`. */
export interface ListedPeer {
  readonly url: string
  readonly cluster_id: string
  readonly funs: readonly string[]
  readonly locs: readonly string[]
  readonly last_seen: RawJson
  readonly status: string
  readonly status_timestamp: RawJson | null
  readonly scope: 'zone' | 'region' | 'global'
  readonly region?: string
  readonly advertised_urls: readonly string[]
  readonly transport_endpoints: readonly TransportEndpoint[]
  readonly load: LoadObject | null
}

/** A node of `cluster_map`. */
export interface MappedNode {
  readonly node_id: string
  readonly cluster_id: string
  readonly resources: readonly string[]
  readonly capabilities: readonly string[]
  readonly region?: string
  readonly scope: string
  readonly tags?: readonly string[]
  readonly transport_endpoints: readonly TransportEndpoint[]
  readonly advertised_urls: readonly string[]
  readonly advertised_at: RawJson
  readonly load: LoadObject | null
}

export interface ClusterMap {
  readonly cluster_id: string
  readonly generated_at: RawJson
  readonly nodes: readonly MappedNode[]
  readonly next_page_token?: string
}

export interface PeerViews {
  /**
   * `scope` of `region` or `global` restricts nothing.
   * @param isShown which functions whoever asks may know of; default: all
   * @throws QueryError for an unknown scope
   */
  listPeers(request?: QueryFields, isShown?: (entry: FunctionEntry) => boolean): ListedPeer[]
  /** Node ids that `listPeers` would list. */
  listedIds(): string[]
  hiddenPeers(request?: QueryFields): HiddenPeer[]
  clusterMap(): ClusterMap
  /** A node as `cluster_map` shows it; undefined when it is gone for good. */
  mapped(entry: NodeEntry): MappedNode | undefined
  /** This node, as it announces itself. */
  ownNode(): NodeEntry
  targetHint(): number
  /** URLs by which a node can be reached; none for one that is gone for good. */
  urlsOf(nodeId: string): readonly string[]
  /** Load score of a peer, lower is better; undefined when nothing is known. */
  loadScoreOf(nodeId: string): number | undefined
}

/** Where the `[DIAG_PEER_SNAPSHOT]` lines go. */
export interface PeerDiagnostics {
  enabled(channel: 'peer_snapshot'): boolean
  line(channel: 'peer_snapshot', text: string): void
}

export interface PeerViewsDeps {
  readonly clock: Clock
  readonly nodeId: string
  readonly clusterId: string
  readonly directory: Directory
  readonly statuses: StatusTable
  readonly departures: Departures
  isConnected(nodeId: string): boolean
  functionsOf(nodeId: string): Iterable<FunctionEntry>
  liveness(nodeId: string): Liveness
  /** The own node. */
  ownNode(): NodeEntry
  ownLoad(): LoadFacts
  ownUrls(): readonly string[]
  readonly diagnostics: PeerDiagnostics
  readonly gossipIntervalSeconds: number
  /** How many peers the operator configured. */
  readonly configuredPeers: number
}

export function createPeerViews(deps: PeerViewsDeps): PeerViews {
  const { clock, nodeId: self, clusterId, directory, statuses, departures, diagnostics, gossipIntervalSeconds } = deps

  const hintNow = (): number => targetHint(directory.size, deps.configuredPeers)

  /** Gone for good, as far as this node knows. */
  function goneBecause(nodeId: string): 'departed' | 'membership_failed' | 'membership_left' | undefined {
    if (departures.isDeparted(nodeId)) return 'departed'
    const liveness = deps.liveness(nodeId)
    if (liveness === 'failed') return 'membership_failed'
    return liveness === 'left' ? 'membership_left' : undefined
  }

  /** The last word on a peer. That the own link to it ended says nothing about a node that others find alive. */
  function statusOf(nodeId: string): PeerStatus | undefined {
    const status = statuses.get(nodeId)
    return status?.status === 'disconnected' && deps.liveness(nodeId) === 'alive' ? undefined : status
  }

  /** A peer without a link whose last word is too old. A peer with a link is never hidden for its age. */
  function staleBecause(entry: NodeEntry, hint: number): Pick<HiddenPeer, 'reason' | 'age_seconds' | 'stale_after_seconds'> | undefined {
    const status = statusOf(entry.node_id)
    if (status === undefined || deps.isConnected(entry.node_id)) return undefined
    const age = statuses.ageSeconds(status)
    const disconnected = status.status === 'disconnected'
    if (!disconnected && hint > FULL_MESH_MAX) return undefined
    const limit = disconnected ? disconnectedStaleSeconds(gossipIntervalSeconds, hint) : silentStaleSeconds(gossipIntervalSeconds, hint)
    if (age < limit) return undefined
    if (diagnostics.enabled('peer_snapshot')) {
      const figures = `age=${age.toFixed(3)} stale_after=${limit.toFixed(3)}`
      diagnostics.line(
        'peer_snapshot',
        disconnected
          ? `[DIAG_PEER_SNAPSHOT] node=${self} action=exclude_disconnected peer=${entry.node_id} ${figures}`
          : `[DIAG_PEER_SNAPSHOT] node=${self} action=exclude_stale_status peer=${entry.node_id} status=${status.status} ${figures} target_hint=${hint}`,
      )
    }
    return { reason: disconnected ? 'disconnected' : 'silent', age_seconds: age, stale_after_seconds: limit }
  }

  /** Undefined: the node is listed. */
  function hidden(entry: NodeEntry, onlyCluster: string | undefined, hint: number): HiddenPeer | undefined {
    const { node_id: url, cluster_id } = entry
    const gone = goneBecause(url)
    if (gone !== undefined) return { url, cluster_id, reason: gone }
    if (onlyCluster !== undefined && cluster_id !== onlyCluster) return { url, cluster_id, reason: 'other_cluster' }
    const stale = staleBecause(entry, hint)
    return stale === undefined ? undefined : { url, cluster_id, ...stale }
  }

  function isStale(status: PeerStatus): boolean {
    return statuses.ageSeconds(status) > loadStaleSeconds(gossipIntervalSeconds, status.extensions.length > 0)
  }

  function loadOf(nodeId: string): LoadObject | null {
    if (nodeId === self) return loadObject(deps.ownLoad(), false)
    const status = statusOf(nodeId)
    return status === undefined ? null : loadObject(status, isStale(status))
  }

  function urlsOf(nodeId: string): readonly string[] {
    const urls = nodeId === self ? deps.ownUrls() : (statuses.get(nodeId)?.advertised_urls ?? [])
    return urls.length > 0 ? urls : [nodeId]
  }

  function regionOf(entry: NodeEntry): string {
    if (entry.region) return entry.region
    const metrics = statuses.get(entry.node_id)?.metrics.cache_metrics as { cache_region?: unknown } | null | undefined
    return typeof metrics?.cache_region === 'string' ? metrics.cache_region : ''
  }

  function listed(entry: NodeEntry, ownRegion: string, isShown: (entry: FunctionEntry) => boolean): ListedPeer {
    const url = entry.node_id
    const status = statusOf(url)
    const funs = new Set<string>()
    const locs = new Set(entry.resources)
    for (const offered of deps.functionsOf(url)) {
      if (!isShown(offered)) continue
      funs.add(offered.identity.name)
      for (const resource of offered.resources) locs.add(resource)
    }
    const region = regionOf(entry)
    return {
      url,
      cluster_id: entry.cluster_id,
      funs: [...funs].sort(compareCodePoints),
      locs: [...locs].sort(compareCodePoints),
      last_seen: float(entry.advertised_at),
      status: status?.status ?? 'unknown',
      status_timestamp: status === undefined ? null : float(status.timestamp),
      scope: entry.cluster_id === clusterId ? 'zone' : region !== '' && ownRegion !== '' && region !== ownRegion ? 'global' : 'region',
      ...(region === '' ? {} : { region }),
      advertised_urls: urlsOf(url),
      transport_endpoints: entry.transport_endpoints,
      load: loadOf(url),
    }
  }

  /** Undefined: nobody. Otherwise the only cluster asked for, if any. */
  function clusterAsked(request: QueryFields): { readonly cluster: string | undefined } | undefined {
    const scope = queryScope(request.scope)
    const cluster = queryText(request.cluster_id) || undefined
    if (scope === 'local') return undefined
    if (scope !== 'zone') return { cluster }
    return cluster === undefined || cluster === clusterId ? { cluster: clusterId } : undefined
  }

  function mapped(entry: NodeEntry): MappedNode {
    const { node_id, cluster_id, resources, capabilities, region, scope, tags, transport_endpoints, advertised_at } = entry
    return {
      node_id,
      cluster_id,
      resources,
      capabilities,
      ...(region ? { region } : {}),
      scope,
      ...(tags.length > 0 ? { tags } : {}),
      transport_endpoints,
      advertised_urls: urlsOf(node_id),
      advertised_at: float(advertised_at),
      load: loadOf(node_id),
    }
  }

  function allNodes(): NodeEntry[] {
    const own = deps.ownNode()
    const others = [...directory.nodes()].filter(({ node_id }) => node_id !== self && goneBecause(node_id) === undefined)
    return [own, ...others].sort(byClusterAndNode)
  }

  /** Nodes that are listed, by id. */
  function shown(cluster: string | undefined): NodeEntry[] {
    const hint = hintNow()
    const peers: NodeEntry[] = []
    for (const entry of directory.nodes()) {
      if (entry.node_id !== self && hidden(entry, cluster, hint) === undefined) peers.push(entry)
    }
    return peers.sort((a, b) => compareCodePoints(a.node_id, b.node_id))
  }

  return {
    listPeers(request = {}, isShown = () => true) {
      const asked = clusterAsked(request)
      if (asked === undefined) return []
      const ownRegion = regionOf(deps.ownNode())
      return shown(asked.cluster).map((entry) => listed(entry, ownRegion, isShown))
    },

    listedIds: () => shown(undefined).map(({ node_id }) => node_id),

    hiddenPeers(request = {}) {
      const asked = clusterAsked(request)
      const hint = hintNow()
      const known = new Set<string>()
      const list: HiddenPeer[] = []
      for (const entry of directory.nodes()) {
        if (entry.node_id === self) continue
        known.add(entry.node_id)
        const why = hidden(entry, asked?.cluster, hint)
        if (why !== undefined) list.push(why)
      }
      for (const { node_url: url, cluster_id } of departures.list()) {
        if (!known.has(url)) list.push({ url, cluster_id, reason: 'departed' })
      }
      return list.sort((a, b) => compareCodePoints(a.url, b.url))
    },

    clusterMap: () => ({ cluster_id: clusterId, generated_at: float(clock.wall()), nodes: allNodes().map(mapped) }),

    mapped: (entry) => (entry.node_id !== self && goneBecause(entry.node_id) !== undefined ? undefined : mapped(entry)),
    ownNode: deps.ownNode,

    targetHint: hintNow,

    urlsOf: (nodeId) => (nodeId !== self && goneBecause(nodeId) !== undefined ? [] : urlsOf(nodeId)),

    loadScoreOf(nodeId) {
      if (nodeId === self) return loadScore(deps.ownLoad().active_clients, 'ok', false)
      const status = statusOf(nodeId)
      return status && loadScore(status.active_clients, status.status, isStale(status))
    },
  }
}
