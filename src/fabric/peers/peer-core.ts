/**
 * What accepted and dialed links have in common: a stranger becomes a peer, its statuses are taken in, its frames are handed on, and it is
 * forgotten again. Everything else of this room stands around this state.
 */
import { BoundedQueue, type Env, KeyedRateLimiter } from '../../base/index.ts'
import { logOncePer, type OncePer } from '../../telemetry/index.ts'
import type { CloseInfo, Connection, OutboundObject } from '../../transport/index.ts'
import {
  type CatalogDelta,
  errorLine,
  type Frame,
  type FunctionEntry,
  type GoodbyeBody,
  type NodeEntry,
  type OutboundFrame,
  type StatusBody,
} from '../../wire/index.ts'
import { type ConnectionEvents, createConnectionEvents, type LostWhy } from './connection-events.ts'
import { ALIASES_MAX, EVENTS_KEPT, FOREIGN_CLUSTERS_MAX, ID_LENGTH_MAX } from './constants.ts'
import { createDepartures, type Departure, type Departures } from './departures.ts'
import { type CatalogChange, createDirectory, type Directory } from './directory.ts'
import { decideFederation, type FederationPolicy, STRICT_ISOLATION } from './federation-decision.ts'
import {
  createLinkTable,
  type LinkTable,
  type LinkTableOptions,
  type OwnedLink,
  PEER_EXTENSIONS,
  type PeerLink,
  transmit,
} from './links.ts'
import { type LocalNode, type ServerFrameValue, statusBody, statusFrame, statusSignature } from './status-frame.ts'
import { createStatusTable, type StatusTable } from './status-table.ts'
import type { Liveness, PeerDiagnostics } from './views.ts'

/** Receives the frames of one role from identified peers. `text` is undefined when the frame was handed over as an object. */
export type RoleHandler = (from: string, frame: Frame, text: string | undefined, link: PeerLink) => void

/** What this room needs of the catalog. */
export interface PeersCatalog {
  observe(observer: (change: CatalogChange) => void): () => void
  /** Removes everything of a node; what was removed. */
  departNode(nodeId: string, clusterIds: readonly string[], now: number): CatalogDelta
  functionsOf(nodeId: string): Iterable<FunctionEntry>
  /** The process behind a node, where its owner record tells. */
  instanceOf(nodeId: string): string | undefined
}

export interface PeersDeps {
  readonly env: Env
  readonly nodeId: string
  readonly clusterId: string
  /** Of this process: fresh with every start. */
  readonly instanceId: string
  readonly catalog: PeersCatalog
  readonly local: LocalNode & { descriptor(): NodeEntry }
  /** Role -> who serves it, `server` aside. May be filled after the peers exist. */
  readonly roles: Pick<ReadonlyMap<string, RoleHandler>, 'get'>
  liveness(nodeId: string): Liveness
  readonly diagnostics: PeerDiagnostics
  /** A connection for one frame; rejects when there is none in time. */
  temporaryDial(url: string, timeoutMs: number): Promise<Connection>
  /** Told of every peer that was turned away. */
  onRefused?(refusal: RefusalRecord): void
  /** The best url to dial a known node at; default: its id. */
  dialUrlOf?(nodeId: string): string
}

export interface PeersOptions extends Partial<LinkTableOptions> {
  readonly gossipIntervalSeconds: number
  /** 0: departures are not recorded. */
  readonly goodbyeGraceSeconds: number
  readonly federation?: FederationPolicy
  /** Nodes of foreign clusters are met over TLS only, whoever dials. */
  readonly foreignTlsRequired?: boolean
  /** Connections accepted from nodes of one foreign cluster in a minute; default: any number. */
  readonly foreignConnectionsPerMinute?: number
  /** Peers the operator configured, `connect` included. */
  readonly configuredPeers?: number
  /** Announced in STATUS; default all of this version. Empty: this node passes for a reference node. */
  readonly extensions?: readonly string[]
  /** Accept as peers only connections that presented a named credential. */
  readonly requirePeerIdentity?: boolean
  /** With `requirePeerIdentity`: each node has a credential of its own, good for one node id at a time. Default true. */
  readonly credentialPerNode?: boolean
}

/** Why a connection is not, or no longer, taken for a peer's. */
export type RefusalReason =
  | 'departed'
  | 'federation'
  | 'self'
  | 'own_id_in_use'
  | 'identity_required'
  | 'identity_in_use'
  | 'invalid_id'
  | 'too_many_peers'
  | 'rate_limited'
  | 'stopping'

export interface Refusal {
  readonly reason: RefusalReason
  /** What the peer is told. */
  readonly message: string
}

/** A refusal as it is remembered. */
export interface RefusalRecord extends Refusal {
  /** Unix seconds. */
  readonly timestamp: number
  readonly remote: string
  readonly node_url: string
  readonly cluster_id: string
}

/** A peer said goodbye. */
export interface DepartureEvent {
  readonly departure: Omit<Departure, 'departed_at'>
  /** What left the catalog; undefined when the node was unknown here. */
  readonly delta: CatalogDelta | undefined
}

export type GoodbyeIgnored = 'third_party' | 'foreign_instance' | 'own_id'

const IDENTITY_TEXT = /^\S+$/

export interface PeerCore {
  readonly env: Env
  readonly deps: PeersDeps
  readonly options: PeersOptions
  readonly links: LinkTable
  readonly statuses: StatusTable
  readonly directory: Directory
  readonly departures: Departures
  readonly events: ConnectionEvents
  readonly counters: PeerCounters
  readonly oncePerPeer: OncePer
  stopping: boolean

  /** Other names a node is dialed under -> its node id. */
  readonly aliases: Map<string, string>
  addAlias(alias: string, nodeId: string): void
  /** What keeps this identity from being a peer; undefined: nothing. */
  objection(nodeId: string, clusterId: string, instanceId: string, connection: Pick<Connection, 'protocol'>): Refusal | undefined
  /** Counts a connection of a node of this cluster; a refusal when there were too many of late. */
  rateObjection(clusterId: string): Refusal | undefined
  remember(refusal: Refusal, remote: string, nodeId: string, clusterId: string): void
  refusals(): readonly RefusalRecord[]

  /** Contained: a frame that can not be sent costs the caller nothing but a false. */
  deliver(connection: Connection, frame: OutboundObject): boolean
  ownStatus(): OutboundFrame<ServerFrameValue<StatusBody>>
  sendStatus(link: Pick<OwnedLink, 'connection' | 'status'>, frame?: OutboundFrame<ServerFrameValue<StatusBody>>): boolean
  /** Makes a link the peer's, or replaces the one of its kind, after what an old process left behind was cleared. True: its first. */
  register(link: OwnedLink): boolean
  established(link: OwnedLink): void
  heard(link: OwnedLink, body: StatusBody): void
  /** The connection of a link ended by itself. */
  closed(link: OwnedLink, info: CloseInfo): void
  /** Closes every link to a node. */
  drop(nodeId: string, why: LostWhy, reason: string, goodbye?: GoodbyeBody['reason']): void
  /** Why a goodbye is ignored; undefined: it is not. `from`: the link it came on; undefined: it was a connection's first frame. */
  ignoreGoodbye(body: GoodbyeBody, from: OwnedLink | undefined): GoodbyeIgnored | undefined
  /** Carries a goodbye out: the record, the removal from directory and catalog, the end of the links. */
  depart(body: GoodbyeBody): void
  onDeparture(listener: (event: DepartureEvent) => void): () => void
  /** False: nobody serves the role. */
  dispatch(link: OwnedLink, frame: Frame, text: string | undefined): boolean
}

export interface PeerCounters {
  statusesReceived: number
  statusesSent: number
  statusesInvalid: number
  rebindsRefused: number
  goodbyesReceived: number
  readonly goodbyesIgnored: Record<GoodbyeIgnored, number>
  readonly refused: Record<RefusalReason, number>
  /** Gossip, fabric and consensus frames on connections nobody identified. */
  fabricFramesRefused: number
  framesDispatched: number
  framesUnknownRole: number
  framesMalformed: number
  handlerFailures: number
  dials: number
  dialsLinked: number
  dialsDuplicate: number
  dialsRefused: number
  earlyFramesDropped: number
  listenerFailures: number
  /** On dialed links. */
  readonly traffic: { messages_processed: number; rpc_responses_skipped: number; server_messages: number; other_messages: number }
}

export function createPeerCore(deps: PeersDeps, options: PeersOptions): PeerCore {
  const { env, nodeId: self, clusterId: ownCluster, instanceId: ownInstance, catalog, local } = deps
  const { clock, log } = env
  const policy = options.federation ?? STRICT_ISOLATION
  const identity = {
    nodeId: self,
    clusterId: ownCluster,
    instanceId: ownInstance,
    extensions: options.extensions ?? PEER_EXTENSIONS,
  }
  const links = createLinkTable(env, { frameBytesMax: Number.POSITIVE_INFINITY, ...options })
  const directory = createDirectory({ nodeId: self, isConnected: links.isConnected, log: log.scope('fabric.peer_directory') })
  const statuses = createStatusTable({ clock, isListed: (nodeId) => links.get(nodeId) !== undefined || directory.has(nodeId) })
  const departures = createDepartures(clock, options.goodbyeGraceSeconds, log.scope('goodbye'))
  const events = createConnectionEvents({ clock, log: log.scope('connection.events'), nodeId: self })
  const oncePerPeer = logOncePer({ clock, intervalMs: 60_000 })
  const aliases = new Map<string, string>()
  const refusals = new BoundedQueue<RefusalRecord>({ capacity: EVENTS_KEPT, whenFull: 'drop-oldest' })
  const departureListeners = new Set<(event: DepartureEvent) => void>()
  const federationLog = log.scope('fabric.connection')
  const goodbyeLog = log.scope('goodbye')
  const counters = createCounters()
  const { foreignConnectionsPerMinute: perMinute } = options
  const foreignRates =
    perMinute === undefined
      ? undefined
      : new KeyedRateLimiter(clock, { ratePerSecond: perMinute / 60, burst: perMinute, keysMax: FOREIGN_CLUSTERS_MAX })
  directory.onRemoved(statuses.release)

  function objection(
    nodeId: string,
    clusterId: string,
    instanceId: string,
    { protocol }: Pick<Connection, 'protocol'>,
  ): Refusal | undefined {
    if (core.stopping) return { reason: 'stopping', message: 'Node is shutting down' }
    if (instanceId !== '' && instanceId === ownInstance) return { reason: 'self', message: 'Connection to self' }
    if (nodeId === self) return { reason: 'own_id_in_use', message: `Connection rejected: ${self} is the node id of this node.` }
    if (!isIdentity(nodeId) || !isIdentity(clusterId) || instanceId.length > ID_LENGTH_MAX) {
      return { reason: 'invalid_id', message: `Connection rejected: ids must be 1 to ${ID_LENGTH_MAX} characters without blanks.` }
    }
    if (departures.isDeparted(nodeId, instanceId)) return { reason: 'departed', message: 'Peer is marked departed' }
    const decision = decideFederation(policy, ownCluster, clusterId, nodeId)
    if (!decision.allowed) return { reason: 'federation', message: decision.message }
    if (clusterId !== ownCluster && options.foreignTlsRequired === true && protocol !== 'wss' && protocol !== 'tcps') {
      return {
        reason: 'federation',
        message: `Connection rejected: cluster ${clusterId} is met over TLS only, and this connection is ${protocol}.`,
      }
    }
    if (clusterId !== ownCluster && decision.reason !== 'cluster_listed' && policy.logCrossFederationAttempts !== false) {
      const line = `foreign peer accepted peer=${nodeId} cluster=${clusterId} reason=${decision.reason}`
      const warn = decision.verdict === 'authorized_with_warning' && policy.logCrossFederationWarnings === true
      oncePerPeer.log(`foreign ${nodeId}`, (more) => (warn ? federationLog.warn(line + more) : federationLog.info(line + more)))
    }
    if (federationLog.debugOn) federationLog.debug(`peer admitted peer=${nodeId} cluster=${clusterId} reason=${decision.reason}`)
    return undefined
  }

  function rateObjection(clusterId: string): Refusal | undefined {
    if (clusterId === ownCluster || foreignRates === undefined || foreignRates.tryTake(clusterId)) return undefined
    return {
      reason: 'rate_limited',
      message: `Connection rejected: more than ${perMinute} connections of cluster ${clusterId} in a minute.`,
    }
  }

  function remember(refusal: Refusal, remote: string, nodeId: string, clusterId: string): void {
    const { reason, message } = refusal
    counters.refused[reason]++
    const shown = { node_url: nodeId.slice(0, ID_LENGTH_MAX), cluster_id: clusterId.slice(0, ID_LENGTH_MAX) }
    const record = { ...refusal, timestamp: clock.wall(), remote, ...shown }
    refusals.push(record)
    deps.onRefused?.(record)
    if (reason === 'departed' && goodbyeLog.debugOn) goodbyeLog.debug(`refused because departed peer=${shown.node_url} remote=${remote}`)
    if (reason === 'federation' && policy.logConnectionRejections === false) return
    oncePerPeer.log(`refused ${remote}`, (more) => {
      federationLog.warn(`peer refused remote=${remote} peer=${shown.node_url} reason=${reason}: ${message}${more}`)
    })
  }

  function ownStatus(): OutboundFrame<ServerFrameValue<StatusBody>> {
    const peerCount = Math.max(1, directory.size)
    return statusFrame(env, statusBody(identity, local, { peerCount, traffic: { ...counters.traffic }, now: clock.wall() }))
  }

  function sendStatus({ connection, status }: Pick<OwnedLink, 'connection' | 'status'>, frame = ownStatus()): boolean {
    if (!deliver(connection, frame)) return false
    status.awaitedU = frame.value.u
    status.sentAtMs = clock.monotonic()
    status.signature = statusSignature(local)
    counters.statusesSent++
    return true
  }

  /** Contained: a frame that can not be sent costs the caller nothing but a false. */
  function deliver(connection: Connection, frame: OutboundObject): boolean {
    try {
      return transmit(connection, frame)
    } catch (error) {
      oncePerPeer.log(`send ${connection.remote}`, (more) =>
        log.scope('core.connection').warn(`frame to ${connection.remote} left out: ${errorLine(error)}${more}`),
      )
      return false
    }
  }

  function register(link: OwnedLink): boolean {
    const { nodeId, instanceId } = link
    const before = links.get(nodeId)?.instanceId ?? ''
    if (before !== '' && instanceId !== '' && before !== instanceId) drop(nodeId, 'restarted', 'another process answers for the url')
    return links.add(link)
  }

  function established({ nodeId, clusterId, instanceId, kind }: OwnedLink): void {
    events.publish({ type: 'connection_established', node_url: nodeId, cluster_id: clusterId, instance_id: instanceId, link: kind })
  }

  function heard(link: OwnedLink, body: StatusBody): void {
    const { nodeId } = link
    counters.statusesReceived++
    const previous = statuses.instanceOf(nodeId)
    const { status, restarted } = statuses.heard(body)
    if (link.instanceId === '') link.instanceId = status.instance_id
    links.learn(nodeId, status.instance_id, status.extensions)
    if (restarted) {
      events.publish({
        type: 'instance_restarted',
        node_url: nodeId,
        instance_id: status.instance_id,
        previous_instance_id: previous ?? '',
      })
    }
  }

  /** The last link to a node is out of the table. */
  function lost(link: OwnedLink, why: LostWhy, code: number, reason: string, goodbye?: GoodbyeBody['reason']): void {
    const { nodeId, clusterId, kind } = link
    statuses.markDisconnected(nodeId, clusterId)
    directory.dropLapsed(nodeId)
    statuses.release(nodeId)
    const event = { type: 'connection_lost', node_url: nodeId, cluster_id: clusterId, link: kind, why, code, reason } as const
    events.publish(goodbye === undefined ? event : { ...event, goodbye })
  }

  function closed(link: OwnedLink, info: CloseInfo): void {
    if (link.gone || !links.remove(link)) return
    lost(link, 'closed', info.code, link.complaint || info.reason || (info.error === undefined ? '' : errorLine(info.error)))
  }

  function drop(nodeId: string, why: LostWhy, reason: string, goodbye?: GoodbyeBody['reason']): void {
    links.endSuperseded(nodeId, reason)
    const peer = links.get(nodeId)
    if (peer === undefined) return
    for (const link of [peer.accepted, peer.dialed]) {
      if (link === undefined) continue
      const last = links.remove(link)
      link.connection.close(1000, reason)
      if (last) lost(link, why, 1000, reason, goodbye)
    }
  }

  /** The process a goodbye for this url must come from, as far as it is known. */
  function knownInstance(nodeId: string): string {
    return links.get(nodeId)?.instanceId || catalog.instanceOf(nodeId) || statuses.instanceOf(nodeId) || ''
  }

  function objectionToGoodbye(body: GoodbyeBody, from: OwnedLink | undefined): GoodbyeIgnored | undefined {
    const { departing_node_url: nodeId, instance_id: instanceId = '' } = body
    if (nodeId === self) return 'own_id'
    if (from !== undefined && from.nodeId !== nodeId) return 'third_party'
    const known = knownInstance(nodeId)
    if (known === '' || known === instanceId) return undefined
    // Who is identified may leave its instance out, as older nodes do; a stranger has nothing else to show.
    return from !== undefined && instanceId === '' ? undefined : 'foreign_instance'
  }

  function ignoreGoodbye(body: GoodbyeBody, from: OwnedLink | undefined): GoodbyeIgnored | undefined {
    counters.goodbyesReceived++
    const why = objectionToGoodbye(body, from)
    if (why === undefined) return undefined
    counters.goodbyesIgnored[why]++
    const remote = from?.nodeId ?? 'an unidentified connection'
    oncePerPeer.log(`goodbye ${remote}`, (more) =>
      goodbyeLog.warn(`goodbye ignored peer=${body.departing_node_url.slice(0, ID_LENGTH_MAX)} from=${remote} reason=${why}${more}`),
    )
    return why
  }

  function depart(body: GoodbyeBody): void {
    const { departing_node_url: nodeId, cluster_id: clusterId, reason, instance_id: instanceId = '' } = body
    const clusterIds = new Set([clusterId, directory.clusterOf(nodeId), links.clusterOf(nodeId)].filter((id) => id !== undefined))
    const departure = { node_url: nodeId, instance_id: instanceId || knownInstance(nodeId), cluster_id: clusterId, reason }
    departures.record(departure)
    const known = directory.has(nodeId) || links.get(nodeId) !== undefined || !isEmpty(catalog.functionsOf(nodeId))
    // For a node nobody here has heard of there is nothing to remove, and nothing to tell others.
    const delta = known ? catalog.departNode(nodeId, [...clusterIds], clock.wall()) : undefined
    directory.remove(nodeId)
    const ending = [links.get(nodeId)?.dialed, links.get(nodeId)?.accepted].filter((link) => link !== undefined).length
    const figures = `links=${ending} nodes_left=${directory.size} grace=${options.goodbyeGraceSeconds}s`
    goodbyeLog.info(`peer departed peer=${nodeId} reason=${reason} cluster=${clusterId} ${figures}`)
    for (const listener of [...departureListeners]) {
      try {
        listener({ departure, delta })
      } catch (error) {
        counters.listenerFailures++
        goodbyeLog.error(`listener of a departure failed: ${errorLine(error)}`, error)
      }
    }
    drop(nodeId, 'goodbye', `goodbye: ${reason}`, reason)
  }

  function dispatch(link: OwnedLink, frame: Frame, text: string | undefined): boolean {
    const handler = typeof frame.role === 'string' ? deps.roles.get(frame.role) : undefined
    if (handler === undefined) {
      counters.framesUnknownRole++
      return false
    }
    counters.framesDispatched++
    try {
      handler(link.nodeId, frame, text, link)
    } catch (error) {
      counters.handlerFailures++
      oncePerPeer.log(`handler ${link.nodeId}`, (more) =>
        log.scope('server').error(`frame not handled peer=${link.nodeId} role=${String(frame.role)}: ${errorLine(error)}${more}`, error),
      )
    }
    return true
  }

  const core: PeerCore = {
    env,
    deliver,
    deps,
    options,
    links,
    statuses,
    directory,
    departures,
    events,
    counters,
    oncePerPeer,
    stopping: false,
    aliases,
    addAlias(alias, nodeId) {
      aliases.delete(alias)
      aliases.set(alias, nodeId)
      if (aliases.size > ALIASES_MAX) aliases.delete(aliases.keys().next().value as string)
    },
    objection,
    rateObjection,
    remember,
    refusals: () => [...refusals],
    ownStatus,
    sendStatus,
    register,
    established,
    heard,
    closed,
    drop,
    ignoreGoodbye,
    depart,
    onDeparture(listener) {
      departureListeners.add(listener)
      return () => departureListeners.delete(listener)
    },
    dispatch,
  }
  return core
}

function isIdentity(id: string): boolean {
  return id.length <= ID_LENGTH_MAX && IDENTITY_TEXT.test(id)
}

function isEmpty(items: Iterable<unknown>): boolean {
  for (const _ of items) return false
  return true
}

function createCounters(): PeerCounters {
  return {
    statusesReceived: 0,
    statusesSent: 0,
    statusesInvalid: 0,
    rebindsRefused: 0,
    goodbyesReceived: 0,
    goodbyesIgnored: { third_party: 0, foreign_instance: 0, own_id: 0 },
    refused: {
      departed: 0,
      federation: 0,
      self: 0,
      own_id_in_use: 0,
      identity_required: 0,
      identity_in_use: 0,
      invalid_id: 0,
      too_many_peers: 0,
      rate_limited: 0,
      stopping: 0,
    },
    fabricFramesRefused: 0,
    framesDispatched: 0,
    framesUnknownRole: 0,
    framesMalformed: 0,
    handlerFailures: 0,
    dials: 0,
    dialsLinked: 0,
    dialsDuplicate: 0,
    dialsRefused: 0,
    earlyFramesDropped: 0,
    listenerFailures: 0,
    traffic: { messages_processed: 0, rpc_responses_skipped: 0, server_messages: 0, other_messages: 0 },
  }
}

/** A link that does not belong to anybody's table yet. */
export function newLink(
  connection: Connection,
  identity: Pick<PeerLink, 'kind' | 'nodeId' | 'clusterId' | 'instanceId' | 'credential'>,
  status: OwnedLink['status'] = newStatusTrack(),
): OwnedLink {
  return {
    ...identity,
    connection,
    get isOpen() {
      return connection.isOpen && !this.gone
    },
    gone: false,
    complaint: '',
    status,
  }
}

export function newStatusTrack(): OwnedLink['status'] {
  return { awaitedU: '', sentAtMs: Number.NEGATIVE_INFINITY, signature: '' }
}
