import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { argumentText, indentJson, jsonLine } from './json-output.ts'

describe('indented JSON', () => {
  it('is laid out as JSON.stringify does it, whatever white space there was', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(undefined, 0, 1, 3, '\t'), (value, space) => {
        expect(indentJson(JSON.stringify(value, null, space))).toBe(JSON.stringify(value, null, 2))
      }),
    )
  })

  it('keeps lexemes and the order of keys', () => {
    expect(indentJson('{"2":1.0,"1":[-0,1E400,18446744073709551615]}')).toBe(
      '{\n  "2": 1.0,\n  "1": [\n    -0,\n    1E400,\n    18446744073709551615\n  ]\n}',
    )
  })

  it('takes strings of any length', () => {
    const text = JSON.stringify('\\"x'.repeat(1_000_000))
    expect(indentJson(text) === text).toBe(true)
  })
})

describe('JSON on one line', () => {
  it('has all digits of a long integer', () => {
    expect(jsonLine({ n: [2n ** 64n - 1n], s: 'x' })).toBe('{"n":[18446744073709551615],"s":"x"}')
  })
})

describe('an argument', () => {
  it('is JSON where it can be, and a string otherwise', () => {
    expect(['1.0', ' [1] ', 'null', '"a"', 'a b', '', '01', "{'a':1}"].map(argumentText)).toEqual([
      '1.0',
      '[1]',
      'null',
      '"a"',
      '"a b"',
      '""',
      '"01"',
      `"{'a':1}"`,
    ])
  })
})
