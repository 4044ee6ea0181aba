import { beforeEach, describe, expect, it } from 'vitest'
import { createVirtualEnv, macroTurn, type TraceSpan } from '../base/index.ts'
import { createTracer } from '../telemetry/index.ts'
import {
  type Command,
  type FunctionEntry,
  type OutboundFrame,
  type RawJson,
  scanBundle,
  scanCall,
  scanFabricFrame,
  type TraceHop,
} from '../wire/index.ts'
import { Cancellation, RunningCall } from './call.ts'
import { createForwarder, type Forwarder } from './forwarder.ts'

const PLACE = { clusterId: 'moss', hopsMax: 5 }
const nodes = ['ws://a', 'ws://b', 'ws://c', 'ws://d']
/** Nodes that do not know bundles. */
let plain: Set<string>
/** Text of what went over each link, in order. */
let said: { readonly from: string; readonly to: string; readonly text: string }[]
/** Arguments `echo` was run with, on any node. */
let runs: string[]
/** Links that take nothing. */
let cut: Set<string>
/** Links that can be made when asked for. */
let direct: Set<string>
/** Links asked for, whatever they take. */
let dialled = 0
/** Requests run out of hops on their way. */
let strayed: boolean
/** Characters of a bundle of requests that a link takes. */
let tooLarge: number
/** Functions there are on the last node. */
let known: Set<string>
/** Nodes that know nothing of traces. */
let untraced: Set<string>
let forwarders: Map<string, Forwarder>
const env = createVirtualEnv({ seed: 1 })

/** A chain: each node has links to its neighbours only, and what is sent arrives as its text when the turn is over. */
function forwarder(nodeId: string): Forwarder {
  const at = nodes.indexOf(nodeId)
  const neighbours = [nodes[at - 1], nodes[at + 1]].filter((node) => node !== undefined)
  const isLinked = (node: string): boolean => neighbours.includes(node) || (dialled > 0 && direct.has(`${nodeId} ${node}`))
  return createForwarder({
    ...PLACE,
    get hopsMax() {
      return strayed ? 1 : PLACE.hopsMax
    },
    nodeId,
    env,
    isRoutingEnabled: true,
    ...(!untraced.has(nodeId) && { tracer: tracerOf(nodeId) }),
    links: {
      isConnected: (node) => isLinked(node) && !cut.has(`${nodeId} ${node}`),
      send(to, frame: OutboundFrame) {
        if (!isLinked(to) || cut.has(`${nodeId} ${to}`)) return false
        const { text } = frame
        if (text.includes('rpc-requests') && text.length > tooLarge) return false
        said.push({ from: nodeId, to, text })
        void macroTurn().then(() => hear(to, nodeId, text))
        return true
      },
      has: (node, extension) => extension === 'roles/1' || !plain.has(node),
      frameBytesMax: () => 1e6,
    },
    place: () => undefined,
    nextHop: (target, visited) =>
      neighbours.find((node) => !visited.includes(node) && nodes.indexOf(target) > at === nodes.indexOf(node) > at),
    detour: () => undefined,
    plan: () => {
      throw new Error('there is one cluster only')
    },
    connect: async () => false,
    dial: async () => {
      dialled++
      return direct.size > 0
    },
    allowsCluster: () => true,
    refusalOf: () => undefined,
    registry: { find: ({ fun }) => (at === nodes.length - 1 && known.has(fun) ? ({} as never) : undefined) },
    executor: {
      isStopping: false,
      executeCommand(cmd: Command, _id, _remainingMs, _source, outcome) {
        runs.push(String(cmd.args[0]))
        if (cmd.args[0] === 'bad') outcome.failed(new TypeError('no good'), { code: 1, message: 'no good', details: null })
        else outcome.succeeded(JSON.stringify(cmd.args[0]))
        return () => {}
      },
    },
  })
}

function tracerOf(nodeId: string) {
  return createTracer({ clock: env.clock, node: () => nodeId, recorder: () => undefined })
}

function hear(nodeId: string, from: string, text: string): void {
  const one = forwarders.get(nodeId) as Forwarder
  const bundle = scanBundle(text)
  if (bundle !== undefined) return one.receiveBundle(from, bundle.bundle, bundle)
  const call = scanCall(text)
  if (call !== undefined) return one.receive(from, call.message, call)
  const general = scanFabricFrame(text, 0)
  if ('scan' in general) one.receive(from, general.scan.message, general.scan)
}

beforeEach(() => {
  plain = new Set()
  said = []
  runs = []
  cut = new Set()
  tooLarge = Number.POSITIVE_INFINITY
  strayed = false
  direct = new Set()
  known = new Set(['echo'])
  untraced = new Set()
  forwarders = new Map(nodes.map((node) => [node, forwarder(node)]))
})

const entry = { node_id: 'ws://d', cluster_id: 'moss' } as FunctionEntry

function call(argument: string, fun = 'echo', cancellation = new Cancellation(), span?: TraceSpan): Promise<unknown> {
  const cmd: Command = {
    name: 'c',
    fun,
    args: [argument],
    kwargs: {},
    locs: [],
    function_id: null,
    version_constraint: null,
    target_cluster: null,
    routing_topic: null,
  }
  const caller = { connectionId: '', remote: '', viewerCluster: 'moss', viewerTenant: null, credential: null, isAdmin: false }
  const running = new RunningCall(
    'u',
    'c',
    caller,
    env.clock.monotonic() + 5000,
    { name: fun, versionText: '1.0.0' },
    cancellation,
    env.clock.monotonic,
  )
  running.span = span
  const from = forwarders.get('ws://a') as Forwarder
  return from
    .caller(entry)(cmd, cmd.args, cmd.kwargs, running)
    .then((value) => (value as RawJson).parse())
}

/** So that what is said next waits for company. */
async function busy(): Promise<void> {
  await Promise.all([call('w1'), call('w2')])
  said = []
  runs = []
}

const many = Array.from({ length: 100 }, (_, n) => `x${n}`)

describe('calls of one turn', () => {
  it('travel together over every hop, run once each, and come back together', async () => {
    await busy()
    expect(await Promise.all(many.map((x) => call(x)))).toEqual(many)
    expect(runs).toEqual(many)
    // Four groups over three links each way; the first answer of a quiet node leaves alone.
    const together = said.filter(({ text }) => text.startsWith('{"role":"fabric-bundle",'))
    expect(together).toHaveLength(24)
    expect(said.length).toBeLessThanOrEqual(33)
    expect(forwarders.get('ws://b')?.snapshot().relayed).toBe(2 * (100 + 2))
    expect(forwarders.get('ws://a')?.snapshot()).toMatchObject({ calls_pending: 0, calls_bundled: 100 })
  })

  it('a call alone goes in the common form', async () => {
    for (const x of ['one', 'two']) expect(await call(x)).toBe(x)
    expect(said).toHaveLength(12)
    expect(said.every(({ text }) => text.startsWith('{"role":"fabric-message",'))).toBe(true)
  })

  it.each([
    ['ws://b', 'next to the caller'],
    ['ws://c', 'on the way'],
    ['ws://d', 'at the end'],
    ['ws://a', 'itself the caller'],
  ])('a node that knows no bundles (%s, %s) gets each by itself, and all are answered', async (node) => {
    plain.add(node)
    await busy()
    expect(await Promise.all(many.map((x) => call(x)))).toEqual(many)
    expect([...runs].sort()).toEqual([...many].sort())
    expect(said.some(({ text, to }) => to === node && text.includes('fabric-bundle'))).toBe(false)
  })

  it('each has its own outcome: one that fails or finds no function does not touch the others', async () => {
    await busy()
    const [good, bad, unknown] = await Promise.all([call('good'), call('bad'), call('x', 'other')])
    expect(good).toBe('good')
    expect(bad).toEqual({ error: 'no good', command: 'echo', error_type: 'TypeError', code: 1, message: 'no good', details: null })
    expect(unknown).toEqual({ error: 'fabric_route_not_found', command: 'other' })
  })

  it('a copy of a bundle is not run again', async () => {
    await busy()
    const done = Promise.all(many.map((x) => call(x)))
    const first = said.length
    await done
    const copy = said.slice(first).find(({ to }) => to === 'ws://d')
    hear('ws://d', 'ws://c', copy?.text as string)
    await macroTurn()
    expect(runs).toEqual(many)
    expect(forwarders.get('ws://d')?.snapshot().requests_duplicate).toBe(32)
  })

  it('answers find another way when the link they came over is gone, and the calls of a cut link fail', async () => {
    await busy()
    cut.add('ws://a ws://b')
    expect(await Promise.all(['p', 'q'].map((x) => call(x)))).toMatchObject([
      { error: 'fabric_forward_failed' },
      { error: 'fabric_forward_failed' },
    ])
    expect(runs).toEqual([])
  })

  it('a call that is called off while it waits for the end of its turn leaves, followed by its cancellation', async () => {
    await busy()
    const cancellation = new Cancellation()
    const answers = Promise.allSettled([call('first'), call('off', 'echo', cancellation), call('last')])
    // They have found their way, but the turn is not over.
    await null
    expect(said).toEqual([])
    cancellation.abort(new Error('enough'))
    const order = said.map(({ text }) => (text.includes('rpc-cancel') ? 'cancel' : 'calls'))
    expect(order).toEqual(['calls', 'cancel'])
    expect((await answers).map((one) => ('value' in one ? one.value : one.reason.message))).toEqual(['first', 'enough', 'last'])
  })

  it('a call that got lost on a way around, which nobody ran, is sent once more over a link of its own', async () => {
    // The last node but one knows no way on.
    cut.add('ws://c ws://d')
    dialled = 0
    expect(await call('lost')).toMatchObject({ error: expect.stringMatching(/^fabric_(route_not_found|route_loop|hop_budget_exhausted)$/) })
    strayed = true
    expect(await call('again')).toMatchObject({ error: 'fabric_hop_budget_exhausted' })
    expect(dialled).toBe(1)
    expect(runs).toEqual([])
    cut.clear()
    dialled = 0
    direct = new Set(['ws://a ws://d', 'ws://d ws://a'])
    expect(await call('found')).toBe('found')
    expect(runs).toEqual(['found'])
  })

  it('a call with much data goes by itself, and calls that are too much for a link together go one by one', async () => {
    await busy()
    const big = 'b'.repeat(9_000)
    expect(await Promise.all([call('p'), call(big), call('q')])).toEqual(['p', big, 'q'])
    expect(said.some(({ text }) => text.includes('fabric-bundle') && text.includes(big))).toBe(false)
    tooLarge = 600
    await busy()
    expect(await Promise.all(['r', 's', 't', 'u'].map((x) => call(x)))).toEqual(['r', 's', 't', 'u'])
    expect(runs).toEqual(['r', 's', 't', 'u'])
  })

  it('a request whose metadata are no JSON is malformed, and so is a bundle of more calls than anybody sends', async () => {
    await busy()
    await Promise.all(['p', 'q'].map((x) => call(x)))
    const { text } = said.find(({ to }) => to === 'ws://d') as { readonly text: string }
    const crowd = scanBundle(text.replace('"count":2', '"count":300'))
    forwarders.get('ws://d')?.receiveBundle('ws://c', crowd?.bundle as never, crowd)
    await call('lone')
    const lone = said.findLast(({ to, text }) => to === 'ws://d' && text.includes('fabric-message')) as { readonly text: string }
    hear('ws://d', 'ws://c', lone.text.replace(/"metadata":\{[^}]*\}/, '"metadata":{x}').replaceAll(/[0-9A-Z]{26}/g, 'ANOTHER'))
    expect(forwarders.get('ws://d')?.snapshot().malformed).toBe(2)
    expect(runs).toEqual(['p', 'q', 'lone'])
  })

  it('a bundle of another cluster, or one that can not be read, is counted and changes nothing', async () => {
    await busy()
    const done = Promise.all(['p', 'q'].map((x) => call(x)))
    await done
    const { text } = said.find(({ to }) => to === 'ws://d') as { readonly text: string }
    const foreign = scanBundle(text.replace('"source_cluster":"moss"', '"source_cluster":"fern"'))
    const broken = scanBundle(text.replace('"deadline_ms":', '"deadline":'))
    for (const scan of [foreign, broken]) forwarders.get('ws://d')?.receiveBundle('ws://c', scan?.bundle as never, scan)
    expect(forwarders.get('ws://d')?.snapshot().malformed).toBe(2)
    expect(runs).toEqual(['p', 'q'])
  })
})

describe('a call that is traced', () => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const begin = (hops: string | undefined) =>
    tracerOf('ws://a').start({ traceparent, tracestate: 'x=1', hops }, { event: 'request', kind: 'server' }) as TraceSpan
  const reported = (span: TraceSpan) => (JSON.parse(span.context.hops as string) as TraceHop[])[0]?.hops[0] as TraceHop

  it('goes by itself with its context in the metadata beside the deadline', async () => {
    expect(await call('z', 'echo', undefined, begin(undefined))).toBe('z')
    const texts = said.filter(({ from, text }) => from === 'ws://a' && text.includes('traceparent')).map(({ text }) => text)
    expect(texts).toHaveLength(1)
    expect(scanCall(texts[0] as string)?.message.headers.metadata.parse()).toEqual({
      deadline_ms: 5000,
      traceparent,
      tracestate: 'x=1',
    })
    expect(said.some(({ text }) => text.includes('trace_hops'))).toBe(false)
  })

  const WAY = ['forward ws://b', 'forward ws://c', 'execute ws://d', 'return ws://c', 'return ws://b']
  const wayOf = ({ hops }: TraceHop) => hops.map((hop) => `${hop.event} ${hop.node}`).filter((step) => !step.startsWith('dial'))

  it('goes with others, its context in the metadata of the bundle, and only it is reported', async () => {
    await busy()
    const spans = [begin('[]'), begin('[]')] as const
    const [y, z] = spans
    await Promise.all([call('x'), call('y', 'echo', undefined, y), call('bad'), call('z', 'echo', undefined, z)])
    for (const span of spans) span.end()
    expect(said.filter(({ text }) => text.includes('rpc-requests'))).toHaveLength(3)
    expect(said.filter(({ text }) => text.includes('rpc-responses'))).toHaveLength(3)
    const sent = scanBundle(said[0]?.text as string)?.bundle.headers.metadata.parse() as { traces: { call: number }[] }
    expect(sent.traces).toMatchObject([
      { call: 1, command: 'echo', metadata: { traceparent, tracestate: 'x=1' } },
      { call: 3, command: 'echo' },
    ])
    expect(spans.map((span) => wayOf(reported(span)))).toEqual([WAY, WAY])
    expect(reported(y).attributes).toMatchObject({ 'mpreg.next_hop': 'ws://b', 'mpreg.path': nodes })
  })

  it.each([['ws://b'], ['ws://c'], ['ws://d'], ['ws://a']])('is reported though %s knows no bundles', async (node) => {
    plain.add(node)
    await busy()
    const span = begin('[]')
    await Promise.all([call('x'), call('y', 'echo', undefined, span)])
    span.end()
    expect(wayOf(reported(span))).toEqual(WAY)
  })

  it('takes others along past nodes that know nothing of traces', async () => {
    untraced = new Set(['ws://c'])
    forwarders.set('ws://c', forwarder('ws://c'))
    await busy()
    const span = begin('[]')
    await Promise.all([call('x'), call('y', 'echo', undefined, span)])
    span.end()
    expect(wayOf(reported(span))).toEqual(WAY.filter((step) => !step.endsWith('c')))
  })

  it('is reported by every hop there and back, if that is asked for', async () => {
    const span = begin('[]')
    await call('x', 'echo', undefined, span)
    span.end()
    const { attributes, event, hops } = reported(span)
    expect(event).toBe('call')
    expect(attributes).toMatchObject({ 'mpreg.next_hop': 'ws://b', 'mpreg.path': nodes })
    expect(hops.map((hop) => `${hop.event} ${hop.node}`)).toEqual([
      'dial ws://a',
      'forward ws://b',
      'forward ws://c',
      'execute ws://d',
      'return ws://c',
      'return ws://b',
    ])
  })

  it('passes nodes that know nothing of it, which do not report', async () => {
    untraced = new Set(['ws://c'])
    forwarders.set('ws://c', forwarder('ws://c'))
    const span = begin('[]')
    await call('x', 'echo', undefined, span)
    span.end()
    const { attributes, hops } = reported(span)
    expect(attributes['mpreg.path']).toEqual(nodes)
    expect(hops.map((hop) => `${hop.event} ${hop.node}`)).toEqual(['dial ws://a', 'forward ws://b', 'execute ws://d', 'return ws://b'])
  })

  it('tells how far it came when it fails on the way', async () => {
    cut.add('ws://c ws://d')
    const span = begin('[]')
    await call('x', 'echo', undefined, span)
    span.end()
    const { error, hops } = reported(span)
    expect(error).toContain('fabric_route_not_found')
    expect(hops.map((hop) => `${hop.event} ${hop.node}`)).toEqual(['dial ws://a', 'forward ws://b', 'forward ws://c', 'return ws://b'])
  })
})
