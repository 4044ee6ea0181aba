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
  /** 16 hex digits for each bucket; printed when asked for, since equal catalogs need none. */
  readonly buckets: readonly string[]
}

/** What one record adds to a digest. */
interface Share {
  epoch: number
  version: number
  high: number
  low: number
  readonly bucket: number
  /** The digest it was last part of. */
  digest: number
}

/** Digests of one catalog, again and again: a record is hashed when it is new or has another version, not with every digest. */
export class Digester {
  readonly #shares = new Map<string, Share>()
  #digests = 0

  /** @param eachStamp shows all stamps, one after the other */
  digest(eachStamp: (visit: (stamp: OwnerStamp) => void) => void): CatalogDigest {
    const sums = new Uint32Array(BUCKETS * 2)
    const digest = ++this.#digests
    let count = 0
    eachStamp((stamp) => {
      const share = this.#shareOf(stamp)
      share.digest = digest
      const at = share.bucket * 2
      sums[at] = (sums[at] as number) ^ share.high
      sums[at + 1] = (sums[at + 1] as number) ^ share.low
      count++
    })
    if (this.#shares.size > count) for (const [nodeId, share] of this.#shares) if (share.digest !== digest) this.#shares.delete(nodeId)
    return digestOfSums(sums, count)
  }

  /** The same as the function of that name, without hashing where the record was part of the last digest. */
  bucketOf(nodeId: string): number {
    return this.#shares.get(nodeId)?.bucket ?? bucketOf(nodeId)
  }

  #shareOf({ epoch, node_id, version }: OwnerStamp): Share {
    const known = this.#shares.get(node_id)
    if (known?.epoch === epoch && known.version === version) return known
    const [high, low] = hash64(`${node_id}\n${epoch}\n${version}`)
    const share = { epoch, version, high, low, bucket: known?.bucket ?? bucketOf(node_id), digest: 0 }
    this.#shares.set(node_id, share)
    return share
  }
}

function digestOfSums(sums: Uint32Array, count: number): CatalogDigest {
  let high = 0
  let low = 0
  for (let at = 0; at < sums.length; at += 2) {
    high ^= sums[at] as number
    low ^= sums[at + 1] as number
  }
  let buckets: readonly string[] | undefined
  return {
    hash: hex64(high >>> 0, low >>> 0),
    count,
    get buckets() {
      buckets ??= Array.from({ length: BUCKETS }, (_, bucket) => hex64(sums[bucket * 2] as number, sums[bucket * 2 + 1] as number))
      return buckets
    },
  }
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
