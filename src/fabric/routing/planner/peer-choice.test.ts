import { describe, expect, it } from 'vitest'
import { bestPeer, comparePeers } from './peer-choice.ts'
import type { PlannerPeer } from './ports.ts'

const peer = (nodeId: string, loadScore?: number, rttMs?: number): PlannerPeer => ({ nodeId, loadScore, rttMs })
const anyone = (): boolean => true

describe('the peer that gets a message', () => {
  it('is the least loaded, then the nearest, then the first by name', () => {
    expect(bestPeer([peer('a', 3, 1), peer('b', 1, 9), peer('c', 2, 1)], anyone)).toBe('b')
    expect(bestPeer([peer('a', 1, 5), peer('b', 1, 2)], anyone)).toBe('b')
    expect(bestPeer([peer('b', 1, 2), peer('a', 1, 2)], anyone)).toBe('a')
    expect(bestPeer([], anyone)).toBeUndefined()
  })

  it('is one that tells nothing only when the others are in trouble', () => {
    expect(bestPeer([peer('a'), peer('b', 900)], anyone)).toBe('b')
    expect(bestPeer([peer('b', 1_500), peer('a')], anyone)).toBe('a')
    expect(comparePeers(peer('a', 1), peer('b', 1, 80))).toBeGreaterThan(0)
    expect(comparePeers(peer('a'), peer('a'))).toBe(0)
  })

  it('is one that is eligible', () => {
    expect(bestPeer([peer('a', 0), peer('b', 5)], (nodeId) => nodeId !== 'a')).toBe('b')
  })
})
