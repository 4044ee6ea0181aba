/**
 * One declaration per frame: static type, compiled validator, JSON Schema. Unknown extra fields are allowed everywhere, as on the wire.
 */
import { type Static, type TSchema, Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { FrameError } from './errors.ts'

export interface FrameSchema<T> {
  /** The JSON Schema of the frame. */
  readonly schema: TSchema
  check(value: unknown): value is T
  /** The same value, typed. @throws FrameError naming the first offending field. */
  parse(value: unknown): T
}

/** Compiled on first use, so that a process pays only for the frames it meets. */
export function frameSchema<S extends TSchema>(schema: S): FrameSchema<Static<S>> {
  let compiled: ReturnType<typeof Compile<S>> | undefined
  const validator = () => (compiled ??= Compile(schema))
  return {
    schema,
    check: (value): value is Static<S> => validator().Check(value),
    parse(value) {
      if (validator().Check(value)) return value as Static<S>
      throw complaint(validator().Errors(value))
    },
  }
}

interface SchemaError {
  readonly keyword: string
  readonly schemaPath: string
  readonly instancePath: string
  readonly params: object
}

/** The first thing wrong, said once: a union reports every branch that did not fit. */
function complaint(errors: readonly SchemaError[]): FrameError {
  const first = errors[0]
  if (first === undefined) return new FrameError('', 'does not match its schema')
  const union = errors.find((error) => error.keyword === 'anyOf' && first.schemaPath.startsWith(`${error.schemaPath}/anyOf/`))
  if (union === undefined) return new FrameError(fieldPath(first), predicate(first))
  const inside = errors.filter((error) => error.schemaPath.startsWith(`${union.schemaPath}/anyOf/`))
  if (inside.every((error) => error.instancePath === union.instancePath && (error.keyword === 'type' || error.keyword === 'const'))) {
    return new FrameError(fieldPath(union), `must be ${[...new Set(inside.map(wanted))].join(' or ')}`)
  }
  // Objects told apart by a word: complain about the one that was meant, or about the word.
  const branchOf = (error: SchemaError) => error.schemaPath.slice(union.schemaPath.length).split('/')[2]
  const tags = inside.filter((error) => error.keyword === 'const')
  const meant = inside.find((error) => !tags.some((tag) => branchOf(tag) === branchOf(error)))
  if (meant !== undefined) return complaint(inside.filter((error) => branchOf(error) === branchOf(meant)))
  const tag = tags[0] ?? first
  return new FrameError(fieldPath(tag), `must be ${tags.map(wanted).join(' or ')}`)
}

function fieldPath(error: SchemaError): string {
  const path = error.instancePath.slice(1).replaceAll('/', '.')
  const missing = (error.params as { requiredProperties?: readonly string[] }).requiredProperties?.[0]
  return missing === undefined ? path : path === '' ? missing : `${path}.${missing}`
}

function predicate(error: SchemaError): string {
  if (error.keyword === 'maxLength') return `must be at most ${(error.params as { limit: number }).limit} characters`
  return error.keyword === 'required' ? 'is required' : `must be ${wanted(error)}`
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  integer: 'an integer',
  boolean: 'true or false',
  array: 'an array',
  object: 'an object',
  null: 'null',
}

function wanted({ params }: SchemaError): string {
  const { type, allowedValue, allowedValues } = params as { type?: string; allowedValue?: unknown; allowedValues?: readonly unknown[] }
  if (allowedValues !== undefined) return allowedValues.map((value) => JSON.stringify(value)).join(' or ')
  return (type === undefined ? JSON.stringify(allowedValue) : KINDS[type]) ?? 'what its schema says'
}

export const Nullable = <S extends TSchema>(schema: S) => Type.Union([schema, Type.Null()])
/** Optional on the wire, and `null` means the same as absent. */
export const Maybe = <S extends TSchema>(schema: S) => Type.Optional(Nullable(schema))
/** A JSON object with free members; cheaper than a record type, which would visit every key. */
export const FreeObject = Type.Object({})
/** Comes back in the answer, so it must leave room for one. */
export const CorrelationId = Type.String({ maxLength: 1024 })
