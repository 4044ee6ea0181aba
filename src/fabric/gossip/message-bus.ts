/**
 * A fabric inside one process: nodes register under their ids, are linked pairwise, and frames pass as objects. For tests.
 *
 *     const bus = createMessageBus({ timers, latencyMs: () => 5 })
 *     const links = bus.join('ws://a:1', { extensions: ['sync/1'], connected, lost, frame: (from, frame) => ... })
 *     bus.link('ws://a:1', 'ws://b:1')
 */
import type { Timers } from '../../base/index.ts'
import type { OutboundObject } from '../../transport/index.ts'

export interface BusMember {
  readonly clusterId?: string
  readonly extensions?: readonly string[]
  /** Bytes of a frame the member accepts; larger ones do not leave the sender. Measured only if given, since it prints every frame. */
  readonly frameBytesMax?: number
  connected(peer: string): void
  lost(peer: string): void
  frame(from: string, frame: OutboundObject): void
}

/** The links of one member. */
export interface BusLinks {
  connected(): readonly string[]
  connectedWith(extension: string): readonly string[]
  isConnected(nodeId: string): boolean
  send(nodeId: string, frame: OutboundObject): boolean
  has(nodeId: string, extension: string): boolean
  frameBytesMax(nodeId: string): number
  roundTripMs(nodeId: string): number | undefined
  clusterOf(nodeId: string): string | undefined
}

export interface BusOptions {
  readonly timers: Timers
  /** Milliseconds a frame takes; frames of one link and direction keep their order as long as this does not fall. */
  readonly latencyMs: (from: string, to: string) => number
  /** True loses the frame on its way. */
  readonly isLost?: (from: string, to: string, frame: OutboundObject) => boolean
}

export interface MessageBus {
  join(nodeId: string, member: BusMember): BusLinks
  link(a: string, b: string): void
  unlink(a: string, b: string): void
  /** Ends all links of a member and forgets it. */
  leave(nodeId: string): void
  /** Frames that left since the start. */
  readonly frames: number
}

interface Joined {
  readonly member: BusMember
  /** Sorted. */
  peers: readonly string[]
}

export function createMessageBus({ timers, latencyMs, isLost }: BusOptions): MessageBus {
  const joined = new Map<string, Joined>()
  let frames = 0

  function isLinked(a: string, b: string): boolean {
    return joined.get(a)?.peers.includes(b) ?? false
  }

  function unlink(a: string, b: string): void {
    if (!isLinked(a, b)) return
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const end = joined.get(from) as Joined
      end.peers = end.peers.filter((peer) => peer !== to)
      end.member.lost(to)
    }
  }

  function send(from: string, to: string, frame: OutboundObject): boolean {
    const target = joined.get(to)
    if (target === undefined || !isLinked(from, to)) return false
    const { frameBytesMax } = target.member
    if (frameBytesMax !== undefined && new TextEncoder().encode(frame.text).length > frameBytesMax) return false
    frames++
    if (isLost?.(from, to, frame)) return true
    timers.after(latencyMs(from, to), () => {
      if (isLinked(from, to)) joined.get(to)?.member.frame(from, frame)
    })
    return true
  }

  return {
    join(nodeId, member) {
      joined.set(nodeId, { member, peers: [] })
      const connected = () => joined.get(nodeId)?.peers ?? []
      const has = (peer: string, extension: string) => joined.get(peer)?.member.extensions?.includes(extension) ?? false
      return {
        connected,
        connectedWith: (extension) => connected().filter((peer) => has(peer, extension)),
        isConnected: (peer) => isLinked(nodeId, peer),
        send: (peer, frame) => send(nodeId, peer, frame),
        has,
        frameBytesMax: (peer) => joined.get(peer)?.member.frameBytesMax ?? Number.MAX_SAFE_INTEGER,
        roundTripMs: (peer) => (isLinked(nodeId, peer) ? latencyMs(nodeId, peer) + latencyMs(peer, nodeId) : undefined),
        clusterOf: (peer) => joined.get(peer)?.member.clusterId,
      }
    },
    link(a, b) {
      if (a === b || isLinked(a, b)) return
      for (const [from, to] of [
        [a, b],
        [b, a],
      ] as const) {
        const end = joined.get(from)
        if (end === undefined) throw new TypeError(`${from} has not joined`)
        end.peers = [...end.peers, to].sort()
      }
      joined.get(a)?.member.connected(b)
      joined.get(b)?.member.connected(a)
    },
    unlink,
    leave(nodeId) {
      for (const peer of joined.get(nodeId)?.peers ?? []) unlink(nodeId, peer)
      joined.delete(nodeId)
    },
    get frames() {
      return frames
    },
  }
}
