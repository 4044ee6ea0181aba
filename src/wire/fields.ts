/**
 * Records that travel inside other frames: one declaration gives the TypeScript type, the JSON Schema, a reader that fills in defaults, and a
 * writer that prints every number as its declared type.
 *
 *     const link = record({ cluster_id: text(''), latency_ms: float(0), bandwidth_mbps: nullable(int()) })
 *     type Link = RecordOf<typeof link>
 *     link.write({ cluster_id: 'moss', latency_ms: 3, bandwidth_mbps: null })
 *     // {"cluster_id":"moss","latency_ms":3.0,"bandwidth_mbps":null}
 *
 * Reading is as lenient as the protocol asks: unknown members are ignored, an absent or null member takes its default. What still can not be
 * read throws {@link FrameError} with the member's path.
 */
import { type TObject, type TSchema, Type } from 'typebox'
import type { VectorClock } from '../base/index.ts'
import { compareCodePoints } from './canonical.ts'
import { FrameError } from './errors.ts'
import { encodeJson, floatText, isLossy, memberStarts, RawJson, scanArray, scanObject, valueText } from './json.ts'

/** What a reader knows besides the value. */
export interface Reading {
  /** The text the value was parsed from; `at` positions point into it. */
  readonly text: string
  /** Receiver's clock, Unix seconds: default of every time stamp. */
  readonly now: number
  /** Filled with a complaint for every list element that was left out. */
  readonly dropped: FrameError[]
}

export interface Field<T> {
  /** The member as this node writes it. */
  readonly schema: TSchema
  /** True when the reader needs to know where the value starts in the text. */
  readonly usesText: boolean
  /** @param value undefined when absent. @throws FrameError */
  read(value: unknown, reading: Reading, at: number): T
  /** JSON text; undefined leaves the member out. */
  write(value: T): string | undefined
}

/** A field that is always written. */
export interface RecordField<T> extends Field<T> {
  write(value: T): string
}

type Fields = Readonly<Record<string, Field<unknown>>>
type Value<F> = F extends { read(value: unknown, reading: Reading, at: number): infer T } ? T : never
type Omittable<F> = { [K in keyof F]: undefined extends Value<F[K]> ? K : never }[keyof F]
type Members<F> = { readonly [K in Exclude<keyof F, Omittable<F>>]: Value<F[K]> } & {
  readonly [K in Omittable<F>]?: Exclude<Value<F[K]>, undefined>
}
type Flat<T> = { [K in keyof T]: T[K] }

/** The type of the objects a record reads and writes. */
export type RecordOf<R> = Value<R>

/** An object with known members, written in the order of their declaration. */
export function record<F extends Fields>(fields: F): RecordField<Flat<Members<F>>> {
  const members = Object.entries(fields).map(([name, field]) => ({ name, field, label: `${JSON.stringify(name)}:` }))
  const usesText = members.some(({ field }) => field.usesText)
  return {
    schema: Type.Object(Object.fromEntries(members.map(({ name, field }) => [name, field.schema]))),
    usesText,
    read(value, reading, at) {
      if (!isObject(value)) throw unreadable(value, 'an object')
      const starts = usesText ? memberStarts(reading.text, at) : undefined
      const out: Record<string, unknown> = {}
      let current = ''
      try {
        for (const { name, field } of members) {
          current = name
          const known = reading.dropped.length
          const read = field.read(Object.hasOwn(value, name) ? value[name] : undefined, reading, starts?.get(name) ?? -1)
          if (read !== undefined) out[name] = read
          if (reading.dropped.length > known) relocate(reading.dropped, known, name)
        }
      } catch (error) {
        throw locate(error, current)
      }
      return out as Flat<Members<F>>
    },
    write(value) {
      let body = ''
      for (const { name, field, label } of members) {
        const written = field.write((value as Record<string, unknown>)[name])
        if (written !== undefined) body += body === '' ? label + written : `,${label}${written}`
      }
      return `{${body}}`
    },
  }
}

/** The members a record knows, in order. */
export function memberNames({ schema }: RecordField<unknown>): string[] {
  return Object.keys((schema as TObject).properties)
}

/** The record made of defaults when absent. */
export function defaulted<T>(field: RecordField<T>): RecordField<T> {
  return {
    ...field,
    read: (value, reading, at) =>
      value === undefined || value === null ? field.read({}, { ...reading, text: '{}' }, 0) : field.read(value, reading, at),
  }
}

/** Elements that can not be read are left out and reported, so that one bad entry does not void the others. */
export function list<T>(element: Field<T>): RecordField<readonly T[]> {
  return {
    schema: Type.Array(element.schema),
    usesText: element.usesText,
    read(value, reading, at) {
      if (value === undefined || value === null) return []
      if (!Array.isArray(value)) throw unreadable(value, 'an array')
      const starts: number[] = []
      if (element.usesText) scanArray(reading.text, at, (start) => starts.push(start))
      const out: T[] = []
      for (let i = 0; i < value.length; i++) {
        const known = reading.dropped.length
        try {
          out.push(element.read(value[i], reading, starts[i] ?? -1))
          if (reading.dropped.length > known) relocate(reading.dropped, known, i)
        } catch (error) {
          reading.dropped.splice(known, Number.POSITIVE_INFINITY, locate(error, i))
        }
      }
      return out
    },
    write: (values) => `[${values.map((value) => element.write(value)).join(',')}]`,
  }
}

/** An object with free keys and members of one kind. A key may be anything, `__proto__` included. */
export function mapOf<T>(member: Field<T>): RecordField<Readonly<Record<string, T>>> {
  return {
    schema: Type.Record(Type.String(), member.schema),
    usesText: member.usesText,
    read(value, reading, at) {
      if (value === undefined || value === null) return {}
      if (!isObject(value)) throw unreadable(value, 'an object')
      const starts = member.usesText ? memberStarts(reading.text, at) : undefined
      let current = ''
      try {
        return Object.fromEntries(
          Object.entries(value).map(([key, inner]) => {
            current = key
            const known = reading.dropped.length
            const read = member.read(inner, reading, starts?.get(key) ?? -1)
            if (reading.dropped.length > known) relocate(reading.dropped, known, key)
            return [key, read]
          }),
        )
      } catch (error) {
        throw locate(error, current)
      }
    },
    write: (value) => `{${Object.entries(value).map(([key, inner]) => `${encodeJson(key)}:${member.write(inner)}`)}}`,
  }
}

export function nullable<T>(field: Field<T>): Field<T | null> {
  return {
    schema: Type.Union([field.schema, Type.Null()]),
    usesText: field.usesText,
    read: (value, reading, at) => (value === undefined || value === null ? null : field.read(value, reading, at)),
    write: (value) => (value === null ? 'null' : field.write(value)),
  }
}

/** Left out when absent; null counts as absent. */
export function omittable<T>(field: Field<T>): Field<T | undefined> {
  return {
    schema: Type.Optional(field.schema),
    usesText: field.usesText,
    read: (value, reading, at) => (value === undefined || value === null ? undefined : field.read(value, reading, at)),
    write: (value) => (value === undefined ? undefined : field.write(value)),
  }
}

function scalar<T>(schema: TSchema, read: (value: unknown, reading: Reading) => T, write: (value: T) => string): RecordField<T> {
  return { schema, usesText: false, read, write }
}

/** A string. Without `otherwise` it may not be absent. */
export function text(otherwise?: string): RecordField<string> {
  return scalar(
    Type.String(),
    (value) => {
      if (typeof value === 'string') return value
      if ((value === undefined || value === null) && otherwise !== undefined) return otherwise
      throw unreadable(value, 'a string')
    },
    encodeJson,
  )
}

/** A string that may be neither absent nor empty. */
export const id: RecordField<string> = scalar(
  Type.String({ minLength: 1 }),
  (value) => {
    if (typeof value === 'string' && value !== '') return value
    throw value === '' ? new FrameError('', 'must not be empty') : unreadable(value, 'a string')
  },
  encodeJson,
)

/** A string or null; empty and what is no string read as null. */
export const textOrNull: RecordField<string | null> = scalar(
  Type.Union([Type.String(), Type.Null()]),
  (value) => (typeof value === 'string' && value !== '' ? value : null),
  encodeJson,
)

/** An integer; fractions are cut off, numeric strings accepted. Without `otherwise` it may not be absent. */
export function int(otherwise?: number): RecordField<number> {
  return scalar(
    Type.Integer(),
    (value) => {
      const whole = Math.trunc(readNumber(value, otherwise))
      if (!Number.isSafeInteger(whole)) throw new FrameError('', 'must be an integer of at most 53 bits')
      return whole + 0
    },
    String,
  )
}

/** An integer that may not be negative. */
export function natural(otherwise?: number): RecordField<number> {
  const whole = int(otherwise)
  return {
    ...whole,
    schema: Type.Integer({ minimum: 0 }),
    read(value, reading, at) {
      const number = whole.read(value, reading, at)
      if (number < 0) throw new FrameError('', 'must not be negative')
      return number
    },
  }
}

/** A number that always prints with a fraction or an exponent. Without `otherwise` it may not be absent. */
export function float(otherwise?: number): RecordField<number> {
  return scalar(Type.Number(), (value) => readNumber(value, otherwise), floatText)
}

/** A time stamp in Unix seconds, the receiver's clock plus `laterSeconds` when absent. */
export function time(laterSeconds = 0): RecordField<number> {
  return scalar(Type.Number(), (value, reading) => readNumber(value, reading.now + laterSeconds), floatText)
}

export function bool(otherwise?: boolean): RecordField<boolean> {
  return scalar(
    Type.Boolean(),
    (value) => {
      if (typeof value === 'boolean') return value
      if ((value === undefined || value === null) && otherwise !== undefined) return otherwise
      throw unreadable(value, 'a boolean')
    },
    String,
  )
}

/** One of some words. Without `otherwise` it may not be absent; an unknown word is always refused. */
export function oneOf<const T extends string>(words: readonly T[], otherwise?: T): RecordField<T> {
  return scalar(
    Type.Union(words.map((word) => Type.Literal(word))),
    (value) => {
      if (words.includes(value as T)) return value as T
      if ((value === undefined || value === null) && otherwise !== undefined) return otherwise
      throw new FrameError('', value === undefined ? 'is required' : `must be one of ${words.join(', ')}`)
    },
    encodeJson,
  )
}

/** A discriminating member: always written, and must be there when read. */
export function literal<const T extends string>(word: T): RecordField<T> {
  return oneOf([word])
}

/** An array of strings in their order. What is no array reads as empty, elements that are no strings are left out. */
export const texts: RecordField<readonly string[]> = scalar(
  Type.Array(Type.String()),
  (value) => (Array.isArray(value) ? value.filter((element) => typeof element === 'string') : []),
  encodeJson,
)

/** A set of strings: a list or a single scalar, empty members left out, printed in code point order. */
export const textSet: RecordField<readonly string[]> = scalar(
  Type.Array(Type.String()),
  (value) => {
    const elements = Array.isArray(value) ? value : [value]
    return sortedSet(elements.filter((element) => isScalar(element) && element).map(String))
  },
  (value) => encodeJson(sortedSet(value)),
)

/** Any JSON value, kept as the text it arrived in. */
export function raw(otherwise: string): RecordField<RawJson> {
  return {
    schema: Type.Unknown(),
    usesText: true,
    read: (value, reading, at) => new RawJson(value === undefined ? otherwise : valueText(reading.text, at)),
    write: (value) => value.text,
  }
}

/** A JSON object, kept as the text it arrived in; anything else reads as `{}`. */
export const rawObject: RecordField<RawJson> = {
  ...raw('{}'),
  schema: Type.Object({}),
  read: (value, reading, at) => new RawJson(isObject(value) ? valueText(reading.text, at) : '{}'),
}

/** A JSON array, kept as the text it arrived in; anything else reads as `[]`. */
export const rawArray: RecordField<RawJson> = {
  ...raw('[]'),
  schema: Type.Array(Type.Unknown()),
  read: (value, reading, at) => new RawJson(Array.isArray(value) ? valueText(reading.text, at) : '[]'),
}

export type Scalar = string | number | boolean | RawJson

/** An object of scalars: null members are left out, arrays and objects become their JSON text. Numbers keep their lexemes. */
export const scalars: RecordField<Readonly<Record<string, Scalar>>> = {
  schema: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean()])),
  usesText: true,
  read(value, reading, at) {
    if (!isObject(value)) return {}
    const members = new Map<string, Scalar>()
    scanObject(reading.text, at, (key, start, end) => {
      const member = value[key]
      const lexeme = reading.text.slice(start, end)
      if (typeof member === 'number' && isLossy(lexeme)) members.set(key, new RawJson(lexeme))
      else if (member !== null) members.set(key, isScalar(member) ? member : lexeme)
    })
    return Object.fromEntries(members)
  },
  write: encodeJson,
}

const counters = mapOf(natural())

/** A vector clock: node ids, none empty, with their counters. */
export const clock: RecordField<VectorClock> = {
  ...counters,
  read(value, reading, at) {
    const entries = counters.read(value, reading, at)
    if (Object.hasOwn(entries, '')) throw new FrameError('', 'must not have an empty node id')
    return entries
  },
}

const NUMERIC = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$/

/** A number, or a string that spells one. */
export function isNumeric(value: unknown): boolean {
  return typeof value === 'number' || (typeof value === 'string' && NUMERIC.test(value))
}

function readNumber(value: unknown, otherwise: number | undefined): number {
  if (value === undefined || value === null) {
    if (otherwise === undefined) throw unreadable(value, 'a number')
    return otherwise
  }
  if (!isNumeric(value)) throw unreadable(value, 'a number')
  const number = Number(value)
  if (!Number.isFinite(number)) throw new FrameError('', 'must be finite')
  return number
}

function unreadable(value: unknown, wanted: string): FrameError {
  return new FrameError('', value === undefined ? 'is required' : `must be ${wanted}, not ${kindOf(value)}`)
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

/** The same complaint, seen from one level further out. What is no {@link FrameError} is a bug, and is thrown on. */
function locate(error: unknown, member: string | number): FrameError {
  if (!(error instanceof FrameError)) throw error
  return error.within(member)
}

function relocate(dropped: FrameError[], from: number, member: string | number): void {
  for (let i = from; i < dropped.length; i++) dropped[i] = (dropped[i] as FrameError).within(member)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
}

function sortedSet(values: readonly string[]): string[] {
  return [...new Set(values)].sort(compareCodePoints)
}

/** Reads the member `name` of a parsed frame. @throws FrameError */
export function readMember<T>(field: Field<T>, frame: object, name: string, reading: Reading): T {
  try {
    const value = field.read((frame as Record<string, unknown>)[name], reading, memberStarts(reading.text, 0).get(name) ?? -1)
    relocate(reading.dropped, 0, name)
    return value
  } catch (error) {
    throw locate(error, name)
  }
}
