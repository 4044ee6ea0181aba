import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalJson } from './canonical.ts'
import {
  carried,
  EncodingError,
  encodeJson,
  float,
  floatText,
  isLossy,
  JSON_DEPTH_MAX,
  mayBeLossy,
  parseJson,
  RawJson,
  replaceStrings,
  scanArray,
  scanObject,
  sliceAt,
  valueText,
} from './json.ts'

/** Strings that scanners stumble over: quotes, backslashes, brackets, numbers with fractions, keys of prototypes. */
const awkward = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom(
    '"',
    '\\',
    '\\"',
    '\\\\',
    '{',
    '}]',
    '": 1.0,',
    '[-0',
    '1e5',
    '"7":',
    '__proto__',
    'constructor',
    '',
    '0',
    '\u2028',
    '\n',
  ),
)
const key = fc.oneof(awkward, fc.constantFrom('1', '2', '10', '01', '4294967295', '-1'))

const lexeme = fc.oneof(
  fc.constantFrom(
    '1.0',
    '-0',
    '0',
    '-0.0',
    '1e5',
    '1E5',
    '1e+5',
    '18446744073709551615',
    '9007199254740993',
    '1.5',
    '-12',
    '0.1',
    '1.50',
    '1e300',
  ),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.maxSafeInteger().map(String),
)
const space = fc.constantFrom('', '', '', ' ', '\n', '\t ', '\r\n')

/** JSON texts, written by hand as it were: any lexemes, any blanks between the tokens. */
const jsonText = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    lexeme,
    awkward.map((text) => JSON.stringify(text)),
    fc.constantFrom('true', 'false', 'null'),
    fc.tuple(fc.array(tie('value'), { maxLength: 4 }), space).map(([items, gap]) => `[${gap}${items.join(`${gap},${gap}`)}${gap}]`),
    fc
      .tuple(fc.uniqueArray(fc.tuple(key, tie('value')), { maxLength: 4, selector: ([name]) => name }), space)
      .map(
        ([members, gap]) =>
          `{${gap}${members.map(([name, text]) => `${JSON.stringify(name)}${gap}:${gap}${text}`).join(`${gap},${gap}`)}${gap}}`,
      ),
  ),
})).value

/** Removes the blanks between tokens; the strings keep theirs. */
function compacted(text: string): string {
  return text.replace(/("(?:[^"\\]|\\.)*")|\s+/gs, '$1')
}

describe('encodeJson', () => {
  it('says what JSON.stringify says of plain values', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(encodeJson(value))).toEqual(JSON.parse(JSON.stringify(value)))
        expect(encodeJson(value)).toBe(JSON.stringify(value))
      }),
    )
  })

  it('carries any nested text untouched, wherever it stands', () => {
    fc.assert(
      fc.property(jsonText, (text) => {
        const raw = new RawJson(text)
        expect(encodeJson(raw)).toBe(text)
        expect(encodeJson({ a: [raw], b: new Map([['c', raw]]) })).toBe(`{"a":[${text}],"b":{"c":${text}}}`)
      }),
    )
  })

  it.each<[name: string, value: unknown, text: string]>([
    ['the largest integer of the wire', 18446744073709551615n, '18446744073709551615'],
    ['a nested bigint', { n: [-9223372036854775808n] }, '{"n":[-9223372036854775808]}'],
    ['NaN and infinities', [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY], '[null,null,null]'],
    ['undefined at the top', undefined, 'null'],
    ['undefined inside', { a: undefined, b: [undefined] }, '{"b":[null]}'],
    [
      'a map',
      new Map<string, unknown>([
        ['b', 1],
        ['a', new Set([2])],
      ]),
      '{"b":1,"a":[2]}',
    ],
    ['a set', new Set(['x', 'y']), '["x","y"]'],
    ['a date', { at: new Date(0) }, '{"at":"1970-01-01T00:00:00.000Z"}'],
    ['an error', new TypeError('no'), '{"name":"TypeError","message":"no"}'],
    ['an object without prototype', Object.assign(Object.create(null), { a: 1 }), '{"a":1}'],
    ['a declared float', { a: float(1), b: float(-0) }, '{"a":1.0,"b":-0.0}'],
    ['line separators and slashes raw', '\u2028/é', '"\u2028/é"'],
  ])('encodes %s', (_name, value, text) => {
    expect(encodeJson(value)).toBe(text)
  })

  it('puts U+FFFD for lone surrogates, in values and in keys', () => {
    expect(encodeJson('\ud800')).toBe('"\ufffd"')
    expect(encodeJson({ 'a\udc00': ['\ud83d'] })).toBe('{"a\ufffd":["\ufffd"]}')
    expect(encodeJson(['😀', '\\ud800'])).toBe('["😀","\\\\ud800"]')
  })

  it.each<[name: string, value: unknown]>([
    ['a function', () => 1],
    ['a nested function', { f: [() => 1] }],
    ['a symbol', Symbol('s')],
    ['an integer beyond 64 bits', 18446744073709551616n],
    ['a map with number keys', new Map([[1, 2]])],
    ['bytes', { b: new Uint8Array(2) }],
    ['a promise', Promise.resolve(1)],
  ])('refuses %s', (_name, value) => {
    expect(() => encodeJson(value)).toThrow(EncodingError)
  })

  it('refuses cycles and what is nested too deep, and takes the deepest allowed', () => {
    const cycle: unknown[] = []
    cycle.push({ cycle })
    expect(() => encodeJson(cycle)).toThrow(EncodingError)
    const nested = (depth: number): unknown => {
      let value: unknown = 1
      for (let i = 0; i < depth; i++) value = [value]
      return value
    }
    expect(encodeJson(nested(JSON_DEPTH_MAX))).toBe(`${'['.repeat(JSON_DEPTH_MAX)}1${']'.repeat(JSON_DEPTH_MAX)}`)
    expect(() => encodeJson(nested(JSON_DEPTH_MAX + 2))).toThrow(EncodingError)
  })
})

describe('isLossy', () => {
  it('calls a text faithful only when a round trip repeats it', () => {
    fc.assert(
      fc.property(jsonText, (text) => {
        if (!isLossy(text)) expect(JSON.stringify(JSON.parse(text))).toBe(compacted(text))
      }),
      { numRuns: 2000 },
    )
  })

  it('finds every loss', () => {
    fc.assert(
      fc.property(jsonText, (text) => {
        // Blanks do not matter; the spelling of numbers, and keys and their order, do.
        if (JSON.stringify(JSON.parse(text)) !== compacted(text)) expect(isLossy(text)).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })

  it.each(['1.0', '-0', '[-0]', '1e5', '{"a":1E5}', '18446744073709551615', '[ 1.50 ]', '{"2":1,"1":2}', '{"a":{"10" : 0}}'])(
    '%s is',
    (text) => {
      expect(isLossy(text)).toBe(true)
    },
  )

  it.each([
    '1',
    '1.5',
    '"1.0"',
    '["-0, 1e5"]',
    '{"a":"18446744073709551615"}',
    '{"a":": 1.0"}',
    '{"01":1}',
    '["1"]',
    '{"a":"\\"1\\":1.0"}',
    'null',
  ])('%s is not', (text) => {
    expect(isLossy(text)).toBe(false)
  })

  it('need not be asked when the parsed value shows nothing suspicious', () => {
    fc.assert(
      fc.property(jsonText, (text) => {
        if (!mayBeLossy(JSON.parse(text))) expect(JSON.stringify(JSON.parse(text))).toBe(compacted(text))
      }),
    )
  })
})

describe('carried', () => {
  it('is the value itself, or its text where only that is faithful', () => {
    fc.assert(
      fc.property(jsonText, (text) => {
        const value = carried(JSON.parse(text), `[${text}]`, 1, text.length + 1)
        expect(compacted(encodeJson(value))).toBe(compacted(text))
      }),
    )
  })
})

describe('parseJson', () => {
  it('keeps integers beyond 2^53 as bigint, and floats as numbers', () => {
    expect(parseJson('[18446744073709551615,-9007199254740993,9007199254740991,1e300,1234567890123456.5]')).toEqual([
      18446744073709551615n,
      -9007199254740993n,
      9007199254740991,
      1e300,
      1234567890123456.5,
    ])
  })

  it('reads a key with an escape as itself, whatever keys it has seen before', () => {
    for (const [seen, text] of [
      ['{"shape 1":1,"\\\\":1}', '{"shape 1":1,"\\n":2}'],
      ['{"shape 2":1,"C:\\\\n":1}', '{"shape 2":1,"C:\\nX":[1.0]}'],
    ] as const) {
      parseJson(seen)
      expect(encodeJson(parseJson(text))).toBe(text.replace('1.0', '1'))
      expect(isLossy(text)).toBe(true)
    }
  })

  it('leaves integers beyond 64 bits the floats they are elsewhere', () => {
    expect(parseJson('[18446744073709551616,-9223372036854775809]')).toEqual([2 ** 64, -(2 ** 63)])
  })

  it('otherwise equals JSON.parse, and what it returns can be encoded again', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), jsonText), (text) => {
        const value = parseJson(text)
        expect(JSON.parse(encodeJson(value))).toEqual(JSON.parse(JSON.stringify(JSON.parse(text))))
      }),
    )
  })

  it('finds a long integer at any offset', () => {
    fc.assert(
      fc.property(fc.nat(40), fc.bigInt(2n ** 53n + 1n, 2n ** 64n - 1n), (pad, n) => {
        expect(parseJson(`["${'x'.repeat(pad)}",${n}]`)).toEqual(['x'.repeat(pad), n])
      }),
    )
  })
})

describe('scanning', () => {
  const object = fc
    .tuple(fc.uniqueArray(fc.tuple(key, jsonText), { maxLength: 6, selector: ([name]) => name }), space)
    .map(([members, gap]) => ({
      members,
      text: `${gap}{${gap}${members.map(([name, value]) => `${JSON.stringify(name)}${gap}:${gap}${value}`).join(`${gap},${gap}`)}${gap}}`,
      gap,
    }))

  it('visits each member of an object with its key and its exact text', () => {
    fc.assert(
      fc.property(object, ({ members, text }) => {
        const seen: [string, string][] = []
        const end = scanObject(`${text}!`, 0, (name, from, to) => seen.push([name, text.slice(from, to)]))
        expect(seen).toEqual(members)
        expect(end).toBe(text.length)
      }),
      { numRuns: 500 },
    )
  })

  it('decodes escaped keys', () => {
    const seen: string[] = []
    scanObject('{"\\u0061\\"":1,"\\\\":2,"__proto__":3}', 0, (name) => seen.push(name))
    expect(seen).toEqual(['a"', '\\', '__proto__'])
  })

  it('visits each element of an array with its exact text', () => {
    fc.assert(
      fc.property(fc.array(jsonText, { maxLength: 6 }), space, (items, gap) => {
        const text = `[${gap}${items.join(`${gap},${gap}`)}${gap}]`
        const seen: string[] = []
        const end = scanArray(text, 0, (from, to) => seen.push(text.slice(from, to)))
        expect(seen).toEqual(items)
        expect(end).toBe(text.length)
      }),
      { numRuns: 500 },
    )
  })

  it('cuts a value out where it starts', () => {
    fc.assert(
      fc.property(jsonText, (text) => {
        expect(valueText(`[${text},1]`, 1)).toBe(text)
      }),
    )
  })

  it('slices along a path, the last of equal keys winning as it does for JSON.parse', () => {
    expect(sliceAt('{"a":{"b":1.0}}', ['a', 'b'])).toBe('1.0')
    expect(sliceAt('{"a":1,"a":2}', ['a'])).toBe('2')
    expect(sliceAt('{"__proto__":{"x":-0}}', ['__proto__', 'x'])).toBe('-0')
    expect(sliceAt('{"a":[1]}', ['a', '0'])).toBeUndefined()
    expect(sliceAt('{"a":1}', ['b'])).toBeUndefined()
    expect(sliceAt('[1]', [])).toBe('[1]')
    fc.assert(
      fc.property(object, ({ members, text }) => {
        for (const [name, value] of members) expect(sliceAt(text, [name])).toBe(value)
      }),
    )
  })

  it('replaces strings and nothing else', () => {
    expect(replaceStrings('{"a": ["a", {"a" : "a"}], "b": 1.0}', (value) => (value === 'a' ? '[2.0]' : undefined))).toBe(
      '{"a": [[2.0], {"a" : [2.0]}], "b": 1.0}',
    )
    fc.assert(
      fc.property(jsonText, (text) => {
        expect(replaceStrings(text, () => undefined)).toBe(text)
        const seen: string[] = []
        replaceStrings(text, (value) => {
          seen.push(value)
          return undefined
        })
        const strings: string[] = []
        JSON.parse(text, (_key, value: unknown) => {
          if (typeof value === 'string') strings.push(value)
          return value
        })
        expect(seen.toSorted()).toEqual(strings.toSorted())
      }),
    )
  })
})

describe('floatText', () => {
  it.each([
    [1, '1.0'],
    [-0, '-0.0'],
    [0, '0.0'],
    [1e15, '1000000000000000.0'],
    [1e16, '1e+16'],
    [1.2345678901234568e17, '1.2345678901234568e+17'],
    [0.00001, '0.00001'],
    [1e-6, '1e-6'],
    [1.5e-10, '1.5e-10'],
    [120.25, '120.25'],
    [Number.NaN, 'null'],
  ])('%d is %s', (value, text) => {
    expect(floatText(value)).toBe(text)
  })

  it('reads back as the same number and looks like a float', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(Number(floatText(value))).toBe(value)
        expect(floatText(value)).toMatch(/[.e]/)
      }),
    )
  })
})

describe('value hashes', () => {
  it.each([
    [{ v: 1 }, 'afbf9d0f3560b0fd'],
    [{ v: float(1) }, 'f3c8be97307d3826'],
    [{ n: 1.5 }, 'cb14d55cfe562fd6'],
  ])('tell integers from floats: %o', (value, digest) => {
    expect(createHash('sha256').update(encodeJson(value)).digest('hex').slice(0, 16)).toBe(digest)
    expect(
      createHash('sha256')
        .update(canonicalJson(new RawJson(encodeJson(value))))
        .digest('hex')
        .slice(0, 16),
    ).toBe(digest)
  })
})
