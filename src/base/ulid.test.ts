import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createUlidFactory, decodeUlidTime, encodeUlidTime, isUlid } from './ulid.ts'

const TIME_MS_MAX = 2 ** 48 - 1
const always = (word: number) => () => word

describe('ULID', () => {
  it('writes time as the specification does', () => {
    expect(encodeUlidTime(1469918176385)).toBe('01ARYZ6S41')
    expect(encodeUlidTime(0)).toBe('0000000000')
    expect(encodeUlidTime(TIME_MS_MAX)).toBe('7ZZZZZZZZZ')
  })

  it('gives the time back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: TIME_MS_MAX }), (ms) => {
        const ulid = createUlidFactory(always(12345))(ms)
        expect(isUlid(ulid)).toBe(true)
        expect(decodeUlidTime(ulid)).toBe(ms)
        expect(decodeUlidTime(ulid.toLowerCase())).toBe(ms)
      }),
    )
  })

  it('increases strictly, whatever the clock does', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 2 }), fc.integer(), (times, word) => {
        const next = createUlidFactory(always(word >>> 0))
        const ids = times.map((ms) => next(ms))
        expect(ids).toEqual([...new Set(ids)].sort())
      }),
    )
  })

  it('counts up within a millisecond, with carry', () => {
    const next = createUlidFactory(always(0))
    expect(next(0)).toBe('0'.repeat(26))
    for (let i = 1; i < 1024; i++) next(0)
    expect(next(0)).toBe(`${'0'.repeat(23)}100`)
    for (let i = 1; i < 2 ** 20 - 1024; i++) next(0)
    expect(next(0)).toBe(`${'0'.repeat(21)}10000`)
  })

  it('borrows the next millisecond when the random part overflows', () => {
    const next = createUlidFactory(always(0xffffffff))
    expect(next(5)).toBe(`0000000005${'Z'.repeat(16)}`)
    expect(next(5)).toBe(`0000000006${'Z'.repeat(16)}`)
  })

  it('uses all 80 bits of chance', () => {
    let word = 0
    const words = [0x3fffffff, 0, 0]
    expect(createUlidFactory(() => words[word++] as number)(0).slice(10)).toBe('ZZZZZZ0000000000')
  })

  it('refuses times that do not fit', () => {
    const next = createUlidFactory(always(0))
    for (const ms of [-1, TIME_MS_MAX + 1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => next(ms)).toThrow(RangeError)
      expect(() => encodeUlidTime(ms)).toThrow(RangeError)
    }
    expect(decodeUlidTime(next(7.9))).toBe(7)
  })

  it('knows what is not a ULID', () => {
    for (const text of [
      '',
      '0'.repeat(25),
      '0'.repeat(27),
      `8${'0'.repeat(25)}`,
      `0${'I'.repeat(25)}`,
      `0${'U'.repeat(25)}`,
      `${'0'.repeat(26)}\n`,
    ]) {
      expect(isUlid(text)).toBe(false)
      expect(() => decodeUlidTime(text)).toThrow(TypeError)
    }
  })
})
