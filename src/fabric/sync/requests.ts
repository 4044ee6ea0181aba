/**
 * Records asked for and not yet here: at most one request per record, so that each change arrives about once however many peers announce it.
 *
 * A peer that does not answer in time is passed over for the next one that announced the same or more.
 */
import { type DeadlineHandle, DeadlineQueue, type Env } from '../../base/index.ts'
import type { OwnerStamp } from '../catalog/owner-record.ts'
import { ALTERNATIVES_MAX, REQUEST_TIMEOUT_MS, REQUESTS_MAX } from './constants.ts'

export interface Request {
  readonly nodeId: string
  readonly peer: string
  /** What the peer announced. */
  readonly epoch: number
  readonly version: number
}

export interface Requests {
  readonly size: number
  readonly timeouts: number
  /** Notes that `peer` has the record as of `stamp`. True when it must be asked now, false when another one is being asked. */
  wanted(stamp: OwnerStamp, peer: string): boolean
  /** Something of the record came: the request ends when it reached what was announced, else its time starts anew. */
  arrived(nodeId: string, peer: string, epoch: number, version: number): void
  /** The request ends without having brought what was asked for: the next peer's turn. */
  fail(nodeId: string): void
  /** A peer is gone, and with it what it was asked for. */
  lost(peer: string): void
  clear(): void
}

interface Open {
  request: Request
  handle: DeadlineHandle<string>
  /** In the order in which they announced; newest announcement of each. */
  readonly others: Map<string, Request>
}

/** @param ask asks the peer of the request; false when that is not possible */
export function createRequests(env: Env, ask: (request: Request) => boolean): Requests {
  const open = new Map<string, Open>()
  let timeouts = 0
  const deadlines = new DeadlineQueue<string>({
    clock: env.clock,
    timers: env.timers,
    onExpire(nodeId) {
      timeouts++
      next(nodeId)
    },
  })

  function end(nodeId: string): Open | undefined {
    const ended = open.get(nodeId)
    if (ended === undefined) return undefined
    deadlines.remove(ended.handle)
    open.delete(nodeId)
    return ended
  }

  function start(request: Request, others: Map<string, Request>): void {
    others.delete(request.peer)
    open.set(request.nodeId, { request, others, handle: deadlines.add(request.nodeId, env.clock.monotonic() + REQUEST_TIMEOUT_MS) })
  }

  function next(nodeId: string): void {
    const ended = end(nodeId)
    if (ended === undefined) return
    for (const request of ended.others.values()) {
      ended.others.delete(request.peer)
      if (!ask(request)) continue
      start(request, ended.others)
      return
    }
  }

  return {
    get size() {
      return open.size
    },
    get timeouts() {
      return timeouts
    },
    wanted({ node_id: nodeId, epoch, version }, peer) {
      const request = { nodeId, peer, epoch, version }
      const known = open.get(nodeId)
      if (known === undefined) {
        if (open.size >= REQUESTS_MAX) return false
        start(request, new Map())
        return true
      }
      known.others.delete(peer)
      if (known.others.size < ALTERNATIVES_MAX) known.others.set(peer, request)
      return false
    },
    arrived(nodeId, peer, epoch, version) {
      const known = open.get(nodeId)
      if (known === undefined) return
      const { request } = known
      if (epoch > request.epoch || (epoch === request.epoch && version >= request.version)) {
        end(nodeId)
        // Somebody announced more meanwhile.
        for (const other of known.others.values()) {
          if (other.epoch > epoch || (other.epoch === epoch && other.version > version)) {
            if (!ask(other)) continue
            start(other, known.others)
            return
          }
        }
        return
      }
      if (peer !== request.peer) return
      deadlines.remove(known.handle)
      known.handle = deadlines.add(nodeId, env.clock.monotonic() + REQUEST_TIMEOUT_MS)
    },
    fail: next,
    lost(peer) {
      for (const [nodeId, { request, others }] of open) {
        others.delete(peer)
        if (request.peer === peer) next(nodeId)
      }
    },
    clear() {
      for (const nodeId of [...open.keys()]) end(nodeId)
    },
  }
}
