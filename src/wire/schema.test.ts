import { Type } from 'typebox'
import { describe, expect, it } from 'vitest'
import { FrameError } from './errors.ts'
import { FreeObject, frameSchema, Maybe, Nullable } from './schema.ts'

const frame = frameSchema(
  Type.Object({
    name: Type.String(),
    inner: Type.Optional(Type.Object({ n: Type.Integer(), list: Type.Array(Type.Boolean()) })),
    maybe: Maybe(Type.String()),
    nullable: Type.Optional(Nullable(Type.Number())),
    word: Type.Optional(Type.Union([Type.Literal('p'), Type.Literal('q')])),
    role: Type.Optional(Type.Literal('r')),
    choice: Type.Optional(Type.Enum(['x', 'y'])),
    free: Type.Optional(FreeObject),
    tagged: Type.Optional(
      Type.Union([
        Type.Object({ what: Type.Literal('A'), a: Type.String() }),
        Type.Object({ what: Type.Literal('B'), b: Type.Array(Type.Number()) }),
      ]),
    ),
  }),
)

describe('frame schemas', () => {
  it.each([
    { name: 'n' },
    { name: '', extra: 1, maybe: null, nullable: 1.5, inner: { n: 2.0, list: [true] } },
    { name: 'n', tagged: { what: 'B', b: [] } },
  ])('accept %o as it is', (value) => {
    expect(frame.check(value)).toBe(true)
    expect(frame.parse(value)).toBe(value)
  })

  it.each<[value: unknown, message: string]>([
    [null, 'must be an object'],
    [[], 'must be an object'],
    [{}, 'name is required'],
    [{ name: 1 }, 'name must be a string'],
    [{ name: '', inner: {} }, 'inner.n is required'],
    [{ name: '', inner: { n: 1.5, list: [] } }, 'inner.n must be an integer'],
    [{ name: '', inner: { n: 1, list: [true, 'x'] } }, 'inner.list.1 must be true or false'],
    [{ name: '', maybe: 4 }, 'maybe must be a string or null'],
    [{ name: '', nullable: 'x' }, 'nullable must be a number or null'],
    [{ name: '', word: 'z' }, 'word must be "p" or "q"'],
    [{ name: '', role: 'z' }, 'role must be "r"'],
    [{ name: '', choice: 'z' }, 'choice must be "x" or "y"'],
    [{ name: '', free: [] }, 'free must be an object'],
    [{ name: '', tagged: { what: 'A' } }, 'tagged.a is required'],
    [{ name: '', tagged: { what: 'B', b: [''] } }, 'tagged.b.0 must be a number'],
    [{ name: '', tagged: { what: 'C' } }, 'tagged.what must be "A" or "B"'],
  ])('refuse %o in words', (value, message) => {
    expect(frame.check(value)).toBe(false)
    expect(() => frame.parse(value)).toThrow(message)
    expect(() => frame.parse(value)).toThrow(FrameError)
  })

  it('name the place apart from the complaint', () => {
    expect(new FrameError('b', 'is required').within('a').within(0)).toMatchObject({
      where: '0.a.b',
      what: 'is required',
      message: '0.a.b is required',
    })
    expect(new FrameError('', 'is wrong').within('a').message).toBe('a is wrong')
  })
})
