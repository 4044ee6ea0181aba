import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { connect } from '../../src/client-node.ts'
import { createNode, type Node } from '../../src/node/index.ts'
import { endLeftovers, mpreg, startMpreg } from '../cli/run-mpreg.ts'
import { type Chain, startChain } from './chain.ts'
import { type OtlpSink, type SinkSpan, startOtlpSink } from './otlp-sink.ts'

const NAMES = ['a', 'b', 'c', 'd'] as const
const SERVER = 2
const CLIENT = 3
const INTERNAL = 1
const PRODUCER = 4
const CONSUMER = 5

let open: AsyncDisposable[] = []

afterEach(async () => {
  endLeftovers()
  for (const one of open.toReversed()) await one[Symbol.asyncDispose]()
  open = []
})

async function sinkAndChain(settings: Parameters<typeof startChain>[1] = {}): Promise<{ sink: OtlpSink; chain: Chain }> {
  const sink = await startOtlpSink()
  open.push(sink)
  const chain = await startChain(NAMES, { otlpEndpoint: sink.url, ...settings }, (node, name) => {
    node.register(`${name}.double`, (value: number) => value * 2)
    node.register(`${name}.add`, (one: number, other: number) => one + other)
    node.register(`${name}.fail`, () => {
      throw new Error('no luck today')
    })
  })
  open.push(chain)
  return { sink, chain }
}

/** Until a node has heard of a function. */
async function knows(node: Node, fun: string): Promise<void> {
  while (
    (
      (await node.call('rpc_list', { namespace: fun.split('.')[0], limit: 100 })) as { items: { identity: { name: string } }[] }
    ).items.every(({ identity }) => identity.name !== fun)
  )
    await new Promise((resolve) => setTimeout(resolve, 20))
}

function only<T>(list: readonly T[], what: string): T {
  if (list.length !== 1) throw new Error(`${list.length} spans ${what}`)
  return list[0] as T
}

const traceOf = (spans: readonly SinkSpan[], name: string) => {
  const { traceId } = only(
    spans.filter((span) => span.name === name),
    name,
  )
  return spans.filter((span) => span.traceId === traceId)
}

describe('a trace of a call over three hops', () => {
  it('arrives at an OTLP collector as one connected tree, with links of the dependency graph', async () => {
    const { chain, sink } = await sinkAndChain()
    const [first] = chain.nodes as [Node]
    await knows(first, 'd.add')
    const client = await connect(first.url)
    const results = await client.request([
      { name: 'near', fun: 'a.double', args: [4] },
      { name: 'far', fun: 'd.double', args: [3] },
      { name: 'sum', fun: 'd.add', args: ['near', 'far'] },
    ])
    expect(results).toEqual({ sum: 14 })
    await client.close()
    await chain[Symbol.asyncDispose]()
    expect(new Set(sink.requests)).toEqual(new Set(['POST /v1/traces application/json']))

    const spans = traceOf(sink.spans, 'command d.add')
    const root = only(
      spans.filter((span) => span.parentSpanId === ''),
      'without a parent',
    )
    expect(root).toMatchObject({ name: 'request', kind: SERVER, service: 'a', serviceInstance: first.url })
    // Everybody's parent is there.
    const ids = new Set(spans.map((span) => span.spanId))
    for (const span of spans) if (span !== root) expect(ids).toContain(span.parentSpanId)

    // For want of a link the first node tries to make one, in vain.
    const dials = spans.filter((span) => span.name === 'dial')
    for (const { attributes, service } of dials) expect([service, attributes['mpreg.linked']]).toEqual(['a', false])
    const childrenOf = (parent: SinkSpan) => spans.filter((span) => span.parentSpanId === parent.spanId && span.name !== 'dial')
    const commands = childrenOf(root)
    expect(commands.map(({ attributes, kind, name, service }) => [name, kind, service, attributes['mpreg.level']]).sort()).toEqual([
      ['command a.double', INTERNAL, 'a', 0],
      ['command d.add', INTERNAL, 'a', 1],
      ['command d.double', INTERNAL, 'a', 0],
    ])
    const [near, sum, far] = ['command a.double', 'command d.add', 'command d.double'].map((name) =>
      only(
        commands.filter((span) => span.name === name),
        name,
      ),
    ) as [SinkSpan, SinkSpan, SinkSpan]
    expect(sum.links.toSorted()).toEqual([near.spanId, far.spanId].toSorted())
    expect(near.links).toEqual([])
    expect(far.links).toEqual([])

    for (const [command, fun] of [
      [far, 'd.double'],
      [sum, 'd.add'],
    ] as const) {
      const way: SinkSpan[] = []
      for (let at = command; childrenOf(at).length > 0; at = way.at(-1) as SinkSpan) way.push(only(childrenOf(at), `under ${at.name}`))
      expect(way.map(({ kind, name, service }) => [name, kind, service])).toEqual([
        [`call ${fun}`, CLIENT, 'a'],
        [`forward ${fun}`, INTERNAL, 'b'],
        [`forward ${fun}`, INTERNAL, 'c'],
        [`execute ${fun}`, SERVER, 'd'],
      ])
      const [call, , , execution] = way as [SinkSpan, SinkSpan, SinkSpan, SinkSpan]
      expect(call.attributes).toMatchObject({
        'rpc.system': 'mpreg',
        'rpc.method': fun,
        'mpreg.target_node': chain.nodes[3]?.url,
        'mpreg.next_hop': chain.nodes[1]?.url,
        'server.address': '127.0.0.1',
      })
      expect(execution.attributes).toMatchObject({ 'mpreg.caller_node': first.url })
      expect(execution.startMs).toBeGreaterThan(call.startMs - 5)
      expect(call.endMs - call.startMs).toBeGreaterThan(execution.endMs - execution.startMs)
    }
    expect(spans.length - dials.length).toBe(12)
  })

  it('continues the context a client brings, and marks what failed', async () => {
    const { chain, sink } = await sinkAndChain({ tracingSampleRatio: 0 })
    const [first] = chain.nodes as [Node]
    await knows(first, 'd.fail')
    const client = await connect(first.url)
    const { result, traceId } = await client.callTraced({}, 'd.fail')
    await client.call('d.double', 1)
    await client.close()
    await chain[Symbol.asyncDispose]()
    expect(result?.text).toContain('no luck today')
    // With a ratio of 0 only what comes with a context is traced.
    expect(new Set(sink.spans.map((span) => span.traceId))).toEqual(new Set([traceId]))
    const failed = sink.spans.filter((span) => span.isFailed)
    expect(failed.map(({ name, service }) => [name, service]).sort()).toEqual([
      ['call d.fail', 'a'],
      ['execute d.fail', 'd'],
    ])
  })
})

describe('mpreg server start --otlp', () => {
  it('sends its spans to the collector, the last ones when it is told to stop', async () => {
    const sink = await startOtlpSink()
    open.push(sink)
    const server = startMpreg(['server', 'start', '--name', 'lone', '--no-monitoring', '--otlp', sink.url])
    const [, url] = await server.printed(/^MPREG_URL=(.*)$/m)
    const client = await connect(url as string)
    expect(await client.call('echo', 1)).toBe(1)
    await client.close()
    server.process.kill('SIGTERM')
    expect((await server.finished).code).toBe(0)
    expect(sink.spans).toEqual([expect.objectContaining({ name: 'request echo', service: 'lone', serviceInstance: url, kind: SERVER })])
  })
})

describe('a trace of a publication', () => {
  it('leads from the publisher over the nodes between to each node that delivers', async () => {
    const { chain, sink } = await sinkAndChain()
    const [first, , , last] = chain.nodes as [Node, Node, Node, Node]
    const delivered = new Promise<void>((resolve) => last.subscribe(['orders.#'], () => resolve()))
    await knows(first, 'd.add')
    while (first.explainTopic('orders.new').nodes.every(({ served }) => !served)) await new Promise((resolve) => setTimeout(resolve, 20))
    first.publish('orders.new', { id: 7 })
    await delivered
    await chain[Symbol.asyncDispose]()
    const spans = traceOf(sink.spans, 'publish')
    const root = only(
      spans.filter((span) => span.parentSpanId === ''),
      'without a parent',
    )
    expect(root).toMatchObject({ name: 'publish', kind: PRODUCER, service: 'a' })
    const delivery = only(
      spans.filter((span) => span.name === 'deliver'),
      'deliver',
    )
    expect(delivery).toMatchObject({ kind: CONSUMER, service: 'd' })
    expect(delivery.attributes).toMatchObject({
      'messaging.system': 'mpreg',
      'messaging.destination.name': 'orders.new',
      'mpreg.deliveries': 1,
    })
    const way = [delivery]
    while (way[0] !== root) way.unshift(spans.find((span) => span.spanId === way[0]?.parentSpanId) as SinkSpan)
    expect(way.map(({ name, service }) => `${name} ${service}`)).toEqual(['publish a', 'forward b', 'forward c', 'deliver d'])
  })
})

describe('a collector that is out of reach, or refuses', () => {
  it('costs its spans, and nothing else', async () => {
    const chain = await startChain(['a'], { otlpEndpoint: 'http://127.0.0.1:9' }, (node) => node.register('one', () => 1))
    open.push(chain)
    const [node] = chain.nodes as [Node]
    expect(await node.call('one')).toBe(1)
    await expect.poll(() => node.snapshot().tracing?.spans_lost, { timeout: 10_000 }).toBeGreaterThan(0)
    expect(await node.call('one')).toBe(1)
    expect(node.snapshot().tracing).toMatchObject({ spans_exported: 0, last_error: expect.stringContaining('ECONNREFUSED') })
  })

  it('that refuses some spans says how many, and why', async () => {
    const response = JSON.stringify({ partialSuccess: { rejectedSpans: '3', errorMessage: 'too old' } })
    const server = createServer((request, answer) => request.resume().on('end', () => answer.end(response)))
    await once(server.listen(0, '127.0.0.1'), 'listening')
    open.push({ [Symbol.asyncDispose]: async () => void server.close() })
    const otlpEndpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const chain = await startChain(['a'], { otlpEndpoint }, (node) => node.register('one', () => 1))
    open.push(chain)
    const [node] = chain.nodes as [Node]
    await node.call('one')
    await expect.poll(() => node.snapshot().tracing?.spans_lost, { timeout: 10_000 }).toBeGreaterThan(0)
    expect(node.snapshot().tracing).toEqual({ spans_exported: 0, spans_lost: 1, exports_failed: 1, last_error: 'too old' })
  })

  it('is named in the log without what may be a key', async () => {
    const lines: string[] = []
    const otlpEndpoint = 'http://127.0.0.1:9/?key=hunter2'
    const node = await createNode({ otlpEndpoint, port: 0, monitoringEnabled: false }, { logSink: (line) => lines.push(line) })
    await node.start()
    open.push({ [Symbol.asyncDispose]: () => node.stop() })
    await node.call('echo', 1)
    await expect.poll(() => lines.join(''), { timeout: 10_000 }).toContain('not taken by the collector at http://127.0.0.1:9/v1/traces:')
    expect(lines.join('')).not.toContain('hunter2')
  })
})

describe('mpreg trace call', () => {
  it('prints who did what for a call and how long it took, without a collector', async () => {
    const { chain } = await sinkAndChain({ otlpEndpoint: null })
    const [first] = chain.nodes as [Node]
    await knows(first, 'd.add')
    const table = await mpreg(['trace', 'call', 'd.add', '2', '40', '--url', first.url])
    expect(table.stderr).toBe('')
    expect(table.stdout.startsWith('42\n')).toBe(true)
    const { code, stdout } = await mpreg(['trace', 'call', 'd.add', '2', '40', '--url', first.url, '--format', 'json'])
    expect(code).toBe(0)
    const { result, timeline } = JSON.parse(stdout) as {
      result: number
      timeline: { hop: number; node: string; event: string; took_ms: number; network_ms: number | null }[]
    }
    expect(result).toBe(42)
    const [a, b, c, d] = chain.nodes.map(({ url }) => url)
    // Whether a link is tried first depends on when that failed last.
    const onTheWay = timeline.filter(({ event }) => event !== 'dial')
    expect(onTheWay.map(({ event, hop, node }) => [hop, node, event])).toEqual([
      [0, 'client', 'call'],
      [1, a, 'request'],
      [1, a, 'call'],
      [2, b, 'forward'],
      [3, c, 'forward'],
      [4, d, 'execute'],
    ])
    // Who waits for another takes longer than the other, each by its own clock.
    const took = onTheWay.map(({ took_ms }) => took_ms)
    expect(took.toSorted((x, y) => y - x)).toEqual(took)
  })

  it('tells of a call that fails how far it came', async () => {
    const { chain } = await sinkAndChain({ otlpEndpoint: null })
    const [first] = chain.nodes as [Node]
    await knows(first, 'd.fail')
    const { code, stderr, stdout } = await mpreg(['trace', 'call', 'd.fail', '--url', first.url])
    expect(code).toBe(1)
    expect(stderr).toContain('no luck today')
    expect(stdout).toContain('execute d.fail')
  })
})
