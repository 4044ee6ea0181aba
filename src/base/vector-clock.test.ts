import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  compareClocks,
  emptyClock,
  getTimestamp,
  happensBefore,
  incrementClock,
  maxTimestamp,
  mergeClocks,
  requireTimestamp,
  sortedClockEntries,
  totalEvents,
  vectorClock,
} from './vector-clock.ts'

const id = fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor')
const clock = fc.array(fc.tuple(id, fc.nat(3))).map((entries) => vectorClock(new Map(entries)))

describe('vector clock', () => {
  it.each([
    [{}, {}, 'equal'],
    [{ a: 1 }, { a: 1 }, 'equal'],
    [{ a: 1 }, { a: 2 }, 'before'],
    [{ a: 2, b: 1 }, { a: 1 }, 'after'],
    [{ a: 1 }, { b: 1 }, 'concurrent'],
    [{}, { a: 0 }, 'before'],
    [{ a: 0 }, {}, 'after'],
    [{ a: 0, b: 1 }, { b: 1 }, 'concurrent'],
    [{ a: 0 }, { b: 0 }, 'concurrent'],
    [{ a: 0 }, { b: 1 }, 'before'],
  ])('%j against %j is %s', (a, b, order) => {
    expect(compareClocks(a, b)).toBe(order)
  })

  it('is never before itself or before the empty clock', () => {
    expect([happensBefore({}, {}), happensBefore({ a: 0 }, {}), happensBefore({ a: 1 }, { a: 1 })]).toEqual([false, false, false])
  })

  it('relates the two directions', () => {
    const mirrored = { equal: 'equal', before: 'after', after: 'before', concurrent: 'concurrent' }
    fc.assert(
      fc.property(clock, clock, (a, b) => {
        expect(compareClocks(b, a)).toBe(mirrored[compareClocks(a, b)])
        expect(happensBefore(a, b) && happensBefore(b, a)).toBe(false)
        expect(compareClocks(a, a)).toBe('equal')
      }),
    )
  })

  it('is later after every increment', () => {
    fc.assert(
      fc.property(clock, id, (a, node) => {
        const next = incrementClock(a, node)
        expect(compareClocks(next, a)).toBe('after')
        expect(getTimestamp(next, node)).toBe(getTimestamp(a, node) + 1)
        expect(totalEvents(next)).toBe(totalEvents(a) + 1)
      }),
    )
  })

  it('merges to the maximum: associative, commutative, idempotent, with the empty clock neutral', () => {
    const entries = sortedClockEntries
    fc.assert(
      fc.property(clock, clock, clock, (a, b, c) => {
        const ab = mergeClocks(a, b)
        expect(entries(ab)).toEqual(entries(mergeClocks(b, a)))
        expect(entries(mergeClocks(ab, c))).toEqual(entries(mergeClocks(a, mergeClocks(b, c))))
        expect(mergeClocks(a, a)).toBe(a)
        expect(mergeClocks(a, emptyClock)).toBe(a)
        for (const node of [...Object.keys(a), ...Object.keys(b)]) {
          expect(requireTimestamp(ab, node)).toBe(Math.max(getTimestamp(a, node), getTimestamp(b, node)))
        }
        expect(Object.keys(ab).length).toBe(new Set([...Object.keys(a), ...Object.keys(b)]).size)
        expect(maxTimestamp(ab)).toBe(Math.max(maxTimestamp(a), maxTimestamp(b)))
      }),
    )
  })

  it('keeps zeros it was given and makes none', () => {
    expect(mergeClocks({ a: 0 }, { b: 1 })).toEqual({ a: 0, b: 1 })
    expect(mergeClocks({}, { b: 0 })).toEqual({ b: 0 })
    expect(getTimestamp({}, 'a')).toBe(0)
    expect(getTimestamp({}, 'toString')).toBe(0)
  })

  it('does not change its operands', () => {
    const a = Object.freeze({ a: 1 })
    const b = Object.freeze({ a: 2, b: 1 })
    expect(mergeClocks(a, b)).toEqual({ a: 2, b: 1 })
    expect(incrementClock(a, 'a')).toEqual({ a: 2 })
    expect(a).toEqual({ a: 1 })
  })

  it('refuses what is not a clock', () => {
    expect(() => vectorClock({ a: -1 })).toThrow('Timestamp must be non-negative, got -1')
    expect(() => vectorClock({ a: 1.5 })).toThrow('Timestamp must be an integer, got 1.5')
    expect(() => vectorClock({ '': 1 })).toThrow('Node ID cannot be empty')
    expect(() => incrementClock({}, '')).toThrow('Node ID cannot be empty')
    expect(() =>
      vectorClock([
        ['a', 1],
        ['a', 2],
      ]),
    ).toThrow('Duplicate node IDs in vector clock')
    expect(() => requireTimestamp({}, 'x')).toThrow("Node ID 'x' not found in vector clock")
  })

  it('lists entries sorted by id', () => {
    expect(sortedClockEntries({ b: 2, a: 1 })).toEqual([
      ['a', 1],
      ['b', 2],
    ])
  })
})
