import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { findJsonMistake } from './json-syntax.ts'

describe('mistakes in JSON', () => {
  it.each([
    ['', 0, 'a value'],
    ['{"a": }', 6, 'a value'],
    ['{"a": hunter2}', 6, 'a value'],
    ['{"a": 01}', 6, 'a value'],
    ['{"a": "x\ny"}', 6, 'a value'],
    ['[1, ]', 4, 'a value'],
    ['[,', 1, 'a value, or "]"'],
    ['{a: 1}', 1, 'a key in double quotes, or "}"'],
    ['{"a": 1, }', 9, 'a key in double quotes'],
    ['{"a" 1}', 5, '":"'],
    ['{"a": 1 "b": 2}', 8, '"," or "}"'],
    ['[1}', 2, '"," or "]"'],
    ['{"a": [1', 8, '"," or "]"'],
    ['{} x', 3, 'nothing more'],
  ])('%j: at %i %s was expected', (text, offset, expected) => {
    expect(findJsonMistake(text)).toEqual({ offset, expected })
  })

  it('are found exactly where the parser finds one', () => {
    const piece = fc.constantFrom(
      ...'{}[],:" \n\\u00e1-.eE+',
      '"a"',
      '"a":',
      '0',
      '10',
      'true',
      'null',
      'tru',
      '\u0001',
      '\\n',
      '{"k":[1,2]}',
    )
    const text = fc.oneof(
      fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
      fc.json(),
      fc
        .tuple(fc.json(), fc.nat(), piece)
        .map(([json, at, extra]) => json.slice(0, at % (json.length + 1)) + extra + json.slice(at % (json.length + 1))),
    )
    fc.assert(
      fc.property(text, (given) => {
        expect(findJsonMistake(given) === undefined).toBe(isJson(given))
      }),
      { numRuns: 2000 },
    )
  })
})

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
