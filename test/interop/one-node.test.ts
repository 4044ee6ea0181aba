/** What a client of the wire protocol may rely on, checked frame by frame against a live node. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createNode, type Node } from '../../src/node/index.ts'
import { openSession, type WireSession } from './wire-session.ts'

let node: Node
const sessions: WireSession[] = []

beforeAll(async () => {
  node = await createNode({ monitoringEnabled: false, logLevel: 'CRITICAL', rpcRequestsPerConnectionMax: 50 })
  node.register('sleep', (ms: number) => new Promise((resolve) => setTimeout(resolve, ms, ms)))
  node.register('kaput', () => {
    throw Object.assign(new Error('kaput'), { name: 'ValueError' })
  })
  node.register('function_value', () => () => 1)
  node.register('big', (bytes: number) => 'x'.repeat(bytes))
  await node.start()
})

afterAll(async () => {
  await Promise.all(sessions.map((session) => session.close()))
  await node.stop()
})

async function open(): Promise<WireSession> {
  const session = await openSession(node.url)
  sessions.push(session)
  return session
}

const rpc = (u: string, ...cmds: object[]) => JSON.stringify({ role: 'rpc', u, cmds })
const publish = (u: string, topic: string, payload: string, id = `m-${u}`) =>
  `{"role":"pubsub-publish","u":"${u}","message":{"topic":"${topic}","payload":${payload},"timestamp":${Date.now() / 1000},"message_id":"${id}","publisher":"test"}}`
const subscribe = (u: string, id: string, patterns: object[], rest: object = {}) =>
  JSON.stringify({
    role: 'pubsub-subscribe',
    u,
    subscription: { subscription_id: id, patterns, subscriber: 'test', created_at: 1, ...rest },
  })
const read = async (session: WireSession) => JSON.parse(await session.next()) as Record<string, unknown>

describe('requests', () => {
  it('wire check 10: text and binary are answered alike, in binary, with exactly the five keys and no role', async () => {
    const session = await open()
    const frame = rpc('a', { name: 'x', fun: 'echo', args: ['hi'] })
    session.send(frame, 'text')
    const first = await session.next()
    session.send(frame, 'binary')
    expect(await session.next()).toBe(first)
    expect(Object.keys(JSON.parse(first) as object)).toEqual(['r', 'error', 'u', 'intermediate_results', 'execution_summary'])
    expect(session.allBinary).toBe(true)
  })

  it('wire check 12: an unencodable result is answered at once', async () => {
    const session = await open()
    session.send(rpc('a', { name: 'x', fun: 'function_value' }))
    expect(await read(session)).toMatchObject({
      error: { code: 1003, details: 'TypeError: Type is not JSON serializable: function' },
      u: 'a',
    })
  })

  it('wire check 14: a raising function', async () => {
    const session = await open()
    session.send(rpc('a', { name: 'x', fun: 'kaput' }))
    expect(await read(session)).toMatchObject({
      r: null,
      error: { code: 1003, message: 'RPC execution failed', details: 'ValueError: kaput' },
    })
  })

  it('wire check 16, rpc check 12: unknown roles', async () => {
    const session = await open()
    session.send('{"role":"zzz","u":"q1"}')
    expect(await read(session)).toMatchObject({ u: 'q1', error: { code: 1004, message: 'Invalid RPC request role: zzz' } })
    session.send('{}')
    expect(await read(session)).toMatchObject({ u: 'unknown', error: { message: 'Invalid RPC request role: None' } })
    session.send('{"role":"cache-request","u":"c"}')
    expect(await read(session)).toMatchObject({ u: 'c', error: { code: 1004, message: 'Invalid RPC request role: cache-request' } })
  })

  it('wire check 17: the last level, intermediate records and the summary', async () => {
    const session = await open()
    const cmds = [
      { name: 'a', fun: 'echo', args: [1] },
      { name: 'b', fun: 'echo', args: ['a'] },
      { name: 'c', fun: 'echo', args: [9] },
    ]
    session.send(JSON.stringify({ role: 'rpc', u: 'u', cmds, return_intermediate_results: true, include_execution_summary: true }))
    const answer = (await read(session)) as {
      r: object
      intermediate_results: { accumulated_results: object }[]
      execution_summary: { parallel_commands_executed: number }
    }
    expect(answer.r).toEqual({ b: 1 })
    expect(answer.intermediate_results.map((record) => record.accumulated_results)).toEqual([
      { a: 1, c: 9 },
      { a: 1, c: 9, b: 1 },
    ])
    expect(answer.execution_summary.parallel_commands_executed).toBe(3)
  })

  it('wire check 20: a slow call holds up nothing on its connection', async () => {
    const session = await open()
    session.send(rpc('slow', { name: 'x', fun: 'sleep', args: [300] }))
    session.send(rpc('fast', { name: 'x', fun: 'echo', args: [1] }))
    session.send(publish('p', 'nobody', '1'))
    expect([(await read(session)).u, (await read(session)).u, (await read(session)).u]).toEqual(['fast', 'ack_p', 'slow'])
  })

  it('answers overloaded when the connection has too much in flight, and recovers', async () => {
    const session = await open()
    for (let i = 0; i < 51; i++) session.send(rpc(`u${i}`, { name: 'x', fun: 'sleep', args: [100] }))
    expect(await read(session)).toMatchObject({
      u: 'u50',
      error: { code: 503, message: 'overloaded', details: expect.stringContaining('retry after') },
    })
    for (let i = 0; i < 50; i++) await session.next()
    session.send(rpc('again', { name: 'x', fun: 'echo', args: [1] }))
    expect(await read(session)).toMatchObject({ u: 'again', r: { x: 1 } })
  })

  it('answers an error when a result is larger than a message may be', async () => {
    const session = await open()
    session.send(rpc('a', { name: 'x', fun: 'big', args: [21 * 1024 * 1024] }))
    expect(await read(session)).toMatchObject({ u: 'a', error: { code: 1003, details: expect.stringContaining('Message too large') } })
  })

  it('routing check 38: a function is found the moment it is registered', async () => {
    const session = await open()
    session.send(rpc('a', { name: 'x', fun: 'late' }))
    expect(await read(session)).toMatchObject({ error: { code: 1001 } })
    node.register('late', () => 'here')
    session.send(rpc('b', { name: 'x', fun: 'late' }))
    expect(await read(session)).toMatchObject({ r: { x: 'here' } })
    node.unregister('late')
  })
})

describe('hostile frames', () => {
  it.each([
    '{"role":"pubsub-publish","message":"",":{":1,"u":"x","message":{"topic":"a","payload":1,"timestamp":1,"message_id":"m","publisher":"p"}}',
    '{"role":"rpc","u":"x","cmds":"","cmds":[{"name":"a","fun":"echo","args":"","{":1,"args":[1.0]}]}',
  ])('of a repeated key the last counts: %s', async (frame) => {
    const session = await open()
    session.send(frame)
    expect(await session.next()).toMatch(/"success":true|"r":\{"a":1\.0\}/)
  })

  it('refuses a correlation id that leaves no room for an answer', async () => {
    const session = await open()
    session.send(rpc('u'.repeat(2000), { name: 'x', fun: 'echo', args: [1] }))
    expect(await read(session)).toMatchObject({
      u: 'unknown',
      error: { code: 1003, details: 'ValidationError: u must be at most 1024 characters' },
    })
  })

  it('names a role that is no text by its kind', async () => {
    const session = await open()
    session.send('{"role":{"toString":1},"u":"r"}')
    expect(await read(session)).toMatchObject({ u: 'r', error: { message: 'Invalid RPC request role: object' } })
  })

  it('refuses topics and patterns beyond measure', async () => {
    const session = await open()
    session.send(publish('p', 'a.'.repeat(2000), '1'))
    expect(await read(session)).toMatchObject({ role: 'pubsub-ack', success: false, error: expect.stringContaining('topic') })
    session.send(subscribe('s', 'wide', [{ pattern: '#.*.'.repeat(1000) }]))
    expect(await read(session)).toMatchObject({ role: 'pubsub-ack', success: false })
  })
})

describe('topics', () => {
  it('wire check 21: a publication without subscribers is acknowledged', async () => {
    const session = await open()
    session.send(publish('p1', 'lonely', '{}'))
    expect(await session.next()).toBe('{"role":"pubsub-ack","operation_id":"p1","success":true,"error":null,"u":"ack_p1"}')
  })

  it('wire check 22, topic check 5: one notification with all eight fields, then the acknowledgement', async () => {
    const session = await open()
    session.send(subscribe('s', 'sid22', [{ pattern: 'n.*' }, { pattern: 'n.#' }], { get_backlog: false }))
    await session.next()
    session.send(publish('p', 'n.x', '{"a":1}', 'mid'))
    const notification = await read(session)
    expect(notification).toMatchObject({ role: 'pubsub-notification', subscription_id: 'sid22', u: 'notification_mid_sid22' })
    expect(Object.keys(notification.message as object)).toEqual([
      'topic',
      'payload',
      'timestamp',
      'message_id',
      'publisher',
      'headers',
      'routing_path',
      'current_hop',
    ])
    expect(notification.message).toMatchObject({ routing_path: null, current_hop: null, headers: {} })
    expect(await read(session)).toMatchObject({ role: 'pubsub-ack', operation_id: 'p' })
    expect(session.waiting).toBe(0)
  })

  it('wire check 23, topic check 4: subscriptions end once, and with their connection', async () => {
    const session = await open()
    session.send(subscribe('s', 'sid23', [{ pattern: 'gone' }]))
    session.send('{"role":"pubsub-unsubscribe","subscription_id":"sid23","u":"u1"}')
    session.send('{"role":"pubsub-unsubscribe","subscription_id":"sid23","u":"u2"}')
    expect(await session.next()).toBe('{"role":"pubsub-ack","operation_id":"s","success":true,"error":null,"u":"ack_s"}')
    expect(await session.next()).toBe('{"role":"pubsub-ack","operation_id":"u1","success":true,"error":null,"u":"ack_u1"}')
    expect(await session.next()).toBe('{"role":"pubsub-ack","operation_id":"u2","success":false,"error":null,"u":"ack_u2"}')
    session.send(subscribe('s', 'sid23', [{ pattern: 'gone' }]))
    await session.next()
    const before = node.snapshot().pubsub.active_subscriptions
    await session.close()
    await expect.poll(() => node.snapshot().pubsub.active_subscriptions).toBe(before - 1)
    expect(node.publish('gone', 1)).toBe(0)
  })

  it('wire check 24, topic check 7: the backlog follows the acknowledgement, in order of time', async () => {
    const session = await open()
    for (const n of [1, 2, 3]) session.send(publish(`p${n}`, 'late.a', String(n), `b${n}`))
    for (const _ of [1, 2, 3]) await session.next()
    session.send(subscribe('s', 'sid24', [{ pattern: 'late.*' }, { pattern: 'late.#' }], { get_backlog: true, backlog_seconds: 60 }))
    expect(await read(session)).toMatchObject({ role: 'pubsub-ack', success: true })
    const replayed: unknown[] = []
    while (replayed.length < 3) {
      const frame = await read(session)
      if ((frame.message as { topic: string }).topic === 'late.a') replayed.push(frame.u)
    }
    expect(replayed).toEqual(['backlog_b1_sid24', 'backlog_b2_sid24', 'backlog_b3_sid24'])
    session.send('{"role":"pubsub-unsubscribe","subscription_id":"sid24","u":"end"}')
    // Who subscribes to everything hears of its own subscription, too.
    while ((await read(session)).operation_id !== 'end');
    session.send(subscribe('s2', 'sid24b', [{ pattern: 'late.*' }], { get_backlog: false }))
    expect(await read(session)).toMatchObject({ operation_id: 's2' })
    session.send(rpc('probe', { name: 'x', fun: 'echo', args: [1] }))
    expect(await read(session)).toMatchObject({ u: 'probe' })
  })

  it('a backlog larger than the send buffer arrives whole and in order, live messages behind it', async () => {
    const small = await createNode({ monitoringEnabled: false, logLevel: 'CRITICAL', sendBufferBytesMax: 600_000 })
    await small.start()
    for (let n = 0; n < 400; n++) small.publish('big', `${n} ${'x'.repeat(10_000)}`)
    const session = await openSession(small.url)
    session.send(subscribe('s', 'sidbig', [{ pattern: 'big' }], { backlog_seconds: 60 }))
    await session.next()
    small.publish('big', '400 live')
    const order: number[] = []
    const kinds = new Set<string>()
    while (order.length < 401) {
      const frame = (await read(session)) as { u: string; message: { payload: string } }
      order.push(Number.parseInt(frame.message.payload, 10))
      kinds.add(`${frame.message.payload.endsWith('live')} ${frame.u.split('_')[0]}`)
    }
    expect(order).toEqual(Array.from({ length: 401 }, (_, n) => n))
    expect([...kinds].sort()).toEqual(['false backlog', 'true notification'])
    await session.close()
    await small.stop()
  })

  it('topic check 6: payload lexemes survive', async () => {
    const session = await open()
    session.send(subscribe('s', 'sid6', [{ pattern: 'lex' }], { get_backlog: false }))
    await session.next()
    session.send(publish('p', 'lex', '{"x":1.0,"big":1234567890123456789,"2":0,"1":1e5}'))
    expect(await session.next()).toContain('"payload":{"x":1.0,"big":1234567890123456789,"2":0,"1":1e5}')
  })

  it('topic check 9: an invalid publication is answered and the connection goes on', async () => {
    const session = await open()
    session.send('{"role":"pubsub-publish","u":"bad","message":{"topic":"t","timestamp":1,"message_id":"m","publisher":"p"}}')
    expect(await read(session)).toMatchObject({
      role: 'pubsub-ack',
      operation_id: 'bad',
      success: false,
      error: expect.stringContaining('payload'),
    })
    session.send(rpc('a', { name: 'x', fun: 'echo', args: [1] }))
    expect(await read(session)).toMatchObject({ r: { x: 1 } })
  })

  it('topic check 10: a live id of another connection is refused', async () => {
    const [first, second] = [await open(), await open()]
    first.send(subscribe('s', 'shared', [{ pattern: 'own' }], { get_backlog: false }))
    await first.next()
    second.send(subscribe('s', 'shared', [{ pattern: 'own' }]))
    expect(await read(second)).toMatchObject({ success: false, error: expect.stringContaining('shared') })
    second.send(publish('p', 'own', '1'))
    await second.next()
    expect(await read(first)).toMatchObject({ role: 'pubsub-notification', subscription_id: 'shared' })
  })

  it('rpc check 13: intermediate results reach subscribers of the topic the request names', async () => {
    const session = await open()
    session.send(subscribe('s', 'sid13', [{ pattern: 't.x' }], { get_backlog: false }))
    await session.next()
    const cmds = [{ name: 'a', fun: 'echo', args: [1] }]
    session.send(
      JSON.stringify({ role: 'rpc', u: 'req', cmds, return_intermediate_results: true, intermediate_result_callback_topic: 't.x' }),
    )
    const notification = await read(session)
    expect(notification).toMatchObject({
      message: {
        topic: 't.x',
        message_id: 'rpc_intermediate_req_0',
        headers: { event: 'rpc.intermediate_result' },
        payload: { level_results: { a: 1 } },
      },
    })
    expect(await read(session)).toMatchObject({ u: 'req', r: { a: 1 } })
  })
})
