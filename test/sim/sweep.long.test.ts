import { afterAll, describe, expect, it } from 'vitest'
import { endLeftovers } from '../cli/run-mpreg.ts'
import { sweep } from './sweep.ts'

const SEEDS = 2_000
/** Seeds after which it says how far it is. */
const PART = 200

afterAll(endLeftovers)

describe('the explorer', { timeout: 4 * 3_600_000 }, () => {
  it(`finds nothing wrong with 20 nodes in ${SEEDS} storms`, async () => {
    for (let first = 1; first <= SEEDS; first += PART) {
      const { failures, seeds } = await sweep(first, PART, { nodes: 20 })
      expect(failures).toEqual([])
      expect(seeds).toHaveLength(PART)
      process.stdout.write(`seeds ${first} to ${first + PART - 1}: ok\n`)
    }
  })

  it('finds nothing wrong with 20 nodes of 5 clusters in 200 storms', async () => {
    const { failures, seeds } = await sweep(1, 200, { nodes: 20, clusters: 5 })
    expect(failures).toEqual([])
    expect(seeds).toHaveLength(200)
  })
})
