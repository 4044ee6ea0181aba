/** A large fabric through a long storm. How long that takes is printed, and not judged: it depends on the machine. */
import { describe, expect, it } from 'vitest'
import { connectWith } from '../../src/client/index.ts'
import { explore } from '../../src/sim/index.ts'

const NODES = 100
const STORM_MS = 300_000

describe('a hundred nodes', () => {
  it('come through five minutes of churn and partitions', async () => {
    const startedMs = performance.now()
    const { counters, plan, violation, virtualMs } = await explore(
      { connect: (dial, options) => connectWith(dial, { ...options, raiseRemoteFailures: true }) },
      { seed: 1, nodes: NODES, stormMs: STORM_MS, settings: { gossipInterval: 1 } },
    )
    const seconds = (performance.now() - startedMs) / 1000
    process.stdout.write(
      `${NODES} nodes, ${plan.length} actions, ${(virtualMs / 1000).toFixed(0)} virtual seconds in ${seconds.toFixed(1)} s\n`,
    )
    expect(violation).toBeUndefined()
    expect(counters.values).toBeGreaterThan(300)
  })
})
