import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { measureGraph } from './graph-measures.ts'

type Pair = readonly [string, string]

const anyGraph = fc.integer({ min: 0, max: 9 }).chain((size) => {
  const ids = Array.from({ length: size }, (_, at) => `n${at}`)
  const node = size === 0 ? fc.constant('n0') : fc.constantFrom(...ids)
  return fc.record({ ids: fc.constant(ids), pairs: fc.array(fc.tuple(node, node), { maxLength: 20 }) })
})

/** Distances of all pairs by Floyd and Warshall's algorithm: slow, and nothing like the search that is tested. */
function allDistances(ids: readonly string[], pairs: readonly Pair[]): number[][] {
  const far = ids.map((_, a) => ids.map((_, b) => (a === b ? 0 : Number.POSITIVE_INFINITY)))
  const at = (a: number, b: number) => far[a]?.[b] ?? Number.POSITIVE_INFINITY
  for (const [from, to] of pairs) {
    const [a, b] = [ids.indexOf(from), ids.indexOf(to)]
    if (a < 0 || b < 0 || a === b) continue
    ;(far[a] as number[])[b] = 1
    ;(far[b] as number[])[a] = 1
  }
  for (const k of ids.keys())
    for (const a of ids.keys()) for (const b of ids.keys()) (far[a] as number[])[b] = Math.min(at(a, b), at(a, k) + at(k, b))
  return far
}

function componentsOf(ids: readonly string[], pairs: readonly Pair[]): number {
  const distances = allDistances(ids, pairs)
  return ids.filter((_, a) => !ids.some((_, b) => b < a && (distances[a]?.[b] ?? Number.POSITIVE_INFINITY) < Number.POSITIVE_INFINITY))
    .length
}

describe('graph measures', () => {
  it('agree with the distances of all pairs', () => {
    fc.assert(
      fc.property(anyGraph, ({ ids, pairs }) => {
        const measures = measureGraph(ids, pairs)
        const finite = allDistances(ids, pairs)
          .flat()
          .filter((distance) => distance > 0 && distance < Number.POSITIVE_INFINITY)
        expect(measures.diameter).toBe(Math.max(0, ...finite))
        if (finite.length === 0) expect(measures.averagePathLength).toBeNull()
        else expect(measures.averagePathLength).toBeCloseTo(finite.reduce((sum, distance) => sum + distance, 0) / finite.length, 9)
        expect(measures.components).toBe(componentsOf(ids, pairs))
      }),
    )
  })

  it('name exactly the nodes whose loss leaves more parts than before', () => {
    fc.assert(
      fc.property(anyGraph, ({ ids, pairs }) => {
        const before = componentsOf(ids, pairs)
        const splitting = ids.filter((lost) => {
          const rest = ids.filter((id) => id !== lost)
          const alone = !pairs.some(([a, b]) => a !== b && (a === lost || b === lost))
          return componentsOf(rest, pairs) > (alone ? before - 1 : before)
        })
        expect(measureGraph(ids, pairs).articulationPoints).toEqual(splitting)
      }),
    )
  })

  it('measure two nodes and one link (monitoring check 22)', () => {
    expect(measureGraph(['a', 'b'], [['a', 'b']])).toMatchObject({ nodes: 2, edges: 1, diameter: 1, averagePathLength: 1, clustering: 0 })
  })

  it('count a link once, however often and in whatever direction it is told', () => {
    expect(
      measureGraph(
        ['a', 'b'],
        [
          ['a', 'b'],
          ['b', 'a'],
          ['a', 'b'],
          ['a', 'a'],
          ['a', 'unknown'],
        ],
      ).edges,
    ).toBe(1)
  })

  it('find a triangle fully clustered and a star not at all', () => {
    expect(
      measureGraph(
        ['a', 'b', 'c'],
        [
          ['a', 'b'],
          ['b', 'c'],
          ['c', 'a'],
        ],
      ).clustering,
    ).toBe(1)
    expect(
      measureGraph(
        ['a', 'b', 'c'],
        [
          ['a', 'b'],
          ['a', 'c'],
        ],
      ),
    ).toMatchObject({ clustering: 0, articulationPoints: ['a'] })
  })

  it('say nothing of the diameter of a graph too large to measure, and take no stack for a long chain', () => {
    const ids = Array.from({ length: 20_000 }, (_, at) => `n${at}`)
    const chain = ids.slice(1).map((id, at): Pair => [ids[at] as string, id])
    const measures = measureGraph(ids, chain)
    expect(measures).toMatchObject({ edges: 19_999, components: 1, diameter: null })
    expect(measures.articulationPoints).toHaveLength(19_998)
  })
})
