import fc from 'fast-check'
import semver from 'semver'
import { describe, expect, it } from 'vitest'
import {
  compareVersions,
  constraintFromObject,
  constraintToObject,
  formatConstraint,
  formatVersion,
  InvalidVersionError,
  parseConstraint,
  parseVersion,
  satisfies,
  VersionConflictError,
} from './version.ts'

const number = fc.nat(3)
const version = fc.record({ major: number, minor: number, patch: number })

describe('version', () => {
  it.each([
    ['1', '1.0.0'],
    ['v1.2.3', '1.2.3'],
    ['  1.2 ', '1.2.0'],
    ['01.002', '1.2.0'],
    ['0', '0.0.0'],
  ])('%j is %s', (text, canonical) => {
    expect(formatVersion(parseVersion(text))).toBe(canonical)
  })

  it.each(['', 'v', '1.x', 'V1', '1.', '.1', '1.2.3.4', '1.2.3-rc1', '1.2.3+b', '-1', '1. 2', '١', '9007199254740993', '1\n2'])(
    '%j is none',
    (text) => {
      expect(() => parseVersion(text)).toThrow(new InvalidVersionError(text))
      expect(() => parseVersion(text)).toThrow(`Invalid semantic version: ${text}`)
    },
  )

  it('orders as semver does', () => {
    fc.assert(
      fc.property(version, version, (a, b) => {
        expect(Math.sign(compareVersions(a, b))).toBe(semver.compare(formatVersion(a), formatVersion(b)))
      }),
    )
    expect(compareVersions(parseVersion('1.10'), parseVersion('1.9'))).toBeGreaterThan(0)
  })
})

describe('version constraint', () => {
  it.each([
    ['version >= 3.0, version < 4', '3.0.0 3.9.9', '4.0.0 2.9.9'],
    ['1', '1.0.0', '1.0.1'],
    ['v1.2', '1.2.0', '1.2.1'],
    ['= 1.2', '1.2.0', '1.2.1'],
    ['==1', '1.0.0', '0.9.9'],
    ['(>=1, <=2)', '1.0.0 2.0.0', '2.0.1 0.0.1'],
    ['((  >1 ))', '1.0.1', '1.0.0'],
    ['version', '0.0.0 9.9.9', ''],
    ['', '0.0.0 9.9.9', ''],
    ['()', '0.0.0', ''],
    [' , ,>=1,,', '1.0.0', '0.9.0'],
    ['>=2,>2', '2.0.1', '2.0.0'],
    ['>2,>=2', '2.0.0', '1.0.0'],
    ['<3,<=3,<3', '2.9.9', '3.0.0'],
    ['<1,>2', '', '0.0.0 1.5.0 3.0.0'],
  ])('%j holds for %j and not for %j', (text, inside, outside) => {
    const constraint = parseConstraint(text)
    for (const one of inside.split(' ').filter(Boolean)) expect(satisfies(parseVersion(one), constraint)).toBe(true)
    for (const one of outside.split(' ').filter(Boolean)) expect(satisfies(parseVersion(one), constraint)).toBe(false)
  })

  it.each([
    ['~1.2', '~1.2'],
    ['^1', '^1'],
    ['!=1', '!=1'],
    ['*', '*'],
    ['1.x', '1.x'],
    ['1.2.3.4', '1.2.3.4'],
    ['>=1 <2', '1 <2'],
    ['>=', ''],
    ['>=1,~2', '~2'],
  ])('%j is malformed: %j is no version', (text, raw) => {
    expect(() => parseConstraint(text)).toThrow(new InvalidVersionError(raw))
  })

  it.each([
    ['>1,1', 'Exact version cannot be combined with range'],
    ['<1,==1', 'Exact version cannot be combined with range'],
    ['1,1', 'Exact version cannot be combined with range'],
    ['==1,>1', 'Min version cannot be combined with exact version'],
    ['1,<=1', 'Max version cannot be combined with exact version'],
    ['>2,>1', 'Min version would be downgraded'],
    ['>=2,>=1', 'Min version would be downgraded'],
    ['<1,<2', 'Max version would be upgraded'],
  ])('%j contradicts itself', (text, message) => {
    expect(() => parseConstraint(text)).toThrow(VersionConflictError)
    expect(() => parseConstraint(text)).toThrow(message)
  })

  it('agrees with semver on ranges both can express', () => {
    const bound = fc.tuple(fc.constantFrom('>=', '>', '<=', '<'), version)
    fc.assert(
      fc.property(fc.array(bound, { maxLength: 3 }), version, (bounds, candidate) => {
        const parts = bounds.map(([operator, at]) => operator + formatVersion(at))
        let constraint: ReturnType<typeof parseConstraint>
        try {
          constraint = parseConstraint(parts.join(','))
        } catch (error) {
          expect(error).toBeInstanceOf(VersionConflictError)
          return
        }
        // A repeated bound replaces the earlier: `>2,>=2` is `>=2`. Only the last of each kind counts.
        const last = (kind: string) => parts.filter((part) => part.startsWith(kind)).slice(-1)
        const range = [...last('>'), ...last('<')].join(' ') || '*'
        expect(satisfies(candidate, constraint)).toBe(semver.satisfies(formatVersion(candidate), range))
      }),
    )
  })

  it('survives its text and its object form', () => {
    for (const text of ['', '==1.2.3', '>=1.0.0', '>1.0.0,<=2.0.0', '<3.0.0']) {
      const constraint = parseConstraint(text)
      expect(formatConstraint(constraint)).toBe(text)
      expect(constraintFromObject(JSON.parse(JSON.stringify(constraintToObject(constraint))))).toEqual(constraint)
    }
  })

  it('reads an object with the exact version winning and defaults for what is absent', () => {
    expect(formatConstraint(constraintFromObject({ exact_version: 'v1', min_version: '2', include_min: false }))).toBe('==1.0.0')
    expect(formatConstraint(constraintFromObject({ min_version: '2', max_version: null }))).toBe('>=2.0.0')
    expect(() => constraintFromObject({ max_version: '1.x' })).toThrow('Invalid semantic version: 1.x')
  })

  it('remembers what it has parsed, within bounds', () => {
    expect(parseConstraint('>=7.1')).toBe(parseConstraint('>=7.1'))
    const first = parseConstraint('>=7.1')
    for (let i = 0; i < 2000; i++) parseConstraint(`>=8.${i}`)
    expect(parseConstraint('>=7.1')).not.toBe(first)
    expect(parseConstraint('>=7.1')).toEqual(first)
  })
})

describe('accepted and refused texts', () => {
  it('rpc check 14: one to three numbers with an optional v; contradicting terms are refused', () => {
    expect(['1', '1.2', 'v1.2.3'].map((text) => formatVersion(parseVersion(text)))).toEqual(['1.0.0', '1.2.0', '1.2.3'])
    for (const text of ['1.2.3.4', '1.x', 'v', '']) expect(() => parseVersion(text), text).toThrow(`Invalid semantic version: ${text}`)
    const range = parseConstraint('version >= 3.0, version < 4')
    expect(satisfies(parseVersion('3.9.9'), range)).toBe(true)
    expect(satisfies(parseVersion('4.0.0'), range)).toBe(false)
    expect(() => parseConstraint('>=2,>=1')).toThrow('Min version would be downgraded')
  })

  it('routing check 34: bounds, exact versions, malformed constraints, and the one that matches everything', () => {
    const matches = (constraint: string, version: string) => satisfies(parseVersion(version), parseConstraint(constraint))
    expect(['3.0.0', '3.9.9', '4.0.0'].map((version) => matches('version >= 3.0, version < 4', version))).toEqual([true, true, false])
    expect([matches('1', '1.0.0'), matches('1', '1.0.1'), matches('v1.2', '1.2.0'), matches('v1.2', '1.2.1')]).toEqual([
      true,
      false,
      true,
      false,
    ])
    for (const text of ['~1.2', '1.2.3.4', '>=1 <2', '==1,>1', '>2,>1']) expect(() => parseConstraint(text), text).toThrow()
    for (const text of ['', '()']) expect([matches(text, '0.0.0'), matches(text, '9.9.9')]).toEqual([true, true])
  })
})
