import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { editDistance, nearestName } from './nearest-name.ts'

describe('edit distance', () => {
  it('counts insertions, deletions and substitutions', () => {
    expect(editDistance('kitten', 'sitting')).toBe(3)
    expect(editDistance('', 'abc')).toBe(3)
    expect(editDistance('abc', 'abc')).toBe(0)
  })

  it('is a metric', () => {
    const word = fc.string({ maxLength: 8 })
    fc.assert(
      fc.property(word, word, word, (a, b, c) => {
        expect(editDistance(a, b)).toBe(editDistance(b, a))
        expect(editDistance(a, b) === 0).toBe(a === b)
        expect(editDistance(a, c)).toBeLessThanOrEqual(editDistance(a, b) + editDistance(b, c))
      }),
    )
  })

  it('is that of the whole matrix, and above a limit anything above it', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 9 })
    fc.assert(
      fc.property(word, word, fc.nat(9), (a, b, limit) => {
        const distance = byDefinition(a, b)
        expect(editDistance(a, b)).toBe(distance)
        expect(Math.min(editDistance(a, b, limit), limit + 1)).toBe(Math.min(distance, limit + 1))
      }),
    )
  })
})

/** As Levenshtein's distance is defined. */
function byDefinition(a: string, b: string): number {
  if (a === '' || b === '') return a.length + b.length
  const known = new Map<string, number>()
  const distance = (i: number, j: number): number => {
    if (i === 0 || j === 0) return i + j
    const key = `${i} ${j}`
    const found =
      known.get(key) ?? Math.min(distance(i - 1, j) + 1, distance(i, j - 1) + 1, distance(i - 1, j - 1) + Number(a[i - 1] !== b[j - 1]))
    known.set(key, found)
    return found
  }
  return distance(a.length, b.length)
}

describe('the nearest name', () => {
  it('is none that may not be named, and few are asked about', () => {
    const asked: string[] = []
    const known = Array.from({ length: 1_000 }, (_, at) => `team${at}.function${at}`)
    const nearest = nearestName('team7.functoin7', known, (candidate) => {
      asked.push(candidate)
      return candidate !== 'team7.function7'
    })
    expect(asked).toContain('team7.function7')
    expect(nearest).toBe('team0.function0')
    expect(asked.length).toBeLessThan(10)
  })

  it('is the one with the fewest differences, in any case', () => {
    expect(nearestName('LogLevl', ['log_format', 'log_level', 'listen'])).toBe('log_level')
  })

  it('does not exist when nothing is similar', () => {
    expect(nearestName('banana', ['host', 'port'])).toBeUndefined()
  })

  it('is found among names of any length that a third of the longer one tolerates', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 12 })
    fc.assert(
      fc.property(word, fc.array(word, { maxLength: 6 }), (name, known) => {
        const tolerable = known.filter((other) => editDistance(name, other) <= Math.ceil(Math.max(name.length, other.length) / 3))
        const distances = tolerable.map((other) => editDistance(name, other))
        expect(nearestName(name, known)).toBe(tolerable[distances.indexOf(Math.min(...distances))])
      }),
    )
  })

  it('is not looked for when the name is longer than 200 characters', () => {
    const longest = 'x'.repeat(200)
    expect(nearestName(longest, [`${longest.slice(1)}y`])).toBe(`${longest.slice(1)}y`)
    let looks = 0
    const known = {
      *[Symbol.iterator]() {
        looks++
        yield longest
      },
    }
    expect(nearestName(`${longest}x`, known)).toBeUndefined()
    expect(looks).toBe(0)
    expect(nearestName(longest, [`${longest}x`])).toBeUndefined()
  })
})
