import { describe, expect, it } from 'vitest'
import { fuzz } from './fuzz-run.ts'

/** Seeds are fixed so that a failure repeats; the long run takes others. */
describe('hostile frames', () => {
  it.each([
    ['ws', 20261],
    ['tcp', 20262],
  ] as const)('10,000 over %s harm nobody', { timeout: 120_000 }, async (protocol, seed) => {
    const report = await fuzz(protocol, 10_000, seed)
    expect(report.unexpectedCloses).toEqual([])
    expect(report.expectedCloses).toBeGreaterThan(10)
    expect(report.neighbourFailures).toBe(0)
    expect(report.neighbourCalls).toBeGreaterThan(100)
    expect(report.polluted).toBe(false)
    expect(report.heapGrowthBytes).toBeLessThan(8 * 1024 * 1024)
    expect(report.node.frames.malformed).toBeGreaterThan(1000)
    expect(report.node.rpc.requests_in_flight).toBe(0)
  })
})
