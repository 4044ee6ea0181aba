import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../../base/index.ts'
import { createCandidates } from './candidates.ts'
import { LOST_MAX } from './constants.ts'

const self = 'ws://127.0.0.1:9000'
const node = (node_id: string, cluster_id = 'home') => ({ node_id, cluster_id, transport_endpoints: [] })

function fabric(seeds: readonly string[] = []) {
  const env = createVirtualEnv({ seed: 1 })
  const directory = new Map<string, ReturnType<typeof node>>()
  const aliases = new Map<string, string>()
  const departed = new Set<string>()
  const lost: string[] = []
  const candidates = createCandidates(
    env.clock,
    {
      resolve: (url) => aliases.get(url) ?? url,
      nodes: () => directory.values(),
      isDeparted: (nodeId) => departed.has(nodeId),
      federationAllows: (clusterId) => ({ allowed: clusterId === 'home', message: clusterId === 'home' ? '' : `no ${clusterId}` }),
    },
    { nodeId: self, seeds, onLost: (nodeId) => lost.push(nodeId) },
  )
  const enter = (...nodes: ReturnType<typeof node>[]) => {
    for (const each of nodes) directory.set(each.node_id, each)
  }
  const compiled = () => {
    const { candidates: chosen, lost: vanished, skipped } = candidates.compile()
    return {
      chosen: chosen.map(({ nodeId, source }) => `${source} ${nodeId}`),
      lost: vanished.map(({ nodeId }) => nodeId),
      skipped: skipped.map(({ nodeId, reason }) => `${nodeId} ${reason}`),
    }
  }
  enter(node(self))
  return { env, candidates, directory, aliases, departed, lost, enter, compiled }
}

describe('candidates', () => {
  it('are the configured peers in order and the nodes of the directory, each once, without this node', () => {
    const { enter, compiled } = fabric(['ws://b', 'ws://a', 'ws://b'])
    enter(node('ws://c'), node('ws://a'))
    expect(compiled()).toEqual({ chosen: ['seed ws://a', 'seed ws://b', 'directory ws://c'], lost: [], skipped: [] })
  })

  it('know a configured peer by its node id once it has told it, and dial it as configured', () => {
    const { enter, aliases, candidates, compiled } = fabric(['ws://hub', 'ws://hub.lan'])
    enter(node('ws://10.0.0.1'))
    expect(compiled().chosen).toEqual(['seed ws://hub', 'seed ws://hub.lan', 'directory ws://10.0.0.1'])
    aliases.set('ws://hub', 'ws://10.0.0.1')
    aliases.set('ws://hub.lan', 'ws://10.0.0.1')
    expect(candidates.compile().candidates).toEqual([{ nodeId: 'ws://10.0.0.1', dialUrl: 'ws://hub', source: 'seed', clusterId: 'home' }])
    expect(candidates.isSeed('ws://10.0.0.1')).toBe(true)
  })

  it('leave out, for good, what leads back to this node', () => {
    const { enter, aliases, compiled } = fabric(['ws://localhost', 'ws://127.0.0.1', self])
    aliases.set('ws://localhost', self)
    aliases.set('ws://127.0.0.1', self)
    aliases.set('ws://earlier-life', self)
    enter(node('ws://earlier-life'))
    const out = compiled()
    expect(out.chosen).toEqual([])
    expect(out.skipped.toSorted()).toEqual(
      ['ws://127.0.0.1 own_node', `${self} own_node`, 'ws://earlier-life own_node', 'ws://localhost own_node'].toSorted(),
    )
  })

  it('leave out departed nodes, configured ones too, and clusters the federation rejects, saying by what rule', () => {
    const { enter, departed, candidates, compiled } = fabric(['ws://seed'])
    enter(node('ws://gone'), node('ws://far', 'abroad'))
    departed.add('ws://gone')
    departed.add('ws://seed')
    expect(compiled()).toEqual({
      chosen: [],
      lost: [],
      skipped: ['ws://seed departed', 'ws://gone departed', 'ws://far foreign_cluster'],
    })
    expect(candidates.compile().skipped.at(-1)?.detail).toBe('no abroad')
  })
})

describe('a node that vanished without a goodbye', () => {
  it('stays a candidate of its own kind for an hour', async () => {
    const { env, directory, enter, lost, compiled, candidates } = fabric()
    enter(node('ws://a'), node('ws://b'))
    compiled()
    directory.delete('ws://a')
    expect(compiled()).toEqual({ chosen: ['directory ws://b'], lost: ['ws://a'], skipped: [] })
    expect(lost).toEqual(['ws://a'])
    await env.advance(3_599_000)
    expect(compiled().lost).toEqual(['ws://a'])
    await env.advance(1_000)
    expect(compiled().lost).toEqual([])
    expect(candidates.snapshot()).toEqual({ seeds: 0, lost: 0, lost_total: 1, lost_expired_total: 1 })
  })

  it('is an ordinary candidate again when it is back', () => {
    const { directory, enter, compiled } = fabric()
    enter(node('ws://a'))
    compiled()
    directory.delete('ws://a')
    compiled()
    enter(node('ws://a'))
    expect(compiled()).toEqual({ chosen: ['directory ws://a'], lost: [], skipped: [] })
  })

  it('is not looked for when it left in good order, before or after it went from the directory', () => {
    const { directory, enter, candidates, departed, compiled } = fabric()
    enter(node('ws://a'), node('ws://b'), node('ws://c'))
    compiled()
    candidates.left('ws://a')
    departed.add('ws://b')
    directory.clear()
    expect(compiled().lost).toEqual(['ws://c'])
    candidates.left('ws://c')
    expect(compiled().lost).toEqual([])
  })

  it('and was configured stays what it was', () => {
    const { directory, enter, aliases, lost, compiled } = fabric(['ws://hub'])
    aliases.set('ws://hub', 'ws://10.0.0.1')
    enter(node('ws://10.0.0.1'))
    compiled()
    directory.delete('ws://10.0.0.1')
    expect(compiled()).toEqual({ chosen: ['seed ws://10.0.0.1'], lost: [], skipped: [] })
    expect(lost).toEqual([])
  })

  it('is one of a bounded number: the one lost first is forgotten first', () => {
    const { directory, enter, compiled } = fabric()
    for (let i = 0; i < LOST_MAX + 2; i++) enter(node(`ws://n${i}`))
    compiled()
    directory.clear()
    const { lost } = compiled()
    expect([lost.length, lost[0]]).toEqual([LOST_MAX, 'ws://n2'])
  })
})
