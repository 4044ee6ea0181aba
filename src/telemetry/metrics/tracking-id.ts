/**
 * Tracking ids: what an event is found by. A given id wins, then the id the object has anyway (a request's, a message's), else a new one
 * whose prefix tells where it came from.
 */
import type { Random } from '../../base/index.ts'
import type { EventSystem } from '../../wire/index.ts'

export function trackingId(random: Pick<Random, 'ulid'>, given?: string, existingObjectId?: string): string {
  if (given !== undefined && given !== '') return given
  const existing = existingObjectId?.trim()
  return existing ? existing : `mon-${random.ulid()}`
}

/** A new id of something that belongs to `system`; unknown systems share a prefix. */
export function systemTrackingId(random: Pick<Random, 'ulid'>, system: string): string {
  return `${PREFIXES.get(system) ?? 'sys'}-${random.ulid()}`
}

const PREFIXES: ReadonlyMap<string, string> = new Map<EventSystem, string>([
  ['rpc', 'rpc'],
  ['pubsub', 'ps'],
  ['queue', 'q'],
  ['cache', 'cache'],
  ['federation', 'fed'],
  ['transport', 'tx'],
])
