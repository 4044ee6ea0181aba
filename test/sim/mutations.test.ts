/**
 * The explorer is worth what it finds: in a copy of the sources with one bug planted, some seed must bring it to light. The same seeds find
 * nothing wrong in the sources as they are.
 */

import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from '../../scripts/bootstrap.mjs'
import { mutations } from './mutations.ts'

const SEEDS = 40
const NODES = 6

describe('the explorer finds', { timeout: 120_000 }, () => {
  let copy: string

  beforeAll(() => {
    copy = mkdtempSync(join(tmpdir(), 'mpreg-mutant-'))
    cpSync(join(root, 'src'), join(copy, 'src'), { recursive: true, filter: (file) => !file.endsWith('.test.ts') })
    cpSync(join(root, 'package.json'), join(copy, 'package.json'))
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
  })
  afterAll(() => rmSync(copy, { recursive: true, force: true }))

  it.each(mutations)('$component: $bug', ({ file, kinds, original, planted }) => {
    const path = join(copy, file)
    const source = readFileSync(path, 'utf8')
    expect(source.split(original)).toHaveLength(2)
    writeFileSync(
      path,
      source.replace(original, () => planted),
    )
    try {
      const { status, stderr } = explore(copy)
      expect(stderr).toMatch(new RegExp(`^seed \\d+: (?:${kinds.join('|')}) on `))
      expect(stderr).toMatch(/mpreg sim replay --seed \d+ --nodes 6$/m)
      expect(status).toBe(1)
    } finally {
      writeFileSync(path, source)
    }
  })

  it('nothing where no bug was planted', () => {
    const { status, stderr, stdout } = explore(copy)
    expect(stderr).toBe('')
    expect(stdout.trim().split('\n')).toHaveLength(SEEDS)
    expect(status).toBe(0)
  })
})

function explore(folder: string) {
  const options = ['--seed', '1', '--runs', `${SEEDS}`, '--nodes', `${NODES}`, '--no-minimise']
  return spawnSync(process.execPath, [join(folder, 'src/cli/main.ts'), 'sim', 'explore', ...options], { encoding: 'utf8' })
}
