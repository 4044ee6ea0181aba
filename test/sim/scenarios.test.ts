/** Every file under test/scenarios has the output it claims. After a wanted change: `mpreg sim run test/scenarios/*.txt --update`. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { connectWith } from '../../src/client/index.ts'
import { runScenario } from '../../src/sim/index.ts'

const folder = join(import.meta.dirname, '..', 'scenarios')
const deps: Parameters<typeof runScenario>[0] = { connect: (dial, options) => connectWith(dial, { ...options, raiseRemoteFailures: true }) }

describe('scenarios', () => {
  for (const file of readdirSync(folder).sort()) {
    it(file.replace('.txt', '').replaceAll('-', ' '), async () => {
      const text = readFileSync(join(folder, file), 'utf8')
      const { blocks, text: actual } = await runScenario(deps, text)
      expect(blocks.length).toBeGreaterThan(0)
      expect(actual).toBe(text)
    })
  }

  it('tell what a command did wrong in its output', async () => {
    const { text } = await runScenario(deps, 'frobnicate\n----\n\nfabric 1\ncall n0 nothing\ncall n7 echo\n----\n')
    expect(text).toBe(`frobnicate
----
unusable: there is no fabric yet: begin with 'fabric <nodes>'

fabric 1
call n0 nothing
call n7 echo
----
error command_not_found: Command not found
error there is no node 7 in a fabric of 1
`)
  })

  it('keep comments and empty lines, and are refused where commands have no output under them', async () => {
    const text = '# why\n\nfabric 1\n----\n\n# the end\n'
    expect((await runScenario(deps, text)).text).toBe(text)
    await expect(runScenario(deps, 'fabric 1\n')).rejects.toThrow(/line 1/)
  })
})
