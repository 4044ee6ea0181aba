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

describe('the history of a record', () => {
  it('that forgets removals which came grouped by kind is whole only from the latest forgotten one on', () => {
    const record = new OwnerRecord('ws://n1:1')
    record.epoch = 1
    record.version = 600
    const node = { cluster_id: 'c', node_id: 'ws://n1:1' }
    // As they come off the wire: functions of high versions before topics of low ones.
    for (let i = 0; i < 100; i++) record.noteRemoval('queues', { ...node, queue_name: `q${i}` }, 500 + i)
    for (let i = 0; i < 200; i++) record.noteRemoval('topics', `t${i}`, 100 + i)
    const update = record.updateSince({ epoch: 1, version: 400 }, 0)
    expect(update?.since).toBe(0)
  })
})
