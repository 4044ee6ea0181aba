/**
 * Answers of the Python implementation about discovery, beside ours to the same questions: the same members in the same order, of the same
 * types down to the difference between `1` and `1.0`. What is in a catalog differs from node to node, so lists are compared by their first item.
 */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createNode, type Node } from '../../src/node/index.ts'
import { openSession } from './wire-session.ts'

interface Recorded {
  readonly name: string
  readonly fun: string
  readonly args: readonly unknown[]
  /** The frame, as it was received. */
  readonly answer: string
}

const recorded = JSON.parse(readFileSync(new URL('../vectors/discovery/answers.json', import.meta.url), 'utf8')) as Recorded[]

let node: Node

beforeAll(async () => {
  node = await createNode({
    port: 0,
    name: 'node-a',
    clusterId: 'golden',
    resources: ['cpu'],
    cacheRegion: 'eu-west',
    discoveryResolverMode: true,
    monitoringEnabled: false,
    logLevel: 'ERROR',
  })
  node.register('add', (a: number, b: number) => a + b, {
    functionId: 'math.add',
    version: '1.2.0',
    namespace: 'math',
    tags: ['math', 'alpha'],
    params: { a: 'Any', b: 'Any' },
  })
  node.register('kw', (a: unknown) => a, { version: '1.0.3', namespace: 'svc.market', tags: ['edge'], params: { a: 'Any' } })
  node.subscribe(['orders.#'], () => {})
  await node.start()
})

afterAll(() => node.stop())

async function ask(fun: string, args: readonly unknown[]): Promise<string> {
  const session = await openSession(node.url)
  session.send(JSON.stringify({ role: 'rpc', u: 'u', cmds: [{ name: fun, fun, args }] }))
  const text = await session.next()
  await session.close()
  return text
}

/** Members and types of a value, numbers told apart by how they are written. */
function shapeOf(text: string): unknown {
  const marked: unknown = JSON.parse(text, ((_key, value: unknown, context?: { readonly source?: string }) => {
    if (typeof value === 'number') return { number: /[.e]/.test(context?.source ?? '') ? 'float' : 'int' }
    return value
  }) as (key: string, value: unknown) => unknown)
  return shape(marked)
}

function shape(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? 'list' : [shape(value[0])]
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value
  if ('number' in value) return value.number
  return Object.entries(value).map(([key, member]) => [key, shape(member)])
}

/** Lists may be empty here and not there, and pages may be the last. */
function withoutCounts(told: unknown): unknown {
  return JSON.parse(
    JSON.stringify(told)
      .replace(',["next_page_token","string"]', '')
      .replaceAll(/\["(patterns|tags|resources|owners)",(?:"list"|\["string"\])\]/g, '["$1","texts"]'),
  )
}

/** Part of a whole frame that a function answered. */
function answerIn(frame: string, fun: string): unknown {
  const whole = shapeOf(frame) as [string, unknown][]
  const results = whole.find(([key]) => key === 'r')?.[1] as [string, unknown][]
  return withoutCounts(results.find(([key]) => key === fun)?.[1])
}

const NAMES = recorded.map(({ name }) => name)
/** Answered with an error. */
const REFUSED = 'catalog_query_bad'

describe('an answer about discovery', () => {
  it.each(NAMES.filter((name) => name !== REFUSED && name !== 'namespace_policy_audit'))('%s has the recorded members', async (name) => {
    const { answer, args, fun } = recorded.find((record) => record.name === name) as Recorded
    expect(answerIn(await ask(fun, args), fun)).toEqual(answerIn(answer, fun))
  })

  it('namespace_policy_audit has the recorded members, with and without an actor and errors', async () => {
    const { answer } = recorded.find(({ name }) => name === 'namespace_policy_audit') as Recorded
    const entries = (text: string) =>
      [...text.matchAll(/\{"event":\s*"\w+"[^}]*\}/g)]
        .map(([entry]) => JSON.stringify(shapeOf(entry)))
        .filter((told, at, all) => all.indexOf(told) === at)
    for (const request of [{ rules: [], actor: 'me' }, { rules: [{ namespace: '' }] }]) await ask('namespace_policy_validate', [request])
    const ours = entries(await ask('namespace_policy_audit', []))
    expect(entries(answer).length).toBeGreaterThan(1)
    for (const told of entries(answer)) expect(ours).toContain(told)
  })

  it('is the recorded error for what is no kind of entry', async () => {
    const { answer, args, fun } = recorded.find(({ name }) => name === REFUSED) as Recorded
    const [theirs, ours] = [answer, await ask(fun, args)].map(
      (text) => (JSON.parse(text) as { error: { code: number; message: string; details: string } }).error,
    )
    expect(ours).toEqual({ ...theirs, details: theirs?.details.split('\n').at(-1) })
  })
})

describe('a delta', () => {
  it('is told with the recorded members', async () => {
    const theirs = readFileSync(new URL('../vectors/discovery/delta-notification.json', import.meta.url), 'utf8')
    const session = await openSession(node.url)
    const patterns = [{ pattern: 'mpreg.discovery.delta', exact_match: true }]
    const subscription = { subscription_id: 's', patterns, subscriber: 'me', created_at: 1, get_backlog: false }
    session.send(JSON.stringify({ role: 'pubsub-subscribe', subscription, u: 's' }))
    await session.next()
    node.register('market.w', () => 1)
    const ours = await session.next()
    await session.close()
    expect(deltaShape(ours)).toEqual(deltaShape(theirs))
    const { message, u } = JSON.parse(ours)
    expect({ message, u }).toMatchObject({
      message: {
        publisher: 'node-a',
        message_id: message.payload.delta.update_id,
        headers: { event: 'discovery.catalog_delta', cluster_id: 'golden' },
        payload: { namespaces: ['market'], counts: { functions_added: 1 } },
      },
      u: `notification_${message.message_id}_s`,
    })
  })
})

/** Without what is in the lists, which is another change than the recorded one. */
function deltaShape(frame: string): unknown {
  return JSON.parse(JSON.stringify(shapeOf(emptied(frame))))
}

function emptied(frame: string): string {
  const { message } = JSON.parse(frame) as { readonly message: { readonly payload: { readonly delta: object } } }
  let text = frame
  for (const [list, items] of Object.entries(message.payload.delta)) {
    if (!Array.isArray(items) || items.length === 0) continue
    const at = text.indexOf(`"${list}":[`) + list.length + 3
    text = `${text.slice(0, at)}[]${text.slice(endOfList(text, at))}`
  }
  return text
}

/** After the bracket that closes the list which opens at `at`; no text in it has brackets. */
function endOfList(text: string, at: number): number {
  let depth = 0
  for (let i = at; ; i++) {
    if (text[i] === '[') depth++
    else if (text[i] === ']' && --depth === 0) return i + 1
  }
}
