import { describe, expect, it } from 'vitest'
import { measureConvergence } from './convergence.ts'

describe('a fabric of 30 nodes that start together', () => {
  it('agrees within a few rounds, tells each change once, and is quiet at rest', async () => {
    const small = await measureConvergence(10)
    const larger = await measureConvergence(30)
    for (const { changeCopies, startCopies, startRounds } of [small, larger]) {
      expect(startRounds).toBeLessThan(5)
      expect(startCopies).toBeLessThanOrEqual(1.5)
      expect(changeCopies).toBeLessThanOrEqual(1.5)
    }
    // Three times the nodes, not three times the messages of each.
    expect(larger.messagesPerSecond).toBeLessThan(1.5 * small.messagesPerSecond)
  })
})
