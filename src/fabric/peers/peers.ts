/**
 * The other nodes as this one is linked to them: who is there, who came and went and why, what each last said of itself, and the sending
 * of frames to them.
 *
 *     const peers = createPeers(deps, options)
 *     const inbound = peers.accepted(connection)              // an accepted connection brought a frame that only nodes send
 *     const link = await peers.dialed(connection, nodeId, 'peer_reconcile')   // a connection this node opened
 *     peers.broadcastStatus()                                  // each reconcile round
 */
import type { Connection, OutboundObject } from '../../transport/index.ts'
import { encodeServerFrame, errorLine, type GoodbyeBody, type GoodbyeReason, OutboundFrame, parseFrame } from '../../wire/index.ts'
import { type AcceptedPeer, createAccepted } from './accepting.ts'
import type { ConnectionEvents, ConnectionEventsSnapshot } from './connection-events.ts'
import { GOODBYE_DIAL_TIMEOUT_MS, STATUS_CHANGE_PACE_MS, STATUS_REFRESH_MS } from './constants.ts'
import type { Departures, DeparturesSnapshot } from './departures.ts'
import { adoptDialed, type DialedOptions } from './dialed-links.ts'
import type { Directory, DirectorySnapshot } from './directory.ts'
import { decideFederation, type FederationDecision, STRICT_ISOLATION } from './federation-decision.ts'
import { forEachAtMost, goodbyeBudget } from './goodbye.ts'
import type { LinksSnapshot, LinkTable, LinkView, OwnedLink, PeerLink, PeerSender } from './links.ts'
import { FULL_MESH_MAX, type LoadFacts } from './load.ts'
import {
  createPeerCore,
  type DepartureEvent,
  type PeerCounters,
  type PeersDeps,
  type PeersOptions,
  type RefusalRecord,
} from './peer-core.ts'
import { statusSignature } from './status-frame.ts'
import type { PeerStatus, StatusTableSnapshot } from './status-table.ts'
import { createPeerViews, type PeerViews } from './views.ts'

export interface Peers {
  readonly sender: PeerSender
  readonly directory: Omit<Directory, 'apply' | 'remove' | 'dropLapsed' | 'onRemoved'>
  readonly events: Pick<ConnectionEvents, 'observe' | 'recent' | 'reconnects'>
  readonly departures: Pick<Departures, 'isDeparted' | 'list' | 'prune'>
  readonly views: PeerViews

  /** Call with the first frame of an accepted connection that only nodes send, and hand it all such frames from then on. */
  accepted(connection: Connection): AcceptedPeer
  /** Takes over a connection this node opened; see {@link adoptDialed}. @throws DialRefused */
  dialed(connection: Connection, expectedNodeId: string, context: string, options?: DialedOptions): Promise<PeerLink>
  /** Whether a dialed, or only an accepted link is open. */
  linkKinds(nodeId: string): { readonly dialed: boolean; readonly accepted: boolean }
  /** The node id behind a url it was dialed under; this node's own id when the url led back here; else the url itself. */
  resolve(url: string): string
  /** May this node link to that cluster and node? */
  federationAllows(clusterId: string, nodeId?: string): FederationDecision
  statusOf(nodeId: string): PeerStatus | undefined
  /** Its clock minus this node's, seconds, by its last status; undefined when it has told no time, or is not linked. */
  clockOffsetOf(nodeId: string): number | undefined
  instanceOf(nodeId: string): string | undefined
  /** A round trip over the link to a node was measured, ms: who accepted the link gets no answer to its status to measure it by. */
  noteRoundTrip(nodeId: string, ms: number): void
  /** A dial of the reconcile loop failed: where every peer should be linked, it counts as disconnected at once. */
  dialFailed(nodeId: string, context: string): void
  /** To be called every reconcile round: tells each peer what it is due. @returns how many were told */
  broadcastStatus(): number
  /** Calls `listener` when a peer said goodbye, after its entries were removed and before its links are closed. */
  onDeparture(listener: (event: DepartureEvent) => void): () => void
  /** Says goodbye to all linked peers and, within the budget, to known nodes without a link. Resolves when all have been told. */
  goodbye(reason: GoodbyeReason): Promise<GoodbyeReport>
  /** Closes the links to a node. */
  disconnect(nodeId: string, reason: string): void
  /** Closes all links; none is made any more. */
  stop(): void
  /** Per peer, for the operator. */
  links(): LinkView[]
  /** The last peers that were refused, oldest first. */
  refusals(): readonly RefusalRecord[]
  snapshot(): PeersSnapshot
}

/** Who was told goodbye. */
export interface GoodbyeReport {
  readonly linked: number
  /** Known nodes without a link that were reached by a dial of their own. */
  readonly dialed: number
  readonly dial_failures: number
  /** Known nodes left to gossip. */
  readonly not_told: number
}

export interface PeersSnapshot {
  readonly links: LinksSnapshot
  readonly directory: DirectorySnapshot
  readonly statuses: StatusTableSnapshot
  readonly departures: DeparturesSnapshot
  readonly events: ConnectionEventsSnapshot
  readonly aliases: number
  readonly statuses_received: number
  readonly statuses_sent: number
  readonly statuses_invalid: number
  readonly rebinds_refused: number
  readonly goodbyes_received: number
  readonly goodbyes_ignored: PeerCounters['goodbyesIgnored']
  readonly refused: PeerCounters['refused']
  readonly fabric_frames_refused: number
  readonly frames_dispatched: number
  readonly frames_unknown_role: number
  readonly frames_malformed: number
  readonly handler_failures: number
  readonly listener_failures: number
  readonly dials: number
  readonly dials_linked: number
  readonly dials_duplicate: number
  readonly dials_refused: number
  readonly early_frames_dropped: number
}

export function createPeers(deps: PeersDeps, options: PeersOptions): Peers {
  const core = createPeerCore(deps, options)
  const { counters, departures, directory, events, links, statuses } = core
  const { env, nodeId: self, clusterId, local } = deps
  const configuredPeers = options.configuredPeers ?? 0
  deps.catalog.observe(directory.apply)

  const views = createPeerViews({
    clock: env.clock,
    nodeId: self,
    clusterId,
    directory,
    statuses,
    departures,
    isConnected: links.isConnected,
    functionsOf: (nodeId) => deps.catalog.functionsOf(nodeId),
    liveness: (nodeId) => deps.liveness(nodeId),
    ownNode: () => local.descriptor(),
    ownLoad,
    ownUrls: () => local.advertisedUrls(),
    diagnostics: deps.diagnostics,
    gossipIntervalSeconds: options.gossipIntervalSeconds,
    configuredPeers,
  })

  function ownLoad(): LoadFacts {
    return {
      status: 'ok',
      timestamp: env.clock.wall(),
      active_clients: local.activeClients(),
      peer_count: Math.max(1, directory.size),
      metrics: counters.traffic,
    }
  }

  let roundAtMs = env.clock.monotonic()

  function broadcastStatus(): number {
    departures.prune()
    const now = env.clock.monotonic()
    const roundMs = now - roundAtMs
    roundAtMs = now
    const signature = statusSignature(local)
    let frame: ReturnType<typeof core.ownStatus> | undefined
    let told = 0
    for (const peer of links.values()) {
      const link = links.best(peer.nodeId)
      if (link === undefined) continue
      const due = peer.extensions.size === 0 || isDue(link, signature, now, roundMs)
      if (!due) continue
      frame ??= core.ownStatus()
      if (core.sendStatus(link, frame)) told++
    }
    return told
  }

  /** For peers that need not be told every round. */
  function isDue({ status }: OwnedLink, signature: string, now: number, roundMs: number): boolean {
    const age = now - status.sentAtMs
    // Rather now than late, when the next round would be.
    if (age >= STATUS_REFRESH_MS || age + roundMs > STATUS_REFRESH_MS * 1.25) return true
    return signature !== status.signature && age >= STATUS_CHANGE_PACE_MS
  }

  async function goodbye(reason: GoodbyeReason): Promise<GoodbyeReport> {
    const frame = goodbyeFrame(reason)
    const linked = links.connected()
    let told = 0
    for (const nodeId of linked) if (links.send(nodeId, frame)) told++
    const known = directory.neighbours().map(({ node_id }) => node_id)
    const unlinked = known.filter((nodeId) => !links.isConnected(nodeId) && !departures.isDeparted(nodeId))
    const { temporaryDials, concurrency } = goodbyeBudget(known.length, linked.length, unlinked.length)
    const chosen = env.random.sample(unlinked, temporaryDials)
    let reached = 0
    await forEachAtMost(chosen, concurrency, async (nodeId) => {
      if (await tellByDialing(nodeId, frame)) reached++
    })
    const report = { linked: told, dialed: reached, dial_failures: chosen.length - reached, not_told: unlinked.length - chosen.length }
    env.log
      .scope('goodbye')
      .info(
        `goodbye said node=${self} cluster=${clusterId} reason=${reason} linked=${told} dialed=${reached} dial_failures=${report.dial_failures} not_told=${report.not_told}`,
      )
    return report
  }

  function goodbyeFrame(reason: GoodbyeReason): OutboundObject {
    const server: GoodbyeBody = {
      what: 'GOODBYE',
      departing_node_url: self,
      cluster_id: clusterId,
      reason,
      instance_id: deps.instanceId,
      timestamp: env.clock.wall(),
    }
    return new OutboundFrame({ role: 'server', server, u: env.random.ulid() } as const, (value) => encodeServerFrame(value.u, value.server))
  }

  /** One frame over a connection of its own; gone once it is answered. */
  async function tellByDialing(nodeId: string, frame: OutboundObject): Promise<boolean> {
    let connection: Connection
    try {
      connection = await deps.temporaryDial(deps.dialUrlOf?.(nodeId) ?? nodeId, GOODBYE_DIAL_TIMEOUT_MS)
    } catch (error) {
      const log = env.log.scope('goodbye')
      if (log.debugOn) log.debug(`goodbye not told peer=${nodeId}: ${errorLine(error)}`)
      return false
    }
    return new Promise((resolve) => {
      let sent = false
      const end = (): void => {
        cancel()
        connection.close(1000, 'goodbye said')
        resolve(sent)
      }
      const cancel = env.timers.after(GOODBYE_DIAL_TIMEOUT_MS, end)
      const answered = (value: object): void => {
        if ('r' in value) end()
      }
      connection.attach({
        message(text) {
          try {
            answered(parseFrame(text))
          } catch {
            // Not the answer.
          }
        },
        object: answered,
        malformed() {},
        close: end,
      })
      sent = core.deliver(connection, frame)
      if (!sent) end()
    })
  }

  function dialFailed(nodeId: string, context: string): void {
    const hint = views.targetHint()
    if (context !== 'peer_reconcile' || hint > FULL_MESH_MAX || links.isConnected(nodeId)) return
    if (!directory.has(nodeId) && statuses.get(nodeId) === undefined) return
    statuses.markDisconnected(nodeId, directory.clusterOf(nodeId) ?? clusterId)
    if (deps.diagnostics.enabled('peer_snapshot')) {
      deps.diagnostics.line(
        'peer_snapshot',
        `[DIAG_PEER_SNAPSHOT] node=${self} action=mark_disconnected_on_dial_failure peer=${nodeId} context=${context} target_hint=${hint}`,
      )
    }
  }

  return {
    sender: links satisfies LinkTable,
    directory,
    events,
    departures,
    views,

    accepted: (connection) => createAccepted(core, connection),
    dialed: (connection, expectedNodeId, context, dialedOptions) => adoptDialed(core, connection, expectedNodeId, context, dialedOptions),
    linkKinds(nodeId) {
      const peer = links.get(nodeId)
      return { dialed: peer?.dialed?.isOpen ?? false, accepted: peer?.accepted?.isOpen ?? false }
    },
    resolve: (url) => core.aliases.get(url) ?? url,
    federationAllows: (remoteCluster, nodeId) => decideFederation(options.federation ?? STRICT_ISOLATION, clusterId, remoteCluster, nodeId),
    statusOf: (nodeId) => statuses.get(nodeId),
    clockOffsetOf(nodeId) {
      const status = statuses.get(nodeId)
      return status && statuses.clockOffsetSeconds(status)
    },
    instanceOf: (nodeId) => links.get(nodeId)?.instanceId || statuses.instanceOf(nodeId),
    noteRoundTrip: links.noteRoundTrip,
    dialFailed,
    broadcastStatus,
    onDeparture: core.onDeparture,
    goodbye,
    disconnect: (nodeId, reason) => core.drop(nodeId, 'dropped', reason),
    stop() {
      core.stopping = true
      for (const nodeId of [...links.connected()]) core.drop(nodeId, 'stopping', 'node is shutting down')
    },
    links: links.list,
    refusals: core.refusals,

    snapshot: () => ({
      links: links.snapshot(),
      directory: directory.snapshot(),
      statuses: statuses.snapshot(),
      departures: departures.snapshot(),
      events: events.snapshot(),
      aliases: core.aliases.size,
      statuses_received: counters.statusesReceived,
      statuses_sent: counters.statusesSent,
      statuses_invalid: counters.statusesInvalid,
      rebinds_refused: counters.rebindsRefused,
      goodbyes_received: counters.goodbyesReceived,
      goodbyes_ignored: { ...counters.goodbyesIgnored },
      refused: { ...counters.refused },
      fabric_frames_refused: counters.fabricFramesRefused,
      frames_dispatched: counters.framesDispatched,
      frames_unknown_role: counters.framesUnknownRole,
      frames_malformed: counters.framesMalformed,
      handler_failures: counters.handlerFailures,
      listener_failures: counters.listenerFailures,
      dials: counters.dials,
      dials_linked: counters.dialsLinked,
      dials_duplicate: counters.dialsDuplicate,
      dials_refused: counters.dialsRefused,
      early_frames_dropped: counters.earlyFramesDropped,
    }),
  }
}
