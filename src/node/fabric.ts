/**
 * The node's part in the fabric: catalog, links, gossip, failure detection and dialling, put together. What each of them decides is its own
 * business; here is only who is told of what.
 */
import type { Env } from '../base/index.ts'
import {
  type AcceptedPeer,
  type Announcer,
  type Catalog,
  createAnnouncer,
  createCatalog,
  createCatalogPolicy,
  createConnector,
  createDialing,
  createGossip,
  createMembership,
  createPeers,
  createSync,
  type Dialing,
  dialUrlOf,
  draftDelta,
  type Gossip,
  gossipFrame,
  type Membership,
  type Offers,
  type Peers,
  type RoleHandler,
  type Sync,
} from '../fabric/index.ts'
import type { Diagnostics } from '../telemetry/index.ts'
import type { Connection, DialOptions, Network } from '../transport/index.ts'
import { decodeGossip, type GossipMessage, isSwimMessage, isSwimType, type SyncMessage } from '../wire/index.ts'
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
  readonly offers: Offers
  /** Accepted connections that are open. */
  activeClients(): number
  /** `fabric-message` frames from other nodes. */
  readonly onMessage: RoleHandler
}

export interface Fabric {
  readonly catalog: Catalog
  readonly peers: Peers
  readonly gossip: Gossip
  readonly sync: Sync
  readonly membership: Membership
  readonly dialing: Dialing
  readonly announcer: Announcer
  acceptPeer(connection: Connection): AcceptedPeer
  /** Announces what the node offers and begins to dial. Resolves when the configured peers have been tried. */
  start(): Promise<void>
  /** Says goodbye, takes back what was announced, and closes every link. */
  leave(): Promise<void>
  /** Ends everything at once. */
  stop(): void
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
}

export function createFabric(deps: FabricDeps): Fabric {
  const { diagnostics, env, instanceId, network, nodeId, offers, settings } = deps
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
    tls: {
      verify: settings.tlsVerifyPeers,
      ...(settings.tlsCertFile === null ? {} : { certFile: settings.tlsCertFile }),
      ...(settings.tlsKeyFile === null ? {} : { keyFile: settings.tlsKeyFile }),
      ...(settings.tlsCaFile === null ? {} : { caFile: settings.tlsCaFile }),
    },
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
        allowedClusters: federationConfig.federationMode === 'strict_isolation' ? new Set() : 'any',
        allowedFunctions: new Set(federationConfig.securityPolicy.allowedFunctionsCrossFederation),
        blockedFunctions: new Set(federationConfig.securityPolicy.blockedFunctionsCrossFederation),
        allowsNode: (id) => !peers.departures.isDeparted(id),
      }),
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
      },
      local: {
        functions: () => offers.functions().map(({ identity, resources }) => ({ ...identity, resources })),
        resources: () => settings.resources,
        advertisedUrls: () => settings.advertisedUrls,
        activeClients: deps.activeClients,
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
      temporaryDial: (url, connectTimeoutMs) => network.dial(url, { ...linkLimits, connectTimeoutMs }),
      dialUrlOf: (id) => dialUrlOf(id, peers.directory.node(id)?.transport_endpoints ?? []),
    },
    {
      gossipIntervalSeconds: gossipInterval,
      goodbyeGraceSeconds: settings.goodbyeReconnectGraceSeconds,
      federation: federationConfig,
      configuredPeers: seeds.length,
      frameBytesMax: settings.peerMessageBytesMax,
      requirePeerIdentity: isCredentialRequired(settings),
      // One token shared by all nodes is the usual case: its name says that a node is one of them, not which.
      credentialPerNode: false,
    },
  )
  const links = peers.sender

  const gossip = createGossip(
    { env, nodeId, nodeName: settings.name, clusterId, links, catalog, diagnostics },
    {
      intervalSeconds: gossipInterval,
      fanout: GOSSIP_FANOUT,
      strategy: 'random',
      maxHops: settings.fabricRoutingMaxHops,
      catalogTtlSeconds: ttlSeconds,
    },
  )
  const sync = createSync({ env, nodeId, links, catalog }, { intervalSeconds: gossipInterval, leaseSeconds: ttlSeconds })
  const membership = createMembership({
    env,
    nodeId,
    send: (target, message) => links.send(target, gossipFrame(message)),
    targets: () => links.connected().filter((peer) => links.has(peer, 'swim/1')),
    isKnown: (id) => catalog.node(id) !== undefined,
    population: () => peers.directory.size,
    regionOf: (id) => catalog.node(id)?.region ?? '',
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
        dialOnce: (url, connectTimeoutMs, signal) => network.dial(url, { ...linkLimits, connectTimeoutMs, signal }),
      }),
      adopt: (connection, expected, context) => peers.dialed(connection, expected, context),
      linkKinds: peers.linkKinds,
      preferAccepted: (id) => links.has(id, 'roles/1'),
      instanceOf: peers.instanceOf,
      ownsFunctions: (id) => catalog.entriesOf(id).some(({ kind }) => kind === 'functions'),
      discovered: () => {
        const owners = new Set(catalog.list('functions').map((entry) => entry.node_id))
        owners.delete(nodeId)
        return {
          function_catalog: owners.size,
          node_catalog: catalog.nodes().filter((entry) => entry.node_id !== nodeId).length,
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
      federationAllows: peers.federationAllows,
    },
    {
      nodeId,
      name: settings.name,
      gossipIntervalSeconds: gossipInterval,
      peers: settings.peers,
      ...(settings.connect === null ? {} : { connect: settings.connect }),
    },
  )

  roles.set('fabric-gossip', onGossip)
  roles.set('fabric-sync', (from, frame, text) => {
    if (text === undefined) sync.receive(from, frame.payload as SyncMessage)
    else sync.receiveFrame(from, frame as PayloadFrame, text)
  })
  roles.set('fabric-message', deps.onMessage)

  function onGossip(...[from, frame, text]: Parameters<RoleHandler>): void {
    const type = (frame.payload as { message_type?: unknown } | null | undefined)?.message_type
    if (!isSwimType(type)) {
      if (text === undefined) gossip.receive(from, frame.payload as GossipMessage)
      else gossip.receiveFrame(from, frame as PayloadFrame, text)
      return
    }
    const result =
      text === undefined ? { message: frame.payload as GossipMessage } : decodeGossip(frame as PayloadFrame, text, env.clock.wall())
    if ('message' in result && isSwimMessage(result.message)) membership.receive(from, result.message)
    else if (text !== undefined) gossip.receiveFrame(from, frame as PayloadFrame, text)
  }

  peers.events.observe((event) => {
    const { node_url: peer } = event
    switch (event.type) {
      case 'connection_established':
        catalog.welcome(peer)
        if (links.has(peer, 'swim/1')) membership.onConnected(peer, event.instance_id)
        else membership.judge(peer, 'alive', 'linked')
        gossip.onConnected(peer)
        sync.onConnected(peer)
        break
      case 'connection_lost':
        membership.onLost(peer, event.why)
        gossip.onLost(peer)
        sync.onLost(peer)
    }
  })
  peers.onDeparture(({ delta, departure }) => {
    membership.left(departure.node_url)
    dialing.left(departure.node_url)
    gossip.forget(departure.node_url)
    if (delta !== undefined) gossip.publishCatalog(delta)
  })

  // Who went in good order, however that was heard, is not looked for.
  catalog.observe(({ delta, source }) => {
    if (source.kind === 'expiry') return
    for (const { node_id: left } of delta.node_removals) dialing.left(left)
  })

  let cancelPruning: (() => void) | undefined

  return {
    catalog,
    peers,
    gossip,
    sync,
    membership,
    dialing,
    announcer,
    acceptPeer: peers.accepted,

    async start() {
      gossip.start()
      sync.start()
      membership.start()
      announcer.start()
      cancelPruning = env.timers.every(Math.max(1, ttlSeconds / PRUNINGS_PER_TTL) * 1000, () => void catalog.prune(env.clock.wall()))
      await dialing.start()
    },

    async leave() {
      dialing.stop()
      const { dialed, linked } = await peers.goodbye('graceful_shutdown')
      announcer.depart()
      membership.stop()
      if (linked + dialed > 0) await new Promise<void>((resolve) => env.timers.after(GOODBYE_PAUSE_MS, resolve))
      this.stop()
    },

    stop() {
      cancelPruning?.()
      dialing.stop()
      announcer.stop()
      membership.stop()
      gossip.stop()
      sync.stop()
      peers.stop()
    },

    snapshot: () => ({
      catalog: catalog.snapshot(),
      peers: peers.snapshot(),
      gossip: gossip.snapshot(),
      sync: sync.snapshot(),
      membership: membership.snapshot(),
      dialing: dialing.snapshot(),
      announcer: announcer.snapshot(),
    }),
  }
}

/** With credentials configured, only who showed one may be a peer. */
function isCredentialRequired({ apiKeys, authTokenFile, authTokens, tlsRequireClientCert }: Settings): boolean {
  return Object.keys(authTokens).length > 0 || Object.keys(apiKeys).length > 0 || authTokenFile !== null || tlsRequireClientCert
}
