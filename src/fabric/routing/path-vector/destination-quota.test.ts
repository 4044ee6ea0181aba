import { describe, expect, it } from 'vitest'
import { createDestinationQuota } from './destination-quota.ts'

function fill(quota: ReturnType<typeof createDestinationQuota>, teacher: string): number {
  let count = 0
  for (; quota.admits(teacher); count++) quota.add(teacher)
  return count
}

describe('the quota of destinations', () => {
  it('gives one teacher half of the room, the next half of the rest, and never runs out', () => {
    const quota = createDestinationQuota(1000)
    expect([fill(quota, 'a'), fill(quota, 'b'), fill(quota, 'c')]).toEqual([500, 250, 125])
    expect(quota.admits('newcomer')).toBe(true)
  })

  it('follows what is removed and what changes hands', () => {
    const quota = createDestinationQuota(10)
    fill(quota, 'a')
    quota.transfer('a', 'b')
    expect(quota.used).toBe(5)
    expect([quota.admits('a'), quota.admits('b')]).toEqual([true, true])
    quota.remove('b')
    expect(quota.used).toBe(4)
  })
})
