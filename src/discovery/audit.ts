/** What happened around discovery, newest last, as far as there is room: what is older falls out at the other end. */
export interface AuditTrail<Entry> {
  add(entry: Entry): void
  /** The last `count`, oldest of them first. */
  latest(count?: number): readonly Entry[]
  /** Ever added: more than is kept once the first has fallen out. */
  readonly total: number
}

/** @param max entries kept; 0: none */
export function createAuditTrail<Entry>(max: number): AuditTrail<Entry> {
  /** A ring: the next entry goes to `total % max`. */
  const ring: Entry[] = []
  let total = 0
  return {
    add(entry) {
      if (max > 0) ring[total % max] = entry
      total++
    },
    latest(count = max) {
      const wanted = Math.min(Math.max(0, count), ring.length)
      return Array.from({ length: wanted }, (_, index) => ring[(total - wanted + index) % max] as Entry)
    },
    get total() {
      return total
    },
  }
}
