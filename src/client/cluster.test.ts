import { describe, expect, it } from 'vitest'
import { createVirtualEnv, type LogScope, silentLog, type VirtualEnv } from '../base/index.ts'
import {
  type CloseInfo,
  type Connection,
  type ConnectionHandlers,
  InvalidUrlError,
  TransportConnectionError,
} from '../transport/browser.ts'
import { RPC_CODES, RpcError } from '../wire/browser.ts'
import { connectClusterWith } from './cluster.ts'
import type { ClusterClient, ClusterClientOptions } from './cluster-api.ts'
import { ClientClosedError, CommandNotFoundError, NotConnectedError, OperationRefusedError, ResultUnknownError } from './errors.ts'
import type { Message } from './subscription.ts'

interface Frame {
  readonly [key: string]: unknown
  readonly role: string
  readonly u: string
}

/** What a node does with a call: a value to answer, or an error, or `silent`, or `lose` the connection. */
type Answer = { readonly value: unknown } | { readonly error: { code: number; message: string } } | 'silent' | 'lose'

interface FakeNode {
  readonly url: string
  isUp: boolean
  /** What others say about it in the map. */
  listed: { node_id?: string; advertised_urls?: string[]; region?: string; load?: { load_score: number } } | undefined
  /** Time a call takes. */
  delayMs: number
  answer: (fun: string) => Answer
  refusesSubscriptions: boolean
  readonly calls: string[]
  readonly links: Link[]
  readonly subscriptions: { readonly id: string; readonly patterns: string[]; readonly backlogSeconds: number; readonly link: Link }[]
  readonly published: Record<string, unknown>[]
  /** How it takes publications. */
  onPublish: 'acknowledge' | 'lose'
  notify(message: Partial<Message> & { messageId: string }): void
}

class Link implements Connection {
  readonly id = 'link'
  readonly kind = 'client'
  readonly protocol = 'memory'
  readonly dialed = true
  readonly remote = 'fake'
  readonly headers = {}
  readonly identity = { method: 'none' } as const
  readonly bufferedBytes = 0
  isOpen = true
  readonly #env: VirtualEnv
  readonly #node: FakeNode
  readonly #map: () => unknown
  #handlers: ConnectionHandlers | undefined

  constructor(env: VirtualEnv, node: FakeNode, map: () => unknown) {
    this.#env = env
    this.#node = node
    this.#map = map
  }

  attach(handlers: ConnectionHandlers): void {
    this.#handlers = handlers
  }

  send(text: string): boolean {
    if (!this.isOpen) return false
    this.#serve(JSON.parse(text) as Frame)
    return true
  }

  sendStream = () => Promise.reject(new Error('not scripted'))
  ping = () => Promise.reject(new Error('not scripted'))

  reply(frame: object, delayMs = 1): void {
    this.#env.timers.after(delayMs, () => {
      if (this.isOpen) this.#handlers?.message(JSON.stringify(frame))
    })
  }

  #serve(frame: Frame): void {
    const node = this.#node
    const acknowledge = (error: string | null = null) =>
      this.reply({ role: 'pubsub-ack', operation_id: frame.u, success: error === null, error, u: 'ack' })
    switch (frame.role) {
      case 'rpc': {
        const cmds = frame.cmds as { name: string; fun: string; target_cluster?: string }[]
        const { target_cluster } = cmds[0] ?? {}
        const fun = `${cmds[0]?.fun}${target_cluster === undefined ? '' : `@${target_cluster}`}`
        if (fun !== 'cluster_map' && fun !== 'echo') node.calls.push(fun)
        const answer: Answer = fun === 'cluster_map' ? { value: this.#map() } : node.answer(fun)
        if (answer === 'lose') this.#env.timers.after(1, () => this.lose())
        else if (answer !== 'silent' && 'error' in answer) this.reply({ r: null, error: { details: null, ...answer.error }, u: frame.u })
        else if (answer !== 'silent') {
          this.reply(
            { r: Object.fromEntries(cmds.map(({ name }) => [name, answer.value])), error: null, u: frame.u },
            fun === 'cluster_map' ? 1 : node.delayMs,
          )
        }
        return
      }
      case 'pubsub-publish':
        node.published.push(frame.message as Record<string, unknown>)
        if (node.onPublish === 'lose') this.#env.timers.after(1, () => this.lose())
        else acknowledge()
        return
      case 'pubsub-subscribe': {
        if (node.refusesSubscriptions) return acknowledge('not here')
        const { subscription_id, patterns, backlog_seconds } = frame.subscription as {
          subscription_id: string
          patterns: { pattern: string }[]
          backlog_seconds: number
        }
        const list = patterns.map(({ pattern }) => pattern)
        node.subscriptions.push({ id: subscription_id, patterns: list, backlogSeconds: backlog_seconds, link: this })
        return acknowledge()
      }
      default: {
        const at = node.subscriptions.findIndex(({ id }) => id === frame.subscription_id)
        if (at >= 0) node.subscriptions.splice(at, 1)
        acknowledge()
      }
    }
  }

  close(code = 1000, reason = ''): void {
    this.#end({ code, reason })
  }

  lose(): void {
    this.#end({ code: 1006, reason: '', error: new TransportConnectionError('cable pulled') })
  }

  #end(info: CloseInfo): void {
    if (!this.isOpen) return
    this.isOpen = false
    const { links, subscriptions } = this.#node
    links.splice(links.indexOf(this), 1)
    for (const held of subscriptions.filter(({ link }) => link === this)) subscriptions.splice(subscriptions.indexOf(held), 1)
    queueMicrotask(() => this.#handlers?.close(info))
  }
}

/** A cluster of fake nodes `ws://a:1`, `ws://b:1` and so on. */
function clusterOf(names: string, seed = 1) {
  const errors: string[] = []
  const log: LogScope = { ...silentLog, error: (message) => void errors.push(message), scope: () => log }
  const env = createVirtualEnv({ seed, log })
  const nodes = new Map<string, FakeNode>()
  const dialed: string[] = []
  for (const name of names) {
    const url = `ws://${name}:1`
    const node: FakeNode = {
      url,
      isUp: true,
      listed: {},
      delayMs: 1,
      answer: () => ({ value: name }),
      refusesSubscriptions: false,
      calls: [],
      links: [],
      subscriptions: [],
      published: [],
      onPublish: 'acknowledge',
      notify({ messageId, topic = 't', payload = messageId }) {
        for (const { id, link } of node.subscriptions) {
          link.reply({
            role: 'pubsub-notification',
            message: { topic, payload, timestamp: 1, message_id: messageId, publisher: 'p', headers: {} },
            subscription_id: id,
            u: 'n',
          })
        }
      },
    }
    nodes.set(url, node)
  }
  const cluster = {
    env,
    errors,
    dialed,
    mapAnswer: undefined as unknown,
    at: (name: string) => nodes.get(`ws://${name}:1`) as FakeNode,
    async connect(options: Partial<ClusterClientOptions> = {}): Promise<ClusterClient> {
      const map = () =>
        cluster.mapAnswer ?? {
          cluster_id: 'c',
          generated_at: 1,
          nodes: [...nodes.values()].flatMap(({ listed, url }) =>
            listed === undefined ? [] : [{ node_id: url, cluster_id: 'c', advertised_urls: [], load: null, ...listed }],
          ),
        }
      const connecting = connectClusterWith(
        async (url) => {
          dialed.push(url)
          const node = nodes.get(url)
          if (node === undefined) throw new InvalidUrlError(`can not dial ${url}`)
          if (!node.isUp) throw new TransportConnectionError(`${url} refused`)
          const link = new Link(env, node, map)
          node.links.push(link)
          return link
        },
        { seeds: [...nodes.keys()], env, ...options },
      )
      const outcome = watch(connecting)
      await env.runUntil(() => outcome.isSettled, 60_000)
      return connecting
    },
    /** Lets time pass until the promise settles. */
    async settled<T>(promise: Promise<T>): Promise<T> {
      const outcome = watch(promise)
      await env.runUntil(() => outcome.isSettled, 120_000)
      return promise
    },
    crash(name: string) {
      const node = cluster.at(name)
      node.isUp = false
      for (const link of [...node.links]) link.lose()
    },
  }
  return cluster
}

function watch(promise: Promise<unknown>): { isSettled: boolean } {
  const outcome = { isSettled: false }
  const settle = () => {
    outcome.isSettled = true
  }
  promise.then(settle, settle)
  return outcome
}

const failure = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error)

describe('connecting', () => {
  it('takes the first seed that can be reached, and learns the others from it', async () => {
    const cluster = clusterOf('abc')
    cluster.at('a').isUp = false
    const client = await cluster.connect({ seeds: ['ws://a:1', 'ws://b:1'] })
    expect(cluster.dialed.slice(0, 2)).toEqual(['ws://a:1', 'ws://b:1'])
    expect(client.explainEndpoints().map(({ url, rank }) => [url, rank])).toEqual([
      ['ws://b:1', 1],
      ['ws://c:1', 2],
      ['ws://a:1', null],
    ])
    expect(client.stats()).toMatchObject({ endpoints: 3, connections: 1, mapRefreshes: 1 })
  })

  it('fails with the last reason when no seed can be reached', async () => {
    const cluster = clusterOf('ab')
    cluster.at('a').isUp = cluster.at('b').isUp = false
    const error = await failure(cluster.connect())
    expect(error).toBeInstanceOf(NotConnectedError)
    expect((error as Error).message).toContain('the last one: ws://b:1 refused')
    expect(cluster.env.pendingTimers).toBe(0)
  })

  it('makes do with the seeds when the map is none', async () => {
    const cluster = clusterOf('ab')
    cluster.mapAnswer = { nodes: 'none' }
    const client = await cluster.connect()
    expect(await cluster.settled(client.call('f'))).toBe('a')
    expect(client.stats()).toMatchObject({ endpoints: 0, mapFailures: 1 })
  })
})

describe('the choice of an endpoint', () => {
  it('is the one with the least load, and follows the map', async () => {
    const cluster = clusterOf('abc')
    cluster.at('a').listed = { load: { load_score: 9 } }
    cluster.at('b').listed = { load: { load_score: 4 } }
    cluster.at('c').listed = { load: { load_score: 6 } }
    const client = await cluster.connect()
    const call = () => cluster.settled(client.call('f'))
    expect([await call(), await call(), await call()]).toEqual(['b', 'b', 'b'])
    cluster.at('b').listed = { load: { load_score: 20 } }
    await cluster.env.advance(5_100)
    expect(await call()).toBe('c')
  })

  it('takes turns only among those with equal scores', async () => {
    const cluster = clusterOf('abcd')
    cluster.at('d').listed = { load: { load_score: 1 } }
    const client = await cluster.connect()
    const answers: unknown[] = []
    for (let i = 0; i < 12; i++) answers.push(await cluster.settled(client.call('f')))
    expect(answers.filter((name) => name === 'a')).toHaveLength(4)
    expect(answers.filter((name) => name === 'b')).toHaveLength(4)
    expect(answers.filter((name) => name === 'c')).toHaveLength(4)
  })

  it('avoids the slow one, until that experience is stale', async () => {
    const cluster = clusterOf('ab')
    cluster.at('a').delayMs = 500
    const client = await cluster.connect({ refreshIntervalMs: 1_000_000 })
    const call = () => cluster.settled(client.call('f'))
    const first = [await call(), await call()]
    expect(first.sort()).toEqual(['a', 'b'])
    expect([await call(), await call(), await call()]).toEqual(['b', 'b', 'b'])
    const [best, worst] = client.explainEndpoints()
    expect(best).toMatchObject({ url: 'ws://b:1', rank: 1, score: { load: 0, errors: 0 } })
    expect(worst).toMatchObject({ url: 'ws://a:1', rank: 2, score: { errorRate: 0 } })
    expect(worst?.score.latency).toBeGreaterThan(2)
    await cluster.env.advance(31_000)
    expect(client.explainEndpoints().map(({ score }) => score.latencyMs)).toEqual([null, null])
  })

  it('prefers a region, but goes elsewhere when that is down', async () => {
    const cluster = clusterOf('abc')
    for (const name of 'bc') cluster.at(name).listed = { region: 'eu', load: { load_score: name === 'b' ? 5 : 7 } }
    const client = await cluster.connect({ preferredRegion: 'eu' })
    const call = () => cluster.settled(client.call('f'))
    expect(await call()).toBe('b')
    expect(client.explainEndpoints().map(({ url, preference }) => [url.at(5), preference])).toEqual([
      ['b', 'region'],
      ['c', 'region'],
      ['a', 'none'],
    ])
    cluster.crash('b')
    cluster.crash('c')
    expect(await call()).toBe('a')
  })

  it('prefers URLs before any region', async () => {
    const cluster = clusterOf('abc')
    cluster.at('b').listed = { region: 'eu' }
    cluster.at('c').listed = { load: { load_score: 50 } }
    const client = await cluster.connect({ preferredRegion: 'eu', preferredUrls: ['ws://c:1'] })
    expect(await cluster.settled(client.call('f'))).toBe('c')
  })

  it('knows every URL a node advertises, and tries none twice that it can not dial', async () => {
    const cluster = clusterOf('ab')
    cluster.at('a').listed = { node_id: 'ws://a:1', advertised_urls: ['tcp://a:2', 'ws://a:1'] }
    cluster.at('b').listed = undefined
    const client = await cluster.connect()
    for (let i = 0; i < 4; i++) expect(await cluster.settled(client.call('f'))).toBe('a')
    expect(cluster.dialed.filter((url) => url === 'tcp://a:2')).toHaveLength(1)
    expect(client.explainEndpoints().at(-1)).toMatchObject({ url: 'tcp://a:2', skipped: 'undialable', lastError: 'can not dial tcp://a:2' })
  })

  it('keeps the old map when a refresh fails', async () => {
    const cluster = clusterOf('ab')
    const client = await cluster.connect()
    cluster.mapAnswer = { nodes: [] }
    await expect(cluster.settled(client.refresh())).rejects.toThrow('names no nodes')
    expect(client.stats()).toMatchObject({ endpoints: 2, mapFailures: 1 })
  })
})

describe('failover', () => {
  it('happens when the connection can not be made, and leaves the endpoint alone for a while', async () => {
    const cluster = clusterOf('ab')
    cluster.at('b').listed = { load: { load_score: 5 } }
    const client = await cluster.connect({ seeds: ['ws://b:1'], refreshIntervalMs: 1_000_000 })
    cluster.at('a').isUp = false
    const call = () => cluster.settled(client.call('f'))
    expect([await call(), await call()]).toEqual(['b', 'b'])
    expect(cluster.dialed.filter((url) => url === 'ws://a:1')).toHaveLength(1)
    const cooling = client.explainEndpoints().find(({ url }) => url === 'ws://a:1')
    expect(cooling).toMatchObject({
      rank: null,
      skipped: 'cooling_down',
      lastError: 'ws://a:1 refused',
      score: { errorRate: 1, errors: 50 },
    })
    expect(cooling?.retryInMs).toBeGreaterThan(1_900)
    cluster.at('a').isUp = true
    await cluster.env.advance(2_001)
    // Rested, but fifty points worse than the other until the failure is stale.
    expect(await call()).toBe('b')
    await cluster.env.advance(30_000)
    expect(await call()).toBe('a')
  })

  it('happens when the function is not known there', async () => {
    const cluster = clusterOf('ab')
    cluster.at('b').listed = { load: { load_score: 5 } }
    cluster.at('a').answer = () => ({ error: { code: RPC_CODES.commandNotFound, message: 'Command not found' } })
    const client = await cluster.connect()
    expect(await cluster.settled(client.call('f'))).toBe('b')
    expect(client.stats()).toMatchObject({ failovers: 1, repeated: 0 })
    expect(client.explainEndpoints()[0]).toMatchObject({ url: 'ws://a:1', score: { errorRate: 0 } })
  })

  it('ends when three nodes do not know the function', async () => {
    const cluster = clusterOf('abcde')
    for (const name of 'abcde')
      cluster.at(name).answer = () => ({ error: { code: RPC_CODES.commandNotFound, message: 'Command not found' } })
    const client = await cluster.connect()
    expect(await cluster.settled(failure(client.call('f')))).toBeInstanceOf(CommandNotFoundError)
    expect([...'abcde'].flatMap((name) => cluster.at(name).calls)).toHaveLength(3)
  })

  it('does not ask a node again by another of its URLs whether it knows the function', async () => {
    const cluster = clusterOf('ab')
    cluster.at('a').listed = { node_id: 'A', advertised_urls: ['ws://a:1', 'ws://b:1'] }
    cluster.at('b').listed = undefined
    for (const name of 'ab') cluster.at(name).answer = () => ({ error: { code: RPC_CODES.commandNotFound, message: 'Command not found' } })
    const client = await cluster.connect()
    expect(await cluster.settled(failure(client.call('f')))).toBeInstanceOf(CommandNotFoundError)
    expect([...'ab'].flatMap((name) => cluster.at(name).calls)).toHaveLength(1)
  })

  it.each([
    ['a function that raised', { code: RPC_CODES.executionFailed, message: 'RPC execution failed' }],
    ['a deadline that passed', { code: RPC_CODES.timedOut, message: 'timed out' }],
    ['a code of its own', { code: 77, message: 'mine' }],
    ['a node that is busy', { code: RPC_CODES.overloaded, message: 'overloaded' }],
  ])('never happens after %s', async (_what, error) => {
    const cluster = clusterOf('abc')
    for (const name of 'abc') cluster.at(name).answer = () => ({ error })
    const client = await cluster.connect()
    const raised = await cluster.settled(failure(client.callWith({ idempotent: true }, 'f')))
    expect(raised).toBeInstanceOf(RpcError)
    expect((raised as RpcError).rpcCode).toBe(error.code)
    expect([...'abc'].flatMap((name) => cluster.at(name).calls)).toHaveLength(1)
  })

  it('never happens when a graph of several functions lacks one: the others may have run', async () => {
    const cluster = clusterOf('ab')
    cluster.at('a').answer = () => ({ error: { code: RPC_CODES.commandNotFound, message: 'Command not found' } })
    cluster.at('b').listed = { load: { load_score: 5 } }
    const client = await cluster.connect()
    const graph = [
      { name: 'x', fun: 'f' },
      { name: 'y', fun: 'g', args: ['x'] },
    ]
    expect(await cluster.settled(failure(client.request(graph)))).toBeInstanceOf(CommandNotFoundError)
    expect(await cluster.settled(client.request(graph, { idempotent: true }))).toEqual({ x: 'b', y: 'b' })
    expect(await cluster.settled(client.request([{ name: 'x', fun: 'f' }]))).toEqual({ x: 'b' })
  })

  it('does not happen when the answer is late', async () => {
    const cluster = clusterOf('ab')
    for (const name of 'ab') cluster.at(name).answer = () => 'silent'
    const client = await cluster.connect({ refreshIntervalMs: 1_000_000 })
    const late = client.callWith({ timeoutMs: 1_000, idempotent: true }, 'f')
    expect(await cluster.settled(failure(late))).toMatchObject({ code: 'request_timeout' })
    expect([...'ab'].flatMap((name) => cluster.at(name).calls)).toHaveLength(1)
    expect(client.explainEndpoints().at(-1)).toMatchObject({ skipped: null })
    expect(client.explainEndpoints().at(-1)?.score.errorRate).toBeGreaterThan(0)
  })
})

describe('a function that no node of the cluster knows', () => {
  const unknown = { error: { code: RPC_CODES.commandNotFound, message: 'Command not found' } }
  const summaries = {
    items: [
      { service_id: 'f.other', source_cluster: 'wrong' },
      { service_id: 'f', source_cluster: 'full' },
      { service_id: 'f', source_cluster: 'far' },
    ],
    ingress: { far: ['ws://z:1'] },
  }
  const setUp = async (options: Partial<ClusterClientOptions> = {}) => {
    const cluster = clusterOf('az')
    cluster.at('z').listed = undefined
    cluster.at('a').answer = (fun) => (fun === 'summary_query' ? { value: summaries } : unknown)
    return { cluster, client: await cluster.connect({ seeds: 'ws://a:1', ...options }) }
  }

  it('is called in a cluster that says it has it, when that is wanted', async () => {
    const { client, cluster } = await setUp({ summaryRedirect: true })
    expect(await cluster.settled(client.call('f', 1))).toBe('z')
    expect(cluster.at('a').calls).toEqual(['f', 'summary_query', 'f@full'])
    expect(cluster.at('z').calls).toEqual(['f@far'])
  })

  it('is called by the ways in that a summary names, when the caller brings them', async () => {
    const { client, cluster } = await setUp()
    expect(await cluster.settled(client.callWith({ targetCluster: 'far', ingress: ['ws://z:1'] }, 'f', 1))).toBe('z')
    expect([cluster.at('z').calls, cluster.at('a').calls]).toEqual([['f@far'], []])
  })

  it('is not found otherwise, nor where the caller has named the cluster', async () => {
    const { client, cluster } = await setUp()
    expect(await cluster.settled(failure(client.call('f', 1)))).toBeInstanceOf(CommandNotFoundError)
    const { client: redirecting, cluster: other } = await setUp({ summaryRedirect: { scope: 'region' } })
    expect(await other.settled(failure(redirecting.callWith({ targetCluster: 'here' }, 'f')))).toBeInstanceOf(CommandNotFoundError)
    expect(other.at('a').calls).toEqual(['f@here'])
    other.at('a').answer = () => unknown
    expect(await other.settled(failure(redirecting.call('f')))).toBeInstanceOf(CommandNotFoundError)
    expect(other.at('a').calls).toEqual(['f@here', 'f', 'summary_query'])
  })
})

describe('an answer lost with its connection', () => {
  const setUp = async () => {
    const cluster = clusterOf('ab')
    cluster.at('a').answer = () => 'lose'
    cluster.at('b').listed = { load: { load_score: 5 } }
    return { cluster, client: await cluster.connect() }
  }

  it('is an error of its own, and the function is not run again', async () => {
    const { cluster, client } = await setUp()
    const error = (await cluster.settled(failure(client.call('pay', 100)))) as ResultUnknownError
    expect(error).toBeInstanceOf(ResultUnknownError)
    expect(error).toMatchObject({ code: 'result_unknown', endpoint: 'ws://a:1' })
    expect(error.message).toContain("after 'pay' was sent")
    expect(cluster.at('b').calls).toEqual([])
    expect(client.stats()).toMatchObject({ resultsUnknown: 1, failovers: 0, repeated: 0 })
    // The next one goes elsewhere.
    expect(await cluster.settled(client.call('pay', 100))).toBe('b')
  })

  it('is asked for again when the caller allows it', async () => {
    const { cluster, client } = await setUp()
    expect(await cluster.settled(client.callWith({ idempotent: true }, 'price'))).toBe('b')
    expect(client.stats()).toMatchObject({ resultsUnknown: 0, failovers: 1, repeated: 1 })
  })

  it('stays unknown when nobody else can be asked', async () => {
    const { cluster, client } = await setUp()
    cluster.crash('b')
    expect(await cluster.settled(failure(client.callWith({ idempotent: true }, 'price')))).toBeInstanceOf(ResultUnknownError)
  })

  it('concerns messages, too: one that is repeated keeps its identity', async () => {
    const { cluster, client } = await setUp()
    cluster.at('a').onPublish = 'lose'
    expect(await cluster.settled(failure(client.publish('t', 1)))).toBeInstanceOf(ResultUnknownError)
    await cluster.env.advance(35_000)
    await cluster.settled(client.publish('t', 2, {}, { idempotent: true }))
    const at = (name: string) => cluster.at(name).published.at(-1)
    expect(at('b')).toEqual(at('a'))
    expect(at('b')?.payload).toBe(2)
  })
})

describe('patience', () => {
  it('ends with the signal', async () => {
    const cluster = clusterOf('a')
    cluster.at('a').answer = () => 'silent'
    const client = await cluster.connect()
    const controller = new AbortController()
    const call = failure(client.callWith({ signal: controller.signal }, 'f'))
    controller.abort(new Error('gone'))
    expect(await cluster.settled(call)).toMatchObject({ message: 'gone' })
    expect(await cluster.settled(failure(client.callWith({ signal: controller.signal }, 'f')))).toMatchObject({ message: 'gone' })
  })

  it('counts for all attempts together', async () => {
    const cluster = clusterOf('ab')
    cluster.at('b').listed = { load: { load_score: 5 } }
    const client = await cluster.connect({ refreshIntervalMs: 1_000_000 })
    cluster.at('a').answer = () => 'silent'
    cluster.at('b').answer = () => 'silent'
    const call = failure(client.callWith({ timeoutMs: 1_000, idempotent: true }, 'f'))
    cluster.env.timers.after(600, () => cluster.crash('a'))
    await cluster.env.advance(999)
    expect(cluster.at('b').calls).toEqual(['f'])
    await cluster.env.advance(2)
    expect(await call).toMatchObject({ code: 'request_timeout' })
  })
})

describe('topics', () => {
  it('stay with one endpoint, even when another becomes better', async () => {
    const cluster = clusterOf('ab')
    cluster.at('b').listed = { load: { load_score: 5 } }
    const client = await cluster.connect()
    const received: unknown[] = []
    await cluster.settled(client.subscribe('t', ({ payload }) => received.push(payload)))
    cluster.at('a').listed = { load: { load_score: 50 } }
    await cluster.env.advance(120_000)
    expect(await cluster.settled(client.call('f'))).toBe('b')
    await cluster.settled(client.publish('t', 1))
    expect(cluster.at('a').published).toHaveLength(1)
    cluster.at('a').notify({ messageId: 'm1' })
    await cluster.env.advance(5)
    expect(received).toEqual(['m1'])
    expect(client.explainEndpoints().map(({ url, carriesTopics }) => [url.at(5), carriesTopics])).toEqual([
      ['b', false],
      ['a', true],
    ])
  })

  it('move to another endpoint when theirs is lost, with what was missed, and deliver each message once', async () => {
    const cluster = clusterOf('abc')
    cluster.at('b').listed = { load: { load_score: 5 } }
    cluster.at('c').listed = { load: { load_score: 9 } }
    const client = await cluster.connect({ refreshIntervalMs: 1_000_000 })
    const received: string[] = []
    const first = await cluster.settled(client.subscribe('t', ({ messageId }) => received.push(`1:${messageId}`), { backlogSeconds: 60 }))
    await cluster.settled(client.subscribe(['u', 'v'], ({ messageId }) => received.push(`2:${messageId}`)))
    cluster.at('a').notify({ messageId: 'm1' })
    await cluster.env.advance(20_000)
    const before = first.id
    cluster.crash('a')
    await cluster.env.advance(100)
    expect(cluster.at('b').subscriptions.map(({ backlogSeconds, patterns }) => [patterns, backlogSeconds])).toEqual([
      // Since the last word of the lost node, and five seconds more for clocks that differ.
      [['t'], 25],
      [['u', 'v'], 0],
    ])
    expect(first.id).not.toBe(before)
    cluster.at('b').notify({ messageId: 'm1' })
    cluster.at('b').notify({ messageId: 'm2' })
    await cluster.env.advance(5)
    expect(received.sort()).toEqual(['1:m1', '1:m2', '2:m1', '2:m2'])
    expect(client.stats()).toMatchObject({ topicMoves: 1, subscriptions: 2 })
    await cluster.settled(first.unsubscribe())
    expect(cluster.at('b').subscriptions).toHaveLength(1)
  })

  it('come back when nobody could be reached for a while', async () => {
    const cluster = clusterOf('ab')
    const client = await cluster.connect({ refreshIntervalMs: 1_000_000 })
    await cluster.settled(client.subscribe('t', () => {}))
    cluster.crash('a')
    cluster.crash('b')
    await cluster.env.advance(600_000)
    expect(cluster.dialed.length).toBeLessThan(120)
    await expect(cluster.settled(client.publish('t', 1))).rejects.toThrow(NotConnectedError)
    cluster.at('b').isUp = true
    await cluster.env.advance(31_000)
    expect(cluster.at('b').subscriptions).toHaveLength(1)
  })

  it('are over when the new home refuses them', async () => {
    const cluster = clusterOf('ab')
    const client = await cluster.connect({ seeds: 'ws://a:1' })
    cluster.at('b').refusesSubscriptions = true
    const lost: Error[] = []
    await cluster.settled(client.subscribe('t', () => {}, { onLost: (cause) => void lost.push(cause) }))
    cluster.crash('a')
    await cluster.env.advance(100)
    expect(lost).toHaveLength(1)
    expect(lost[0]).toBeInstanceOf(OperationRefusedError)
    expect(client.stats().subscriptions).toBe(0)
    await expect(cluster.settled(client.subscribe('t', () => {}))).rejects.toThrow(OperationRefusedError)
  })

  it('are subscribed to elsewhere when the node is lost just then', async () => {
    const cluster = clusterOf('ab')
    cluster.at('b').listed = { load: { load_score: 5 } }
    const client = await cluster.connect({ refreshIntervalMs: 1_000_000 })
    const subscribing = client.subscribe('t', () => {})
    cluster.env.timers.after(0.5, () => cluster.crash('a'))
    await cluster.settled(subscribing)
    expect(cluster.at('b').subscriptions).toHaveLength(1)
  })

  it('are replied on, and iterated', async () => {
    const cluster = clusterOf('a')
    const client = await cluster.connect()
    const reply = client.publishWithReply('ping', 1, { timeoutMs: 5_000 })
    await cluster.env.runUntil(() => cluster.at('a').published.length > 0, 1_000)
    expect(cluster.at('a').published[0]?.headers).toEqual({ reply_to: cluster.at('a').subscriptions[0]?.patterns[0] })
    cluster.at('a').notify({ messageId: 'pong' })
    expect((await cluster.settled(reply)).payload).toBe('pong')

    const messages = client.messages('t')
    const next = messages.next()
    await cluster.env.advance(5)
    cluster.at('a').notify({ messageId: 'm' })
    expect((await cluster.settled(next)).value?.payload).toBe('m')
    const ended = messages.next()
    await client.close()
    expect(await ended).toEqual({ done: true, value: undefined })
  })
})

describe('connections', () => {
  it('to endpoints that are not needed any more are closed', async () => {
    const cluster = clusterOf('ab')
    const client = await cluster.connect()
    for (let i = 0; i < 4; i++) await cluster.settled(client.call('f'))
    expect(client.stats().connections).toBe(2)
    cluster.at('b').listed = undefined
    await cluster.env.advance(5_100)
    // A seed stays known.
    expect(client.stats().connections).toBe(2)
    await cluster.env.advance(65_000)
    expect(client.stats().connections).toBe(1)
    expect(cluster.at('b').links).toHaveLength(0)
  })

  it('are shared by those who ask at once', async () => {
    const cluster = clusterOf('a')
    const client = await cluster.connect()
    cluster.crash('a')
    cluster.at('a').isUp = true
    cluster.dialed.length = 0
    await cluster.settled(Promise.all([client.call('f'), client.call('g'), client.subscribe('t', () => {})]))
    expect(cluster.dialed).toEqual(['ws://a:1'])
  })
})

describe('closing', () => {
  it('ends everything and leaves no timer', async () => {
    const cluster = clusterOf('ab')
    for (const name of 'ab') cluster.at(name).answer = () => 'silent'
    const client = await cluster.connect()
    const lost: Error[] = []
    await cluster.settled(client.subscribe('t', () => {}, { onLost: (cause) => void lost.push(cause) }))
    const call = failure(client.call('f'))
    await cluster.env.advance(10)
    await client.close()
    await client.close()
    expect(await call).toBeInstanceOf(ClientClosedError)
    expect(lost).toEqual([expect.any(ClientClosedError)])
    expect(await failure(client.call('f'))).toBeInstanceOf(ClientClosedError)
    expect(await failure(client.publish('t', 1))).toBeInstanceOf(ClientClosedError)
    expect(await failure(client.subscribe('t', () => {}))).toBeInstanceOf(ClientClosedError)
    expect(cluster.env.pendingTimers).toBe(0)
    expect([...'ab'].flatMap((name) => cluster.at(name).links)).toEqual([])
    expect(cluster.errors).toEqual([])
  })

  it('while nobody can be reached ends the search', async () => {
    const cluster = clusterOf('a')
    const client = await cluster.connect()
    await cluster.settled(client.subscribe('t', () => {}))
    cluster.crash('a')
    await cluster.env.advance(10_000)
    await client.close()
    expect(cluster.env.pendingTimers).toBe(0)
  })
})
