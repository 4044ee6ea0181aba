import { describe, expect, it, onTestFinished } from 'vitest'
import { createTestFabric, type FabricOptions, type TestFabric } from '../../src/testing.ts'

async function fabricOf(nodes: number, options: Partial<FabricOptions> = {}): Promise<TestFabric> {
  const fabric = await createTestFabric({ nodes, seed: 1, settings: { gossipInterval: 0.5 }, ...options })
  onTestFinished(() => fabric[Symbol.dispose]())
  return fabric
}

const rpc = (fabric: TestFabric, index: number) => fabric.node(index).snapshot().reach?.rpc
const knows = (fabric: TestFabric, viewer: number, owner: number, name: string) =>
  fabric.view(viewer)?.catalog.get(fabric.url(owner))?.includes(`functions ${name}@1.0.0`) ?? false

/** What only broken links, detours and departures move, and a scene of healthy nodes therefore does not. */
describe('rare numbers of calls between nodes', () => {
  it('calls_lost: the node that runs a call dies', async () => {
    const fabric = await fabricOf(2)
    fabric.register(1, 'never', () => new Promise(() => {}))
    expect(await fabric.until(() => knows(fabric, 0, 1, 'never'), 10_000)).toBe(true)
    const call = fabric.node(0).call('never')
    const outcome = call.then(
      () => 'answered',
      () => 'failed',
    )
    await fabric.advance(100)
    expect(rpc(fabric, 0)).toMatchObject({ calls_sent: 1, calls_pending: 1, calls_lost: 0 })
    fabric.crash(1)
    await fabric.settle(outcome)
    expect(rpc(fabric, 0)).toMatchObject({ calls_pending: 0, calls_lost: 1 })
  })

  it('calls_moved: the function left in this moment, and another node has it', async () => {
    const fabric = await fabricOf(3)
    for (const index of [1, 2]) fabric.register(index, 'twin', () => index)
    expect(await fabric.until(() => knows(fabric, 0, 1, 'twin') && knows(fabric, 0, 2, 'twin'), 10_000)).toBe(true)
    fabric.node(1).unregister('twin')
    for (let i = 0; i < 2; i++) expect(await fabric.settle(fabric.node(0).call('twin'))).toBe(2)
    expect(rpc(fabric, 0)?.calls_moved).toBe(1)
  })

  it('replies_undeliverable: the node that asked dies, and no way leads to it when the answer is there', async () => {
    const fabric = await fabricOf(2)
    const { timers } = fabric.env(1)
    fabric.register(1, 'slow', () => new Promise((answer) => timers.after(2_000, () => answer('late'))))
    expect(await fabric.until(() => knows(fabric, 0, 1, 'slow'), 10_000)).toBe(true)
    const asked = fabric.node(0).call('slow')
    asked.catch(() => {})
    await fabric.advance(500)
    fabric.crash(0)
    await fabric.advance(1_000)
    expect(rpc(fabric, 1)?.replies_undeliverable).toBe(0)
    expect(await fabric.until(() => rpc(fabric, 1)?.replies_undeliverable === 1, 30_000)).toBe(true)
  })

  it('relayed: a node between two that can not reach each other', async () => {
    const settings = (index: number) => ({ gossipInterval: 0.5, peers: index === 1 ? [] : ['ws://n1:7000'] })
    const fabric = await fabricOf(3, { start: false, settings })
    fabric.cut(0, 2)
    fabric.cut(2, 0)
    for (const index of [1, 0, 2]) await fabric.start(index)
    fabric.register(2, 'far', () => 'there')
    expect(await fabric.until(() => knows(fabric, 0, 2, 'far'), 10_000)).toBe(true)
    expect(await fabric.settle(fabric.node(0).call('far'))).toBe('there')
    expect(rpc(fabric, 1)?.relayed).toBe(2)
  })
})

describe('rare numbers of catalogs', () => {
  it('sync_differences: a function is registered while two nodes can not hear one another', async () => {
    const fabric = await fabricOf(2)
    expect(await fabric.until(() => fabric.converged(), 10_000)).toBe(true)
    const differences = () => fabric.node(1).snapshot().fabric?.sync.digests_different
    const before = differences() as number
    await fabric.advance(20_000)
    expect(differences()).toBe(before)
    fabric.partition([0], [1])
    expect(await fabric.until(() => fabric.node(1).listPeers().length === 0, 120_000)).toBe(true)
    fabric.register(1, 'news', () => 'new')
    fabric.heal()
    expect(await fabric.until(() => knows(fabric, 0, 1, 'news'), 60_000)).toBe(true)
    expect(differences()).toBeGreaterThan(before)
  })
})
