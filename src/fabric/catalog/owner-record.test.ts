import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { functionSample } from './entry-samples.ts'
import { keyText } from './kinds.ts'
import { OwnerRecord } from './owner-record.ts'

describe('a record of many entries', () => {
  it('finds what a map would, before and after it keeps one itself', () => {
    const command = fc.record({ name: fc.nat(40), isRemoval: fc.nat(2).map((n) => n === 0), version: fc.nat(1000), hidden: fc.boolean() })
    fc.assert(
      fc.property(fc.constantFrom(0, 10, 30), fc.array(command, { maxLength: 60 }), (filled, edits) => {
        const record = new OwnerRecord('ws://n1:1')
        const model = new Map<string, { readonly entry: object; readonly version: number; readonly hidden: boolean }>()
        const first = Array.from({ length: filled }, (_, name) => ({ name, isRemoval: false, version: 1, hidden: false }))
        for (const { name, isRemoval, version, hidden } of [...first, ...edits]) {
          const entry = functionSample(`f${name}`)
          const at = record.find('functions', entry)
          const key = keyText('functions', entry)
          expect(at >= 0).toBe(model.has(key))
          if (isRemoval) {
            if (at >= 0) record.removeAt(at)
            model.delete(key)
          } else {
            if (at >= 0) record.replaceAt(at, entry, version, hidden)
            else record.append('functions', entry, version, hidden)
            model.set(key, { entry, version, hidden })
          }
        }
        expect(record.size).toBe(model.size)
        for (const { entry, version, hidden } of model.values()) {
          const at = record.find('functions', entry as ReturnType<typeof functionSample>)
          expect(record.entryAt(at)).toBe(entry)
          expect([record.kindAt(at), record.versionAt(at), record.isHiddenAt(at)]).toEqual(['functions', version, hidden])
        }
      }),
      { numRuns: 60 },
    )
  })
})
