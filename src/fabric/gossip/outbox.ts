/**
 * Messages waiting to be passed on.
 *
 * Control messages made here go first. Two catalog updates with one `update_id` are the same news: the copy that travelled less stays. An update
 * is never dropped for another one, however related.
 */
import type { GossipMessage } from '../../wire/index.ts'
import { isControl } from './message.ts'

export interface Outgoing {
  readonly message: GossipMessage
  /** Peers that have it: those who sent it, and those it was handed to already. */
  readonly holders: Set<string>
  /** Which peers it is for. */
  readonly audience: Audience
}

/** `unversioned`: every peer, but those that sync get only what has no versioned owner. `reference`: peers that do not sync. */
export type Audience = 'unversioned' | 'reference'

export interface Outbox {
  readonly length: number
  /** Catalog updates among them. */
  readonly catalogUpdates: number
  /** False when there was no room. */
  put(item: Outgoing): boolean
  /** Removes and returns the first `count`. */
  take(count: number): Outgoing[]
  /** Drops what may not travel any more at `now` (Unix seconds); returns how many. */
  dropExpired(now: number): number
}

export function createOutbox(capacity: number): Outbox {
  /** In order: an addition and the removal that follows it must not change places. */
  let urgent: Outgoing[] = []
  let normal: Outgoing[] = []
  const updates = new Map<string, Outgoing>()
  let catalogUpdates = 0

  function left(item: Outgoing): void {
    if (item.message.message_type !== 'catalog_update') return
    catalogUpdates--
    const key = coalescingKey(item)
    if (key !== undefined && updates.get(key) === item) updates.delete(key)
  }

  return {
    get length() {
      return urgent.length + normal.length
    },
    get catalogUpdates() {
      return catalogUpdates
    },
    put(item) {
      const key = coalescingKey(item)
      const queued = key === undefined ? undefined : updates.get(key)
      if (queued !== undefined) {
        if (item.message.hop_count >= queued.message.hop_count) return true
        for (const lane of [urgent, normal]) {
          const at = lane.indexOf(queued)
          if (at >= 0) lane[at] = item
        }
        updates.set(key as string, item)
        return true
      }
      if (urgent.length + normal.length >= capacity) return false
      if (item.message.hop_count === 0 && isControl(item.message)) urgent.push(item)
      else normal.push(item)
      if (item.message.message_type === 'catalog_update') catalogUpdates++
      if (key !== undefined) updates.set(key, item)
      return true
    },
    take(count) {
      const taken = urgent.splice(0, count)
      taken.push(...normal.splice(0, count - taken.length))
      for (const item of taken) left(item)
      return taken
    },
    dropExpired(now) {
      const before = urgent.length + normal.length
      const alive = (item: Outgoing): boolean => {
        if (now <= item.message.expires_at) return true
        left(item)
        return false
      }
      urgent = urgent.filter(alive)
      normal = normal.filter(alive)
      return before - urgent.length - normal.length
    },
  }
}

function coalescingKey({ message, audience }: Outgoing): string | undefined {
  if (message.message_type !== 'catalog_update' || message.payload.update_id === '') return undefined
  return `${audience}\n${message.payload.update_id}`
}
