import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { watchedFile } from './watched-file.ts'

const directory = mkdtempSync(join(tmpdir(), 'mpreg-watched-'))
afterAll(() => rmSync(directory, { recursive: true }))

describe('a watched file', () => {
  it('has another version when it was written or replaced, and else the same', () => {
    const path = join(directory, 'keys.json')
    writeFileSync(path, 'one')
    const file = watchedFile(path)
    const first = file.version()
    expect([file.version(), file.read()]).toEqual([first, 'one'])
    writeFileSync(path, 'three')
    const second = file.version()
    expect(second).not.toBe(first)
    writeFileSync(`${path}.new`, 'three')
    renameSync(`${path}.new`, path)
    expect([file.version() === second, file.read()]).toEqual([false, 'three'])
  })

  it('that is not there is an error', () => {
    const file = watchedFile(join(directory, 'absent'))
    expect(() => file.version()).toThrow(/ENOENT/)
    expect(() => file.read()).toThrow(/ENOENT/)
  })
})
