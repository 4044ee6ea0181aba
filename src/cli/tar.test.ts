import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { tarEnd, tarEntry } from './tar.ts'

const entry = (name: string, content = '') => tarEntry({ name, content: Buffer.from(content), modifiedAt: 1_700_000_000 })

describe('a tar archive', () => {
  it('is read by the tar of the system, names, sizes and times', () => {
    const names = ['a.json', `${'d'.repeat(120)}/${'f'.repeat(90)}`, 'node/metrics/ünified.json']
    const archive = Buffer.concat([...names.map((name, index) => entry(name, 'x'.repeat(index * 512))), tarEnd()])
    const listed = execFileSync('tar', ['-tv', '--quoting-style=literal', '--utc', '-f', '-'], { input: archive, encoding: 'utf8' })
    const rows = listed
      .trimEnd()
      .split('\n')
      .map((line) => line.split(/ +/))
    expect(rows.map((row) => row.at(-1))).toEqual(names)
    expect(rows.map((row) => row[2])).toEqual(['0', '512', '1024'])
    expect(rows.map((row) => row[3])).toEqual(names.map(() => '2023-11-14'))
  })

  it('consists of whole blocks, whatever is in it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (content) => {
        const bytes = tarEntry({ name: 'x', content, modifiedAt: 0 })
        expect(bytes.length % 512).toBe(0)
        expect(bytes.subarray(512, 512 + content.length).equals(content)).toBe(true)
        expect(bytes.subarray(512 + content.length).every((byte) => byte === 0)).toBe(true)
      }),
    )
  })

  it('refuses a name that no reader could restore', () => {
    expect(() => entry('x'.repeat(101))).toThrow(/too long/)
    expect(() => entry(`${'d'.repeat(156)}/x`.padEnd(300, 'y'))).toThrow(/too long/)
  })
})
