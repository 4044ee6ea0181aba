import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { catalogDelta, type FunctionEntry, type NodeEntry } from '../../wire/index.ts'
import { deltaSize, draftDelta } from '../catalog/delta.ts'
import { keyOf } from '../catalog/kinds.ts'
import { ownersPart, splitDelta, withRefreshedTimes } from './delta-shape.ts'

const head = { update_id: 'u', cluster_id: 'c', sent_at: 5 }

function shared(owner: string) {
  return { node_id: owner, cluster_id: 'c', scope: 'zone' as const, tags: [], advertised_at: 100, ttl_seconds: 120 }
}

function functionOf(owner: string, name: string): FunctionEntry {
  return { ...shared(owner), identity: { name, function_id: name, version: '1.0.0' }, resources: [] }
}

function nodeOf(owner: string): NodeEntry {
  return { ...shared(owner), resources: [], capabilities: [], transport_endpoints: [] }
}

const names = fc.array(fc.string({ minLength: 1, maxLength: 60, unit: 'grapheme' }), { maxLength: 40 })

describe('deltas', () => {
  it('are cut into parts that fit and that together say the same, removals first', () => {
    fc.assert(
      fc.property(names, names, fc.integer({ min: 1_100, max: 6_000 }), (added, removed, bytesMax) => {
        const draft = draftDelta()
        for (const name of removed) draft.remove('functions', keyOf('functions', functionOf('a', name)))
        for (const name of added) draft.add('functions', functionOf('a', name))
        draft.add('nodes', nodeOf('a'))
        const delta = draft.finish(head)
        const { parts, oversized } = splitDelta(delta, bytesMax)
        for (const part of parts) expect(Buffer.byteLength(catalogDelta.write(part))).toBeLessThanOrEqual(bytesMax)
        expect(oversized).toEqual([])
        expect(parts.flatMap(({ functions }) => functions)).toEqual(delta.functions)
        expect(parts.flatMap(({ function_removals }) => function_removals)).toEqual(delta.function_removals)
        const ids = parts.map(({ update_id }) => update_id)
        expect(new Set(ids).size).toBe(parts.length)
        const lastRemoval = parts.findLastIndex(({ function_removals }) => function_removals.length > 0)
        const firstAddition = parts.findIndex((part) => part.functions.length + part.nodes.length > 0)
        expect(firstAddition).toBeGreaterThanOrEqual(Math.max(0, lastRemoval))
      }),
    )
  })

  it('name the entries that fit nowhere', () => {
    const draft = draftDelta()
    draft.add('functions', functionOf('a', 'x'.repeat(5_000)))
    draft.add('functions', functionOf('a', 'y'))
    const { parts, oversized } = splitDelta(draft.finish(head), 2_000)
    expect(parts.map(deltaSize)).toEqual([1])
    expect(oversized.map(({ kind, bytes }) => [kind, bytes > 5_000])).toEqual([['functions', true]])
  })

  it('are reduced to some owners, and stay as they are when that is all', () => {
    const draft = draftDelta()
    draft.add('nodes', nodeOf('a'))
    draft.add('functions', functionOf('b', 'f'))
    draft.remove('nodes', keyOf('nodes', nodeOf('b')))
    const delta = draft.finish(head)
    expect(ownersPart(delta, () => true)).toBe(delta)
    expect(ownersPart(delta, () => false)).toBeUndefined()
    expect(ownersPart(delta, (owner) => owner === 'a')).toMatchObject({
      ...head,
      nodes: [{ node_id: 'a' }],
      functions: [],
      node_removals: [],
    })
  })

  it('are stamped with the last sign of life, never earlier than announced, and entries are not touched', () => {
    const draft = draftDelta()
    const [a, b, c] = [nodeOf('a'), nodeOf('b'), nodeOf('c')]
    for (const entry of [a, b, c]) draft.add('nodes', entry)
    const alive: Record<string, number> = { a: 150, b: 50 }
    const { nodes } = withRefreshedTimes(draft.finish(head), (owner) => alive[owner])
    expect(nodes.map(({ advertised_at }) => advertised_at)).toEqual([150, 100, 100])
    expect(a.advertised_at).toBe(100)
    expect(nodes[2]).toBe(c)
  })
})
