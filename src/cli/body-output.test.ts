import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bodyText } from './body-output.ts'

describe('a body in compact form', () => {
  it('has one line for scalars and one for each item of a list', () => {
    const body = { status: 'ok', a: { b: 1, c: null }, rows: [{ id: 'x', n: { m: true } }, { id: 'y z' }], timestamp: 5 }
    expect(bodyText(JSON.stringify(body), 'compact')).toBe('a.b=1 a.c=-\nrows id=x n.m=true\nrows id="y z"')
  })

  it('keeps its lines whole, whatever the texts are', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ text: fc.string({ unit: 'binary' }) }), { minLength: 1, maxLength: 5 }), (rows) => {
        const text = bodyText(JSON.stringify({ rows }), 'compact')
        expect(text.split('\n')).toHaveLength(rows.length)
        expect([...text].every((c) => c === '\n' || c >= ' ')).toBe(true)
      }),
    )
  })
})

describe('a body as JSON', () => {
  it('keeps every number as it came', () => {
    expect(bodyText('{"n":1.0,"big":18446744073709551615}', 'json')).toBe('{\n  "n": 1.0,\n  "big": 18446744073709551615\n}')
  })
})

describe('a body as a table', () => {
  it('leaves out what frames every answer, but not what an error says', () => {
    expect(bodyText('{"status":"ok","timestamp":1,"a":2}', 'table')).not.toMatch(/status|timestamp/)
    expect(bodyText('{"status":"error","message":"no"}', 'table')).toMatch(/status.*error[\s\S]*message.*no/)
  })

  it('has a column for each field that any item has', () => {
    expect(bodyText('{"rows":[{"a":1},{"b":[1,2]}]}', 'table')).toMatch(/│ a +│ b +│[\s\S]*│ 1 +│ - +│[\s\S]*│ - +│ 1,2 +│/)
  })
})
