/** What `mpreg/testing` promises to the tests of others. */
import { setTimeout } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createTestFabric, SimulationFaultError } from '../../src/testing.ts'

describe('createTestFabric', () => {
  it('brings up nodes that find one another and call each other, in no real time', async () => {
    using fabric = await createTestFabric({ nodes: 4, seed: 1, settings: { gossipInterval: 0.5 } })
    fabric.register(3, 'add', (a: number, b: number) => a + b)
    expect(await fabric.until(() => fabric.converged(), 10_000)).toBe(true)
    expect(await fabric.call(0, 'add', 1, 2)).toBe(3)
    expect(fabric.view(1)?.peers).toEqual([0, 2, 3].map((i) => fabric.url(i)))
  })

  it('gives functions that wait the time of their node', async () => {
    using fabric = await createTestFabric({ nodes: 1, seed: 1 })
    fabric.register(0, 'later', () => new Promise((resolve) => fabric.env(0).timers.after(20_000, () => resolve('done'))))
    const beforeMs = fabric.nowMs
    expect(await fabric.call(0, 'later')).toBe('done')
    expect(fabric.nowMs - beforeMs).toBeGreaterThan(20_000)
  })

  it('has clients with subscriptions', async () => {
    using fabric = await createTestFabric({ nodes: 2, seed: 1, settings: { gossipInterval: 0.5 } })
    const listener = await fabric.client(1)
    const got: unknown[] = []
    await fabric.settle(listener.subscribe('news.#', ({ payload }) => got.push(payload)))
    await fabric.until(() => fabric.converged(), 10_000)
    const speaker = await fabric.client(0)
    await fabric.settle(speaker.publish('news.today', { page: 1 }))
    await fabric.advance(100)
    expect(got).toEqual([{ page: 1 }])
  })

  it('registers functions again after a restart, as a new instance', async () => {
    using fabric = await createTestFabric({ nodes: 2, seed: 1, settings: { gossipInterval: 0.5 } })
    fabric.register(1, 'who', () => fabric.node(1).instanceId)
    await fabric.until(() => fabric.converged(), 10_000)
    const before = await fabric.call(1, 'who')
    await fabric.restart(1)
    expect(fabric.node(1).instanceId).not.toBe(before)
    expect(await fabric.call(1, 'who')).toBe(fabric.node(1).instanceId)
  })

  it('fails the test in which a node reaches for the real world', async () => {
    using fabric = await createTestFabric({ nodes: 1, seed: 1 })
    fabric.register(0, 'really.wait', () => setTimeout(1, 'done'))
    const error = (await fabric.call(0, 'really.wait').catch((thrown) => thrown)) as SimulationFaultError
    expect(error).toBeInstanceOf(SimulationFaultError)
    expect(error.fault).toMatchObject({ kind: 'real_io', host: 'n0' })
  })

  it('says what is wrong with a function that can not be registered', async () => {
    using fabric = await createTestFabric({ nodes: 1, seed: 1 })
    fabric.register(0, 'twice', () => 1)
    expect(() => fabric.register(0, 'twice', () => 2)).toThrow(/already registered/)
    expect(fabric.faults).toEqual([])
  })

  it('answers calls to a node that is down with an error', async () => {
    using fabric = await createTestFabric({ nodes: 1, seed: 1 })
    fabric.crash(0)
    await expect(fabric.call(0, 'echo', 1)).rejects.toThrow(/ECONNREFUSED/)
    await fabric.start(0)
    expect(await fabric.call(0, 'echo', 1)).toBe(1)
  })
})
