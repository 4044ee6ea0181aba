import { beforeAll, describe, expect, it } from 'vitest'
import { lintEverywhere } from './linted.ts'

/** One statement a line, so that a line number names the statement. */
const asksTheWorld = [
  "import { randomBytes } from 'node:crypto'",
  "import { setTimeout as sleep } from 'node:timers/promises'",
  'export const a = Date.now()',
  'export const b = new Date()',
  'export const c = performance.now()',
  'export const d = Math.random()',
  'export const e = crypto.randomUUID()',
  'export const f = crypto.getRandomValues(new Uint8Array(1))',
  'export const g = process.hrtime.bigint()',
  'export const h = setTimeout(() => {}, 1)',
  'export const i = setInterval(() => {}, 1)',
  'export const j = setImmediate(() => {})',
  'export const k = globalThis.setTimeout(() => {}, 1)',
  'export const l = { now: Date.now }',
]
const harmless = [
  'export const m = new Date(5)',
  "export const n = Date.parse('2020-01-01')",
  'queueMicrotask(() => {})',
  'export const o = [randomBytes, sleep]',
]
const code = `${[...asksTheWorld, ...harmless].join('\n')}\n`
const forbiddenLines = asksTheWorld.map((_, index) => index + 1)

const pure = ['base', 'fabric', 'raft', 'rpc', 'pubsub', 'queue', 'cache', 'ledger', 'discovery', 'telemetry']
const free = ['src/base/real-env.ts', 'src/node/node.ts', 'src/transport/tcp.ts', 'test/rpc.test.ts']

describe('a pure room', () => {
  let reported: Map<string, number[]>

  beforeAll(() => {
    reported = lintEverywhere(code, [...pure.map((room) => `src/${room}/deep/down.ts`), ...free])
  })

  it.each(pure)('(%s) may not ask the world for time, chance or timers', (room) => {
    expect(reported.get(`src/${room}/deep/down.ts`)).toEqual(forbiddenLines)
  })

  it.each(free)('is told from other code: %s may', (file) => {
    expect(reported.get(file)).toBeUndefined()
  })
})
