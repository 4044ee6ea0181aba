/** `mpreg queue send` while the node with the queue stands still, as after SIGSTOP or a long pause. */
import { afterEach, describe, expect, it } from 'vitest'
import { createNode, type NodeQueues } from '../../src/node/index.ts'
import { endLeftovers, mpreg, startMpreg } from '../cli/run-mpreg.ts'

describe('a message nobody has answered for', () => {
  afterEach(endLeftovers)

  it('is said to be of unknown fate, and is there once when it is sent again under its id', async () => {
    const keeper = startMpreg(['server', 'start', '--host', '127.0.0.1', '--port', '0', '--enable-queue', '--no-monitoring'])
    const [, url = ''] = await keeper.printed(/MPREG_URL=(\S+)/)
    await mpreg(['queue', 'create', 'orders'], { MPREG_URL: url })
    const asked = await createNode({ host: '127.0.0.1', port: 0, peers: [url], enableDefaultQueue: true, logLevel: 'CRITICAL' })
    await asked.start()
    while ((asked.queues as NodeQueues).discover('orders').length === 0) await new Promise((resolve) => setTimeout(resolve, 20))
    const send = (...more: string[]) => mpreg(['queue', 'send', 'orders', '{"n":1.0}', ...more], { MPREG_URL: asked.url })

    keeper.process.kill('SIGSTOP')
    const { code, stderr } = await send('--timeout', '0.5')
    keeper.process.kill('SIGCONT')
    expect(code).toBe(1)
    const [, id = ''] = /^Not known whether queue orders has message (\S+): .*\n.*add --id \1 within/.exec(stderr) ?? []
    expect(JSON.parse((await send('--id', id)).stdout)).toMatchObject({ success: true, message_id: id })
    const received = await mpreg(['queue', 'receive', 'orders', '--max', '5'], { MPREG_URL: url })
    expect(JSON.parse(received.stdout)).toMatchObject([{ message_id: id, payload: { n: 1 } }])
    await asked.stop()
  }, 30_000)
})

describe('a message whose reader has gone', () => {
  it('is not acknowledged', async () => {
    const node = await createNode({ host: '127.0.0.1', port: 0, enableDefaultQueue: true, logLevel: 'CRITICAL' })
    await node.start()
    const queues = node.queues as NodeQueues
    queues.create('orders')
    const receiving = startMpreg(['queue', 'receive', 'orders', '--wait', '10'], { MPREG_URL: node.url })
    receiving.process.stdout?.destroy()
    while (queues.get('orders')?.statistics().waiting_receivers !== 1) await new Promise((resolve) => setTimeout(resolve, 20))
    queues.send('orders', 't', 1)
    expect(await receiving.finished).toMatchObject({ code: 1 })
    expect(queues.get('orders')?.statistics()).toMatchObject({ messages_acknowledged: 0, current_in_flight_count: 1 })
    await node.stop()
  }, 30_000)
})
