/**
 * Comparing catalogs without telling them: one hash for all records, one for each of 64 buckets of records.
 *
 * A record's hash covers its owner, epoch and version; beats are left out, since somewhere one is always on its way. Hashes of records are
 * combined with exclusive or, so that order does not matter and equal catalogs always agree.
 */
import type { OwnerStamp } from '../catalog/owner-record.ts'

export const BUCKETS = 64

export interface CatalogDigest {
  /** 16 hex digits. */
  readonly hash: string
  readonly count: number
  /** 16 hex digits for each bucket. */
  readonly buckets: readonly string[]
}

export function digestOf(stamps: Iterable<OwnerStamp>): CatalogDigest {
  const sums = new Uint32Array(BUCKETS * 2)
  let count = 0
  for (const { node_id, epoch, version } of stamps) {
    const [high, low] = hash64(`${node_id}\n${epoch}\n${version}`)
    const at = bucketOf(node_id) * 2
    sums[at] = (sums[at] as number) ^ high
    sums[at + 1] = (sums[at + 1] as number) ^ low
    count++
  }
  const buckets: string[] = []
  let high = 0
  let low = 0
  for (let at = 0; at < sums.length; at += 2) {
    high ^= sums[at] as number
    low ^= sums[at + 1] as number
    buckets.push(hex64(sums[at] as number, sums[at + 1] as number))
  }
  return { hash: hex64(high >>> 0, low >>> 0), count, buckets }
}

export function bucketOf(nodeId: string): number {
  return hash64(nodeId)[1] % BUCKETS
}

/** Two 32-bit hashes over UTF-16 code units, mixed crosswise at the end (cyrb53 by bryc, public domain). For balance, not for security. */
function hash64(text: string): readonly [high: number, low: number] {
  let a = 0xdeadbeef
  let b = 0x41c6ce57
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    a = Math.imul(a ^ code, 2654435761)
    b = Math.imul(b ^ code, 1597334677)
  }
  const low = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909)
  const high = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909)
  return [high >>> 0, low >>> 0]
}

function hex64(high: number, low: number): string {
  return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0')
}
