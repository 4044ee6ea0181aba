import { describe, expect, it } from 'vitest'
import { createVirtualEnv, type LogScope, silentLog, type VirtualEnv } from '../base/index.ts'
import { type CloseInfo, type Connection, type ConnectionHandlers, TransportConnectionError } from '../transport/browser.ts'
import { EncodingError } from '../wire/browser.ts'
import type { Client, ClientOptions } from './api.ts'
import { connectWith, REQUEST_TIMEOUT_MS } from './client.ts'
import {
  ClientClosedError,
  ConnectionLostError,
  NotConnectedError,
  OperationRefusedError,
  RequestTimeoutError,
  TooManyPendingError,
} from './errors.ts'
import type { Message } from './subscription.ts'

interface Frame {
  readonly [key: string]: unknown
  readonly role: string
  readonly u: string
}

/** What a scripted server does with a frame: `reply` sends a frame back a millisecond later. */
type Script = (frame: Frame, reply: (frame: object) => void, link: Link) => void

/** A connection to a script. */
class Link implements Connection {
  readonly id = 'link'
  readonly kind = 'client'
  readonly protocol = 'memory'
  readonly dialed = true
  readonly remote = 'script'
  readonly headers = {}
  readonly identity = { method: 'none' } as const
  readonly bufferedBytes = 0
  isOpen = true
  /** Takes no frames any more, though its end has not been reported yet. */
  isDeaf = false
  readonly frames: (Frame & { readonly atMs: number })[] = []
  readonly #env: VirtualEnv
  readonly #script: Script
  #handlers: ConnectionHandlers | undefined

  constructor(env: VirtualEnv, script: Script) {
    this.#env = env
    this.#script = script
  }

  attach(handlers: ConnectionHandlers): void {
    this.#handlers = handlers
  }

  send(text: string): boolean {
    if (!this.isOpen || this.isDeaf) return false
    const frame = JSON.parse(text) as Frame
    this.frames.push({ ...frame, atMs: this.#env.clock.monotonic() })
    this.#script(frame, (reply) => this.#env.timers.after(1, () => this.deliver(JSON.stringify(reply))), this)
    return true
  }

  sendStream = () => Promise.reject(new Error('not scripted'))
  ping = () => Promise.reject(new Error('not scripted'))

  deliver(text: string): void {
    if (this.isOpen) this.#handlers?.message(text)
  }

  close(code = 1000, reason = ''): void {
    this.end({ code, reason })
  }

  lose(): void {
    this.end({ code: 1006, reason: '', error: new TransportConnectionError('cable pulled') })
  }

  end(info: CloseInfo): void {
    if (!this.isOpen) return
    this.isOpen = false
    queueMicrotask(() => this.#handlers?.close(info))
  }

  framesOf(role: string) {
    return this.frames.filter((frame) => frame.role === role)
  }
}

function serverOf(script: Script, seed = 1) {
  const logged: string[] = []
  const note = (message: string, cause?: unknown) => void logged.push(cause === undefined ? message : `${message}: ${cause}`)
  const log: LogScope = { ...silentLog, warn: note, error: note, scope: () => log }
  const env = createVirtualEnv({ seed, log })
  const links: Link[] = []
  const dialedAtMs: number[] = []
  const server = {
    env,
    logged,
    links,
    dialedAtMs,
    script,
    /** Refuse connections. */
    down: false,
    /** New connections take no frames. */
    deaf: false,
    get link(): Link {
      return links.at(-1) as Link
    },
    connect: (options: Partial<ClientOptions> = {}): Promise<Client> =>
      connectWith(
        async () => {
          dialedAtMs.push(env.clock.monotonic())
          if (server.down) throw new TransportConnectionError('refused')
          links.push(new Link(env, (frame, reply, link) => server.script(frame, reply, link)))
          server.link.isDeaf = server.deaf
          return server.link
        },
        { url: 'ws://script', env, ...options },
      ),
    /** Loses the connection and lets the client come back. */
    reconnect: async () => {
      server.link.lose()
      const before = links.length
      expect(await env.runUntil(() => links.length > before, 60_000)).toBe(true)
      await env.advance(0)
    },
  }
  return server
}

const acknowledge: Script = (frame, reply) => {
  if (frame.role.startsWith('pubsub-')) reply({ role: 'pubsub-ack', operation_id: frame.u, success: true, error: null, u: 'ack' })
}
const answer: Script = (frame, reply, link) => {
  if (frame.role === 'rpc')
    reply({ r: Object.fromEntries((frame.cmds as { name: string }[]).map(({ name }) => [name, 'ok'])), error: null, u: frame.u })
  else acknowledge(frame, reply, link)
}
const silence: Script = () => {}

const subscriptionIn = (frame: Frame | undefined) =>
  frame?.subscription as { subscription_id: string; get_backlog: boolean; backlog_seconds: number; patterns: { pattern: string }[] }
const functionsIn = (link: Link) => link.framesOf('rpc').map((frame) => (frame.cmds as { fun: string }[])[0]?.fun)

const notification = (frame: Frame | undefined, messageId: string, payload: unknown = messageId) => ({
  role: 'pubsub-notification',
  message: { topic: 'a', payload, timestamp: 1, message_id: messageId, publisher: 'p', headers: {} },
  subscription_id: subscriptionIn(frame).subscription_id,
  u: 'n',
})

/** What a promise has come to, without waiting for it. */
function watch<T>(promise: Promise<T>): { value?: T; error?: unknown } {
  const outcome: { value?: T; error?: unknown } = {}
  promise.then(
    (value) => Object.assign(outcome, { value }),
    (error: unknown) => Object.assign(outcome, { error }),
  )
  return outcome
}

describe('the heartbeat', () => {
  it('calls echo after 30 s without a frame, and goes on every 30 to 40 s', async () => {
    const server = serverOf(answer)
    const client = await server.connect()
    await server.env.advance(29_999)
    expect(server.link.frames).toHaveLength(0)
    await server.env.advance(300_000)
    const times = [0, ...server.link.frames.map((frame) => frame.atMs)]
    const gaps = times.slice(1).map((time, index) => time - (times[index] as number))
    expect(gaps.length).toBeGreaterThan(7)
    for (const gap of gaps) expect(gap).toSatisfy((ms: number) => ms >= 30_000 && ms <= 40_000)
    expect(new Set(functionsIn(server.link))).toEqual(new Set(['echo']))
    expect(client.stats()).toMatchObject({ requestsSent: 0, framesIgnored: 0, pending: 0, reconnects: 0 })
  })

  it('is left out while the client is busy', async () => {
    const server = serverOf(answer)
    const client = await server.connect()
    for (let second = 0; second < 120; second += 20) {
      await server.env.advance(20_000)
      void client.call('work')
    }
    await server.env.advance(1)
    expect(functionsIn(server.link)).toEqual(Array(6).fill('work'))
  })

  it('goes on while messages come in: what counts is what the node hears', async () => {
    const server = serverOf(answer)
    const client = await server.connect()
    const subscribing = client.subscribe('a', () => {})
    await server.env.advance(1)
    await subscribing
    const [subscribe] = server.link.frames
    for (let n = 0; n < 20; n++) {
      server.link.deliver(JSON.stringify(notification(subscribe, String(n))))
      await server.env.advance(5_000)
    }
    expect(functionsIn(server.link)).toEqual(['echo', 'echo', 'echo'])
  })

  it('wire check 39: survives the 60 s idle close of another implementation, and comes back with its subscriptions', async () => {
    const server = serverOf(answer)
    let cancel = () => {}
    const dropWhenIdle = (link: Link) => {
      cancel()
      cancel = server.env.timers.after(60_000, () => link.close(1000, 'idle'))
    }
    server.script = (frame, reply, link) => {
      dropWhenIdle(link)
      answer(frame, reply, link)
    }
    const client = await server.connect()
    dropWhenIdle(server.link)
    const subscribing = client.subscribe('a.*', () => {})
    await server.env.advance(1)
    await subscribing
    await server.env.advance(3_600_000)
    expect(server.links).toHaveLength(1)
    // It closes all the same, as on a restart.
    server.link.close(1001, 'going away')
    await server.env.advance(5_000)
    expect(server.links).toHaveLength(2)
    expect(subscriptionIn(server.link.framesOf('pubsub-subscribe')[0]).patterns).toEqual([{ pattern: 'a.*', exact_match: false }])
    expect(client.state).toBe('connected')
  })

  it('gives up a connection on which nothing comes back any more', async () => {
    const server = serverOf(silence)
    const client = await server.connect()
    const call = watch(client.callWith({ timeoutMs: 600_000 }, 'long'))
    await server.env.advance(69_999)
    expect(client.state).toBe('connected')
    await server.env.advance(1)
    expect(client.state).toBe('disconnected')
    expect(call.error).toBeInstanceOf(ConnectionLostError)
    await server.env.advance(2_000)
    expect(server.links).toHaveLength(2)
  })
})

describe('a request', () => {
  it('is given up after 35 s, all of them on one timer', async () => {
    const server = serverOf(silence)
    const client = await server.connect()
    const idleTimers = server.env.pendingTimers
    const calls = Array.from({ length: 100 }, () => watch(client.call('slow')))
    expect(server.env.pendingTimers).toBe(idleTimers + 1)
    await server.env.advance(REQUEST_TIMEOUT_MS - 1)
    expect(calls.every((call) => call.error === undefined)).toBe(true)
    await server.env.advance(1)
    for (const call of calls) expect(call.error).toBeInstanceOf(RequestTimeoutError)
    expect(calls[0]?.error).toMatchObject({ message: 'no answer from ws://script within 35 s' })
    expect(client.stats().pending).toBe(0)
  })

  it('is forgotten when aborted, and its late answer ignored', async () => {
    const server = serverOf(silence)
    const client = await server.connect()
    const controller = new AbortController()
    const call = watch(client.callWith({ signal: controller.signal }, 'slow'))
    const [frame] = server.link.frames
    controller.abort(new Error('no longer wanted'))
    await server.env.advance(0)
    expect(call.error).toMatchObject({ message: 'no longer wanted' })
    expect(client.stats().pending).toBe(0)
    server.link.deliver(JSON.stringify({ r: { x: 1 }, error: null, u: frame?.u }))
    expect(client.stats().framesIgnored).toBe(1)
    await expect(client.callWith({ signal: AbortSignal.abort(new Error('too late')) }, 'slow')).rejects.toThrow('too late')
    expect(server.link.frames).toHaveLength(1)
  })

  it('that can not be encoded rejects instead of throwing', async () => {
    const client = await serverOf(silence).connect()
    const circular: unknown[] = []
    circular.push(circular)
    const promises = [
      client.call('f', circular),
      client.callRaw({}, 'f', circular),
      client.request([{ name: 'x', fun: 'f', args: [circular] }]),
    ]
    for (const promise of promises) await expect(promise).rejects.toThrow(EncodingError)
    expect(client.stats().pending).toBe(0)
  })

  it('beyond the limit is refused at once', async () => {
    const server = serverOf(silence)
    const client = await server.connect({ pendingMax: 3 })
    const calls = Array.from({ length: 3 }, () => watch(client.call('slow')))
    await expect(client.call('slow')).rejects.toThrow(TooManyPendingError)
    expect(server.link.frames).toHaveLength(3)
    await client.close()
    for (const call of calls) expect(call.error).toBeInstanceOf(ClientClosedError)
  })

  it('under way rejects when the connection is lost; one made meanwhile waits for the next', async () => {
    const server = serverOf(silence)
    const client = await server.connect()
    const under = watch(client.call('first'))
    server.link.lose()
    await server.env.advance(0)
    expect(under.error).toBeInstanceOf(ConnectionLostError)
    const later = watch(client.call('second'))
    server.script = answer
    await server.env.advance(2_000)
    expect(later.value).toBe('ok')
    expect(functionsIn(server.link)).toEqual(['second'])
  })
})

describe('what is asked without a connection', () => {
  it('was not sent when its time is up, and the error says so', async () => {
    const server = serverOf(answer)
    const client = await server.connect()
    server.down = true
    server.link.lose()
    await server.env.advance(1_500)
    const asked = [watch(client.callWith({ timeoutMs: 1_000 }, 'f')), watch(client.publish('t', 1)), watch(client.subscribe('t', () => {}))]
    await server.env.advance(10_000)
    for (const { error } of asked) expect(error).toBeInstanceOf(NotConnectedError)
    expect(asked[0]?.error).toMatchObject({
      code: 'not_connected',
      message: 'no connection to ws://script within 1 s, nothing was sent: refused',
    })
    server.down = false
    await server.env.runUntil(() => server.links.length === 2, 60_000)
    await server.env.advance(1)
    expect(server.link.frames).toEqual([])
    expect(client.stats()).toMatchObject({ pending: 0, subscriptions: 0 })
  })

  it('is refused at once on request, while subscriptions still come back', async () => {
    const server = serverOf(answer)
    const client = await server.connect({ failFast: true })
    const subscribing = client.subscribe('a', () => {})
    await server.env.advance(1)
    await subscribing
    server.link.lose()
    await server.env.advance(0)
    const began = server.env.clock.monotonic()
    await expect(client.call('f')).rejects.toThrow('no connection to ws://script now, nothing was sent: cable pulled')
    expect(server.env.clock.monotonic()).toBe(began)
    await server.env.advance(2_000)
    expect(server.link.framesOf('pubsub-subscribe')).toHaveLength(1)
    const call = watch(client.call('f'))
    await server.env.advance(1)
    expect(call.value).toBe('ok')
  })
})

describe('an answer', () => {
  it.each([
    ['one result, without its label', { r: { x: 5 } }, 5],
    ['several results', { r: { x: 5, y: 6 } }, { x: 5, y: 6 }],
    ['a list', { r: [5] }, [5]],
    ['a bare value', { r: 'done' }, 'done'],
  ])('may be %s', async (_what, body, value) => {
    const server = serverOf((frame, reply) => reply({ ...body, error: null, u: frame.u }))
    const client = await server.connect()
    const call = watch(client.call('f'))
    await server.env.advance(1)
    expect(call.value).toEqual(value)
  })

  it('with an error of no known form says what came', async () => {
    const server = serverOf((frame, reply) => reply({ r: null, error: 'kaput', u: frame.u }))
    const client = await server.connect()
    const call = watch(client.call('f'))
    await server.env.advance(1)
    expect(call.error).toMatchObject({ code: 'invalid_answer', message: expect.stringContaining('"kaput"') })
  })

  it.each([
    [{ error: 'division by zero', command: 'divide', error_type: 'ZeroDivisionError' }],
    [{ error: 'fabric_route_not_found', command: 'divide' }],
    [{ error: 'fabric_rpc_failed', request_id: 'r' }],
  ])('that is the failure %o of another node becomes an error on request', async (failure) => {
    const server = serverOf((frame, reply) => reply({ r: { x: failure }, error: null, u: frame.u }))
    const [lenient, strict] = [await server.connect(), await server.connect({ raiseRemoteFailures: true })]
    const calls = [watch(lenient.call('f')), watch(strict.call('f')), watch(strict.request([{ name: 'x', fun: 'f' }]))]
    await server.env.advance(1)
    expect(calls[0]?.value).toEqual(failure)
    for (const { error } of calls.slice(1)) expect(error).toMatchObject({ rpcCode: 1003, details: failure })
  })

  it('that is no JSON object is skipped, and one line is logged for each connection', async () => {
    const server = serverOf(answer)
    const client = await server.connect()
    for (const text of ['{"r":', '7', 'null', '"x"']) server.link.deliver(text)
    expect(client.stats().framesIgnored).toBe(4)
    expect(server.logged).toHaveLength(1)
    expect(server.logged[0]).toContain('ws://script sent a frame that is no JSON object')
    await server.reconnect()
    server.link.deliver('8')
    expect(server.logged).toHaveLength(2)
    const call = watch(client.call('f'))
    await server.env.advance(1)
    expect(call.value).toBe('ok')
  })
})

describe('a callback', () => {
  it('may fail, at once or later: it is logged, and neither other messages nor the process are harmed', async () => {
    const server = serverOf(acknowledge)
    const failing = async () => {
      throw new Error('later')
    }
    const client = await server.connect({ onState: failing })
    const received: unknown[] = []
    const subscribing = [
      client.subscribe('a', failing, { onLost: failing }),
      client.subscribe('b', (message) => {
        received.push(message.payload)
        throw new Error('at once')
      }),
    ]
    await server.env.advance(1)
    await Promise.all(subscribing)
    const [a, b] = server.link.framesOf('pubsub-subscribe')
    for (const [frame, id] of [
      [a, '1'],
      [b, '2'],
      [a, '3'],
      [b, '4'],
    ] as const)
      server.link.deliver(JSON.stringify(notification(frame, id)))
    await server.env.advance(0)
    expect(received).toEqual(['2', '4'])
    await client.close()
    await server.env.advance(0)
    expect(server.logged.toSorted()).toEqual([
      'onLost failed: Error: later',
      'onState failed: Error: later',
      'onState failed: Error: later',
      'subscriber of a failed: Error: later',
      'subscriber of a failed: Error: later',
      'subscriber of b failed: Error: at once',
      'subscriber of b failed: Error: at once',
    ])
  })

  it('that fails while a subscription ends does not keep its reader waiting', async () => {
    const server = serverOf(acknowledge)
    const client = await server.connect()
    const onLost = () => {
      throw new Error('broken')
    }
    const next = watch(client.messages('a', { onLost }).next())
    await server.env.advance(1)
    await client.close()
    await server.env.advance(0)
    expect(next.value?.done).toBe(true)
    expect(server.logged).toEqual(['onLost failed: Error: broken'])
  })
})

describe('a publication', () => {
  it('leaves out headers without a value', async () => {
    const server = serverOf(acknowledge)
    const client = await server.connect()
    void client.publish('t', 1, { priority: 3, correlation_id: null, reply_to: undefined, 'x-mine': [null] })
    void client.publish('t', 1)
    const headers = server.link.framesOf('pubsub-publish').map((frame) => (frame.message as { headers: unknown }).headers)
    expect(headers).toEqual([{ priority: 3, 'x-mine': [null] }, {}])
    await server.env.advance(1)
  })
})

describe('reconnecting', () => {
  it('takes growing, jittered delays', async () => {
    const gapsOf = async (seed: number) => {
      const server = serverOf(answer, seed)
      const client = await server.connect()
      server.down = true
      server.link.lose()
      await server.env.advance(200_000)
      await client.close()
      return server.dialedAtMs.slice(1).map((time, index) => time - (server.dialedAtMs[index] as number))
    }
    const [one, other] = [await gapsOf(1), await gapsOf(2)]
    for (const gaps of [one, other]) {
      for (const [index, gap] of gaps.entries()) {
        const full = Math.min(30_000, 1000 * 2 ** index)
        expect(gap).toBeGreaterThanOrEqual(full / 2)
        expect(gap).toBeLessThanOrEqual(full)
      }
    }
    expect(one).not.toEqual(other)
  })

  it('subscribes under fresh ids, and asks for what was missed since the last frame', async () => {
    const server = serverOf(acknowledge)
    const client = await server.connect()
    await server.env.advance(20_000)
    const subscribing = [client.subscribe('a', () => {}, { backlogSeconds: 600 }), client.subscribe('b', () => {})]
    await server.env.advance(1)
    const [subscription] = await Promise.all(subscribing)
    const [first] = server.links as [Link]
    expect(subscription?.id).toBe(subscriptionIn(first.framesOf('pubsub-subscribe')[0]).subscription_id)
    server.down = true
    first.lose()
    await server.env.advance(40_000)
    server.down = false
    await server.env.runUntil(() => server.links.length === 2, 60_000)
    const missedSeconds = server.env.clock.monotonic() / 1000 - 20
    const [a, b] = server.link.framesOf('pubsub-subscribe').map(subscriptionIn)
    expect(a).toMatchObject({ patterns: [{ pattern: 'a' }], get_backlog: true, subscription_id: subscription?.id })
    expect(a?.backlog_seconds).toBeGreaterThanOrEqual(missedSeconds)
    expect(a?.backlog_seconds).toBeLessThanOrEqual(missedSeconds + 6)
    expect(b).toMatchObject({ patterns: [{ pattern: 'b' }], get_backlog: false, backlog_seconds: 0 })
    const before = first.framesOf('pubsub-subscribe').map((frame) => subscriptionIn(frame).subscription_id)
    expect(before).not.toContain(a?.subscription_id)
    expect(before).not.toContain(b?.subscription_id)
  })

  it('reaches back no further than the subscription asked for in the first place', async () => {
    const server = serverOf(acknowledge)
    const client = await server.connect()
    await server.env.advance(28_000)
    const subscribing = client.subscribe('a', () => {}, { backlogSeconds: 1 })
    await server.env.advance(1)
    await subscribing
    await server.reconnect()
    const missed = subscriptionIn(server.link.framesOf('pubsub-subscribe')[0])
    expect(missed.backlog_seconds).toBeLessThanOrEqual(3)
  })

  it('loses no message when the connection is lost again before the acknowledgement', async () => {
    const server = serverOf(acknowledge)
    const client = await server.connect()
    const subscribing = client.subscribe('a', () => {}, { backlogSeconds: 600 })
    await server.env.advance(1)
    await subscribing
    server.script = silence
    server.down = true
    server.link.lose()
    await server.env.advance(40_000)
    server.down = false
    await server.env.runUntil(() => server.links.length === 2, 60_000)
    await server.env.advance(8_000)
    expect(server.link.framesOf('pubsub-subscribe')).toHaveLength(1)
    server.script = acknowledge
    await server.reconnect()
    expect(server.links).toHaveLength(3)
    const again = server.link.framesOf('pubsub-subscribe')
    expect(again).toHaveLength(1)
    expect(subscriptionIn(again[0]).backlog_seconds).toBeGreaterThanOrEqual(server.env.clock.monotonic() / 1000)
    await server.env.advance(1)
    expect(client.stats()).toMatchObject({ subscriptions: 1, pending: 0, reconnects: 2 })
  })

  it('asks again when the node does not acknowledge in time', async () => {
    const server = serverOf(acknowledge)
    const client = await server.connect()
    const subscribing = client.subscribe('a', () => {})
    await server.env.advance(1)
    await subscribing
    server.script = silence
    await server.reconnect()
    server.script = acknowledge
    await server.env.advance(10_001)
    const subscriptions = server.link.framesOf('pubsub-subscribe').map(subscriptionIn)
    expect(subscriptions).toHaveLength(2)
    const [first, second] = subscriptions
    expect(second?.subscription_id).not.toBe(first?.subscription_id)
    expect(server.link.framesOf('pubsub-unsubscribe')[0]?.subscription_id).toBe(first?.subscription_id)
    expect(client.stats()).toMatchObject({ subscriptions: 1, pending: 0 })
  })

  it('subscribes before it sends what waited, and even when as much as allowed is waiting', async () => {
    const server = serverOf(answer)
    const client = await server.connect({ pendingMax: 2 })
    const subscribing = client.subscribe('a', () => {})
    await server.env.advance(1)
    await subscribing
    server.link.lose()
    await server.env.advance(0)
    const calls = [watch(client.call('x')), watch(client.publish('a', 1))]
    await server.env.advance(2_000)
    expect(server.link.frames.map((frame) => frame.role)).toEqual(['pubsub-subscribe', 'rpc', 'pubsub-publish'])
    expect(calls.map((call) => call.error)).toEqual([undefined, undefined])
    expect(client.stats()).toMatchObject({ subscriptions: 1, pending: 0 })
  })

  it('subscribes once what was subscribed while disconnected, or as soon as connected', async () => {
    const server = serverOf(acknowledge)
    let onConnected = () => {}
    const client = await server.connect({ onState: (state) => state === 'connected' && onConnected() })
    server.link.lose()
    await server.env.advance(0)
    void client.subscribe('meanwhile', () => {})
    onConnected = () => void client.subscribe('at once', () => {})
    await server.env.advance(2_000)
    const patterns = server.link.framesOf('pubsub-subscribe').map((frame) => subscriptionIn(frame).patterns[0]?.pattern)
    expect(patterns.toSorted()).toEqual(['at once', 'meanwhile'])
    expect(client.stats().subscriptions).toBe(2)
  })

  it('to a connection that takes nothing any more leaves everything to the next', async () => {
    const server = serverOf(answer)
    const client = await server.connect()
    const subscribing = client.subscribe('a', () => {})
    await server.env.advance(1)
    await subscribing
    const { requestsSent } = client.stats()
    server.deaf = true
    await server.reconnect()
    const call = watch(client.call('x'))
    // Closing may take long where nobody answers: an attempt that found the connection shut is no refusal.
    await server.env.advance(10_001)
    server.deaf = false
    await server.reconnect()
    await server.env.advance(1)
    expect(server.link.frames.map((frame) => frame.role)).toEqual(['pubsub-subscribe', 'rpc'])
    expect(call.value).toBe('ok')
    expect(client.stats()).toMatchObject({ requestsSent: requestsSent + 2, subscriptions: 1, pending: 0 })
  })

  it('lets go of what was unsubscribed meanwhile', async () => {
    const server = serverOf(acknowledge)
    const client = await server.connect()
    const subscribing = client.subscribe('a', () => {})
    await server.env.advance(1)
    const subscription = await subscribing
    server.script = silence
    await server.reconnect()
    // Asked for again and not acknowledged yet: now its owner loses interest, and then the connection goes too.
    const unsubscribed = watch(subscription.unsubscribe().then(() => 'done'))
    server.script = acknowledge
    await server.reconnect()
    expect(unsubscribed.value).toBe('done')
    expect(server.link.frames).toHaveLength(0)
    expect(client.stats()).toMatchObject({ subscriptions: 0, pending: 0 })
  })

  it('tells the owner of a subscription that the node no longer grants', async () => {
    const server = serverOf(acknowledge)
    const client = await server.connect()
    const lost: Error[] = []
    const subscribing = client.subscribe('a', () => {}, { onLost: (error) => lost.push(error) })
    const next = watch(client.messages('b').next())
    await server.env.advance(1)
    await subscribing
    server.script = (frame, reply) => reply({ role: 'pubsub-ack', operation_id: frame.u, success: false, error: 'no more', u: 'ack' })
    await server.reconnect()
    await server.env.advance(1)
    expect(lost.map((error) => error.message)).toEqual(['no more'])
    expect(next.error).toBeInstanceOf(OperationRefusedError)
    expect(client.stats().subscriptions).toBe(0)
  })
})

describe('a subscription', () => {
  it('delivers a message once, however often and on whichever connection it comes', async () => {
    const server = serverOf(acknowledge)
    const client = await server.connect()
    const received: unknown[] = []
    const subscribing = client.subscribe('a', (message) => received.push(message.payload))
    await server.env.advance(1)
    await subscribing
    const deliver = (id: string) => server.link.deliver(JSON.stringify(notification(server.link.framesOf('pubsub-subscribe')[0], id)))
    for (const id of ['1', '1', '2', '1']) deliver(id)
    await server.reconnect()
    for (const id of ['2', '3']) deliver(id)
    expect(received).toEqual(['1', '2', '3'])
  })

  it('may get its backlog before the acknowledgement', async () => {
    const server = serverOf((frame, reply, link) => {
      reply(notification(frame, 'early'))
      acknowledge(frame, reply, link)
    })
    const client = await server.connect()
    const received: unknown[] = []
    const subscribing = client.subscribe('a', (message) => received.push(message.payload), { backlogSeconds: 5 })
    await server.env.advance(1)
    await subscribing
    expect(received).toEqual(['early'])
  })

  it('that is not acknowledged in time is taken back', async () => {
    const server = serverOf(silence)
    const client = await server.connect()
    const subscribing = watch(client.subscribe('a', () => {}))
    await server.env.advance(10_000)
    expect(subscribing.error).toBeInstanceOf(RequestTimeoutError)
    const { subscription_id } = subscriptionIn(server.link.framesOf('pubsub-subscribe')[0])
    expect(server.link.framesOf('pubsub-unsubscribe').map((frame) => frame.subscription_id)).toEqual([subscription_id])
    expect(client.stats()).toMatchObject({ subscriptions: 0, pending: 0 })
  })

  it('read as an iterator ends at once when its reader stops, even one that is waiting', async () => {
    const server = serverOf(acknowledge)
    const client = await server.connect()
    const messages = client.messages('a')
    const next = watch(messages.next())
    await server.env.advance(1)
    const end = watch(messages.return?.() as Promise<IteratorResult<Message>>)
    await server.env.advance(1)
    expect([next.value?.done, end.value?.done]).toEqual([true, true])
    expect(client.stats().subscriptions).toBe(0)
  })
})

describe('a request for a reply', () => {
  it('keeps its own time, also when nothing is acknowledged', async () => {
    const server = serverOf(silence)
    const client = await server.connect()
    const reply = watch(client.publishWithReply('ask', 1, { timeoutMs: 500 }))
    await server.env.advance(500)
    expect(reply.error).toMatchObject({ code: 'request_timeout', message: 'Reply timeout after 0.5 seconds' })
    await server.env.advance(10_000)
    expect(client.stats()).toMatchObject({ subscriptions: 0, pending: 0 })
  })
})

describe('closing', () => {
  it('settles everything and leaves no timer', async () => {
    const server = serverOf(acknowledge)
    const lost: Error[] = []
    const client = await server.connect()
    const subscribing = client.subscribe('a', () => {}, { onLost: (error) => lost.push(error) })
    await server.env.advance(1)
    await subscribing
    const reply = watch(client.publishWithReply('ask', 1))
    const next = watch(client.messages('b').next())
    await server.env.advance(2)
    server.script = silence
    const rest = [watch(client.call('slow')), watch(client.publish('t', 1)), watch(client.subscribe('c', () => {}))]
    await client.close()
    await server.env.advance(0)
    expect(server.env.pendingTimers).toBe(0)
    for (const { error } of [...rest, reply]) expect(error).toBeInstanceOf(ClientClosedError)
    expect(next.value).toEqual({ done: true, value: undefined })
    expect(lost).toHaveLength(1)
    expect(client.stats()).toMatchObject({ state: 'closed', pending: 0, subscriptions: 0 })
    expect(server.link.isOpen).toBe(false)
    await client.close()
  })

  it('also while disconnected, or when the first connection failed', async () => {
    const server = serverOf(answer)
    const client = await server.connect()
    server.down = true
    server.link.lose()
    await server.env.advance(100)
    const call = watch(client.call('later'))
    await client.close()
    await server.env.advance(0)
    expect(call.error).toBeInstanceOf(ClientClosedError)
    expect(server.env.pendingTimers).toBe(0)
    await expect(server.connect()).rejects.toThrow('refused')
    expect(server.env.pendingTimers).toBe(0)
  })

  it('from within a callback is fine', async () => {
    const server = serverOf(answer)
    const client: Client = await server.connect({ onState: (state) => void (state === 'disconnected' && client.close()) })
    server.link.lose()
    await server.env.advance(60_000)
    expect(client.state).toBe('closed')
    expect(server.links).toHaveLength(1)
    expect(server.env.pendingTimers).toBe(0)
  })
})
