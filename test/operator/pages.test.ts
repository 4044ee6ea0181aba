/** The pages for operators tell the truth: their commands exist, their options do, their settings are accepted, and no finding is left out. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { root } from '../../scripts/bootstrap.mjs'
import { createNodeFromFile } from '../../src/node/index.ts'
import { endLeftovers, mpreg } from '../cli/run-mpreg.ts'

const page = (name: string) => readFileSync(path.join(root, 'docs', name), 'utf8')
const operations = page('operations.md')

/** The commands of the code blocks, each as words without what is piped into or after it. */
const commands = [
  ...new Set(
    ['operations.md', 'fabric.md', 'cli.md', 'queues.md', 'discovery.md'].flatMap((name) =>
      [...page(name).matchAll(/^(?:\$ )?(mpreg .+)$/gm)].map(([, line]) => line),
    ),
  ),
] as string[]

afterAll(() => endLeftovers())

/** The words that can name a command: those before the first that is no plain word, as deep as commands are nested. */
function plainWords(line: string): string[] {
  const words = line.split(' ').slice(1)
  const plain = words.findIndex((word) => !/^[a-z][a-z-]*$/.test(word))
  return (plain === -1 ? words : words.slice(0, plain)).slice(0, 3)
}

describe('the pages for operators', { timeout: 60_000 }, () => {
  it('show commands that exist, with options they have', async () => {
    expect(commands.length).toBeGreaterThan(10)
    const help = new Map<string, Promise<string>>()
    for (const line of commands) {
      const words = plainWords(line)
      const asked = words.join(' ')
      if (!help.has(asked))
        help.set(
          asked,
          mpreg([...words, '--help']).then(({ stdout }) => stdout),
        )
    }
    for (const line of commands) {
      const asked = plainWords(line).join(' ')
      const text = (await help.get(asked)) ?? ''
      const [usage = '', command = ''] = /^Usage: mpreg ([a-z -]*[a-z]).*$/m.exec(text) ?? []
      // The rest are arguments, which a group of commands does not take.
      expect(`${asked} `.startsWith(`${command} `) && !usage.includes('[command]'), `${line}: ${usage}`).toBe(true)
      for (const [, option = ''] of line.matchAll(/ (--?[a-z][a-z-]*)/g)) {
        expect(text.replaceAll('--no-', '--'), line).toContain(option.replace('--no-', '--'))
      }
    }
  })

  it('show settings that a node accepts', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'mpreg-pages-'))
    const blocks = [...operations.matchAll(/```toml\n(.*?)```/gs)].map(([, text = '']) => text)
    expect(blocks).toHaveLength(1)
    for (const [index, text] of blocks.entries()) {
      const file = path.join(directory, `${index}.toml`)
      writeFileSync(file, text)
      const node = await createNodeFromFile(file)
      expect(node.settings.alerting).not.toBeNull()
    }
    rmSync(directory, { recursive: true })
  })

  it('explain every finding of the doctor', () => {
    const source = readFileSync(path.join(root, 'src/telemetry/doctor/finding.ts'), 'utf8')
    const codes = [...(source.split('export type FindingCode =')[1] ?? '').matchAll(/^ {2}\| '(\w+)'$/gm)].map(([, code]) => code as string)
    expect(codes.length).toBeGreaterThan(20)
    expect(codes.filter((code) => !operations.includes(code))).toEqual([])
  })

  it('lead to files that exist', () => {
    const files = readdirSync(path.join(root, 'docs'))
    const links = [...operations.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)].map(([, target]) => target as string)
    expect(links.length).toBeGreaterThan(5)
    for (const link of links) {
      if (link.startsWith('../')) expect(() => readFileSync(path.join(root, 'docs', link))).not.toThrow()
      else expect(files).toContain(link)
    }
  })
})
