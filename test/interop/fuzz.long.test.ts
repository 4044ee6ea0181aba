import { describe, expect, it } from 'vitest'
import { fuzz } from './fuzz-run.ts'

describe('hostile frames, at length', () => {
  it.each(['ws', 'tcp'] as const)('100,000 over %s harm nobody', async (protocol) => {
    const seed = Math.floor(Date.now() / 1000)
    console.log(`seed ${seed}`)
    const report = await fuzz(protocol, 100_000, seed)
    expect(report.unexpectedCloses).toEqual([])
    expect(report.neighbourFailures).toBe(0)
    expect(report.polluted).toBe(false)
    expect(report.heapGrowthBytes).toBeLessThan(8 * 1024 * 1024)
    expect(report.node.rpc.requests_in_flight).toBe(0)
  })
})
