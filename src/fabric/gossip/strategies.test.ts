import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../../base/index.ts'
import { createTargetChooser, GOSSIP_STRATEGIES, type GossipStrategy, type PeerFacts } from './strategies.ts'

function chooser(strategy: GossipStrategy, facts: Readonly<Record<string, PeerFacts>> = {}) {
  const { random } = createVirtualEnv({ seed: 1 })
  return createTargetChooser(strategy, random, (peer) => facts[peer] ?? {})
}

describe('strategies', () => {
  it('control plane check 14: proximity takes the nearest', () => {
    const facts = { a: { distance: 100 }, b: { distance: 50 }, c: { distance: 200 }, d: { distance: 75 } }
    expect(chooser('proximity', facts).choose(['a', 'b', 'c', 'd'], 2)).toEqual(['b', 'd'])
  })

  it('proximity prefers known distances, and samples when there are none', () => {
    expect(chooser('proximity', { c: { distance: 9 } }).choose(['a', 'b', 'c'], 2)[0]).toBe('c')
    const blind = chooser('proximity')
    const chosen = new Set(Array.from({ length: 50 }, () => blind.choose(['a', 'b', 'c'], 1)[0]))
    expect(chosen.size).toBe(3)
  })

  it('random comes round to everybody before it repeats itself', () => {
    const random = chooser('random')
    const peers = ['a', 'b', 'c', 'd', 'e', 'f']
    expect([...random.choose(peers, 3), ...random.choose(peers, 3)].sort()).toEqual(peers)
  })

  it('topology_aware tells every region before it tells one twice', () => {
    const facts = { a: { region: 'east' }, b: { region: 'east' }, c: { region: 'west' }, d: {}, e: { region: '' } }
    const aware = chooser('topology_aware', facts)
    for (let i = 0; i < 50; i++) {
      const regions = aware
        .choose(['a', 'b', 'c', 'd', 'e'], 3)
        .map((peer) => (facts as Record<string, PeerFacts>)[peer]?.region || 'unknown')
      expect(regions.sort()).toEqual(['east', 'unknown', 'west'])
    }
  })

  it('hybrid takes the nearest besides some at random', () => {
    const facts = { a: { distance: 1 }, b: { distance: 2 }, c: { distance: 3 }, d: { distance: 4 } }
    const hybrid = chooser('hybrid', facts)
    for (let i = 0; i < 20; i++) {
      const chosen = hybrid.choose(['a', 'b', 'c', 'd'], 3)
      expect(chosen.slice(1)).toEqual(['a', 'b', 'c', 'd'].filter((peer) => peer !== chosen[0]).slice(0, 2))
    }
  })

  it.each(GOSSIP_STRATEGIES)('%s takes as many different peers as asked for, or all', (strategy) => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string()), fc.integer({ min: -1, max: 20 }), (peers, fanout) => {
        const chosen = chooser(strategy).choose(peers, fanout)
        expect(chosen).toHaveLength(Math.max(0, Math.min(peers.length, fanout)))
        expect(new Set(chosen).size).toBe(chosen.length)
        expect(peers).toEqual(expect.arrayContaining(chosen))
      }),
    )
  })
})
