import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalFloat, canonicalJson, compareCodePoints } from './canonical.ts'
import { float, RawJson } from './json.ts'

describe('canonical text', () => {
  it('sorts keys by code point at every level and escapes all but printable ASCII', () => {
    expect(canonicalJson({ b: [{ z: 1, a: true }], a: null, '\ue000': 1, '😀': 2, é: 'ü/"\\\n\u007f' })).toBe(
      '{"a":null,"b":[{"a":true,"z":1}],"\\u00e9":"\\u00fc/\\"\\\\\\n\\u007f","\\ue000":1,"\\ud83d\\ude00":2}',
    )
  })

  it('leaves undefined members out', () => {
    expect(canonicalJson({ a: undefined, b: 1 })).toBe('{"b":1}')
  })

  it.each([
    [1, '1'],
    [-0, '0'],
    [0.5, '0.5'],
    [1e-7, '1e-07'],
    [2n ** 64n - 1n, '18446744073709551615'],
    [float(1), '1.0'],
    [new RawJson('0.00001'), '1e-05'],
    [new RawJson(' {"b": 1.50, "a": [1e5, -0, 1E-7], "b": 2} '), '{"a":[100000.0,0,1e-07],"b":2}'],
    [new RawJson('18446744073709551615'), '18446744073709551615'],
  ])('prints %o as a number of its kind', (value, text) => {
    expect(canonicalJson(value)).toBe(text)
  })

  it.each([Number.NaN, Number.POSITIVE_INFINITY, undefined, () => 1, [Symbol('s')]])('refuses what has none', (value) => {
    expect(() => canonicalJson(value)).toThrow(TypeError)
  })

  it('does not depend on the order of members, nor on value or text', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.oneof(fc.string({ unit: 'binary' }), fc.maxSafeInteger())), (object) => {
        const turned = Object.fromEntries(Object.entries(object).reverse())
        expect(canonicalJson(turned)).toBe(canonicalJson(object))
        expect(canonicalJson(new RawJson(JSON.stringify(object)))).toBe(canonicalJson(object))
        expect(canonicalJson(object)).toMatch(/^[ -~]*$/)
        expect(JSON.parse(canonicalJson(object))).toEqual(JSON.parse(JSON.stringify(object)))
      }),
    )
  })
})

describe('canonicalFloat', () => {
  it.each([
    [30, '30.0'],
    [12.5, '12.5'],
    [-0, '-0.0'],
    [0, '0.0'],
    [0.0001, '0.0001'],
    [0.00001, '1e-05'],
    [0.00012, '0.00012'],
    [1.5e-7, '1.5e-07'],
    [1.5e-10, '1.5e-10'],
    [-5e-324, '-5e-324'],
    [1e15, '1000000000000000.0'],
    [1e16, '1e+16'],
    [1.2345678901234568e17, '1.2345678901234568e+17'],
    [1e22, '1e+22'],
    [1e100, '1e+100'],
  ])('%d is %s', (value, text) => {
    expect(canonicalFloat(value)).toBe(text)
  })

  it('reads back as the same number', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(Number(canonicalFloat(value))).toBe(value)
        expect(canonicalFloat(value)).toMatch(/\.|e[+-]\d\d/)
      }),
    )
  })
})

describe('compareCodePoints', () => {
  it('orders as lists of code points do', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
        const left = [...a].map((unit) => unit.codePointAt(0) as number)
        const right = [...b].map((unit) => unit.codePointAt(0) as number)
        let expected = left.length - right.length
        for (let i = Math.min(left.length, right.length) - 1; i >= 0; i--) expected = (left[i] as number) - (right[i] as number) || expected
        expect(Math.sign(compareCodePoints(a, b))).toBe(Math.sign(expected))
      }),
      { numRuns: 1000 },
    )
  })
})
