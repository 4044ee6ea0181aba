import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hashStep, SegmentTable } from './segment-table.ts'

const find = (table: SegmentTable, text: string) => table.find(`x.${text}.y`, 2, 2 + text.length)

describe('segment table', () => {
  it('gives each text in use its own number, and none to others', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.constantFrom(...'abcdefghijklmnopqrst', '', 'ab', 'ba'))), (steps) => {
        const table = new SegmentTable()
        const held = new Map<string, { id: number; users: number }>()
        for (const [take, text] of steps) {
          const known = held.get(text)
          if (take) {
            const id = table.acquire(`${text}.`, 0, text.length)
            if (known === undefined) held.set(text, { id, users: 1 })
            else {
              expect(id).toBe(known.id)
              known.users++
            }
          } else if (known !== undefined) {
            table.release(known.id)
            if (--known.users === 0) held.delete(text)
          }
          expect(table.size).toBe(held.size)
        }
        for (const text of [...'abcdefghijklmnopqrst', '', 'ab', 'ba', 'zz']) expect(find(table, text)).toBe(held.get(text)?.id ?? 0)
        expect(new Set([...held.values()].map((entry) => entry.id)).size).toBe(held.size)
      }),
    )
  })

  it('changes its hash when texts made to collide crowd together', () => {
    const table = new SegmentTable()
    const startBefore = table.hashStart
    const texts = colliding(400, startBefore)
    for (const text of texts) table.acquire(text, 0, text.length)
    expect(table.hashStart).not.toBe(startBefore)
    expect(new Set(texts.map((text) => find(table, text))).size).toBe(texts.length)
  })
})

/** Texts whose hash ends in ten equal bits, in a table that is too small to look at more. */
function colliding(count: number, start: number): string[] {
  const texts: string[] = []
  for (let i = 0; texts.length < count; i++) {
    const text = i.toString(36)
    let hash = start
    for (let k = 0; k < text.length; k++) hash = hashStep(hash, text.charCodeAt(k))
    if (((hash ^ (hash >>> 15)) & 1023) === 7) texts.push(text)
  }
  return texts
}
