import { beforeAll, describe, expect, it } from 'vitest'
import { lintEverywhere } from './linted.ts'

/** One statement a line, so that a line number names the statement. */
const assigned = [
  'holder.done = () => text',
  'holder.done = async (one: string) => text + one',
  'holder.done = function () { return text }',
]
const harmless = [
  'const done = () => text',
  'holder.done = done',
  'holder.list = [() => text]',
  'export const other = { done: () => text }',
]
const head = ["const holder: Record<string, unknown> = {}; const text = ''"]
const code = `${[...assigned, ...head, ...harmless].join('\n')}\n`

const busy = ['base', 'client', 'fabric', 'pubsub', 'queue', 'rpc', 'wire']
const free = ['src/transport/tcp.ts', 'src/cli/main.ts', 'src/rpc/forwarder.test.ts']

describe('a room that handles messages', () => {
  let reported: Map<string, number[]>

  beforeAll(() => {
    reported = lintEverywhere(code, [...busy.map((room) => `src/${room}/deep/down.ts`), ...free])
  })

  it.each(busy)('(%s) makes no function in an assignment to a property', (room) => {
    expect(reported.get(`src/${room}/deep/down.ts`)).toEqual(assigned.map((_, index) => index + 1))
  })

  it.each(free)('is told from other code: %s may', (file) => {
    expect(reported.get(file)).toBeUndefined()
  })
})
