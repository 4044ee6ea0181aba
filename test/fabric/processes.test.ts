/** Twelve nodes in twelve processes: killed, frozen and thawed, sent away, cut off from one another. The figures are those of a fabric that gossips every 0.5 s. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createIslands, type Islands, namespacesMissing } from './namespaces.ts'
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
    for (const node of all()) expect(await node.call('own.n7')).toBe('n7')
  })

  it('control plane check 21: a killed process leaves the lists and is not called any more', async () => {
    const { url } = fabric.nodes.get('n3') as ProcessNode
    await fabric.kill('n3')
    await elapsedUntil(async () => (await Promise.all(all().map((node) => node.peers()))).every((peers) => !peers.includes(url)), 6_000)
    for (let i = 0; i < 50; i++) expect(await hub.call('shared')).not.toBe('n3')
    await expect(hub.call('own.n3')).rejects.toThrow(/Command not found/)
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
    for (let i = 0; i < 50; i++) expect(await hub.call('shared')).not.toBe('n5')
    frozen.child.kill('SIGCONT')
    await elapsedUntil(async () => (await hub.peers()).includes(frozen.url), 10_000)
    await elapsedUntil(async () => (await hub.call('own.n5').catch(() => undefined)) === 'n5', 10_000)
  })
})

const missing = namespacesMissing()

describe.skipIf(missing !== undefined)(
  `twelve processes on two islands${missing === undefined ? '' : ` (left out: ${missing})`}`,
  { timeout: 90_000 },
  () => {
    const fabric = createProcessFabric({ gossipInterval: GOSSIP_SECONDS })
    const islandOf = (i: number) => (i < NODES / 2 ? 0 : 1)
    let islands: Islands

    beforeAll(async () => {
      islands = createIslands(2)
      const start = (i: number, peers: string[]) => {
        const host = islands.address(islandOf(i))
        return fabric.start(`n${i}`, { host, peers, advertisedUrls: [] }, islands.names[islandOf(i)])
      }
      const hub = await start(0, [])
      for (let i = 1; i < NODES; i++) await start(i, [hub.url])
    }, 60_000)
    afterAll(async () => {
      await fabric.stop()
      islands?.remove()
    })

    const all = () => [...fabric.nodes.values()]
    const island = (which: number) => all().filter((_, i) => islandOf(i) === which)
    const listOnly = (nodes: readonly ProcessNode[]) => async () => {
      const urls = nodes.map(({ url }) => url)
      const lists = await Promise.all(nodes.map((node) => node.peers()))
      return lists.every((peers, i) => peers.length === urls.length - 1 && peers.every((peer) => peer !== urls[i] && urls.includes(peer)))
    }
    const knowOnly = (nodes: readonly ProcessNode[]) => async () => {
      const names = nodes
        .map(({ name }) => `own.${name}`)
        .sort()
        .join()
      return (await Promise.all(nodes.map((node) => node.functions('own')))).every((known) => known.join() === names)
    }

    it('find each other, live on as two fabrics when they are parted, and are one again when it is mended', async () => {
      await elapsedUntil(listOnly(all()), 8_000)
      await elapsedUntil(knowOnly(all()), 8_000)
      expect(await all()[1]?.call('own.n11')).toBe('n11')

      islands.cut()
      const parted = [0, 1].map((which) => elapsedUntil(listOnly(island(which)), 45_000))
      const partedMs = await Promise.all(parted)
      for (let i = 0; i < 20; i++) expect(['n0', 'n1', 'n2', 'n3', 'n4', 'n5']).toContain(await all()[0]?.call('shared'))

      islands.heal()
      const listedMs = await elapsedUntil(listOnly(all()), 30_000)
      const knownMs = await elapsedUntil(knowOnly(all()), 8_000)
      expect(await all()[0]?.call('own.n11')).toBe('n11')
      expect(await all()[11]?.call('own.n0')).toBe('n0')
      const seconds = (ms: number) => (ms / 1000).toFixed(1)
      process.stdout.write(
        `parted: nobody of the other island listed after ${partedMs.map(seconds).join(' and ')} s; mended: all listed after ${seconds(listedMs)} s, all functions ${seconds(knownMs)} s later\n`,
      )
    })
  },
)
