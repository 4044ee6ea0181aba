import { describe, expect, it } from 'vitest'
import { createEpochs } from './epochs.ts'

describe('epochs', () => {
  it('start at the clock and count up, so that a restart is newer', () => {
    const nextEpoch = createEpochs(1_700_000_000)
    expect([nextEpoch(), nextEpoch()]).toEqual([1_700_000_000_001, 1_700_000_000_002])
    expect(createEpochs(1_700_000_001)()).toBeGreaterThan(nextEpoch())
  })

  it('stay exact whatever the clock says', () => {
    for (const now of [-5, 0, 1e300]) {
      const next = createEpochs(now)
      const first = next()
      expect(Number.isSafeInteger(first) && first >= 0).toBe(true)
      expect(next()).toBe(first + 1)
    }
  })
})
