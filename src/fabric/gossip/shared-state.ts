/**
 * The small shared facts that gossip carries besides the catalog: a last-value cache of `state_update`s with their local providers, and what
 * nodes told of themselves in `membership_update`s and `heartbeat`s.
 */
import type { Clock } from '../../base/index.ts'
import { encodeJson, type Heartbeat, type MembershipUpdate, RawJson, type StateUpdate } from '../../wire/index.ts'
import { KNOWN_NODES_MAX, STATE_KEYS_MAX } from './constants.ts'
import type { PeerFacts } from './strategies.ts'

/** Gives the current value of a key; undefined when there is nothing to tell. */
export type StateProvider = () => unknown

export interface SharedState {
  accept(update: StateUpdate): void
  /** The value last received under a key. */
  get(key: string): RawJson | undefined
  provide(key: string, provider: StateProvider): () => void
  /** One update for every provider that has something to tell. A provider that throws tells nothing. */
  poll(now: number, onError: (key: string, error: unknown) => void): StateUpdate[]
  readonly size: number
}

export function createSharedState(self: string): SharedState {
  const values = new Map<string, RawJson>()
  const providers = new Map<string, { readonly provider: StateProvider; version: number }>()

  return {
    accept({ key, value }) {
      if (key !== '') putBounded(values, key, value, STATE_KEYS_MAX)
    },
    get: (key) => values.get(key),
    provide(key, provider) {
      const entry = { provider, version: 0 }
      providers.set(key, entry)
      return () => {
        if (providers.get(key) === entry) providers.delete(key)
      }
    },
    poll(now, onError) {
      const updates: StateUpdate[] = []
      for (const [key, entry] of providers) {
        try {
          const value = entry.provider()
          if (value === undefined) continue
          entry.version++
          updates.push({
            key,
            value: new RawJson(encodeJson(value)),
            version: entry.version,
            timestamp: now,
            source_node: self,
            ttl: STATE_TTL_SECONDS,
          })
        } catch (error) {
          onError(key, error)
        }
      }
      return updates
    },
    get size() {
      return values.size
    },
  }
}

const STATE_TTL_SECONDS = 300

export interface KnownNodes {
  update(update: MembershipUpdate): void
  heartbeat(heartbeat: Heartbeat): void
  factsOf(nodeId: string): PeerFacts
  forget(nodeId: string): void
  readonly size: number
}

interface KnownNode extends PeerFacts {
  readonly lastHeardMs: number
}

export function createKnownNodes(clock: Pick<Clock, 'monotonic'>): KnownNodes {
  const nodes = new Map<string, KnownNode>()
  return {
    update({ node_id, node_info }) {
      if (node_id === '') return
      const info: unknown = JSON.parse(node_info.text)
      const { region, distance } = info as { region?: unknown; distance?: unknown }
      const known = {
        region: typeof region === 'string' ? region : undefined,
        distance: typeof distance === 'number' ? distance : undefined,
        lastHeardMs: clock.monotonic(),
      }
      putBounded(nodes, node_id, known, KNOWN_NODES_MAX)
    },
    heartbeat({ sender_id }) {
      const known = nodes.get(sender_id)
      if (known !== undefined) nodes.set(sender_id, { ...known, lastHeardMs: clock.monotonic() })
    },
    factsOf: (nodeId) => nodes.get(nodeId) ?? NOTHING_KNOWN,
    forget: (nodeId) => void nodes.delete(nodeId),
    get size() {
      return nodes.size
    },
  }
}

const NOTHING_KNOWN: PeerFacts = {}

/** Sets a key; when there are too many, the one set longest ago makes room. */
function putBounded<T>(map: Map<string, T>, key: string, value: T, max: number): void {
  map.delete(key)
  if (map.size >= max) map.delete(map.keys().next().value as string)
  map.set(key, value)
}
