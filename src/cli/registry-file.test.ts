import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { changeRegistry, readRegistry } from './registry-file.ts'

const directory = mkdtempSync(join(tmpdir(), 'mpreg-registry-file-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const unchanged = (result: string) => () => ({ clusters: {}, result })

describe('the lock of a registry', () => {
  it('is of one change, and gone after it', async () => {
    const file = join(directory, 'one.json')
    const contents: string[] = []
    for (const result of ['first', 'second']) {
      const given = await changeRegistry(file, () => {
        contents.push(readFileSync(`${file}.lock`, 'utf8'))
        return { clusters: {}, result }
      })
      expect(given).toBe(result)
    }
    expect(new Set(contents).size).toBe(2)
    for (const content of contents) expect(content).toMatch(new RegExp(`^${process.pid} `))
    expect(readdirSync(directory)).toEqual(['one.json'])
  })

  it('that somebody else has in the meantime is left to them, and nothing is written', async () => {
    const file = join(directory, 'lost.json')
    await changeRegistry(file, unchanged(''))
    const before = readFileSync(file, 'utf8')
    // As when two who break a dead lock get into each other's way.
    const others = `${process.pid} another`
    const lost = changeRegistry(file, () => {
      writeFileSync(`${file}.lock`, others)
      return { clusters: { a: {} as never }, result: '' }
    })
    await expect(lost).rejects.toMatchObject({ code: 'registry_unusable', message: expect.stringContaining('do it again') })
    expect(readFileSync(`${file}.lock`, 'utf8')).toBe(others)
    expect(readFileSync(file, 'utf8')).toBe(before)
  })

  it('of a process that died is taken over', async () => {
    const file = join(directory, 'dead.json')
    writeFileSync(`${file}.lock`, '999999999 gone')
    await changeRegistry(file, unchanged(''))
    expect(readRegistry(file)).toEqual({})
    expect(readdirSync(directory).filter((name) => name.startsWith('dead.json.lock'))).toEqual([])
  })
})
