/** Faults of processes, links and machines: killed, frozen, cut off, too slow, out of time. One at a time, in one fabric. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { endLeftovers, mpreg, startMpreg } from '../cli/run-mpreg.ts'
import { type CuttingProxy, createCuttingProxy } from './cutting-proxy.ts'
import { eventually, prove } from './fault.ts'
import { createOperatorFabric, type OperatorFabric, type OperatorNode } from './operator-fabric.ts'

let fabric: OperatorFabric
/** Between lab and both nodes of beta, whoever dials. */
let proxy: CuttingProxy

beforeAll(async () => {
  proxy = createCuttingProxy()
  fabric = await createOperatorFabric(async (portOf) => {
    const way = async (to: OperatorNode) => `ws://127.0.0.1:${await proxy.wayTo(portOf(to))}`
    // A node that listens everywhere goes by what it advertises, so that the others know no way past the proxy.
    const everywhere = { host: '0.0.0.0', monitoring_host: '127.0.0.1' }
    return { lab: { settings: { ...everywhere, advertised_urls: [await way('lab')], peers: [await way('till'), await way('depot')] } } }
  })
}, 60_000)

afterAll(async () => {
  endLeftovers()
  await fabric?.close()
  await proxy.close()
})

const call = (at: OperatorNode, ...words: string[]) => mpreg(['client', 'call', '--url', fabric.node(at).url, ...words])

interface Link {
  readonly node_id: string
  readonly linked: boolean
}

async function linksOf(name: OperatorNode): Promise<number> {
  const { diagnosis } = (await (await fetch(`${fabric.node(name).monitoringUrl}/diagnosis`)).json()) as {
    diagnosis: { peers: readonly Link[] }
  }
  return diagnosis.peers.filter(({ linked }) => linked).length
}

describe('mpreg doctor, of processes and links', { timeout: 90_000 }, () => {
  it('names a process that was killed, until it is started again', async ({ annotate }) => {
    const found = await prove(fabric, {
      async inject() {
        const now = performance.now()
        await fabric.end('depot', 'SIGKILL')
        return now
      },
      undo: () => fabric.start('depot'),
      ask: 'front',
      code: 'peer_vanished',
      node: 'depot',
      remedy: /Look at its process and machine, and start it again/,
    })
    await annotate(found)
  })

  it('names a process that is killed and started again and again', async ({ annotate }) => {
    const found = await prove(fabric, {
      async inject() {
        for (let kills = 0; kills < 3; kills++) {
          await fabric.end('depot', 'SIGKILL')
          await fabric.start('depot')
          await eventually(
            () => linksOf('depot'),
            (links) => links > 0,
          )
        }
        return performance.now()
      },
      // With a goodbye: what ended before is over.
      undo: () => fabric.restart('depot'),
      ask: 'front',
      code: 'node_restarting',
      node: 'depot',
      remedy: /Look at the end of the log and the exit code/,
    })
    await annotate(found)
  })

  it('names a process that was stopped, and does not take it for one that ended', async ({ annotate }) => {
    const found = await prove(fabric, {
      async inject() {
        fabric.node('depot').process.kill('SIGSTOP')
        return performance.now()
      },
      // It has been told of as standing still for five minutes; a new process has not.
      undo: () => fabric.restart('depot'),
      ask: 'front',
      code: 'event_loop_stalled',
      node: 'depot',
      remedy: /Find what blocks it/,
    })
    await annotate(found)
  })

  it('names a function that blocks the event loop', async ({ annotate }) => {
    const found = await prove(fabric, {
      async inject() {
        const now = performance.now()
        expect(await call('till', 'block.till', '2500')).toMatchObject({ code: 0 })
        return now
      },
      undo: () => fabric.restart('till'),
      ask: 'front',
      code: 'event_loop_stalled',
      node: 'till',
      remedy: /register it to run in a worker thread/,
    })
    await annotate(found)
  })

  it('names a clock that is 10 minutes off', async ({ annotate }) => {
    const found = await prove(fabric, {
      async inject() {
        await fabric.restart('shop', { clockSeconds: 600 })
        return performance.now()
      },
      undo: () => fabric.restart('shop'),
      ask: 'lab',
      code: 'clock_skewed',
      node: 'shop',
      remedy: /Set the clock of the machine/,
    })
    await annotate(found)
  })

  it('names a subscriber that does not read', async ({ annotate }) => {
    const { url } = fabric.node('till')
    const subscriber = startMpreg(['client', 'subscribe', 'slow.#', '--url', url])
    const found = await prove(fabric, {
      async inject() {
        const explain = () => mpreg(['explain', 'topic', 'slow.topic', '--url', fabric.node('till').monitoringUrl])
        await eventually(explain, ({ stdout }) => stdout.startsWith('topic slow.topic: delivered'))
        subscriber.process.kill('SIGSTOP')
        const now = performance.now()
        expect(await call('till', 'flood.till', '"slow.topic"', '24')).toMatchObject({ code: 0 })
        return now
      },
      async undo() {
        subscriber.process.kill('SIGKILL')
        await subscriber.finished
      },
      ask: 'shop',
      code: 'slow_consumer',
      node: 'till',
      subject: /^127\.0\.0\.1:\d+$/,
      remedy: /have it subscribe to less/,
    })
    await annotate(found)
  })

  it('names a node whose links keep breaking', async ({ annotate }) => {
    const found = await prove(fabric, {
      async inject() {
        for (let cuts = 0; cuts < 3; cuts++) {
          await eventually(
            () => linksOf('lab'),
            (links) => links === 2,
          )
          proxy.cut()
          await eventually(
            () => linksOf('lab'),
            (links) => links < 2,
          ).catch(() => {})
        }
        return performance.now()
      },
      undo: () => fabric.restart('lab'),
      ask: 'front',
      code: 'link_flapping',
      node: 'lab',
      remedy: /Look at the network between the two/,
    })
    await annotate(found)
  })
})
