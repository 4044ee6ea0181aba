/** The words in which the monitoring records are declared. */
import { type Static, type TSchema, Type } from 'typebox'

/** The value a schema describes, for reading only. */
export type ReadOnly<S extends TSchema> = Frozen<Static<S>>
type Frozen<T> = { readonly [K in keyof T]: Frozen<T[K]> }

export const count = Type.Integer()
export const amount = Type.Number()
export const text = Type.String()
export const time = Type.Number({ description: 'Unix seconds' })
export const flag = Type.Boolean()
export const anything = Type.Unknown()
export const { Array: list, Enum: oneOf, Object: record, Optional: optional } = Type
export const mapOf = <S extends TSchema>(member: S) => Type.Record(Type.String(), member)
export const nullable = <S extends TSchema>(schema: S) => Type.Union([schema, Type.Null()])
