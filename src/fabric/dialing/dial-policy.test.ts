import { describe, expect, it } from 'vitest'
import { attemptPauseSeconds, attemptTimeoutSeconds, dialPolicy, policyFor } from './dial-policy.ts'

const rounded = (value: number) => Number(value.toPrecision(4))
const shown = ({ retries, baseDelaySeconds, timeoutSeconds }: ReturnType<typeof dialPolicy>) => [
  retries,
  rounded(baseDelaySeconds),
  rounded(timeoutSeconds),
]

describe('the policy of one dial', () => {
  it.each([
    [1, 0, 1, 1, 0.115, 1.4],
    [5, 0, 0.2, 2, 0.1583, 2.178],
    [9, 0, 1, 2, 0.185, 1.58],
    [16, 6, 0.4, 4, 0.46, 2.82],
    [25, 0, 0.25, 1, 0.255, 2.333],
    [25, 8, 0.8, 2, 0.495, 3.34],
    [49, 0, 0.1, 0, 0.325, 2.733],
  ])('control plane check 28: fast, n=%d, f=%d, c=%d: %d retries, base delay %d s, timeout %d s', (n, f, c, ...policy) => {
    expect(shown(dialPolicy('fast', { targets: n, connectedRatio: c }, f))).toEqual(policy)
  })

  it.each([
    [1, 0, 1, 2, 0.35, 2.5],
    [9, 0, 0, 2, 0.45, 3.8],
    [9, 10, 1, 4, 0.87, 4.9],
    [25, 0, 0, 0, 0.55, 4],
    [25, 12, 0.5, 2, 0.97, 5.1],
    [10000, 12, 1, 2, 2.2, 10],
  ])('steady, n=%d, f=%d, c=%d: %d retries, base delay %d s, timeout %d s', (n, f, c, ...policy) => {
    expect(shown(dialPolicy('steady', { targets: n, connectedRatio: c }, f))).toEqual(policy)
  })

  it('is more patient while the node starts', () => {
    const policy = dialPolicy('fast', { targets: 2, connectedRatio: 0 }, 0)
    expect(policyFor('startup_seed', policy, 0, 5)).toEqual({ ...policy, retries: 3, timeoutSeconds: 15 })
    expect(policyFor('bootstrap_seed', policy, 0.5, 0.2)).toEqual({ ...policy, retries: 2, timeoutSeconds: 3 })
    expect(policyFor('peer_reconcile', policy, 0, 5)).toBe(policy)
  })
})

describe('an attempt', () => {
  it('may take longer the later it comes, up to three times as long as the first', () => {
    const policy = { retries: 4, timeoutSeconds: 2 }
    expect([0, 1, 2, 3, 4].map((attempt) => attemptTimeoutSeconds(policy, attempt))).toEqual([2, 3, 4, 5, 6])
    expect(attemptTimeoutSeconds({ retries: 0, timeoutSeconds: 2 }, 0)).toBe(2)
  })

  it('is followed by a pause twice as long as the one before', () => {
    expect([0, 1, 2].map((attempt) => attemptPauseSeconds({ baseDelaySeconds: 0.5 }, attempt))).toEqual([0.5, 1, 2])
  })
})
