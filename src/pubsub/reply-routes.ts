/**
 * Ways back for replies.
 *
 * Whoever publishes with a `reply_to` header subscribed to that topic a moment ago, on the node where the message set out. The answer is
 * often faster than the news of that subscription, and would find no subscriber. So a node remembers for a while, for each reply topic it
 * sees, where the message came from; the nodes in between do the same, which makes a way back of the way there.
 */
import type { Clock } from '../base/index.ts'

export interface ReplyRoute {
  /** The node that waits for the reply. */
  readonly nodeId: string
  readonly clusterId: string
  /** The peer the message came from. */
  readonly via: string
}

export interface ReplyRoutes {
  learn(topic: string, route: ReplyRoute): void
  find(topic: string): ReplyRoute | undefined
  readonly size: number
}

/** Twice the time a client waits for a reply by default. */
const KEPT_MS = 60_000
const ROUTES_MAX = 10_000

export function createReplyRoutes(clock: Pick<Clock, 'monotonic'>): ReplyRoutes {
  const routes = new Map<string, ReplyRoute & { readonly untilMs: number }>()
  return {
    learn(topic, { nodeId, clusterId, via }) {
      const nowMs = clock.monotonic()
      routes.delete(topic)
      routes.set(topic, { nodeId, clusterId, via, untilMs: nowMs + KEPT_MS })
      // In order of age: what is expired, or too much, stands in front.
      for (const [oldest, route] of routes) {
        if (route.untilMs > nowMs && routes.size <= ROUTES_MAX) break
        routes.delete(oldest)
      }
    },
    find(topic) {
      if (routes.size === 0) return undefined
      const route = routes.get(topic)
      return route !== undefined && route.untilMs > clock.monotonic() ? route : undefined
    },
    get size() {
      return routes.size
    },
  }
}
