import fc from 'fast-check'
import { DirectedGraph } from 'graphology'
import { dijkstra } from 'graphology-shortest-path'
import { describe, expect, it } from 'vitest'
import { type Arcs, shortestPath, shortestPathsFrom } from './shortest-path.ts'

type Arc = readonly [from: string, to: string, cost: number]

function arcsOf(list: readonly Arc[]): Arcs {
  const leaving = new Map<string, Map<string, number>>()
  for (const [from, to, cost] of list) {
    if (!leaving.has(from)) leaving.set(from, new Map())
    leaving.get(from)?.set(to, cost)
  }
  return (node, visit) => {
    for (const [to, cost] of leaving.get(node) ?? []) visit(to, cost)
  }
}

const both = (a: string, b: string, cost: number): Arc[] => [
  [a, b, cost],
  [b, a, cost],
]

const NODES = 9
const name = (i: number): string => `n${i}`

/** One cost for each ordered pair; costs are small integers, so that sums are exact and ties are many. */
const randomArcs = fc
  .uniqueArray(fc.tuple(fc.nat(NODES - 1), fc.nat(NODES - 1), fc.nat(6)), {
    maxLength: 30,
    selector: ([from, to]) => from * NODES + to,
  })
  .map((arcs) => arcs.filter(([from, to]) => from !== to).map(([from, to, cost]): Arc => [name(from), name(to), cost]))

function costOf(path: readonly string[], list: readonly Arc[]): number {
  let sum = 0
  for (let i = 1; i < path.length; i++) {
    const arc = list.find(([from, to]) => from === path[i - 1] && to === path[i])
    if (arc === undefined) return Number.NaN
    sum += arc[2]
  }
  return sum
}

/**
 * What an independent library says: its Dijkstra over a graph with a copy of each node for each number of hops, in which the hop limit is part of
 * the graph.
 */
function oracle(list: readonly Arc[], source: string, hopsMax: number): Map<string, number> {
  const graph = new DirectedGraph()
  for (let hops = 0; hops <= hopsMax; hops++) for (let i = 0; i < NODES; i++) graph.addNode(`${name(i)}/${hops}`)
  for (let hops = 0; hops < hopsMax; hops++) {
    for (const [from, to, cost] of list) graph.addEdge(`${from}/${hops}`, `${to}/${hops + 1}`, { cost })
  }
  const costs = new Map<string, number>()
  for (const [layered, path] of Object.entries(dijkstra.singleSource(graph, `${source}/0`, 'cost'))) {
    const [node] = layered.split('/') as [string]
    const cost = costOf(
      path.map((step) => step.split('/')[0] as string),
      list,
    )
    costs.set(node, Math.min(cost, costs.get(node) ?? Number.POSITIVE_INFINITY))
  }
  return costs
}

describe('the shortest path', () => {
  it('routing check 32: takes a dearer way to a node when the cheaper one has no hop left for the rest', () => {
    const arcs = arcsOf([...both('a', 'b', 1), ...both('b', 'd', 1), ...both('a', 'd', 50), ...both('d', 'e', 1)])
    expect(shortestPath(arcs, 'a', 'e', 2).found).toEqual({ path: ['a', 'd', 'e'], cost: 51 })
    expect(shortestPath(arcs, 'a', 'e', 3).found).toEqual({ path: ['a', 'b', 'd', 'e'], cost: 3 })
    expect(shortestPath(arcs, 'a', 'e', 1).found).toBeUndefined()
  })

  it('of a node to itself is the node', () => {
    expect(shortestPath(arcsOf([]), 'a', 'a', 3).found).toEqual({ path: ['a'], cost: 0 })
  })

  it('agrees with graphology on 1,000 random graphs, whatever the hop limit', () => {
    fc.assert(
      fc.property(randomArcs, fc.integer({ min: 1, max: NODES }), (list, hopsMax) => {
        const arcs = arcsOf(list)
        const expected = oracle(list, 'n0', hopsMax)
        const all = shortestPathsFrom(arcs, 'n0', hopsMax)
        for (let i = 1; i < NODES; i++) {
          const { found } = shortestPath(arcs, 'n0', name(i), hopsMax)
          expect(found?.cost).toBe(expected.get(name(i)))
          expect(all.get(name(i))).toEqual(found)
          if (found === undefined) continue
          expect(costOf(found.path, list)).toBe(found.cost)
          expect(found.path.length - 1).toBeLessThanOrEqual(hopsMax)
          expect(new Set(found.path).size).toBe(found.path.length)
        }
      }),
      { numRuns: 1_000 },
    )
  })

  it('does not depend on the order in which arcs are enumerated', () => {
    fc.assert(
      fc.property(
        randomArcs.chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length }))),
        fc.integer({ min: 1, max: 5 }),
        ([list, shuffled], hopsMax) => {
          expect([...shortestPathsFrom(arcsOf(shuffled), 'n0', hopsMax)]).toEqual([...shortestPathsFrom(arcsOf(list), 'n0', hopsMax)])
        },
      ),
    )
  })

  it('of several equal ones is the one with the smaller names first', () => {
    const arcs = arcsOf([...both('s', 'z', 1), ...both('s', 'm', 1), ...both('m', 't', 1), ...both('z', 't', 1)])
    expect(shortestPath(arcs, 's', 't', 5).found?.path).toEqual(['s', 'm', 't'])
  })
})

describe('an estimate of what remains', () => {
  /** Cities on a line; every way costs at least the distance. */
  const line = fc.uniqueArray(fc.tuple(fc.nat(NODES - 1), fc.nat(NODES - 1), fc.nat(4)), {
    maxLength: 30,
    selector: ([a, b]) => a * NODES + b,
  })

  it('changes the work, not the cost', () => {
    fc.assert(
      fc.property(line, fc.integer({ min: 1, max: 6 }), (given, hopsMax) => {
        const list = given.map(([a, b, extra]): Arc => [name(a), name(b), Math.abs(a - b) + extra])
        const target = NODES - 1
        const estimate = (node: string): number => target - Number(node.slice(1))
        const plain = shortestPath(arcsOf(list), 'n0', name(target), hopsMax)
        const guided = shortestPath(arcsOf(list), 'n0', name(target), hopsMax, estimate)
        expect(guided.found?.cost).toBe(plain.found?.cost)
      }),
    )
  })

  it('spares the search what leads away from the target', () => {
    const list: Arc[] = []
    for (let i = 0; i < 100; i++) list.push(...both(`n${i}`, `n${i + 1}`, 1))
    const estimate = (node: string): number => Math.max(0, 100 - Number(node.slice(1)))
    expect(shortestPath(arcsOf(list), 'n50', 'n100', 50).explored).toBe(101)
    expect(shortestPath(arcsOf(list), 'n50', 'n100', 50, estimate).explored).toBe(51)
  })
})
