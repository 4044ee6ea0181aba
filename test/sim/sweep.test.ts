import { afterAll, describe, expect, it } from 'vitest'
import { endLeftovers } from '../cli/run-mpreg.ts'
import { sweep } from './sweep.ts'

afterAll(endLeftovers)

describe('the explorer', { timeout: 400_000 }, () => {
  it('finds nothing wrong with 20 nodes in 100 storms', async () => {
    const { failures, seeds } = await sweep(1, 100, { nodes: 20, storm: 15 })
    expect(failures).toEqual([])
    expect(seeds).toHaveLength(100)
    // That nothing is wrong says something only where something was done.
    for (const { values } of seeds) expect(values).toBeGreaterThan(30)
    expect(seeds.filter(({ delivered }) => delivered > 0).length).toBeGreaterThan(80)
  })

  it('finds nothing wrong with 12 nodes of 4 clusters in 30 storms', async () => {
    const { failures, seeds } = await sweep(1, 30, { nodes: 12, clusters: 4, storm: 15 })
    expect(failures).toEqual([])
    expect(seeds).toHaveLength(30)
    for (const { values } of seeds) expect(values).toBeGreaterThan(18)
  })
})
