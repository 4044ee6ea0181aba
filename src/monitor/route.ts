/** A path of the monitoring service: what it is called, what it takes, and how it is answered. */
import type { Readable } from 'node:stream'
import type { TSchema } from 'typebox'
import { RequestRefusal } from './errors.ts'

export interface MonitorRoute {
  readonly method: 'GET' | 'POST'
  /** Parameters as `{cluster_id}`. */
  readonly path: string
  /** For the index and the OpenAPI document. */
  readonly description: string
  /** Query parameters and what they mean; others are refused. */
  readonly query?: Readonly<Record<string, string>>
  /** Parameters nobody knows are passed over: whoever asks may not choose what is asked. */
  readonly takesAnyQuery?: boolean
  readonly body?: TSchema
  readonly answer?: TSchema
  /** The token must be shown whatever the listener's address and the settings say. */
  readonly needsToken?: boolean
  /** What is answered with 200, as JSON; a {@link TextAnswer} or {@link StreamAnswer} says the rest itself. @throws RequestRefusal */
  reply(request: MonitorRequest): object | Promise<object>
}

export interface MonitorRequest {
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, unknown>>
  /** The parsed JSON of a POST. */
  readonly body: unknown
  readonly accept: string
  /** Aborted when the client is gone before it has its answer. */
  readonly gone: AbortSignal
}

/** An answer that is not JSON, or not 200. */
export class TextAnswer {
  readonly status: number
  readonly contentType: string
  readonly text: string

  constructor(status: number, contentType: string, text: string) {
    this.status = status
    this.contentType = contentType
    this.text = text
  }
}

/** An answer that is too large to be held as a whole. */
export class StreamAnswer {
  readonly contentType: string
  readonly stream: Readable

  constructor(contentType: string, stream: Readable) {
    this.contentType = contentType
    this.stream = stream
  }
}

export const JSON_TYPE = 'application/json; charset=utf-8'

/** A query parameter, blank ones counting as absent. One that is repeated counts as its first. */
export function queryText(request: MonitorRequest, name: string): string | undefined {
  const given = request.query[name]
  const first: unknown = Array.isArray(given) ? given[0] : given
  return typeof first === 'string' && first.trim() !== '' ? first.trim() : undefined
}

/** The names in a list separated by commas. */
export function namesIn(list: string): string[] {
  return list
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
}

/** A query parameter that is a whole number from 1 to `most`. @throws RequestRefusal 400 */
export function queryCount(request: MonitorRequest, name: string, otherwise: number, most: number): number {
  const given = queryText(request, name)
  if (given === undefined) return otherwise
  const number = /^\d{1,9}$/.test(given) ? Number(given) : 0
  if (number < 1 || number > most) {
    throw new RequestRefusal(400, `Invalid parameter: ${name} must be a whole number from 1 to ${most}, not ${JSON.stringify(given)}`)
  }
  return number
}

/** A query parameter that must be there. @throws RequestRefusal 400 */
export function requiredQuery(request: MonitorRequest, name: string): string {
  const given = queryText(request, name)
  if (given === undefined) throw new RequestRefusal(400, `${name} required`)
  return given
}

/** A path parameter. */
export function pathParameter(request: MonitorRequest, name: string): string {
  return request.params[name] ?? ''
}
