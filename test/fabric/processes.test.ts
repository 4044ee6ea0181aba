/** Twelve nodes in twelve processes on loopback: killed, frozen and thawed, sent away. The figures are those of a fabric that gossips every 0.5 s. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createProcessFabric, elapsedUntil, type ProcessNode } from './process-fabric.ts'

const NODES = 12
const GOSSIP_SECONDS = 0.5

describe('twelve processes', { timeout: 60_000 }, () => {
  const fabric = createProcessFabric({ gossipInterval: GOSSIP_SECONDS })
  let hub: ProcessNode

  beforeAll(async () => {
    hub = await fabric.start('n0')
    for (let i = 1; i < NODES; i++) await fabric.start(`n${i}`, { peers: [hub.url] })
  }, 60_000)
  afterAll(() => fabric.stop())

  const all = () => [...fabric.nodes.values()]
  const everybodyLists = (count: number) => async () =>
    (await Promise.all(all().map((node) => node.peers()))).every((peers) => peers.length === count)
  const everybodyKnows = (names: readonly string[]) => async () =>
    (await Promise.all(all().map((node) => node.functions('own')))).every((known) => known.join() === names.join())

  it('all find each other and all functions through one of them', async () => {
    await elapsedUntil(everybodyLists(NODES - 1), 8_000)
    const names = all()
      .map((node) => `own.${node.name}`)
      .sort()
    await elapsedUntil(everybodyKnows(names), 8_000)
    for (const node of all()) expect(await node.client.call('own.n7')).toBe('n7')
  })

  it('control plane check 21: a killed process leaves the lists and is not called any more', async () => {
    const { url } = fabric.nodes.get('n3') as ProcessNode
    await fabric.kill('n3')
    await elapsedUntil(async () => (await Promise.all(all().map((node) => node.peers()))).every((peers) => !peers.includes(url)), 6_000)
    for (let i = 0; i < 50; i++) expect(await hub.client.call('shared')).not.toBe('n3')
    await expect(hub.client.call('own.n3')).rejects.toThrow(/Command not found/)
  })

  it('control plane check 20: one that is told to stop says goodbye, and all know within a second', async () => {
    const { url } = fabric.nodes.get('n4') as ProcessNode
    await fabric.kill('n4', 'SIGTERM')
    await elapsedUntil(async () => (await Promise.all(all().map((node) => node.peers()))).every((peers) => !peers.includes(url)), 2_000)
    await elapsedUntil(
      async () => (await Promise.all(all().map((node) => node.functions('own')))).every((known) => !known.includes('own.n4')),
      2_000,
    )
  })

  it('a frozen process is passed over while it is frozen, and is back when it thaws', async () => {
    const frozen = fabric.nodes.get('n5') as ProcessNode
    frozen.child.kill('SIGSTOP')
    await elapsedUntil(async () => !(await hub.peers()).includes(frozen.url), 20_000)
    for (let i = 0; i < 50; i++) expect(await hub.client.call('shared')).not.toBe('n5')
    frozen.child.kill('SIGCONT')
    await elapsedUntil(async () => (await hub.peers()).includes(frozen.url), 10_000)
    await elapsedUntil(async () => (await hub.client.call('own.n5').catch(() => undefined)) === 'n5', 10_000)
  })
})
