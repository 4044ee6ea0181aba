/**
 * Sessions recorded between a client and a node of the Python implementation, replayed against a live node of ours: what the client sent is
 * sent again, and every answer must be the same, field for field. Identifiers come from the client, so they match too; clocks, durations and the
 * place a function ran at do not. Where we answer differently on purpose, the test says what and why.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createNode, type Node } from '../../src/node/index.ts'
import { openSession } from './wire-session.ts'

const FOLDER = new URL('../vectors/sessions/', import.meta.url)

type Step = {
  connect?: string
  headers?: Record<string, string>
  send?: string
  receive?: string
  opcode?: 'text' | 'binary'
  closed?: number
}

function steps(name: string): Step[] {
  return readFileSync(new URL(`${name}.jsonl`, FOLDER), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Step)
}

let node: Node

beforeAll(async () => {
  node = await createNode({
    port: 0,
    name: 'replay',
    clusterId: 'replay',
    resources: ['cpu', 'gpu'],
    cacheRegion: 'eu-west',
    monitoringEnabled: false,
    logLevel: 'ERROR',
  })
  node.register('add', (a: number, b: number) => a + b, {
    functionId: 'math.add',
    version: '1.2.0',
    namespace: 'math',
    tags: ['math', 'alpha'],
  })
  node.register('mul', (a: number, b: number) => a * b)
  node.register('concat', (...parts: unknown[]) => parts.join(''))
  node.register('stats', (values: number[]) => ({
    count: values.length,
    sum: values.reduce((a, b) => a + b, 0),
    nested: { max: Math.max(...values) },
  }))
  node.register('kw', (a: unknown, b: unknown, c: unknown) => ({ a, b, c }), {
    version: '1.0.3',
    namespace: 'svc.market',
    tags: ['edge'],
    capabilities: ['rpc'],
    doc: 'Keyword demo.\n\nSecond paragraph of docs.',
    params: { a: 'Any', b: { kind: 'keyword_only', default: 2 }, c: { kind: 'keyword_only', default: null } },
  })
  node.register('fail', (text: string) => {
    throw Object.assign(new Error(text), { name: 'ValueError' })
  })
  node.register('whoami_b', () => 'b')
  node.register('whoami_c', () => 'c')
  node.register('gpu_only', (value: unknown) => ({ gpu: value, node: 'c' }), { resources: ['gpu'] })
  await node.start()
})

afterAll(() => node.stop())

/** Clocks and durations are never equal; everything else is. */
const CLOCKS = new Set(['timestamp', 'execution_time_ms', 'total_execution_time_ms', 'average_level_time_ms', 'generated_at'])

function comparable(frame: unknown, key = ''): unknown {
  if (CLOCKS.has(key) && typeof frame === 'number') return '<clock>'
  if (key === 'level_execution_times') return (frame as number[]).map(() => '<clock>')
  if (key === 'bottleneck_level_index') return '<clock>'
  if (key === 'details' && typeof frame === 'string') return frame.trim().split('\n').at(-1)
  if (Array.isArray(frame)) return frame.map((member) => comparable(member))
  if (typeof frame !== 'object' || frame === null) return frame
  const members = Object.entries(frame).filter(([name]) => name !== 'explanation')
  return Object.fromEntries(members.map(([name, member]) => [name, comparable(member, name)]))
}

const failed = (details: string) => ({
  r: null,
  error: { code: 1003, message: 'RPC execution failed', details },
  intermediate_results: [],
  execution_summary: null,
})
const done = (r: unknown) => ({ r, error: null, intermediate_results: [], execution_summary: null })

/** Answers that differ on purpose: scenario, number of the answer, ours. */
const DIFFERENT: Record<string, Record<number, { why: string; answer: Record<string, unknown> }>> = {
  'rpc-errors': {
    2: { why: 'ran on another node in the recording', answer: failed("TypeError: add() missing 1 required positional argument: 'b'") },
    3: { why: 'JavaScript adds a number and a text', answer: done({ a: '1x' }) },
    4: { why: 'one line names the cycle', answer: failed('CycleError: commands refer to each other in a cycle: a -> b -> a') },
    5: { why: "a command's own name is an ordinary argument", answer: done({ e: 'e' }) },
    6: { why: 'no commands, no results', answer: done({}) },
    15: { why: 'ran on another node in the recording', answer: failed("TypeError: echo() got an unexpected keyword argument 'zz'") },
  },
  'rpc-enhanced': {
    0: { why: 'the recorded node failed to publish its intermediate results', answer: { error: null, r: { final: [30, 'b'] } } },
  },
}

/** Scenarios in which the recorded node closed the connection on a bad frame; ours answers and stays. */
const ANSWERED_INSTEAD: Record<string, Record<string, unknown>> = {
  'raw-bad-json': { u: 'unknown', ...failed('ValidationError: the frame is not JSON') },
  'raw-empty-frame': { u: 'unknown', ...failed('ValidationError: the frame is not JSON') },
  'raw-json-array': { u: 'unknown', ...failed('ValidationError: the frame is not a JSON object') },
  'raw-rpc-missing-cmds': { u: 'raw-5', ...failed('ValidationError: cmds is required') },
  'raw-rpc-missing-u': { u: 'unknown', ...failed('ValidationError: u is required') },
  'raw-bad-publish': {
    role: 'pubsub-ack',
    operation_id: 'raw-6',
    success: false,
    error: 'ValidationError: message is required',
    u: 'ack_raw-6',
  },
}

/** Scenarios whose answer describes the node or several nodes: compared by their own tests below. */
const DESCRIBES_A_NODE = new Set([
  'cluster-map',
  'list-peers',
  'rpc-list-filter',
  'rpc-describe-local',
  'rpc-describe-auto',
  'rpc-describe-auto-summary',
  'rpc-report',
])

const scenarios = readdirSync(FOLDER).map((file) => file.replace('.jsonl', ''))

describe('recorded sessions', () => {
  it.each(scenarios.filter((name) => !(name in ANSWERED_INSTEAD) && !DESCRIBES_A_NODE.has(name)))('%s: the same answers', async (name) => {
    const [opening, ...rest] = steps(name)
    const session = await openSession(`${node.url}${opening?.connect ?? '/'}`, opening?.headers)
    let answers = 0
    let expected: Step[] = []
    const settle = async () => {
      const received: unknown[] = []
      for (const _ of expected) received.push(comparable(JSON.parse(await session.next())))
      const wanted = expected.map((step, index) => {
        const recorded = comparable(JSON.parse(step.receive as string)) as Record<string, unknown>
        const different = DIFFERENT[name]?.[answers + index]
        return different === undefined ? recorded : expect.objectContaining(comparable(different.answer) as object)
      })
      answers += expected.length
      expected = []
      // Subscriptions are served in no particular order; the acknowledgement comes last.
      expect(byText(received.slice(0, -1))).toEqual(byText(wanted.slice(0, -1)))
      expect(received.at(-1)).toEqual(wanted.at(-1))
    }
    for (const step of rest) {
      if (step.send !== undefined) {
        await settle()
        session.send(step.send, step.opcode)
      } else if (step.receive !== undefined) expected.push(step)
    }
    await settle()
    expect(session.allBinary).toBe(true)
    await session.close()
  })

  it.each(Object.keys(ANSWERED_INSTEAD))('%s: answered, and the connection goes on', async (name) => {
    const session = await openSession(node.url)
    for (const step of steps(name)) if (step.send !== undefined) session.send(step.send, step.opcode)
    expect(JSON.parse(await session.next())).toEqual(ANSWERED_INSTEAD[name])
    session.send('{"role":"rpc","u":"after","cmds":[{"name":"e","fun":"echo","args":["still here"]}]}')
    expect(JSON.parse(await session.next())).toMatchObject({ u: 'after', r: { e: 'still here' } })
    await session.close()
  })

  it('covers every recording', () => {
    expect(scenarios.length).toBeGreaterThan(30)
  })
})

function byText(frames: unknown[]): unknown[] {
  return [...frames].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
}

/** Answer of the node to the recorded question, and the recorded answer. */
async function both(name: string): Promise<{ ours: unknown; recorded: unknown }> {
  const session = await openSession(node.url)
  const all = steps(name)
  session.send(all.find((step) => step.send !== undefined)?.send as string)
  const ours = Object.values((JSON.parse(await session.next()) as { r: object }).r)[0] as unknown
  await session.close()
  return {
    ours,
    recorded: Object.values((JSON.parse(all.find((step) => step.receive !== undefined)?.receive as string) as { r: object }).r)[0],
  }
}

/** Keys in order and types of values, all the way down; null fits any type. */
function shape(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(shape)
  if (typeof value !== 'object' || value === null) return value === null ? 'any' : typeof value
  return Object.entries(value).map(([key, member]) => [key, key === 'metrics' ? 'object' : shape(member)])
}

describe('recorded descriptions', () => {
  it('cluster-map: the own node in the same shape', async () => {
    const { ours, recorded } = await both('cluster-map')
    const map = ours as { nodes: Record<string, unknown>[] }
    expect(Object.keys(map)).toEqual(Object.keys(recorded as object))
    const own = (recorded as { nodes: Record<string, unknown>[] }).nodes[0] as Record<string, unknown>
    expect(shape({ ...map.nodes[0], advertised_at: 0 })).toEqual(shape(own))
    expect(map.nodes[0]).toMatchObject({
      cluster_id: 'replay',
      resources: ['cpu', 'gpu'],
      region: 'eu-west',
      scope: 'zone',
      advertised_urls: [node.url],
    })
  })

  it('list-peers: a node on its own lists nobody', async () => {
    expect((await both('list-peers')).ours).toEqual([])
  })

  it.each(['rpc-list-filter', 'rpc-describe-local', 'rpc-describe-auto', 'rpc-describe-auto-summary'])(
    '%s: the function as recorded, digest included',
    async (name) => {
      const { ours, recorded } = await both(name)
      const placed = (listing: unknown) =>
        JSON.parse(JSON.stringify(listing).replaceAll(/"ws:\/\/[^"]*"/g, '"<node>"')) as { items: unknown }
      expect(placed(ours).items).toEqual(placed(recorded).items)
    },
  )

  it('rpc-report: the same fields', async () => {
    const { ours, recorded } = await both('rpc-report')
    expect(Object.keys(ours as object)).toEqual(Object.keys(recorded as object))
  })
})
