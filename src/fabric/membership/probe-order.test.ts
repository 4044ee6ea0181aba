import { describe, expect, it } from 'vitest'
import { createSeededRandom } from '../../base/index.ts'
import { createProbeOrder } from './probe-order.ts'

const random = () => createSeededRandom(4, () => 0)
const anybody = () => true

describe('the order of probes', () => {
  it('has everybody once in each pass, in a new order each time', () => {
    const targets = Array.from({ length: 20 }, (_, i) => `n${i}`)
    const order = createProbeOrder(random())
    const pass = () => targets.map(() => order.next(() => targets, anybody))
    const passes = [pass(), pass(), pass()]
    for (const one of passes) expect(new Set(one)).toEqual(new Set(targets))
    expect(new Set(passes.map(String)).size).toBe(3)
  })

  it('passes over who is not eligible', () => {
    const order = createProbeOrder(random())
    const seen = [1, 2, 3, 4].map(() =>
      order.next(
        () => ['a', 'b', 'c'],
        (target) => target !== 'b',
      ),
    )
    expect(new Set(seen)).toEqual(new Set(['a', 'c']))
  })

  it('ends when nobody is', () => {
    const order = createProbeOrder(random())
    expect(order.next(() => [], anybody)).toBeUndefined()
    expect(
      order.next(
        () => ['a', 'b'],
        () => false,
      ),
    ).toBeUndefined()
  })

  it('takes a newcomer into the running pass, once', () => {
    const order = createProbeOrder(random())
    const targets = ['a', 'b', 'c', 'd']
    order.next(() => targets, anybody)
    order.insert('new')
    order.insert('new')
    const rest = [1, 2, 3, 4].map(() => order.next(() => targets, anybody))
    expect(rest.filter((target) => target === 'new')).toHaveLength(1)
  })
})
