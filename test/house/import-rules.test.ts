import { afterEach, describe, expect, it } from 'vitest'
import { root } from '../../scripts/bootstrap.mjs'
import { checkImports } from '../../scripts/import-rules.ts'
import { type PlantedTree, plantTree } from './planted-tree.ts'

describe('import rules', () => {
  let tree: PlantedTree | undefined
  afterEach(() => tree?.remove())

  const brokenRules = async (files: Readonly<Record<string, string>>): Promise<string[]> => {
    tree = plantTree(files)
    const { violations } = await checkImports(tree.folder)
    return violations.map((violation) => violation.slice(0, violation.indexOf(':'))).sort()
  }

  it('are applied to the sources there are, not to an empty list', async () => {
    const { modules, sources } = await checkImports(root)
    expect(sources).toBeGreaterThan(0)
    expect(modules).toBeGreaterThan(sources * 0.9)
  })

  it('let a room use the public faces of the rooms below it, and its own files', async () => {
    const broken = await brokenRules({
      'src/base/index.ts': "export { one } from './one.ts'\n",
      'src/base/one.ts': 'export const one = 1\n',
      'src/fabric/index.ts': "export { two } from './routing/two.ts'\n",
      'src/fabric/routing/two.ts': "import { one } from '../../base/index.ts'\nexport const two = one + 1\n",
      'src/fabric/routing/two.test.ts': "import { two } from './two.ts'\nconsole.log(two)\n",
      'src/transport/browser.ts': 'export const dial = 1\n',
      'src/client/index.ts': "export { dial } from '../transport/browser.ts'\n",
      'src/client-node.ts': "export { dial } from './client/index.ts'\n",
      'src/cli/main.ts': "import { dial } from '../client-node.ts'\nconsole.log(dial)\n",
    })
    expect(broken).toEqual([])
  })

  it.each([
    {
      mistake: 'an import upward',
      rule: 'downward-only-from-wire',
      files: {
        'src/rpc/index.ts': 'export const call = 1\n',
        'src/wire/frame.ts': "import { call } from '../rpc/index.ts'\nexport const frame = call\n",
      },
    },
    {
      mistake: 'an import upward of a type alone',
      rule: 'downward-only-from-base',
      files: {
        'src/wire/index.ts': 'export type Frame = string\n',
        'src/base/clock.ts': "import type { Frame } from '../wire/index.ts'\nexport type Clock = Frame\n",
      },
    },
    {
      mistake: 'an import of a neighbour on the same level',
      rule: 'downward-only-from-queue',
      files: {
        'src/cache/index.ts': 'export const cache = 1\n',
        'src/queue/queue.ts': "import { cache } from '../cache/index.ts'\nexport const queue = cache\n",
      },
    },
    {
      mistake: 'a way round the public face',
      rule: 'only-through-the-index',
      files: {
        'src/base/clock.ts': 'export const clock = 1\n',
        'src/wire/frame.ts': "import { clock } from '../base/clock.ts'\nexport const frame = clock\n",
      },
    },
    {
      mistake: 'a client that uses server transport',
      rule: 'downward-only-from-client',
      files: {
        'src/transport/index.ts': 'export const listen = 1\n',
        'src/client/index.ts': "export { listen } from '../transport/index.ts'\n",
      },
    },
    {
      mistake: 'a client that reaches a Node.js module through others',
      rule: 'client-runs-in-a-browser',
      files: {
        'src/base/index.ts': "export { host } from './host.ts'\n",
        'src/base/host.ts': "export { request as host } from 'node:http2'\n",
        'src/client/index.ts': "export { host } from '../base/index.ts'\n",
      },
    },
    {
      mistake: 'a cycle',
      rule: 'no-cycles',
      files: {
        'src/rpc/one.ts': "import { two } from './two.ts'\nexport const one = (): number => two()\n",
        'src/rpc/two.ts': "import { one } from './one.ts'\nexport const two = (): number => one()\n",
      },
    },
    {
      mistake: 'a room nobody has heard of',
      rule: 'known-rooms-only',
      files: {
        'src/shed/index.ts': 'export const shed = 1\n',
        'src/index.ts': "export { shed } from './shed/index.ts'\n",
      },
    },
    {
      mistake: 'a pure room that opens files',
      rule: 'pure-rooms-touch-no-world',
      files: { 'src/raft/log.ts': "import { readFileSync } from 'node:fs'\nexport const read = readFileSync\n" },
    },
    {
      mistake: 'an import inside a using declaration',
      rule: 'no-unresolved',
      files: { 'src/rpc/call.ts': "export async function call() {\n  using gone = await import('./gone.ts')\n  return gone\n}\n" },
    },
    {
      mistake: 'a source that needs a test',
      rule: 'src-stands-alone',
      files: {
        'test/support.ts': 'export const support = 1\n',
        'src/rpc/call.ts': "import { support } from '../../test/support.ts'\nexport const call = support\n",
      },
    },
    {
      mistake: 'an import that leads nowhere',
      rule: 'no-unresolved',
      files: { 'src/rpc/call.ts': "import { gone } from './gone.ts'\nexport const call = gone\n" },
    },
  ])('find $mistake', async ({ rule, files }) => {
    expect(await brokenRules(files)).toContain(rule)
  })
})
