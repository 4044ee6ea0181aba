/** Whole fabrics of real nodes in virtual time: joining, leaving, dying, healing, and calls and messages through it all. */
import { describe, expect, it, onTestFinished } from 'vitest'
import type { FabricOptions } from '../../src/sim/index.ts'
import { createTestFabric, type TestFabric } from '../../src/testing.ts'

async function fabricOf(nodes: number, options: Partial<FabricOptions> = {}): Promise<TestFabric> {
  const fabric = await createTestFabric({ nodes, seed: 11, ...options })
  onTestFinished(() => fabric.close())
  return fabric
}

const gossiping = (gossipInterval: number) => ({ settings: { gossipInterval } })
const peersOf = (fabric: TestFabric, index: number) =>
  fabric
    .node(index)
    .listPeers()
    .map(({ url }) => url)

describe('a fabric', () => {
  it('control plane check 12: what is registered on one end of a line is callable on the other within 1.5 s', async () => {
    const fabric = await fabricOf(3, gossiping(0.2))
    await fabric.advance(1_000)
    fabric.cut(0, 2)
    fabric.cut(2, 0)
    await fabric.advance(10_000)
    fabric.register(0, 'late', () => 'a')
    const started = fabric.nowMs
    const known = await fabric.until(() => fabric.view(2)?.catalog.get(fabric.url(0))?.includes('functions late@1.0.0') ?? false, 1_500)
    expect(known, `after ${fabric.nowMs - started} ms`).toBe(true)
  })

  it('control plane check 18: one that says goodbye is gone within 1 s, and its next process is welcome at once', async () => {
    const fabric = await fabricOf(2, gossiping(0.5))
    fabric.register(1, 'second', () => 2)
    expect(await fabric.until(() => fabric.converged(), 5_000)).toBe(true)
    await fabric.stop(1)
    expect(await fabric.until(() => peersOf(fabric, 0).length === 0, 1_000)).toBe(true)
    expect([...(fabric.view(0)?.catalog.keys() ?? [])]).toEqual([fabric.url(0)])
    await fabric.restart(1)
    expect(await fabric.until(() => peersOf(fabric, 0).length === 1, 4_000)).toBe(true)
    expect(await fabric.call(0, 'second')).toBe(2)
  })

  it('control plane check 21: a crashed peer of three leaves the lists within the time its age allows', async () => {
    const fabric = await fabricOf(3, gossiping(0.5))
    expect(await fabric.until(() => fabric.converged(), 5_000)).toBe(true)
    fabric.crash(2)
    expect(
      await fabric.until(() => !peersOf(fabric, 0).includes(fabric.url(2)) && !peersOf(fabric, 1).includes(fabric.url(2)), 4_000),
    ).toBe(true)
    await fabric.advance(20_000)
    expect(peersOf(fabric, 0)).toEqual([fabric.url(1)])
  })

  it('knows the round trip of a link at both of its ends', async () => {
    const fabric = await fabricOf(2, { ...gossiping(0.5), network: { conditions: { latency: 5 } } })
    const roundTrip = (index: number) => {
      const [peer] = fabric.node(index).diagnosis().peers
      return { direction: peer?.link?.direction, rtt_ms: peer?.link?.rtt_ms }
    }
    expect(await fabric.until(() => fabric.converged(), 5_000)).toBe(true)
    await fabric.advance(5_000)
    expect([roundTrip(0), roundTrip(1)]).toEqual([
      { direction: 'accepted', rtt_ms: 10 },
      { direction: 'dialed', rtt_ms: 10 },
    ])
  })

  it('control plane check 22: a star of twelve, two gone and two new, settles within 8 s', async () => {
    const fabric = await fabricOf(14, { ...gossiping(0.3), start: false })
    for (let i = 0; i < 12; i++) await fabric.start(i)
    expect(await fabric.until(() => peersOf(fabric, 0).length === 11, 8_000)).toBe(true)
    await fabric.stop(3)
    await fabric.stop(4)
    await fabric.start(12)
    await fabric.start(13)
    expect(await fabric.until(() => peersOf(fabric, 0).length === 11 && !peersOf(fabric, 0).includes(fabric.url(3)), 8_000)).toBe(true)
  })

  it('control plane check 23: fifteen that know only the hub all know each other within 8 s', async () => {
    const fabric = await fabricOf(15, gossiping(0.5))
    expect(await fabric.until(() => fabric.live.every((index) => peersOf(fabric, index).length === 14), 8_000)).toBe(true)
    for (const index of fabric.live) expect(fabric.node(index).snapshot().fabric?.peers.directory.nodes).toBe(15)
  })

  it('control plane check 24: with a life of 4 s everything is still known after 20 quiet seconds', async () => {
    const fabric = await fabricOf(4, { settings: { gossipInterval: 0.5, fabricCatalogTtlSeconds: 4 } })
    expect(await fabric.until(() => fabric.converged(), 5_000)).toBe(true)
    await fabric.advance(20_000)
    expect(fabric.disagreements()).toEqual([])
    for (const index of fabric.live) expect(peersOf(fabric, index)).toHaveLength(3)
  })

  it('wire check 15, rpc check 7: what a function on another node throws is the value of its command', async () => {
    const fabric = await fabricOf(2)
    fabric.register(1, 'boom', () => {
      throw new TypeError('bad 1')
    })
    expect(await fabric.until(() => fabric.converged(), 10_000)).toBe(true)
    const value = await fabric.settle(fabric.node(0).call('boom'))
    expect(value).toMatchObject({ error: 'bad 1', command: 'boom', error_type: 'TypeError' })
  })

  it('rpc check 9: a chain over two nodes leaves a record for each level', async () => {
    const fabric = await fabricOf(2)
    fabric.register(1, 'inc', (n: number) => n + 1)
    expect(await fabric.until(() => fabric.converged(), 10_000)).toBe(true)
    const client = await fabric.client(0)
    const { executionSummary, intermediateResults } = await fabric.settle(
      client.requestFull(
        [
          { name: 'a', fun: 'echo', args: [1] },
          { name: 'b', fun: 'inc', args: ['a'] },
          { name: 'c', fun: 'inc', args: ['b'] },
        ],
        { returnIntermediateResults: true, includeExecutionSummary: true },
      ),
    )
    expect(intermediateResults.map((record) => record.completed_levels)).toEqual([1, 2, 3])
    expect(intermediateResults[2]?.accumulated_results).toEqual({ a: 1, b: 2, c: 3 })
    expect(executionSummary?.total_levels).toBe(3)
  })

  it('routing check 38: a command that was not found is found as soon as the function is known', async () => {
    const fabric = await fabricOf(2, gossiping(0.5))
    expect(await fabric.until(() => fabric.converged(), 5_000)).toBe(true)
    await expect(fabric.call(0, 'soon')).rejects.toThrow(/Command not found/)
    fabric.register(1, 'soon', () => 'now')
    expect(await fabric.until(() => fabric.view(0)?.catalog.get(fabric.url(1))?.includes('functions soon@1.0.0') ?? false, 1_000)).toBe(
      true,
    )
    expect(await fabric.call(0, 'soon')).toBe('now')
  })

  it('arguments and results keep their digits over a hop', async () => {
    const fabric = await fabricOf(2)
    fabric.register(1, 'same', (value: unknown) => value, { raw: true, params: { value: 'Any' } })
    expect(await fabric.until(() => fabric.converged(), 10_000)).toBe(true)
    expect(await fabric.call(0, 'same', 18446744073709551615n)).toBe(18446744073709551615n)
  })

  it('a call whose node dies is answered once, with an error that says the outcome is unknown', async () => {
    const fabric = await fabricOf(3, gossiping(0.5))
    fabric.register(2, 'slow', () => new Promise((resolve) => fabric.env(2).timers.after(60_000, () => resolve('late'))))
    expect(await fabric.until(() => fabric.converged(), 5_000)).toBe(true)
    const call = fabric.node(0).call('slow')
    call.catch(() => {})
    await fabric.advance(1_000)
    fabric.crash(2)
    await expect(fabric.settle(call, 20_000)).rejects.toMatchObject({
      details: expect.stringContaining('may or may not have been executed'),
    })
  })

  it('topic check 12: in a mesh of four each subscriber gets a message once', async () => {
    const fabric = await fabricOf(4)
    const got = [0, 0, 0, 0]
    for (let i = 0; i < 4; i++) {
      fabric.node(i).subscribe(['news.#'], () => {
        got[i] = (got[i] ?? 0) + 1
      })
    }
    await fabric.advance(2_000)
    expect(await fabric.until(() => fabric.converged(), 10_000)).toBe(true)
    fabric.node(1).publish('news.today', { x: 1 })
    await fabric.advance(2_000)
    expect(got).toEqual([1, 1, 1, 1])
  })

  it('topic check 14: a topic nobody wanted reaches who subscribes later', async () => {
    const fabric = await fabricOf(2, gossiping(0.5))
    expect(await fabric.until(() => fabric.converged(), 5_000)).toBe(true)
    fabric.node(0).publish('late.topic', 1)
    await fabric.advance(100)
    const got: unknown[] = []
    fabric.node(1).subscribe(['late.*'], (message) => void got.push(message.text))
    await fabric.advance(1_000)
    fabric.node(0).publish('late.topic', 2)
    await fabric.advance(500)
    expect(got).toHaveLength(1)
  })

  it('topic check 11: a client that is gone takes its subscriptions out of every catalog', async () => {
    const fabric = await fabricOf(3, gossiping(0.5))
    const client = await fabric.client(0)
    await fabric.settle(client.subscribe('gone.#', () => {}))
    const known = () =>
      [1, 2].every((index) =>
        fabric
          .view(index)
          ?.catalog.get(fabric.url(0))
          ?.some((key) => key.includes('gone.#')),
      )
    expect(await fabric.until(known, 3_000)).toBe(true)
    await fabric.settle(client.close())
    expect(await fabric.until(() => !known(), 3_000)).toBe(true)
  })

  it('heals after a partition longer than anything lives', async () => {
    const fabric = await fabricOf(6, { settings: { gossipInterval: 0.5, fabricCatalogTtlSeconds: 10 } })
    for (let i = 0; i < 6; i++) fabric.register(i, `own.f${i}`, () => i)
    expect(await fabric.until(() => fabric.converged(), 10_000)).toBe(true)
    fabric.partition([0, 1, 2], [3, 4, 5])
    await fabric.advance(120_000)
    expect(peersOf(fabric, 1)).toEqual([fabric.url(0), fabric.url(2)])
    await expect(fabric.call(0, 'own.f4')).rejects.toThrow()
    fabric.heal()
    expect(await fabric.until(() => fabric.converged(), 60_000), fabric.disagreements().join('\n')).toBe(true)
    expect(await fabric.call(0, 'own.f4')).toBe(4)
  })

  it('in a partial mesh, who was cut off is listed by all again', { timeout: 60_000 }, async () => {
    const fabric = await fabricOf(40, gossiping(1))
    expect(await fabric.until(() => fabric.converged(), 30_000, 500)).toBe(true)
    fabric.partition([1, 2, 3, 4, 5, 6])
    await fabric.advance(60_000)
    fabric.heal()
    expect(await fabric.until(() => fabric.converged(), 60_000, 500), fabric.disagreements().slice(0, 5).join('\n')).toBe(true)
  })

  it('in a partial mesh, a goodbye is known to all, and a later joiner never lists who left', { timeout: 60_000 }, async () => {
    const fabric = await fabricOf(41, { ...gossiping(1), start: false })
    for (let i = 0; i < 40; i++) await fabric.start(i)
    expect(await fabric.until(() => fabric.converged(), 30_000, 500)).toBe(true)
    const gone = fabric.url(5)
    await fabric.stop(5)
    const isKnown = () => fabric.live.every((index) => !peersOf(fabric, index).includes(gone) && !fabric.view(index)?.catalog.has(gone))
    expect(await fabric.until(isKnown, 10_000, 100)).toBe(true)
    await fabric.start(40)
    await fabric.advance(10_000)
    expect(isKnown()).toBe(true)
    // Nobody took it for failed on the way.
    for (const index of fabric.live) expect(fabric.node(index).snapshot().fabric?.membership.membership_stats.nodes_failed).toBe(0)
  })

  it('a wall clock ten minutes off harms nobody', async () => {
    const fabric = await fabricOf(3, { ...gossiping(0.5), start: false })
    fabric.skew(1, 600)
    fabric.skew(2, -600)
    for (let i = 0; i < 3; i++) {
      await fabric.start(i)
      fabric.register(i, `own.f${i}`, () => i)
    }
    expect(await fabric.until(() => fabric.converged(), 10_000)).toBe(true)
    await fabric.advance(300_000)
    expect(fabric.disagreements()).toEqual([])
    for (const from of [0, 1, 2]) for (const to of [0, 1, 2]) expect(await fabric.call(from, `own.f${to}`)).toBe(to)
  })

  it('two runs of a seed are the same, to the byte', async () => {
    const run = async () => {
      const lines: string[] = []
      const fabric = await createTestFabric({ nodes: 5, seed: 3, ...gossiping(0.5), log: (line) => lines.push(line) })
      for (let i = 0; i < 5; i++) fabric.register(i, `own.f${i}`, () => i)
      await fabric.advance(5_000)
      fabric.crash(4)
      await fabric.advance(10_000)
      fabric.note('end', JSON.stringify([0, 1, 2, 3].map((index) => [fabric.traffic(index), fabric.view(index)?.peers])))
      fabric.close()
      return lines.join('\n')
    }
    const first = await run()
    expect(first.length).toBeGreaterThan(200)
    expect(await run()).toBe(first)
  })
})
