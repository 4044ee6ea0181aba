/**
 * The node's part in the fabric: catalog, links, gossip, failure detection and dialling, put together. What each of them decides is its own
 * business; here is only who is told of what.
 */
import type { Env } from '../base/index.ts'
import {
  type AcceptedPeer,
  type Announcer,
  type Catalog,
  type CatalogEntry,
  type CatalogKind,
  createAnnouncer,
  createCatalog,
  createCatalogPolicy,
  createConnector,
  createDialing,
  createGossip,
  createMembership,
  createPeers,
  createSync,
  type DialExplanation,
  type Dialing,
  dialUrlOf,
  draftDelta,
  type Gossip,
  gossipFrame,
  type HiddenPeer,
  type LinkView,
  type MemberExplanation,
  type Membership,
  type Offers,
  type Peers,
  type ReconnectHistory,
  type RoleHandler,
  type Sync,
} from '../fabric/index.ts'
import type { Diagnostics, RefusalLedger } from '../telemetry/index.ts'
import type { CircuitState, Connection, DialOptions, Network } from '../transport/index.ts'
import {
  errorLine,
  type FunctionEntry,
  type GossipMessage,
  type QueueEntry,
  type QueueTotals,
  type ServiceEntry,
  type SyncMessage,
  type TopicEntry,
} from '../wire/index.ts'
import { createEd25519 } from './ed25519.ts'
import { tlsFiles } from './listeners.ts'
import { createRouting, type Routing, type RoutingSnapshot } from './routing.ts'
import type { Settings } from './settings/index.ts'

interface PayloadFrame {
  readonly payload?: unknown
}

/** Peers told of a gossip message that is not for all of them. */
const GOSSIP_FANOUT = 3
/** After the goodbyes, time for them to arrive before the links close, ms. */
const GOODBYE_PAUSE_MS = 500
/** Expired entries are removed this often in an entry's life. */
const PRUNINGS_PER_TTL = 4

export interface FabricDeps {
  readonly env: Env
  readonly network: Network
  readonly settings: Settings
  readonly nodeId: string
  readonly instanceId: string
  readonly diagnostics: Diagnostics
  /** Where refusals are remembered. */
  readonly refusals: RefusalLedger
  /** Where this node can be asked about itself over HTTP; null: nowhere. */
  monitoringUrl(): string | null
  readonly offers: Offers
  /** Why an entry of another cluster is not let in by the namespace policy, in words; undefined when it is. */
  namespaceDenial(kind: CatalogKind, entry: CatalogEntry): string | undefined
  /** Counts of this node's queues; undefined: it has none. */
  queueTotals(): QueueTotals | undefined
  /** How many file descriptors are open; undefined where dialling uses none. */
  readonly descriptors: (() => { readonly used: number; readonly limit: number } | undefined) | undefined
  /** Accepted connections that are open. */
  activeClients(): number
  /** Told when the circuit breaker of a link changes. */
  onBreaker(nodeId: string, state: CircuitState): void
  /** Told when somebody is not let in as a peer. */
  onPeerRefused(): void
  /** `fabric-message` frames from other nodes. */
  readonly onMessage: RoleHandler
  /** `fabric-bundle` frames. */
  readonly onBundle: RoleHandler
}

export interface Fabric {
  readonly catalog: Catalog
  readonly peers: Peers
  readonly gossip: Gossip
  readonly sync: Sync
  readonly membership: Membership
  readonly dialing: Dialing
  readonly announcer: Announcer
  readonly routing: Routing
  /** False for a node that was found dead or has left. */
  isAlive(nodeId: string): boolean
  acceptPeer(connection: Connection): AcceptedPeer
  /** Announces what the node offers and begins to dial. Resolves when the configured peers have been tried. */
  start(): Promise<void>
  /** Says goodbye, takes back what was announced, and closes every link. */
  leave(): Promise<void>
  /** Ends everything at once. */
  stop(): void
  explainPeer(nodeId: string): PeerExplanation
  snapshot(): FabricSnapshot
}

export interface FabricSnapshot {
  readonly catalog: ReturnType<Catalog['snapshot']>
  readonly peers: ReturnType<Peers['snapshot']>
  readonly gossip: ReturnType<Gossip['snapshot']>
  readonly sync: ReturnType<Sync['snapshot']>
  readonly membership: ReturnType<Membership['snapshot']>
  readonly dialing: ReturnType<Dialing['snapshot']>
  readonly announcer: ReturnType<Announcer['snapshot']>
  readonly routing: RoutingSnapshot
}

/** What this node can say of another. Parts it knows nothing of are undefined. */
export interface PeerExplanation {
  readonly node_id: string
  readonly link: LinkView | undefined
  readonly dialing: DialExplanation | undefined
  readonly membership: MemberExplanation | undefined
  /** Why it is not listed. */
  readonly hidden: HiddenPeer | undefined
  readonly reconnects: ReconnectHistory | undefined
}

export function createFabric(deps: FabricDeps): Fabric {
  const { diagnostics, env, instanceId, network, nodeId, offers, refusals, settings } = deps
  const { clusterId, federationConfig, gossipInterval, fabricCatalogTtlSeconds: ttlSeconds } = settings
  const seeds = settings.connect === null ? settings.peers : [...settings.peers, settings.connect]
  const roles = new Map<string, RoleHandler>()
  const linkLimits: DialOptions = {
    kind: 'internal',
    limits: {
      messageBytesMax: settings.peerMessageBytesMax,
      streamBytesMax: settings.streamBytesMax,
      sendBufferBytesMax: settings.sendBufferBytesMax,
    },
    tls: { verify: settings.tlsVerifyPeers, ...tlsFiles(settings) },
    ...(settings.peerAuthToken === null ? {} : { authToken: settings.peerAuthToken }),
    ...(settings.peerApiKey === null ? {} : { apiKey: settings.peerApiKey }),
  }

  const catalog = createCatalog(
    {
      env,
      nodeId,
      clusterId,
      instanceId,
      policy: createCatalogPolicy({
        clusterId,
        allowedClusters: clustersAdmitted(federationConfig),
        allowedFunctions: new Set(federationConfig.securityPolicy.allowedFunctionsCrossFederation),
        blockedFunctions: new Set(federationConfig.securityPolicy.blockedFunctionsCrossFederation),
        allowsNamespace: (kind, entry) => deps.namespaceDenial(kind, entry) === undefined,
        allowsNode: (id, _cluster, instance) => !peers.departures.isDeparted(id, instance),
      }),
      onRefused(reason, kind, subject) {
        if (kind !== 'owner' && reason === 'namespace_denied') {
          const entry = subject as CatalogEntry
          const why = deps.namespaceDenial(kind, entry) ?? ''
          refusals.record('catalog', entryName(kind, entry), reason, `on ${entry.node_id} of cluster ${entry.cluster_id}: ${why}`)
          return
        }
        if (kind !== 'functions' || (reason !== 'function_blocked' && reason !== 'function_not_allowed')) return
        const { identity, node_id, cluster_id } = subject as FunctionEntry
        refusals.record('catalog', identity.name, reason, `${identity.version} on ${node_id} of cluster ${cluster_id}`)
      },
    },
    { ttlSeconds },
  )

  const peers = createPeers(
    {
      env,
      nodeId,
      clusterId,
      instanceId,
      catalog: {
        observe: catalog.observe,
        departNode: (id, clusterIds, now) =>
          catalog.departNode(id, clusterIds, now) ?? draftDelta().finish({ update_id: '', cluster_id: clusterId, sent_at: now }),
        *functionsOf(id) {
          for (const { entry, kind } of catalog.entriesOf(id)) if (kind === 'functions') yield entry
        },
        instanceOf: catalog.instanceOf,
      },
      local: {
        functions: () => offers.functions().map(({ identity, resources }) => ({ ...identity, resources })),
        resources: () => settings.resources,
        advertisedUrls: () => settings.advertisedUrls,
        activeClients: deps.activeClients,
        monitoringUrl: deps.monitoringUrl,
        metrics() {
          const queues = deps.queueTotals()
          return { ...(queues && { queue_metrics: queues }), route_metrics: routing.routes.table.statistics() }
        },
        descriptor: () => ({
          ...offers.node(),
          node_id: nodeId,
          cluster_id: clusterId,
          advertised_at: env.clock.wall(),
          ttl_seconds: ttlSeconds,
        }),
      },
      roles,
      liveness: (id) => membership.stateOf(id),
      diagnostics,
      // Rules about clusters concern all their nodes; the others one node.
      onRefused({ cluster_id, message, node_url, reason }) {
        refusals.record('peer', reason === 'federation' ? cluster_id : node_url, reason, `${node_url}: ${message}`)
        deps.onPeerRefused()
      },
      temporaryDial: (url, connectTimeoutMs) => network.dial(url, { ...linkLimits, connectTimeoutMs }),
      dialUrlOf: (id) => dialUrlOf(id, peers.directory.node(id)?.transport_endpoints ?? []),
    },
    {
      onBreaker: deps.onBreaker,
      gossipIntervalSeconds: gossipInterval,
      goodbyeGraceSeconds: settings.goodbyeReconnectGraceSeconds,
      federation: federationConfig,
      foreignTlsRequired: federationConfig.securityPolicy.requireEncryptedConnections,
      ...(federationConfig.securityPolicy.connectionRateLimitPerCluster !== null && {
        foreignConnectionsPerMinute: federationConfig.securityPolicy.connectionRateLimitPerCluster,
      }),
      configuredPeers: seeds.length,
      frameBytesMax: settings.peerMessageBytesMax,
      requirePeerIdentity: isCredentialRequired(settings),
      // One token shared by all nodes is the usual case: its name says that a node is one of them, not which.
      credentialPerNode: false,
    },
  )
  const links = peers.sender

  const gossip = createGossip(
    {
      env,
      nodeId,
      nodeName: settings.name,
      clusterId,
      links,
      catalog,
      diagnostics,
      onSwim: (from, message) => membership.receive(from, message),
    },
    {
      intervalSeconds: gossipInterval,
      fanout: GOSSIP_FANOUT,
      strategy: 'random',
      maxHops: settings.fabricRoutingMaxHops,
      catalogTtlSeconds: ttlSeconds,
    },
  )
  const sync = createSync(
    { env, nodeId, links, catalog, onUnwanted: (peer, owner) => membership.remind(peer, owner) },
    { intervalSeconds: gossipInterval, leaseSeconds: ttlSeconds },
  )
  const membership = createMembership({
    env,
    nodeId,
    instanceId,
    send: (target, message) => links.send(target, gossipFrame(message)),
    targets: () => links.connectedWith('swim/1'),
    isKnown: (id) => catalog.node(id) !== undefined,
    population: () => peers.directory.size,
    regionOf: (id) => catalog.node(id)?.region ?? '',
    onRoundTrip: peers.noteRoundTrip,
    onProbe: (record) => routing.probed(record),
  })
  const announcer = createAnnouncer(
    {
      env,
      catalog,
      offers,
      publish: (delta) => gossip.publishCatalog(delta),
      targetHint: () => peers.views.targetHint(),
      queuedMessages: () => gossip.pendingCatalogUpdates,
    },
    { nodeId, clusterId, ttlSeconds, gossipIntervalSeconds: gossipInterval },
  )
  const dialing = createDialing(
    {
      env,
      diagnostics,
      connect: createConnector({
        env,
        diagnostics,
        ...(deps.descriptors && { descriptors: deps.descriptors }),
        dialOnce: (url, ms, signal) =>
          network.dial(url, { ...linkLimits, connectTimeoutMs: Math.min(ms, foreignLimitMs(url)), signal }).catch((error: unknown) => {
            refusals.record('dial', url, dialFailureCode(error), errorLine(error))
            throw error
          }),
      }),
      adopt: (connection, expected, context) => peers.dialed(connection, expected, context),
      linkKinds: peers.linkKinds,
      preferAccepted: (id) => links.has(id, 'roles/1'),
      instanceOf: peers.instanceOf,
      ownsFunctions: catalog.offersFunctions,
      discovered: () => {
        const others = catalog.nodes().filter((entry) => entry.node_id !== nodeId)
        return {
          function_catalog: others.filter((entry) => catalog.offersFunctions(entry.node_id)).length,
          node_catalog: others.length,
          peer_directory: Math.max(0, peers.directory.size - 1),
        }
      },
      pendingCatalogUpdates: () => gossip.pendingCatalogUpdates,
      pruneDepartures: () => void peers.departures.prune(),
      dialFailed: peers.dialFailed,
      onRound: () => void peers.broadcastStatus(),
      resolve: peers.resolve,
      nodes: () => peers.directory.nodes(),
      isDeparted: (id) => peers.departures.isDeparted(id),
      federationAllows: mayDial,
      clusterOf: (id) => catalog.node(id)?.cluster_id,
    },
    {
      nodeId,
      name: settings.name,
      gossipIntervalSeconds: gossipInterval,
      peers: settings.peers,
      ...(settings.connect === null ? {} : { connect: settings.connect }),
    },
  )

  function isAlive(id: string): boolean {
    const state = membership.stateOf(id)
    return state !== 'failed' && state !== 'left'
  }

  const routing = createRouting({
    env,
    settings,
    nodeId,
    peers,
    catalog,
    gossip,
    crypto: createEd25519(),
    refusals,
    isAlive,
    activeClients: deps.activeClients,
  })

  /** The operator's limit on a dial to a foreign cluster, as far as it is known to lead to one. */
  function foreignLimitMs(url: string): number {
    const cluster = catalog.node(peers.resolve(url))?.cluster_id ?? clusterId
    if (cluster === clusterId) return Number.POSITIVE_INFINITY
    const bridge = federationConfig.explicitBridges.find(({ remoteClusterId }) => remoteClusterId === cluster)
    return 1000 * (bridge?.connectionTimeoutSeconds ?? federationConfig.crossFederationConnectionTimeoutSeconds)
  }

  /** A bridge is there to be crossed; of a cluster that is merely admitted, this node waits to hear. */
  function mayDial(cluster: string, id: string): { readonly allowed: boolean; readonly message: string } {
    const decision = peers.federationAllows(cluster, id)
    if (cluster === clusterId) return decision
    if (decision.allowed && federationConfig.securityPolicy.requireEncryptedConnections) {
      const url = dialUrlOf(id, peers.directory.node(id)?.transport_endpoints ?? [])
      if (!/^(?:wss|tcps):/i.test(url)) {
        return { allowed: false, message: `cluster '${cluster}' is to be reached over TLS only, and ${url} has none` }
      }
    }
    if (decision.reason !== 'cluster_listed') return decision
    return { allowed: false, message: `cluster '${cluster}' is admitted, but no bridge leads to it` }
  }

  roles.set('fabric-gossip', (from, frame, text) => {
    if (text === undefined) gossip.receive(from, frame.payload as GossipMessage)
    else gossip.receiveFrame(from, frame as PayloadFrame, text)
  })
  roles.set('fabric-sync', (from, frame, text) => {
    if (text === undefined) sync.receive(from, frame.payload as SyncMessage)
    else sync.receiveFrame(from, frame as PayloadFrame, text)
  })
  roles.set('fabric-message', deps.onMessage)
  roles.set('fabric-bundle', deps.onBundle)

  peers.events.observe((event) => {
    const { node_url: peer } = event
    switch (event.type) {
      case 'connection_established':
        catalog.welcome(peer)
        if (links.has(peer, 'swim/1')) membership.onConnected(peer, event.instance_id)
        else membership.judge(peer, 'alive', 'linked')
        gossip.onConnected(peer)
        sync.onConnected(peer)
        routing.connected(peer, event.cluster_id)
        break
      case 'connection_lost':
        membership.onLost(peer, event.why)
        endRecord(peer)
        gossip.onLost(peer)
        sync.onLost(peer)
        routing.connectionLost(peer, event.cluster_id)
    }
  })
  peers.onDeparture(({ delta, departure }) => {
    membership.left(departure.node_url, departure.instance_id)
    dialing.left(departure.node_url)
    gossip.forget(departure.node_url)
    if (delta !== undefined) gossip.publishCatalog(delta)
  })

  /** Ends the record of a process whose goodbye was heard through failure detection alone. All others hear it the same way. */
  function endRecord(id: string): void {
    // A linked node says it itself, with all that belongs to it.
    if (membership.stateOf(id) !== 'left' || links.isConnected(id) || !catalog.isVersioned(id)) return
    const evidence = JSON.parse(membership.explain(id)?.reason.event.metadata.text ?? '{}') as { readonly instance_id?: unknown }
    // Another process may have come since.
    if (evidence.instance_id !== catalog.instanceOf(id)) return
    catalog.departNode(id, [], env.clock.wall())
    gossip.forget(id)
  }
  membership.observe(({ event: { node_id: id }, previous, state }) => {
    endRecord(id)
    const cluster = links.clusterOf(id)
    if (cluster === undefined || !links.isConnected(id)) return
    if (state === 'failed') routing.connectionLost(id, cluster)
    else if (previous === 'failed') routing.connected(id, cluster)
  })

  // Who went in good order, however that was heard, is not looked for.
  catalog.observe(({ delta, source }) => {
    if (source.kind === 'expiry') return
    for (const { node_id: left } of delta.node_removals) dialing.left(left)
  })

  let cancelPruning: (() => void) | undefined
  let cancelNodeSnapshots: (() => void) | undefined

  function stop(): void {
    cancelPruning?.()
    cancelNodeSnapshots?.()
    dialing.stop()
    announcer.stop()
    membership.stop()
    routing.stop(false)
    gossip.stop()
    sync.stop()
    peers.stop()
  }

  return {
    catalog,
    peers,
    gossip,
    sync,
    membership,
    dialing,
    announcer,
    routing,
    isAlive,
    acceptPeer: peers.accepted,

    async start() {
      gossip.start()
      sync.start()
      membership.start()
      announcer.start()
      routing.start()
      cancelPruning = env.timers.every(Math.max(1, ttlSeconds / PRUNINGS_PER_TTL) * 1000, () => void catalog.prune(env.clock.wall()))
      cancelNodeSnapshots = env.timers.every(gossipInterval * 1000, () => {
        gossip.sendNodeSnapshots(peers.views.targetHint() - 1, peers.directory.size - 1)
      })
      await dialing.start()
    },

    async leave() {
      dialing.stop()
      // First, over links still open: the own incarnation is the highest there is, and from now on this node refutes and accuses nobody.
      membership.stop()
      routing.stop(true)
      const told = peers.goodbye('graceful_shutdown')
      // In the same turn: whoever has the goodbye closes the link.
      announcer.depart()
      const { dialed, linked } = await told
      if (linked + dialed > 0) await new Promise<void>((resolve) => env.timers.after(GOODBYE_PAUSE_MS, resolve))
      stop()
    },

    stop,

    explainPeer: (id) => ({
      node_id: id,
      link: peers.links().find((link) => link.node_url === id),
      dialing: dialing.explain().find((candidate) => candidate.candidate === id),
      membership: membership.explain(id),
      hidden: peers.views.hiddenPeers().find(({ url }) => url === id),
      reconnects: peers.events.reconnects().find(({ node_url }) => node_url === id),
    }),

    snapshot: () => ({
      catalog: catalog.snapshot(),
      peers: peers.snapshot(),
      gossip: gossip.snapshot(),
      sync: sync.snapshot(),
      membership: membership.snapshot(),
      dialing: dialing.snapshot(),
      announcer: announcer.snapshot(),
      routing: routing.snapshot(),
    }),
  }
}

/** Whose entries may be in the catalog, besides those of the own cluster. */
function clustersAdmitted({
  allowedForeignClusterIds,
  explicitBridges,
  federationMode,
}: Settings['federationConfig']): ReadonlySet<string> | 'any' {
  if (federationMode === 'permissive_bridging') return 'any'
  if (federationMode === 'strict_isolation') return new Set()
  return new Set([...allowedForeignClusterIds, ...explicitBridges.map(({ remoteClusterId }) => remoteClusterId)])
}

/** What people call an entry. */
function entryName(kind: CatalogKind, entry: CatalogEntry): string {
  if (kind === 'functions') return (entry as FunctionEntry).identity.name
  if (kind === 'queues') return (entry as QueueEntry).queue_name
  if (kind === 'services') return `${(entry as ServiceEntry).namespace}.${(entry as ServiceEntry).name}`
  return kind === 'topics' ? (entry as TopicEntry).patterns.join(' ') : entry.node_id
}

function dialFailureCode(error: unknown): string {
  const { code } = error as { readonly code?: unknown }
  return typeof code === 'string' ? code : 'failed'
}

/** With credentials configured, only who showed one may be a peer. */
function isCredentialRequired({ apiKeys, authTokenFile, authTokens, tlsRequireClientCert }: Settings): boolean {
  return Object.keys(authTokens).length > 0 || Object.keys(apiKeys).length > 0 || authTokenFile !== null || tlsRequireClientCert
}
