import fc from 'fast-check'
import { parse, stringify } from 'smol-toml'
import { describe, expect, it } from 'vitest'
import { locateInJson, locateInToml } from './locate.ts'
import type { Path } from './report.ts'

describe('lines of a JSON document', () => {
  it('are those of the values', () => {
    const line = locateInJson('{\n "a": 1,\n "b": {\n  "c": [\n   1,\n   {"d\\"e": 2}\n  ]\n }\n}')
    expect([['a'], ['b'], ['b', 'c'], ['b', 'c', 0], ['b', 'c', 1], ['b', 'c', 1, 'd"e']].map(line)).toEqual([2, 3, 4, 5, 6, 6])
  })

  it('are those of what is around a value that is not there', () => {
    const line = locateInJson('{\n "a": {\n  "b": 1\n }\n}')
    expect([['a', 'x'], ['a', 'b', 'c'], ['x'], []].map(line)).toEqual([2, 3, undefined, undefined])
  })

  it('are those of the last one where a name stands twice', () => {
    expect(locateInJson('{\n"a": 1,\n"a": 2}')(['a'])).toBe(3)
  })

  it('agree with how a document was printed', () => {
    const document = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }), { minKeys: 1 })
    fc.assert(
      fc.property(document, (value) => {
        const text = JSON.stringify(value, null, 1)
        const line = locateInJson(text)
        const lines = text.split('\n')
        for (const [path, scalar] of scalars(JSON.parse(text))) {
          expect(lines[(line(path) ?? 0) - 1]?.trim().replace(/,$/, '').endsWith(JSON.stringify(scalar))).toBe(true)
        }
      }),
    )
  })
})

describe('lines of a TOML document', () => {
  it.each<[Path, number]>([
    [['top'], 2],
    [['dotted', 'name'], 3],
    [['dotted'], 3],
    [['text'], 4],
    [['list', 0], 9],
    [['list', 1], 10],
    [['after'], 12],
    [['table'], 14],
    [['table', 'a b', 'c'], 15],
    [['table', 'inline', 'x', 1, 'y'], 16],
    [['rows', 0, 'n'], 18],
    [['rows', 1], 19],
    [['rows', 1, 'n'], 20],
    [['rows', 1, 'sub', 'z'], 22],
    [['rows', 1, 'absent'], 19],
  ])('%j is in line %i', (path, expected) => {
    const text = `# [comment]
top = 1 # a = 2
dotted.name = "x = [1]"
text = """
[table]
  top = "
  \\""""
list = [ # begins
  1,
  2, # ]
]
after = '''it's'''

[table]
"a b".c = 1979-05-27T07:32:00Z
inline = { x = [1, { y = "}" }], 'z' = 2 }
[[rows]]
n = 1
[[rows]]
n = 2
[rows.sub]
z = 3`
    expect(() => parse(text)).not.toThrow()
    expect(locateInToml(text)(path)).toBe(expected)
  })

  it('agree with how a document was printed', () => {
    const scalar = fc.oneof(fc.string(), fc.integer(), fc.boolean())
    const table = fc.dictionary(fc.string(), fc.oneof(scalar, fc.array(scalar), fc.dictionary(fc.string(), scalar)))
    const document = fc.dictionary(fc.string(), fc.oneof(scalar, table, fc.array(table, { minLength: 1 })), { minKeys: 1 })
    fc.assert(
      fc.property(document, (value) => {
        const text = stringify(value)
        const line = locateInToml(text)
        const lines = text.split('\n')
        for (const [path, one] of scalars(parse(text))) {
          if (typeof path.at(-1) === 'number') continue
          const written = lines[(line(path) ?? 0) - 1] ?? ''
          const key = path.at(-1) as string
          expect(parse(written)[key] ?? written).toEqual(one)
        }
      }),
    )
  })

  it('end, whatever the text is', () => {
    const piece = fc.constantFrom('[', ']', '[[', '{', '}', '=', '"', "'", '"""', '#', '.', ',', '\n', 'a', ' ', '\\')
    fc.assert(fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => void locateInToml(pieces.join(''))(['a'])))
  })
})

function* scalars(value: unknown, path: Path = []): Generator<[Path, unknown]> {
  if (Array.isArray(value)) for (const [index, one] of value.entries()) yield* scalars(one, [...path, index])
  else if (typeof value === 'object' && value !== null) for (const [key, one] of Object.entries(value)) yield* scalars(one, [...path, key])
  else yield [path, value]
}
