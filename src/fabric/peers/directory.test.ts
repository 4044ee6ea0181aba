import { describe, expect, it } from 'vitest'
import { silentLog } from '../../base/index.ts'
import type { NodeEntry } from '../../wire/index.ts'
import { createDirectory } from './directory.ts'

const entry = (node_id: string, cluster_id = 'c', more: Partial<NodeEntry> = {}): NodeEntry => ({
  node_id,
  cluster_id,
  scope: 'zone',
  resources: [],
  capabilities: ['rpc'],
  transport_endpoints: [],
  tags: [],
  advertised_at: 100,
  ttl_seconds: 120,
  ...more,
})

const change = (nodes: NodeEntry[], removals: [string, string][] = [], kind = 'gossip', now = 100) => ({
  delta: { nodes, node_removals: removals.map(([node_id, cluster_id]) => ({ node_id, cluster_id })) },
  source: { kind },
  now,
})

describe('the peer directory', () => {
  it('follows additions and removals, removals first, and knows clusters', () => {
    const directory = createDirectory({ log: silentLog, nodeId: 'self', isConnected: (id) => id === 'b' })
    directory.apply(change([entry('self'), entry('b'), entry('a'), entry('x', 'other')]))
    expect(directory.size).toBe(4)
    expect(directory.peersOf('c').map(({ node_id }) => node_id)).toEqual(['a', 'b'])
    expect(directory.peersOf('c', { connectedOnly: true }).map(({ node_id }) => node_id)).toEqual(['b'])
    expect(directory.neighbours()).toEqual([
      { cluster_id: 'c', node_id: 'a' },
      { cluster_id: 'c', node_id: 'b' },
      { cluster_id: 'other', node_id: 'x' },
    ])
    directory.apply(change([entry('a', 'c', { region: 'r' })], [['a', 'c']]))
    expect(directory.node('a')?.region).toBe('r')
  })

  it('replaces the entry of a node that moves to another cluster; a removal under the old one changes nothing', () => {
    const directory = createDirectory({ log: silentLog, nodeId: 'self', isConnected: () => false })
    directory.apply(change([entry('a', 'old')]))
    directory.apply(change([entry('a', 'new')]))
    expect(directory.peersOf('old')).toEqual([])
    directory.apply(change([], [['a', 'old']]))
    expect(directory.clusterOf('a')).toBe('new')
    expect(directory.snapshot()).toMatchObject({ nodes: 1, clusters: 1 })
  })

  it('ignores expired descriptors, except where a lease decides', () => {
    const directory = createDirectory({ log: silentLog, nodeId: 'self', isConnected: () => false })
    directory.apply(change([entry('a')], [], 'gossip', 220.001))
    directory.apply(change([entry('b')], [], 'gossip', 220))
    directory.apply(change([entry('c')], [], 'sync', 999))
    expect([...directory.nodes()].map(({ node_id }) => node_id)).toEqual(['b', 'c'])
  })

  it('keeps a linked node whose descriptor lapsed until its link goes', () => {
    let connected = true
    const directory = createDirectory({ log: silentLog, nodeId: 'self', isConnected: () => connected })
    const removed: string[] = []
    directory.onRemoved((nodeId) => removed.push(nodeId))
    directory.apply(change([entry('a'), entry('b')]))
    directory.apply(change([], [['a', 'c']], 'expiry'))
    expect(directory.has('a')).toBe(true)
    connected = false
    expect(directory.dropLapsed('b')).toBe(false)
    expect(directory.dropLapsed('a')).toBe(true)
    expect(removed).toEqual(['a'])
  })
})
