import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../../base/index.ts'
import { chooseTargets, fanoutOf } from './fanout.ts'

describe('the choice of whom to tell', () => {
  it.each([
    [0, 3],
    [1, 3],
    [7, 3],
    [8, 4],
    [30, 5],
    [100, 6],
    [300, 7],
    [1000, 8],
  ])('takes, among %i nodes, %i', (nodes, targets) => {
    expect(fanoutOf(nodes)).toBe(targets)
  })

  it('leaves out nobody while there are few', () => {
    const { random } = createVirtualEnv({ seed: 1 })
    expect(chooseTargets(['a', 'b'], 3, () => 'c', random)).toEqual(['a', 'b'])
  })

  it('reaches every neighbouring cluster each time', () => {
    const { random } = createVirtualEnv({ seed: 1 })
    const peers = [...Array.from({ length: 30 }, (_, i) => `own${i}`), 'foreign1', 'foreign2']
    for (let i = 0; i < 100; i++) {
      const targets = chooseTargets(peers, 5, (peer) => peer.replace(/own\d+/, 'own'), random)
      expect(new Set(targets).size).toBe(targets.length)
      expect(targets).toEqual(expect.arrayContaining(['foreign1', 'foreign2']))
      expect(targets.length).toBeLessThanOrEqual(7)
    }
  })
})
