import { describe, expect, it } from 'vitest'
import { byDialPriority, type DialRank, peerSpread } from './dial-order.ts'

const rank = (nodeId: string, more: Partial<DialRank> = {}): DialRank => ({
  nodeId,
  seed: false,
  everReached: false,
  failures: 0,
  lastAttemptMs: Number.NEGATIVE_INFINITY,
  spread: 0,
  ...more,
})
const sorted = (ranks: readonly DialRank[], connectedRatio = 0) =>
  ranks.toSorted(byDialPriority(connectedRatio)).map(({ nodeId }) => nodeId)

describe('the order of dials', () => {
  it('control plane check 30: two nodes order 20 equal candidates differently; the BLAKE2s vector holds', () => {
    expect(peerSpread('ws://127.0.0.1:9001', 'ws://127.0.0.1:9002')).toBeCloseTo(0.27199689, 8)
    const candidates = Array.from({ length: 20 }, (_, i) => `ws://127.0.0.1:${9100 + i}`)
    const orderOf = (self: string) => sorted(candidates.map((nodeId) => rank(nodeId, { spread: peerSpread(self, nodeId) })))
    const first = orderOf('ws://127.0.0.1:9001')
    expect(orderOf('ws://127.0.0.1:9002')).not.toEqual(first)
    expect(orderOf('ws://127.0.0.1:9001')).toEqual(first)
    expect(first.toSorted()).toEqual(candidates)
  })

  it('puts unreached configured peers first, then the other configured ones, then the rest', () => {
    const ranks = [rank('other'), rank('reached seed', { seed: true, everReached: true }), rank('new seed', { seed: true, failures: 9 })]
    expect(sorted(ranks)).toEqual(['new seed', 'reached seed', 'other'])
  })

  it('puts strangers before acquaintances while links are missing', () => {
    const ranks = [rank('acquaintance', { everReached: true }), rank('stranger', { failures: 3 })]
    expect(sorted(ranks, 0.69)).toEqual(['stranger', 'acquaintance'])
    expect(sorted(ranks, 0.7)).toEqual(['acquaintance', 'stranger'])
  })

  it('then goes by failures, by how long ago the last dial was, and by spread', () => {
    const ranks = [
      rank('failed', { failures: 1 }),
      rank('recent', { lastAttemptMs: 2000 }),
      rank('older', { lastAttemptMs: 1000 }),
      rank('never b', { spread: 0.2 }),
      rank('never a', { spread: 0.1 }),
    ]
    expect(sorted(ranks)).toEqual(['never a', 'never b', 'older', 'recent', 'failed'])
  })
})
