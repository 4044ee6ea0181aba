/** Two clusters on real sockets, a client, and the `mpreg` command. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect } from '../../src/client-node.ts'
import { createNode, type Node, type NodeQueues } from '../../src/node/index.ts'
import type { ReceivedQueueMessage } from '../../src/wire/index.ts'
import { mpreg } from '../cli/run-mpreg.ts'

async function start(clusterId: string, other: string, peers: readonly string[]): Promise<Node> {
  const node = await createNode({
    host: '127.0.0.1',
    port: 0,
    name: clusterId,
    clusterId,
    peers: [...peers],
    gossipInterval: 0.2,
    logLevel: 'CRITICAL',
    enableDefaultQueue: true,
    federationConfig: { federationMode: 'explicit_bridging', explicitBridges: [{ remoteClusterId: other }] },
  })
  await node.start()
  return node
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10))
}

describe('queues of two clusters on real sockets', () => {
  let shop: Node
  let bank: Node
  const queuesOf = (node: Node) => node.queues as NodeQueues

  beforeAll(async () => {
    bank = await start('bank', 'shop', [])
    queuesOf(bank).create('payments', { max_retries: 0 })
    shop = await start('shop', 'bank', [bank.url])
    await until(() => queuesOf(shop).discover('payments').length === 1)
  })
  afterAll(() => Promise.all([shop.stop(), bank.stop()]))

  it('take a thousand messages of a client of the other, each once and in order, and push them back to a subscriber there', async () => {
    const client = await connect(shop.url)
    const sends = Array.from({ length: 1_000 }, (_, n) => client.call('queue_send', 'payments', { n }))
    const results = (await Promise.all(sends)) as { success: boolean }[]
    expect(results.filter(({ success }) => success)).toHaveLength(1_000)
    expect(bank.snapshot().queues?.totals).toMatchObject({ total_messages_sent: 1_000, total_messages_received: 0 })

    const got: ReceivedQueueMessage[] = []
    const end = queuesOf(shop).subscribeAnywhere({
      subscriberId: 'book',
      queuePattern: 'pay*',
      deliver: (message) => void got.push(message),
    })
    await until(() => bank.snapshot().queues?.totals.total_messages_acknowledged === 1_000)
    expect(got.map(({ payload }) => (payload.parse() as { n: number }).n)).toEqual(Array.from({ length: 1_000 }, (_, n) => n))
    end()
    await until(() => bank.snapshot().reach?.queues.remote_subscriptions === 0)
    await client.close()
  })

  it('are worked with from the command line, wherever they are', async () => {
    const env = { MPREG_URL: shop.url }
    const run = async (...args: string[]) => {
      const { code, stderr, stdout } = await mpreg(['queue', ...args], env)
      return { code, stderr, out: stdout }
    }
    expect(JSON.parse((await run('send', 'payments', '{"n":1.0}', '--option', 'priority=3')).out)).toMatchObject({
      success: true,
      delivered_to: ['bank'],
    })
    const received = await run('receive', 'payments', '--wait', '5', '--no-ack')
    expect(received.out).toContain('"n": 1.0')
    const [{ message_id } = { message_id: '' }] = JSON.parse(received.out) as { message_id: string }[]
    expect(queuesOf(bank).get('payments')?.reject(message_id, 'cli', { detail: 'not mine' })).toBe(true)
    expect(JSON.parse((await run('dead-letters', 'payments')).out)).toMatchObject({
      dead_letters: [{ reason: 'Max retries exceeded', detail: 'not mine', attempts: 1, last_delivered_to: ['cli'] }],
    })
    expect(JSON.parse((await run('redrive', 'payments', '--message', message_id, '--target-cluster', 'bank')).out)).toEqual({
      redriven: 1,
      node_id: bank.url,
      cluster_id: 'bank',
    })
    expect(JSON.parse((await run('receive', 'payments', '--max', '5')).out)).toMatchObject([{ message_id, attempt: 1 }])
    expect(queuesOf(bank).info('payments')?.statistics).toMatchObject({ current_in_flight_count: 0, current_queue_size: 0 })
    expect(await run('redrive', 'payments', '--message', 'nosuch', '--target-cluster', 'bank')).toMatchObject({
      code: 1,
      stderr: 'Queue payments has no dead letter nosuch, or no room for it.\n',
    })
    expect((await run('list', '--format', 'compact')).out).toContain('queue_name=payments cluster_id=bank')
    expect((await run('info', 'payments', '--format', 'json')).out).toContain('"messages_redriven": 1')
    expect(await run('send', 'nowhere', '1')).toMatchObject({ code: 1, stderr: 'Queue nowhere not found in fabric catalog\n' })
  }, 30_000)
})
