import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../../../base/index.ts'
import { OPTIMIZATION_INTERVAL_MS } from './constants.ts'
import { createFederationGraph } from './federation-graph.ts'
import { createGraphOptimizer, suggestionsFor } from './graph-optimizer.ts'

function known(pairs: readonly string[], { unknown = '' }: { readonly unknown?: string } = {}) {
  const env = createVirtualEnv({ seed: 1 })
  const graph = createFederationGraph(env.clock, { livenessMs: Number.POSITIVE_INFINITY })
  for (const nodeId of new Set(pairs.join(''))) graph.addNode({ nodeId })
  for (const [a, b] of pairs) {
    if (a !== undefined && b !== undefined) graph.addEdge(a, b, { latencyMs: 1, bandwidthMbps: 1, reliabilityScore: 1 })
  }
  return { env, graph, isWhollyKnown: (nodeId: string) => !unknown.includes(nodeId) }
}

const brief = (of: ReturnType<typeof known>) =>
  suggestionsFor(of).map(({ affected_nodes: nodes, optimization_type: type }) => `${type} ${nodes.join()}`)

describe('suggestions for the graph of clusters', () => {
  it('monitoring check 23: ask for a link to a cluster that has none', () => {
    expect(suggestionsFor(known(['ab', 'bc', 'ca', 'z']))).toEqual([
      {
        optimization_type: 'add_redundant_connection',
        priority: 1,
        description: 'z has no link to any other cluster: link it to another one.',
        affected_nodes: ['z'],
        estimated_improvement: 0.3,
        implementation_cost: 0.1,
      },
    ])
  })

  it('ask for a second link where one loss cuts a cluster off, and for one around the cluster that holds others together', () => {
    const of = known(['ab', 'bc'])
    expect(brief(of)).toEqual(['add_redundant_connection a', 'add_redundant_connection c', 'add_redundancy b'])
    of.graph.addEdge('c', 'a', { latencyMs: 1, bandwidthMbps: 1, reliabilityScore: 1 })
    expect(brief(of)).toEqual([])
  })

  it('do not ask for what can not be: a lone cluster and a pair have all the links there are', () => {
    expect(brief(known(['a']))).toEqual([])
    expect(brief(known(['ab']))).toEqual([])
    expect(brief(known(['a', 'b']))).toHaveLength(2)
  })

  it('say nothing that a link this node does not hear of would refute', () => {
    expect(brief(known(['ab', 'bc'], { unknown: 'c' }))).toEqual(['add_redundant_connection a'])
    expect(brief(known(['ab', 'bc'], { unknown: 'abc' }))).toEqual([])
  })

  it('ask for relief of what is nearly full', () => {
    const of = known(['ab', 'bc', 'ca'])
    of.graph.updateEdge('b', 'c', { currentUtilization: 0.81 })
    of.graph.updateNode('a', { currentLoad: 901 })
    expect(suggestionsFor(of).map(({ description, priority }) => [priority, description])).toEqual([
      [1, 'a is at 90 % of its capacity: move or add work elsewhere.'],
      [2, 'The link between b and c is at 81 % of its capacity: link more of their nodes.'],
    ])
    of.graph.updateNode('a', { currentLoad: 900 })
    expect(brief(of)).toEqual(['add_parallel_connection b,c'])
  })

  it('name the nodes of a long chain, the ends left out', () => {
    const env = createVirtualEnv({ seed: 1 })
    const graph = createFederationGraph(env.clock)
    const ids = Array.from({ length: 3_000 }, (_, at) => `n${at}`)
    for (const nodeId of ids) graph.addNode({ nodeId })
    for (const [at, id] of ids.entries())
      if (at > 0) graph.addEdge(ids[at - 1] as string, id, { latencyMs: 1, bandwidthMbps: 1, reliabilityScore: 1 })
    const cuts = suggestionsFor({ graph, isWhollyKnown: () => true }).filter(({ optimization_type: type }) => type === 'add_redundancy')
    expect(cuts).toHaveLength(2_998)
  })
})

describe('the optimizer', () => {
  it('looks every minute and when somebody asks after a change, counts each suggestion once, and carries none out', async () => {
    const { env, graph, isWhollyKnown } = known(['ab', 'bc', 'ca', 'z'])
    const optimizer = createGraphOptimizer(env, () => ({ graph, isWhollyKnown }))
    expect(optimizer.status()).toMatchObject({
      optimization_status: { is_optimizing: false, last_optimization: null, optimization_interval: 60 },
      current_suggestions: 0,
    })
    optimizer.start()
    await env.advance(2 * OPTIMIZATION_INTERVAL_MS)
    expect(optimizer.suggestions()).toHaveLength(1)
    expect(optimizer.status()).toMatchObject({
      optimization_status: { is_optimizing: true, last_optimization: env.clock.wall() },
      optimization_history: { total_optimizations: 1, optimizations_by_type: { add_redundant_connection: 1, load_balancing: 0 } },
      current_suggestions: 1,
      suggestions_by_priority: { 1: 1, 2: 0, 3: 0 },
    })
    expect([...graph.neighborsOf('z')]).toEqual([])
    for (const to of 'ab') graph.addEdge('z', to, { latencyMs: 1, bandwidthMbps: 1, reliabilityScore: 1 })
    expect(optimizer.suggestions()).toEqual([])
    optimizer.stop()
  })
})
