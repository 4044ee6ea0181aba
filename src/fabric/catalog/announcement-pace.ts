/**
 * How often a node announces again what it offers. Pure formulas: the larger the fabric, the earlier and the more spread out, and the slower
 * while gossip is behind with what it has.
 */

/** Seconds after which what was announced is announced again. @param hint number of nodes the fabric is believed to have */
export function refreshAgeSeconds(ttlSeconds: number, hint: number): number {
  const ttl = Math.max(1, ttlSeconds)
  if (hint >= 30) return Math.max(4, 0.25 * ttl)
  if (hint >= 10) return Math.max(3, 0.33 * ttl)
  return Math.max(2, 0.5 * ttl)
}

export interface Pace {
  readonly ttlSeconds: number
  readonly gossipIntervalSeconds: number
  /** Number of nodes the fabric is believed to have. */
  readonly hint: number
  /** Catalog messages that wait to be gossiped. */
  readonly queued: number
}

/** Seconds between two looks at functions and services. */
export function catalogIntervalSeconds({ ttlSeconds, gossipIntervalSeconds: g, hint, queued }: Pace): number {
  const ttl = Math.max(1, ttlSeconds)
  const calm = Math.max(2, g * Math.max(Math.sqrt(hint), 2), g * Math.max(hint / 2, 2))
  return Math.min(Math.max(1, 0.5 * ttl), calm * backPressure(queued / hint, hint))
}

/** Seconds between two announcements of the own node. */
export function nodeIntervalSeconds({ ttlSeconds, gossipIntervalSeconds: g, hint, queued }: Pace): number {
  const ttl = Math.max(1, ttlSeconds)
  const calm = Math.max(2, g * Math.max(Math.sqrt(hint), 2))
  return Math.min(Math.max(1, 0.25 * ttl), calm * backPressure(queued / hint, hint))
}

/** Factor on intervals while messages wait. @param queuedPerNode waiting catalog messages for each node of the fabric */
export function backPressure(queuedPerNode: number, hint: number): number {
  if (hint < 30) return queuedPerNode >= 20 ? 1.5 : 1
  if (queuedPerNode >= 30) return 4
  if (queuedPerNode >= 20) return 3
  if (queuedPerNode >= 10) return 2
  return queuedPerNode >= 5 ? 1.5 : 1
}

/** Share of an interval that is added to it, 0 to 0.099, always the same for a node: nodes started together drift apart. */
export function jitterFraction(nodeId: string): number {
  let sum = 0
  for (const character of nodeId) sum += character.codePointAt(0) as number
  return (sum % 100) / 1000
}
