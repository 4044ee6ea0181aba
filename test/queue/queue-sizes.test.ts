/** Messages as large as links carry, on real sockets. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Client, connect } from '../../src/client-node.ts'
import { createNode, type Node, type NodeQueues } from '../../src/node/index.ts'

const KIB = 1024

describe('large messages', () => {
  let keeper: Node
  let other: Node
  const start = async (name: string, peers: readonly string[], clientMessageBytesMax: number): Promise<Node> => {
    const more = { clientMessageBytesMax, peerMessageBytesMax: 1024 * KIB, gossipInterval: 0.2, logLevel: 'CRITICAL' as const }
    const node = await createNode({ host: '127.0.0.1', port: 0, name, peers: [...peers], enableDefaultQueue: true, ...more })
    await node.start()
    return node
  }
  const queuesOf = (node: Node) => node.queues as NodeQueues
  type Messages = { message_id: string; attempt: number }[]

  beforeAll(async () => {
    keeper = await start('keeper', [], 1024 * KIB)
    other = await start('other', [keeper.url], 600 * KIB)
    queuesOf(keeper).create('big', { max_retries: 0, default_visibility_timeout_seconds: 1 })
    while (queuesOf(other).discover('big').length === 0) await new Promise((resolve) => setTimeout(resolve, 10))
  })
  afterAll(() => Promise.all([keeper.stop(), other.stop()]))

  async function using<T>(node: Node, use: (client: Client) => Promise<T>): Promise<T> {
    const client = await connect(node.url)
    try {
      return await use(client)
    } finally {
      await client.close()
    }
  }
  const call = (client: Client, fun: string, kwargs: object) =>
    client.callWith({ kwargs: { queue_name: 'big', ...kwargs } }, fun) as Promise<unknown>

  it('come in as many as fit, through the node asked, too; what does not fit is not touched', async () => {
    for (let i = 0; i < 5; i++) queuesOf(keeper).send('big', 't', 'x'.repeat(200 * KIB))
    const first = (await using(other, (client) => call(client, 'queue_receive', { max_messages: 5 }))) as Messages
    expect(first.map(({ attempt }) => attempt)).toEqual([1, 1])
    await using(keeper, async (client) => {
      expect((await call(client, 'queue_receive', { max_messages: 5, max_bytes: 250 * KIB })) as Messages).toHaveLength(1)
      await expect(call(client, 'queue_receive', { max_bytes: 100 * KIB })).rejects.toMatchObject({
        details: expect.stringContaining('QueueMessageTooLargeError'),
      })
      expect(queuesOf(keeper).get('big')?.statistics()).toMatchObject({ current_in_flight_count: 3, current_queue_size: 2 })
      while (queuesOf(keeper).get('big')?.statistics().dead_letters !== 3) await new Promise((resolve) => setTimeout(resolve, 20))
      expect(await call(client, 'queue_dead_letters', {})).toHaveLength(3)
    })
    await using(other, async (client) => expect(await call(client, 'queue_dead_letters', {})).toHaveLength(2))
  })

  it('that could never be received are refused when they are sent', async () => {
    await using(keeper, async (client) => {
      expect(await call(client, 'queue_send', { payload: 'x'.repeat(1000 * KIB) })).toMatchObject({
        success: false,
        error_message: expect.stringContaining('more bytes than could leave its node again'),
      })
    })
  })
})
