/**
 * Discovery queries as clients send them: one optional object, its fields loosely typed. Scopes are checked, a scalar stands for a list of
 * one, pages are cut by a token that carries offset and limit.
 */
import { SCOPES, type Scope } from './catalog.ts'
import { MpregError } from './errors.ts'

export type QueryFields = Readonly<Record<string, unknown>>

/** A query field that is not what it must be. Answered as a failed execution; the name is the one such failures have on the wire. */
export class QueryError extends MpregError {
  override readonly name = 'ValueError'
  readonly code = 'invalid_query'
}

/** Undefined when no scope is asked for. @throws QueryError `Unsupported discovery scope: x` */
export function queryScope(value: unknown): Scope | undefined {
  const word = queryText(value).trim().toLowerCase()
  if (word === '') return undefined
  const scope = scopeNamed(word)
  if (scope === undefined) throw new QueryError(`Unsupported discovery scope: ${word}`)
  return scope
}

/** In any case; `cluster` is an older name of `zone`. */
export function scopeNamed(text: string): Scope | undefined {
  const word = text.toLowerCase()
  return SCOPES.find((known) => known === (word === 'cluster' ? 'zone' : word))
}

/** 0 for `local` to 3 for `global`. */
export function scopeRank(scope: string): number {
  return SCOPES.indexOf(scope as Scope)
}

export function queryText(value: unknown): string {
  return value === undefined || value === null ? '' : String(value)
}

/** Names are kept: in audits, in counters of viewers. */
const NAME_CHARACTERS_MAX = 512

/** A name that will be remembered. @throws QueryError when it is too long for that */
export function queryName(request: QueryFields, field: string): string {
  const name = queryText(request[field])
  if (name.length <= NAME_CHARACTERS_MAX) return name
  throw new QueryError(`${field} has ${name.length} characters, more than ${NAME_CHARACTERS_MAX}`)
}

export function queryList(value: unknown): string[] {
  if (value === undefined || value === null || value === '') return []
  return (Array.isArray(value) ? value : [value]).map(String)
}

/** Undefined when it is not given. @throws QueryError for what is neither true nor false */
export function queryFlag(request: QueryFields, field: string): boolean | undefined {
  const value = request[field]
  if (value === undefined || value === null) return undefined
  const word = String(value).trim().toLowerCase()
  if (word === 'true' || word === '1') return true
  if (word === 'false' || word === '0') return false
  throw new QueryError(`${field} must be true or false, not ${word}`)
}

const PAGE_LIMIT_DEFAULT = 200
const PAGE_LIMIT_MAX = 2000

export interface Page<T> {
  readonly items: readonly T[]
  /** Absent on the last page. */
  readonly nextPageToken?: string
}

/** One page of a list. An explicit `limit` wins over the one the token carries; a token that is none means the start. */
export function pageOf<T>(list: readonly T[], request: QueryFields): Page<T> {
  const token = /^(\d+):(\d+)$/.exec(queryText(request.page_token).trim())
  const offset = token === null ? 0 : Number(token[1])
  const asked = queryText(request.limit) === '' ? Number.NaN : Number(request.limit)
  const wanted = Number.isFinite(asked) ? Math.trunc(asked) : token === null ? PAGE_LIMIT_DEFAULT : Number(token[2])
  const limit = Math.min(PAGE_LIMIT_MAX, Math.max(1, wanted))
  const items = list.slice(offset, offset + limit)
  return offset + limit < list.length ? { items, nextPageToken: `${offset + limit}:${limit}` } : { items }
}
