import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { openArchive } from './archive.ts'
import { CommandFailure } from './outcome.ts'

const directory = mkdtempSync(join(tmpdir(), 'mpreg-archive-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

describe('an archive', () => {
  it('holds entries of any size, however often the disk is slower than they come', async () => {
    const warnings: Error[] = []
    const onWarning = (warning: Error) => warnings.push(warning)
    process.on('warning', onWarning)
    const file = join(directory, 'large.tar.gz')
    const archive = openArchive(file)
    const content = randomBytes(200_000)
    for (let number = 0; number < 40; number++) await archive.add(`node/${number}`, content)
    expect(existsSync(file)).toBe(false)
    await archive.close()
    archive.discard()
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', onWarning)
    expect(warnings).toEqual([])
    const unpacked = join(directory, 'unpacked')
    mkdirSync(unpacked)
    execFileSync('tar', ['-xzf', file, '-C', unpacked])
    expect(readdirSync(join(unpacked, 'node'))).toHaveLength(40)
    expect(readFileSync(join(unpacked, 'node', '39')).equals(content)).toBe(true)
  })

  it('that can not be written any further says so, and leaves nothing behind', async () => {
    const file = join(directory, 'cut.tar.gz')
    execFileSync('mkfifo', [`${file}.part`])
    // Reads a little and goes: whatever is written then has nowhere to go.
    const reader = spawn('head', ['-c', '1', `${file}.part`])
    const archive = openArchive(file)
    async function fill(): Promise<void> {
      for (let number = 0; number < 1_000; number++) await archive.add(`node/${number}`, randomBytes(100_000))
      await archive.close()
    }
    const failure = await fill().catch((error: unknown) => error)
    archive.discard()
    if (reader.exitCode === null) await once(reader, 'exit')
    expect(failure).toBeInstanceOf(CommandFailure)
    expect((failure as Error).message).toContain(`${file} can not be written`)
    expect(readdirSync(directory).filter((name) => name.startsWith('cut'))).toEqual([])
  })
})
