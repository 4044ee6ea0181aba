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
      const first = validator().Errors(value)[0]
      throw new FrameError(fieldPath(first?.instancePath ?? ''), first?.message ?? 'does not match its schema')
    },
  }
}

function fieldPath(pointer: string): string {
  return pointer.replace(/^\//, '').replaceAll('/', '.')
}

export const Nullable = <S extends TSchema>(schema: S) => Type.Union([schema, Type.Null()])
/** Optional on the wire, and `null` means the same as absent. */
export const Maybe = <S extends TSchema>(schema: S) => Type.Optional(Nullable(schema))
/** A JSON object with free members; cheaper than a record type, which would visit every key. */
export const FreeObject = Type.Object({})
