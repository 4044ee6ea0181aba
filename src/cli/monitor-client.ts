/**
 * A client of the monitoring service of one node: one answer at a time.
 *
 * It uses node:http rather than fetch because fetch refuses to connect to some ports that a node may well listen on (10080, 6000, …), and
 * because a command that asks one question should not load a whole HTTP stack. An answer with an error status is an answer; only what
 * keeps an answer from being one is thrown, and says which URL, what happened and what to do.
 */
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { CommandFailure } from './outcome.ts'

export interface MonitorClientOptions {
  /** Where the monitoring service listens. A trailing slash and a path before the endpoints are fine. */
  readonly url: string
  /** Bearer token to show. */
  readonly token?: string | undefined
  /** Longest wait for a whole answer. */
  readonly timeoutMs: number
}

export interface MonitorAnswer {
  /** The URL that was asked. */
  readonly url: string
  readonly status: number
  readonly contentType: string
  /** Nothing is decoded before somebody needs it: profiles and archives are no text. */
  readonly bytes: Buffer
  /** From asking to the last byte. */
  readonly latencyMs: number
}

export interface JsonAnswer {
  readonly url: string
  readonly status: number
  /** The JSON as it arrived, every number with its lexeme. */
  readonly text: string
  readonly body: Readonly<Record<string, unknown>>
  readonly latencyMs: number
}

export interface GetOptions {
  readonly timeoutMs?: number
  readonly signal?: AbortSignal | undefined
}

export interface MonitorClient {
  /** The service, without a trailing slash. */
  readonly url: string
  /** @throws MonitorUnreachableError, MonitorTimeoutError, MonitorAnswerError */
  get(path: string, options?: GetOptions): Promise<MonitorAnswer>
  /**
   * The same for an endpoint that answers with an object. The plain text that some nodes answer an unknown path with becomes an error body.
   * @throws MonitorUnreachableError, MonitorTimeoutError, MonitorAnswerError
   */
  getJson(path: string, options?: GetOptions): Promise<JsonAnswer>
  /** Asks for a change. @throws MonitorUnreachableError, MonitorTimeoutError, MonitorAnswerError */
  postJson(path: string, body: object): Promise<JsonAnswer>
}

/** Of one answer; the largest real ones, catalogs of big fabrics and heap snapshots, stay below. */
const ANSWER_BYTES_MAX = 512 * 1024 * 1024

/** Nothing that speaks HTTP is there. */
export class MonitorUnreachableError extends CommandFailure {
  readonly code = 'monitor_unreachable'
  readonly url: string

  constructor(url: string, { cause, reason }: { reason: string; cause: unknown }) {
    super(`Error: ${url} can not be reached: ${reason}. Check the address, and that the node runs with monitoring on.`, { cause })
    this.url = url
  }
}

/** Nobody refused the connection, and no whole answer came. */
export class MonitorTimeoutError extends CommandFailure {
  readonly code = 'monitor_timeout'
  readonly url: string
  /** A connection came about: somebody is there, and says nothing. */
  readonly wasConnected: boolean

  constructor(url: string, { cause, timeoutMs, wasConnected }: { timeoutMs: number; wasConnected: boolean; cause: unknown }) {
    super(`Error: ${url} did not answer within ${timeoutMs / 1000} s. Is the node overloaded or paused? --timeout waits longer.`, { cause })
    this.url = url
    this.wasConnected = wasConnected
  }
}

/** The answer is not one that a monitoring service gives. */
class MonitorAnswerError extends CommandFailure {
  readonly code = 'monitor_bad_answer'
  readonly url: string

  constructor(url: string, reason: string) {
    super(`Error: ${url} answered with ${reason}.`)
    this.url = url
  }
}

export function createMonitorClient({ timeoutMs: defaultTimeoutMs, token, url }: MonitorClientOptions): MonitorClient {
  const base = url.replace(/\/+$/, '')

  async function ask(path: string, { signal, timeoutMs = defaultTimeoutMs }: GetOptions, body?: string): Promise<MonitorAnswer> {
    const target = `${base}${path}`
    const deadline = AbortSignal.timeout(timeoutMs)
    let wasConnected = false
    const onConnected = () => {
      wasConnected = true
    }
    try {
      return await exchange(target, token, signal === undefined ? deadline : AbortSignal.any([deadline, signal]), onConnected, body)
    } catch (error) {
      if (signal?.aborted || error instanceof CommandFailure) throw error
      if (deadline.aborted) throw new MonitorTimeoutError(target, { timeoutMs, wasConnected, cause: error })
      throw new MonitorUnreachableError(target, { reason: reasonOf(error), cause: error })
    }
  }

  return {
    url: base,
    get: (path, options = {}) => ask(path, options),
    async getJson(path, options = {}) {
      return asJson(await ask(path, options))
    },
    async postJson(path, body) {
      return asJson(await ask(path, {}, JSON.stringify(body)))
    },
  }
}

function exchange(
  target: string,
  token: string | undefined,
  signal: AbortSignal,
  onConnected: () => void,
  body?: string,
): Promise<MonitorAnswer> {
  const started = performance.now()
  return new Promise((resolve, reject) => {
    const send = target.startsWith('https:') ? requestHttps : requestHttp
    const request = send(
      target,
      {
        signal,
        agent: false,
        method: body === undefined ? 'GET' : 'POST',
        headers: {
          accept: 'application/json, */*',
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
        },
      },
      (response) => {
        const contentType = response.headers['content-type'] ?? ''
        const refuse = (reason: string) => {
          reject(new MonitorAnswerError(target, reason))
          response.destroy()
        }
        if (contentType.startsWith('text/event-stream')) return refuse('a stream of events, which has no end')
        const chunks: Buffer[] = []
        let size = 0
        response.on('data', (chunk: Buffer) => {
          size += chunk.length
          if (size > ANSWER_BYTES_MAX) return refuse(`more than ${ANSWER_BYTES_MAX} bytes`)
          chunks.push(chunk)
        })
        response.on('error', reject)
        response.on('end', () =>
          resolve({
            url: target,
            status: response.statusCode ?? 0,
            contentType,
            bytes: Buffer.concat(chunks),
            latencyMs: performance.now() - started,
          }),
        )
      },
    )
    request.on('error', reject)
    // Every question has a connection of its own.
    request.on('socket', (socket) => socket.once('connect', onConnected))
    request.end(body)
  })
}

/** An answer read as an object; the plain text of a failure becomes an error body. @throws MonitorAnswerError */
export function asJson({ bytes, latencyMs, status, url }: MonitorAnswer): JsonAnswer {
  const text = bytes.toString('utf8')
  const body = parsedObject(text)
  if (body !== undefined) return { url, status, text, body, latencyMs }
  if (status === 426)
    throw new MonitorAnswerError(url, 'a WebSocket upgrade: this is the URL of the node itself, not of its monitoring service')
  if (status === 200) throw new MonitorAnswerError(url, 'something that is no JSON object. Is this the monitoring service of a node?')
  const error = { status: 'error', message: text.trim() || `HTTP status ${status}` }
  return { url, status, text: JSON.stringify(error), body: error, latencyMs }
}

function parsedObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there (ECONNREFUSED)',
  ENOTFOUND: 'the host name is not known (ENOTFOUND)',
  EAI_AGAIN: 'the name server does not answer (EAI_AGAIN)',
  ECONNRESET: 'the connection was cut (ECONNRESET)',
  EHOSTUNREACH: 'there is no way to that host (EHOSTUNREACH)',
  HPE_INVALID_CONSTANT: 'what listens there does not speak HTTP',
  EPROTO: 'what listens there does not speak TLS (EPROTO); try http:',
}

function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string }
  return reasons[code ?? ''] ?? (message || code || String(error))
}
