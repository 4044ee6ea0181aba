/** Calls between nodes under odd circumstances, in virtual time: detours, loops, answers too large, callers that leave, nodes that stop. */
import { describe, expect, it, onTestFinished } from 'vitest'
import type { FabricOptions } from '../../src/sim/index.ts'
import { createTestFabric, type TestFabric } from '../../src/testing.ts'

async function fabricOf(nodes: number, options: Partial<FabricOptions> = {}): Promise<TestFabric> {
  const fabric = await createTestFabric({ nodes, seed: 5, settings: { gossipInterval: 0.5 }, ...options })
  onTestFinished(() => fabric.close())
  return fabric
}

const reach = (fabric: TestFabric, index: number) => fabric.node(index).snapshot().reach?.rpc
const knows = (fabric: TestFabric, viewer: number, owner: number, name: string) =>
  fabric.view(viewer)?.catalog.get(fabric.url(owner))?.includes(`functions ${name}@1.0.0`) ?? false

describe('calls between nodes', () => {
  it('go over a neighbour where no link can be made, and come back the same way, digits untouched', async () => {
    // 0 and 2 never hear each other: what 0 wants of 2 goes through 1.
    const settings = (index: number) => ({ gossipInterval: 0.5, peers: index === 1 ? [] : ['ws://n1:7000'] })
    const fabric = await fabricOf(3, { start: false, settings })
    fabric.cut(0, 2)
    fabric.cut(2, 0)
    for (const index of [1, 0, 2]) await fabric.start(index)
    fabric.register(2, 'far', (value: unknown) => value, { raw: true, params: { value: 'Any' } })
    expect(await fabric.until(() => knows(fabric, 0, 2, 'far'), 10_000)).toBe(true)
    expect(await fabric.settle(fabric.node(0).call('far', 18446744073709551615n))).toBe(18446744073709551615n)
    expect(reach(fabric, 1)?.relayed).toBe(2)
    // The first one waited for a link that did not come; the next ones do not, though it is tried again.
    for (let second = 0; second < 10; second++) {
      await fabric.advance(1_000)
      const startedMs = fabric.nowMs
      await fabric.settle(fabric.node(0).call('far', second))
      expect(fabric.nowMs - startedMs).toBeLessThan(50)
    }
  })

  it('do not leave a node whose routing is switched off, and messages neither', async () => {
    const fabric = await fabricOf(2, { settings: (index) => ({ gossipInterval: 0.5, fabricRoutingEnabled: index === 1 }) })
    fabric.register(1, 'far', () => 1)
    expect(await fabric.until(() => knows(fabric, 0, 1, 'far'), 5_000)).toBe(true)
    expect(await fabric.settle(fabric.node(0).call('far'))).toEqual({ error: 'fabric_routing_disabled', command: 'far' })
    fabric.node(1).subscribe(['t'], () => {})
    await fabric.advance(2_000)
    expect(
      fabric
        .node(0)
        .explainTopic('t')
        .nodes.map(({ reason }) => reason),
    ).not.toContain('direct')
  })

  it('routing check 38 and wire check 31: what no node has is not found, with its reasons', async () => {
    const fabric = await fabricOf(2)
    fabric.register(1, 'here', () => 1, { resources: ['gpu'] })
    expect(await fabric.until(() => knows(fabric, 0, 1, 'here'), 5_000)).toBe(true)
    await expect(fabric.settle(fabric.node(0).callWith({ locs: ['tpu'] }, 'here'))).rejects.toMatchObject({
      rpcCode: 1001,
      explanation: { candidates: [{ node_id: fabric.url(1), reasons: ["does not offer the resource 'tpu'"] }] },
    })
  })

  it('a function that throws what looks like "not found" has run, and runs once', async () => {
    const fabric = await fabricOf(3)
    let runs = 0
    for (const index of [1, 2]) {
      fabric.register(index, 'odd', () => {
        runs++
        throw new Error('fabric_route_not_found')
      })
    }
    expect(await fabric.until(() => knows(fabric, 0, 1, 'odd') && knows(fabric, 0, 2, 'odd'), 5_000)).toBe(true)
    expect(await fabric.settle(fabric.node(0).call('odd'))).toMatchObject({ error: 'fabric_route_not_found', error_type: 'Error' })
    expect(runs).toBe(1)
  })

  it('a function that left in this moment is called on the next node that has it', async () => {
    const fabric = await fabricOf(3)
    for (const index of [1, 2]) fabric.register(index, 'twin', () => index)
    expect(await fabric.until(() => knows(fabric, 0, 1, 'twin') && knows(fabric, 0, 2, 'twin'), 5_000)).toBe(true)
    // Nothing of it has reached node 0 when it calls.
    fabric.node(1).unregister('twin')
    const answers = [await fabric.settle(fabric.node(0).call('twin')), await fabric.settle(fabric.node(0).call('twin'))]
    expect(answers).toEqual([2, 2])
  })

  it('an answer that no link carries is an error at once, not a wait for the deadline', async () => {
    const fabric = await fabricOf(2, { settings: { gossipInterval: 0.5, peerMessageBytesMax: 200_000 } })
    fabric.register(1, 'huge', () => 'x'.repeat(300_000))
    expect(await fabric.until(() => knows(fabric, 0, 1, 'huge'), 5_000)).toBe(true)
    const startedMs = fabric.nowMs
    expect(await fabric.settle(fabric.node(0).call('huge'))).toMatchObject({ error_type: 'MessageTooLargeError' })
    expect(fabric.nowMs - startedMs).toBeLessThan(1_000)
  })

  it('arguments that no link carries are refused before they are sent', async () => {
    const fabric = await fabricOf(2, { settings: { gossipInterval: 0.5, peerMessageBytesMax: 200_000 } })
    fabric.register(1, 'length', (text: string) => text.length)
    expect(await fabric.until(() => knows(fabric, 0, 1, 'length'), 5_000)).toBe(true)
    await expect(fabric.settle(fabric.node(0).call('length', 'x'.repeat(300_000)))).rejects.toMatchObject({
      details: expect.stringContaining('more than the link'),
    })
  })

  it('a caller that leaves aborts what runs for it elsewhere', async () => {
    const fabric = await fabricOf(2)
    const ended: unknown[] = []
    fabric.register(
      1,
      'long',
      (call: { readonly signal: AbortSignal }) =>
        new Promise((resolve) => {
          call.signal.addEventListener('abort', () => ended.push('aborted'))
          fabric.env(1).timers.after(20_000, () => resolve('late'))
        }),
      { withCall: true },
    )
    expect(await fabric.until(() => knows(fabric, 0, 1, 'long'), 5_000)).toBe(true)
    const client = await fabric.client(0)
    const call = client.call('long')
    call.catch(() => {})
    await fabric.advance(500)
    await fabric.settle(client.close())
    await fabric.advance(1_000)
    expect(ended).toEqual(['aborted'])
    expect(reach(fabric, 0)).toMatchObject({ calls_cancelled: 1, calls_pending: 0 })
  })

  it('a node that stops answers what it still runs, and sends new requests elsewhere', async () => {
    const fabric = await fabricOf(3)
    for (const index of [1, 2]) {
      fabric.register(index, 'job', (ms: number) => new Promise((resolve) => fabric.env(index).timers.after(ms, () => resolve(index))))
    }
    expect(await fabric.until(() => knows(fabric, 0, 1, 'job') && knows(fabric, 0, 2, 'job'), 5_000)).toBe(true)
    const running = Promise.allSettled(Array.from({ length: 4 }, () => fabric.node(0).call('job', 10_000)))
    await fabric.advance(200)
    const stopping = fabric.stopping(1)
    await fabric.advance(100)
    const during = Promise.all(Array.from({ length: 4 }, () => fabric.node(0).call('job', 1)))
    expect(await fabric.settle(during)).toEqual([2, 2, 2, 2])
    const ends = await fabric.settle(running)
    await fabric.settle(stopping)
    // Two ran on the node that stayed; the other two were told, once, that they failed.
    expect(ends.filter((end) => end.status === 'fulfilled' && end.value === 2)).toHaveLength(2)
    const told = ends.map((end) => JSON.stringify(end.status === 'fulfilled' ? end.value : (end.reason as { details: unknown }).details))
    expect(told.filter((text) => text.includes('the node stopped'))).toHaveLength(2)
  })

  it('says of a peer what it knows', async () => {
    const fabric = await fabricOf(2)
    expect(await fabric.until(() => fabric.converged(), 5_000)).toBe(true)
    const peer = fabric.url(1)
    expect(fabric.node(0).explainPeer(peer)).toMatchObject({
      node_id: peer,
      link: { node_url: peer },
      membership: { state: 'alive' },
      hidden: undefined,
    })
    await fabric.stop(1)
    await fabric.advance(1_000)
    expect(fabric.node(0).explainPeer(peer)).toMatchObject({
      link: undefined,
      membership: { state: 'left' },
      hidden: { reason: 'departed' },
    })
  })
})
