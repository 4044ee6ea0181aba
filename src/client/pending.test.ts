import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Pending, PendingRequests } from './pending.ts'

const request = (u: string): Pending => ({
  u,
  kind: 'value',
  text: '',
  resolve: () => {},
  reject: () => {},
  timeoutMs: 1,
  handle: undefined,
  sent: true,
  place: undefined,
  unhook: undefined,
})

describe('pending requests', () => {
  it('behave like a map, whatever is added and settled', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ settle: fc.boolean(), pick: fc.nat() }), { maxLength: 400 }), (steps) => {
        const requests = new PendingRequests()
        const model = new Map<string, Pending>()
        for (const [n, { pick, settle }] of steps.entries()) {
          if (settle && model.size > 0) {
            const chosen = [...model.values()][pick % model.size] as Pending
            requests.settle(chosen)
            requests.settle(chosen)
            model.delete(chosen.u)
            expect(requests.get(chosen.u)).toBeUndefined()
          } else {
            const added = request(`u${n}`)
            requests.add(added)
            model.set(added.u, added)
          }
          expect(requests.size).toBe(model.size)
        }
        expect(requests.waiting()).toEqual([...model.values()])
        for (const [u, pending] of model) expect(requests.get(u)).toBe(pending)
      }),
    )
  })
})
