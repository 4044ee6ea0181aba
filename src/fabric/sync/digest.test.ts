import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { OwnerStamp } from '../catalog/owner-record.ts'
import { BUCKETS, bucketOf, Digester } from './digest.ts'

const stamps = fc.uniqueArray(fc.record({ node_id: fc.string({ minLength: 1 }), epoch: fc.nat(), version: fc.nat(), beat: fc.nat() }), {
  selector: ({ node_id }) => node_id,
  maxLength: 50,
})

function digestOf(list: readonly OwnerStamp[], digester = new Digester()) {
  return digester.digest((visit) => list.forEach(visit))
}

describe('digests', () => {
  it('agree whatever the order and the beats', () => {
    fc.assert(
      fc.property(stamps, (list) => {
        const shuffled = list.toReversed().map((stamp) => ({ ...stamp, beat: stamp.beat + 1 }))
        expect(digestOf(shuffled)).toEqual(digestOf(list))
      }),
    )
  })

  it('differ in the bucket of the record that differs, and in no other', () => {
    fc.assert(
      fc.property(stamps, fc.nat(), (list, pick) => {
        fc.pre(list.length > 0)
        const at = pick % list.length
        const changed = list.map((stamp, i) => (i === at ? { ...stamp, version: stamp.version + 1 } : stamp))
        const before = digestOf(list)
        const after = digestOf(changed)
        expect(after.hash).not.toBe(before.hash)
        const differing = before.buckets.flatMap((hash, bucket) => (hash === after.buckets[bucket] ? [] : [bucket]))
        expect(differing).toEqual([bucketOf((list[at] as { node_id: string }).node_id)])
      }),
    )
  })

  it('follow a catalog that changes, as if each were the first', () => {
    const digester = new Digester()
    fc.assert(
      fc.property(stamps, fc.nat({ max: 3 }), (list, gone) => {
        digestOf(list, digester)
        const later = list.slice(gone).map((stamp, i) => (i % 2 === 0 ? stamp : { ...stamp, version: stamp.version + 1 }))
        expect(digestOf(later, digester)).toEqual(digestOf(later))
        for (const { node_id } of later) expect(digester.bucketOf(node_id)).toBe(bucketOf(node_id))
      }),
    )
  })

  it('spread nodes evenly over the buckets', () => {
    const sizes = new Array<number>(BUCKETS).fill(0)
    for (let i = 0; i < 6_400; i++) {
      const bucket = bucketOf(`ws://10.0.${i >> 8}.${i & 255}:9000`)
      sizes[bucket] = (sizes[bucket] as number) + 1
    }
    expect(Math.min(...sizes)).toBeGreaterThan(50)
    expect(Math.max(...sizes)).toBeLessThan(160)
  })
})
