import { readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from '../../scripts/bootstrap.mjs'
import { reportedLines } from './linted.ts'
import { type PlantedTree, plantTree } from './planted-tree.ts'

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

const busy = ['base', 'client', 'fabric', 'pubsub', 'rpc', 'wire']
const free = ['src/transport/tcp.ts', 'src/cli/main.ts', 'src/rpc/forwarder.test.ts']

describe('a room that handles messages', () => {
  let tree: PlantedTree
  let reported: Map<string, number[]>

  beforeAll(() => {
    const places = [...busy.map((room) => `src/${room}/deep/down.ts`), ...free]
    tree = plantTree({
      ...Object.fromEntries(places.map((place) => [place, code])),
      'biome.json': readFileSync(path.join(root, 'biome.json'), 'utf8'),
      'lint/no-ambient-world.grit': readFileSync(path.join(root, 'lint/no-ambient-world.grit'), 'utf8'),
      'lint/no-assigned-functions.grit': readFileSync(path.join(root, 'lint/no-assigned-functions.grit'), 'utf8'),
      '.gitignore': 'dist/\n',
    })
    reported = reportedLines(tree.folder)
  })
  afterAll(() => tree.remove())

  it.each(busy)('(%s) makes no function in an assignment to a property', (room) => {
    expect(reported.get(`src/${room}/deep/down.ts`)).toEqual(assigned.map((_, index) => index + 1))
  })

  it.each(free)('is told from other code: %s may', (file) => {
    expect(reported.get(file)).toBeUndefined()
  })
})
