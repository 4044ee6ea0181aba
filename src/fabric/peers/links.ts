/**
 * The open links to peers, at most one dialed and one accepted per node id, and sending over them.
 *
 * The dialed link wins: a reference node reads more on a link it accepted. A peer that keeps failing is left alone for a while by its
 * circuit breaker; a new link starts with a clean slate.
 */
import type { Cancel, Env } from '../../base/index.ts'
import {
  type CircuitBreaker,
  type CircuitState,
  type Connection,
  createCircuitBreaker,
  logChanges,
  MessageTooLargeError,
  type OutboundObject,
} from '../../transport/index.ts'
import { compareCodePoints, errorLine } from '../../wire/index.ts'
import { REFERENCE_FRAME_BYTES_HARD_MAX, REFERENCE_FRAME_BYTES_MAX, SUPERSEDED_LINGER_MS } from './constants.ts'

/** What a node may announce that it can do beyond the common protocol. */
export type PeerExtension = 'sync/1' | 'swim/1' | 'roles/1' | 'routes/1' | 'bundles/1'
export const PEER_EXTENSIONS: readonly PeerExtension[] = ['sync/1', 'swim/1', 'roles/1', 'routes/1', 'bundles/1']

export type LinkKind = 'dialed' | 'accepted'

/** One connection whose other side is known. The identity is bound once and never changes. */
export interface PeerLink {
  readonly kind: LinkKind
  readonly nodeId: string
  readonly clusterId: string
  /** Empty while the peer has not told it. */
  readonly instanceId: string
  /** Name of the credential the peer presented; only on accepted links. */
  readonly credential: string | undefined
  readonly connection: Connection
  readonly isOpen: boolean
}

/** The link as this room keeps it. */
export interface OwnedLink extends PeerLink {
  instanceId: string
  /** Given up: what still arrives on it, its end included, is nobody's concern. */
  gone: boolean
  /** The last error the peer answered with: says more than the close that follows it. */
  complaint: string
  readonly status: StatusTrack
}

/** What was told to the peer over a link, and when. */
export interface StatusTrack {
  /** Id of the last STATUS whose answer is still to come. */
  awaitedU: string
  sentAtMs: number
  /** What the last STATUS said of the things worth telling at once. */
  signature: string
}

/** Everything about one peer while it has a link. */
export interface LinkedPeer {
  readonly nodeId: string
  readonly clusterId: string
  readonly dialed: OwnedLink | undefined
  readonly accepted: OwnedLink | undefined
  readonly instanceId: string
  readonly extensions: ReadonlySet<string>
  readonly roundTripMs: number | undefined
}

interface MutablePeer {
  readonly nodeId: string
  clusterId: string
  dialed: OwnedLink | undefined
  accepted: OwnedLink | undefined
  instanceId: string
  extensions: ReadonlySet<string>
  roundTripMs: number | undefined
  /** When it was measured last. */
  roundTripAtMs: number | undefined
  readonly breaker: CircuitBreaker
  sent: number
  failed: number
}

/** How other rooms see the links. */
export interface PeerSender {
  /** Node ids with an open identified link, in order. */
  connected(): readonly string[]
  /** Those of them that announced an extension, in order. */
  connectedWith(extension: PeerExtension): readonly string[]
  isConnected(nodeId: string): boolean
  /** False: no link, too large for the link, closed, or left alone after failures. Never throws. */
  send(nodeId: string, frame: OutboundObject): boolean
  has(nodeId: string, extension: PeerExtension): boolean
  /** Bytes a frame towards the peer should stay below. */
  frameBytesMax(nodeId: string): number
  /** Round trip of its link, ms, smoothed where it is measured often; undefined until it was. */
  roundTripMs(nodeId: string): number | undefined
  /** When an answer of the peer last measured it, monotonic; undefined: none has, or only pings of the transport. */
  roundTripAtMs(nodeId: string): number | undefined
  /** Bytes on their way to the peer that have not left yet; undefined without a link. */
  bufferedBytes(nodeId: string): number | undefined
  /** Share of the frames meant for the peer that left, 0 to 1; undefined without a link or a frame. */
  deliveryRatio(nodeId: string): number | undefined
  clusterOf(nodeId: string): string | undefined
}

export interface LinksSnapshot {
  readonly peers: number
  readonly dialed: number
  readonly accepted: number
  readonly reference_peers: number
  readonly frames_sent: number
  readonly sends_without_link: number
  readonly sends_too_large: number
  readonly sends_refused_by_breaker: number
  readonly sends_failed: number
  readonly links_replaced: number
}

/** One peer's links, for the operator. */
export interface LinkView {
  readonly node_url: string
  readonly cluster_id: string
  readonly instance_id: string
  readonly dialed: string | null
  readonly accepted: string | null
  readonly extensions: readonly string[]
  readonly round_trip_ms: number | null
  readonly frames_sent: number
  readonly sends_failed: number
  readonly breaker: CircuitState
}

export interface LinkTable extends PeerSender {
  get(nodeId: string): LinkedPeer | undefined
  values(): Iterable<LinkedPeer>
  readonly acceptedCount: number
  /** The link frames to the peer leave by now. */
  best(nodeId: string): OwnedLink | undefined
  /** Puts a link in; one of the same kind makes room and ends a little later. True when it is the peer's first. */
  add(link: OwnedLink): boolean
  /** Takes a link out. True when it was the peer's last; links that made room for others do not count. */
  remove(link: OwnedLink): boolean
  /** Ends the links of a node that made room for others. */
  endSuperseded(nodeId: string, reason: string): void
  /** What the peer told about itself. */
  learn(nodeId: string, instanceId: string, extensions: readonly string[]): void
  /** A measured round trip, ms. */
  noteRoundTrip(nodeId: string, ms: number): void
  /** A node that presented this credential and is linked now. */
  nodeOfCredential(name: string): string | undefined
  list(): LinkView[]
  snapshot(): LinksSnapshot
}

export interface LinkTableOptions {
  /** Bytes a frame may have towards everybody but reference nodes that dialed us. */
  readonly frameBytesMax: number
  readonly breaker?: { readonly failureThreshold?: number; readonly recoveryTimeoutMs?: number; readonly successThreshold?: number }
  /** Told when the breaker of a peer changes. */
  readonly onBreaker?: ((nodeId: string, state: CircuitState) => void) | undefined
}

/** Weight of a new sample, as TCP smooths its round trip (RFC 6298, alpha). */
const ROUND_TRIP_GAIN = 1 / 8

/** As a value where the connection takes values, else as text. @throws MessageTooLargeError */
export function transmit(connection: Connection, frame: OutboundObject): boolean {
  return connection.sendObject === undefined ? connection.send(frame.text) : connection.sendObject(frame)
}

export function createLinkTable(env: Pick<Env, 'clock' | 'log' | 'timers'>, options: LinkTableOptions): LinkTable {
  const peers = new Map<string, MutablePeer>()
  const superseded = new Map<OwnedLink, Cancel>()
  const log = env.log.scope('core.connection')
  const counters = { sent: 0, noLink: 0, tooLarge: 0, breaker: 0, failed: 0, replaced: 0 }
  let acceptedCount = 0
  /** In order; undefined after a change. */
  let sorted: readonly string[] | undefined
  const sortedWith = new Map<PeerExtension, readonly string[]>()

  function best(nodeId: string): OwnedLink | undefined {
    const peer = peers.get(nodeId)
    if (peer === undefined) return undefined
    if (peer.dialed?.isOpen) return peer.dialed
    return peer.accepted?.isOpen ? peer.accepted : undefined
  }

  /** Reference nodes cut links they dialed at 1 MiB. */
  function isNarrow(peer: MutablePeer, link: OwnedLink): boolean {
    return link.kind === 'accepted' && peer.extensions.size === 0
  }

  /** A link that made room for another ends. */
  function end(link: OwnedLink, reason: string): void {
    superseded.get(link)?.()
    superseded.delete(link)
    link.gone = true
    link.connection.close(1000, reason)
  }

  function send(nodeId: string, frame: OutboundObject): boolean {
    const peer = peers.get(nodeId)
    const link = best(nodeId)
    if (peer === undefined || link === undefined) {
      counters.noLink++
      return false
    }
    if (!peer.breaker.mayExecute()) {
      counters.breaker++
      return false
    }
    try {
      if (isNarrow(peer, link) && exceeds(frame.text, REFERENCE_FRAME_BYTES_HARD_MAX)) {
        counters.tooLarge++
        log.warn(`frame to ${nodeId} left out: larger than the ${REFERENCE_FRAME_BYTES_HARD_MAX} bytes it reads on a link it dialed`)
        return false
      }
      if (transmit(link.connection, frame)) {
        peer.breaker.onSuccess()
        peer.sent++
        counters.sent++
        return true
      }
    } catch (error) {
      // Nobody's fault but the frame's.
      if (error instanceof MessageTooLargeError) {
        counters.tooLarge++
        log.warn(`frame to ${nodeId} left out: ${errorLine(error)}`)
        return false
      }
      log.error(`frame to ${nodeId} not sent: ${errorLine(error)}`, error)
    }
    peer.breaker.onFailure()
    peer.failed++
    counters.failed++
    return false
  }

  function breakerOf(nodeId: string): CircuitBreaker {
    const logChange = logChanges(env.log, nodeId)
    return createCircuitBreaker(env.clock, options.breaker, (change) => {
      logChange(change)
      options.onBreaker?.(nodeId, change.to)
    })
  }

  function connected(): readonly string[] {
    sorted ??= [...peers.keys()].sort(compareCodePoints)
    return sorted
  }

  function listsChanged(): void {
    sorted = undefined
    sortedWith.clear()
  }

  return {
    connected,
    connectedWith(extension) {
      let list = sortedWith.get(extension)
      if (list === undefined) {
        list = connected().filter((nodeId) => peers.get(nodeId)?.extensions.has(extension) === true)
        sortedWith.set(extension, list)
      }
      return list
    },
    isConnected: (nodeId) => best(nodeId) !== undefined,
    send,
    has: (nodeId, extension) => peers.get(nodeId)?.extensions.has(extension) ?? false,
    frameBytesMax(nodeId) {
      const peer = peers.get(nodeId)
      const link = best(nodeId)
      if (peer === undefined || link === undefined || !isNarrow(peer, link)) return options.frameBytesMax
      return Math.min(REFERENCE_FRAME_BYTES_MAX, options.frameBytesMax)
    },
    roundTripMs(nodeId) {
      const peer = peers.get(nodeId)
      return peer && roundTripOf(peer)
    },
    roundTripAtMs: (nodeId) => peers.get(nodeId)?.roundTripAtMs,
    bufferedBytes: (nodeId) => best(nodeId)?.connection.bufferedBytes,
    deliveryRatio(nodeId) {
      const peer = peers.get(nodeId)
      return peer === undefined || peer.sent + peer.failed === 0 ? undefined : peer.sent / (peer.sent + peer.failed)
    },
    clusterOf: (nodeId) => peers.get(nodeId)?.clusterId,

    get: (nodeId) => peers.get(nodeId),
    values: () => peers.values(),
    get acceptedCount() {
      return acceptedCount
    },
    best,

    add(link) {
      const { nodeId, kind } = link
      let peer = peers.get(nodeId)
      const first = peer === undefined
      if (peer === undefined) {
        peer = {
          nodeId,
          clusterId: link.clusterId,
          dialed: undefined,
          accepted: undefined,
          instanceId: link.instanceId,
          extensions: NONE,
          roundTripMs: undefined,
          roundTripAtMs: undefined,
          breaker: breakerOf(nodeId),
          sent: 0,
          failed: 0,
        }
        peers.set(nodeId, peer)
        listsChanged()
      }
      const old = peer[kind]
      if (old !== undefined) {
        counters.replaced++
        superseded.set(
          old,
          env.timers.after(SUPERSEDED_LINGER_MS, () => end(old, 'replaced by a newer link')),
        )
      } else if (kind === 'accepted') acceptedCount++
      peer[kind] = link
      peer.breaker.reset()
      return first
    },

    remove(link) {
      const peer = peers.get(link.nodeId)
      link.gone = true
      superseded.get(link)?.()
      superseded.delete(link)
      if (peer?.[link.kind] !== link) return false
      peer[link.kind] = undefined
      if (link.kind === 'accepted') acceptedCount--
      if (peer.dialed !== undefined || peer.accepted !== undefined) return false
      peers.delete(link.nodeId)
      listsChanged()
      return true
    },

    endSuperseded(nodeId, reason) {
      for (const link of [...superseded.keys()]) if (link.nodeId === nodeId) end(link, reason)
    },

    learn(nodeId, instanceId, extensions) {
      const peer = peers.get(nodeId)
      if (peer === undefined) return
      if (instanceId !== '') peer.instanceId = instanceId
      // Nearly every STATUS says what the last one said.
      if (sameMembers(peer.extensions, extensions)) return
      peer.extensions = extensions.length === 0 ? NONE : new Set(extensions)
      sortedWith.clear()
    },

    noteRoundTrip(nodeId, ms) {
      const peer = peers.get(nodeId)
      if (peer === undefined) return
      const before = peer.roundTripMs
      peer.roundTripAtMs = env.clock.monotonic()
      peer.roundTripMs = before === undefined ? ms : before + ROUND_TRIP_GAIN * (ms - before)
    },

    nodeOfCredential(name) {
      for (const { nodeId, accepted } of peers.values()) if (accepted?.credential === name && accepted.isOpen) return nodeId
      return undefined
    },

    list: () =>
      [...peers.values()]
        .sort((a, b) => compareCodePoints(a.nodeId, b.nodeId))
        .map((peer) => ({
          node_url: peer.nodeId,
          cluster_id: peer.clusterId,
          instance_id: peer.instanceId,
          dialed: peer.dialed?.connection.remote ?? null,
          accepted: peer.accepted?.connection.remote ?? null,
          extensions: [...peer.extensions],
          round_trip_ms: roundTripOf(peer) ?? null,
          frames_sent: peer.sent,
          sends_failed: peer.failed,
          breaker: peer.breaker.state,
        })),

    snapshot() {
      let dialed = 0
      let reference = 0
      for (const peer of peers.values()) {
        if (peer.dialed !== undefined) dialed++
        if (peer.extensions.size === 0) reference++
      }
      return {
        peers: peers.size,
        dialed,
        accepted: acceptedCount,
        reference_peers: reference,
        frames_sent: counters.sent,
        sends_without_link: counters.noLink,
        sends_too_large: counters.tooLarge,
        sends_refused_by_breaker: counters.breaker,
        sends_failed: counters.failed,
        links_replaced: counters.replaced,
      }
    },
  }
}

const NONE: ReadonlySet<string> = new Set()

/** Of statuses and probes that were answered, or else, with a reference node that dialed us and answers neither, of pings. */
function roundTripOf({ accepted, dialed, roundTripMs }: MutablePeer): number | undefined {
  return roundTripMs ?? dialed?.connection.roundTripMs ?? accepted?.connection.roundTripMs
}

/** @param list without repetitions; one with them counts as another */
function sameMembers(set: ReadonlySet<string>, list: readonly string[]): boolean {
  return set.size === list.length && list.every((item) => set.has(item))
}

/** A character is one to three bytes, so that most texts need no counting. */
function exceeds(text: string, bytes: number): boolean {
  if (text.length > bytes) return true
  return text.length * 3 > bytes && new TextEncoder().encode(text).byteLength > bytes
}
