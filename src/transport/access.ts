/**
 * Who may connect: decided once, at the door, before a connection exists.
 *
 * Two independent questions. *Origin*: a page from anywhere can open a WebSocket to a node on the visitor's machine or network, so a
 * browser is let in only from loopback pages and from origins the operator lists; programs send no `Origin` and pass. *Credential*: when
 * tokens, keys or client certificates are configured, one of them must be shown. A verified client certificate counts as well as a token.
 *
 * ```ts
 * const access = createAccess(env, { tokenFile: '/etc/mpreg/tokens', allowedOrigins: ['https://console.example.org'] })
 * await network.listen({ protocol: 'ws', host: '0.0.0.0', port: 10000, access }, accept)
 * ```
 *
 * Secrets are compared as digests, in constant time, against all entries; they are kept nowhere else and never logged.
 */

import { createHash, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { Env } from '../base/index.ts'
import { firstLine, TransportError } from './errors.ts'
import type { AccessPolicy, AccessRefused, AccessRequest, RemoteIdentity } from './transport.ts'

export interface AccessOptions {
  /** Origins of browser pages let in beside loopback pages, as `https://host[:port]`; `*` lets in every page. */
  readonly allowedOrigins?: readonly string[]
  /** Bearer tokens by name. With any credential configured, every connection must show one. */
  readonly tokens?: Readonly<Record<string, string>>
  /** Keys for the `X-API-Key` header, by name. */
  readonly apiKeys?: Readonly<Record<string, string>>
  /** File with one `name:token` a line (`#` starts a comment). Changes take effect without restart; a file in use may become empty. */
  readonly tokenFile?: string
  /** Accept nothing but a verified client certificate. */
  readonly requireClientCertificate?: boolean
}

export interface AccessSnapshot {
  readonly credentialsRequired: boolean
  readonly allowedOrigins: readonly string[]
  /** Names only. */
  readonly tokens: readonly string[]
  readonly apiKeys: readonly string[]
  readonly admitted: number
  readonly refusedOrigin: number
  readonly refusedCredential: number
}

export interface Access extends AccessPolicy {
  readonly credentialsRequired: boolean
  /** Reads the token file now. True when its entries are in use; false when it is unusable and the old ones stay. */
  reload(): Promise<boolean>
  snapshot(): AccessSnapshot
  /** Stops watching the token file. */
  close(): void
}

/** A token file or setting that can not be used. */
export class AccessSettingsError extends TransportError {
  constructor(message: string, options: ErrorOptions = {}) {
    super(message, { code: 'ACCESS_SETTINGS', ...options })
  }
}

/** How often the token file is read again, ms: a revoked token is locked out within this time. */
const TOKEN_FILE_POLL_MS = 5_000

const ANONYMOUS: RemoteIdentity = Object.freeze({ method: 'none' })
const REFUSED_ORIGIN: AccessRefused = { status: 403, reason: 'Origin not allowed' }
const REFUSED_CREDENTIAL: AccessRefused = { status: 401, reason: 'Credential required' }

/** The policy of a listener nobody gave one: browsers from loopback pages only, no credential. */
export const DEFAULT_ACCESS: AccessPolicy = {
  credentialsRequired: false,
  check: (request) => (originAllowed(request.headers.origin, []) ? ANONYMOUS : REFUSED_ORIGIN),
}

/** @throws AccessSettingsError when the token file can not be read or an entry is malformed. */
export function createAccess(env: Env, options: AccessOptions): Access {
  const log = env.log.scope('core.transport')
  const origins = (options.allowedOrigins ?? []).map(normalizeOrigin)
  const apiKeys = credentials('api-key', Object.entries(options.apiKeys ?? {}))
  const settingsTokens = Object.entries(options.tokens ?? {})
  const { tokenFile } = options
  let fileText = tokenFile === undefined ? '' : readTokenFile(tokenFile)
  let tokens = credentials('bearer', [...settingsTokens, ...parseTokenFile(fileText, tokenFile ?? '')])
  const requireClientCertificate = options.requireClientCertificate === true
  // A token file requires tokens even while it is empty: emptying it must not open the door.
  const credentialsRequired = requireClientCertificate || tokens.length > 0 || apiKeys.length > 0 || tokenFile !== undefined
  let admitted = 0
  let refusedOrigin = 0
  let refusedCredential = 0

  function check(request: AccessRequest): RemoteIdentity | AccessRefused {
    if (!originAllowed(request.headers.origin, origins)) {
      refusedOrigin++
      return REFUSED_ORIGIN
    }
    const identity = identify(request)
    if (identity === undefined) {
      refusedCredential++
      return REFUSED_CREDENTIAL
    }
    admitted++
    return identity
  }

  function identify(request: AccessRequest): RemoteIdentity | undefined {
    if (request.clientCertificate !== undefined) return { method: 'client-cert', name: request.clientCertificate }
    if (!credentialsRequired) return ANONYMOUS
    if (requireClientCertificate) return undefined
    return (
      lookUp(tokens, bearerOf(request.headers.authorization)) ??
      lookUp(apiKeys, request.headers['x-api-key']?.trim()) ??
      lookUp(tokens, queryToken(request.path))
    )
  }

  async function reload(): Promise<boolean> {
    if (tokenFile === undefined) return false
    try {
      const text = await readFile(tokenFile, 'utf8')
      if (text === fileText) return true
      tokens = credentials('bearer', [...settingsTokens, ...parseTokenFile(text, tokenFile)])
      fileText = text
      log.info(`Tokens reloaded from ${tokenFile}: ${tokens.length} in use`)
      return true
    } catch (error) {
      log.error(`Tokens not reloaded, the old ones stay in use: ${firstLine(error)}`)
      return false
    }
  }

  const stopWatching = tokenFile === undefined ? () => {} : env.timers.every(TOKEN_FILE_POLL_MS, () => void reload())

  return {
    credentialsRequired,
    check,
    reload,
    close: stopWatching,
    snapshot: () => ({
      credentialsRequired,
      allowedOrigins: origins,
      tokens: tokens.map((entry) => entry.identity.name ?? ''),
      apiKeys: apiKeys.map((entry) => entry.identity.name ?? ''),
      admitted,
      refusedOrigin,
      refusedCredential,
    }),
  }
}

/**
 * True for a missing `Origin` (not a browser), a loopback page of any port, or a listed origin. `null` (a sandboxed frame or local file)
 * is nobody's origin and refused.
 */
export function originAllowed(origin: string | undefined, allowed: readonly string[]): boolean {
  if (origin === undefined || allowed.includes('*')) return true
  if (!URL.canParse(origin)) return false
  const url = new URL(origin)
  if (allowed.includes(url.origin)) return true
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return false
  return url.hostname === 'localhost' || url.hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(url.hostname)
}

function normalizeOrigin(origin: string): string {
  if (origin === '*') return origin
  if (!URL.canParse(origin) || new URL(origin).origin === 'null') {
    throw new AccessSettingsError(`Not an origin: ${origin} (write https://host or https://host:port)`)
  }
  return new URL(origin).origin
}

interface Credential {
  readonly digest: Buffer
  readonly identity: RemoteIdentity
}

function credentials(method: 'bearer' | 'api-key', entries: readonly (readonly [string, string])[]): Credential[] {
  return entries.map(([name, secret]) => {
    if (secret === '') throw new AccessSettingsError(`The credential ${name} is empty`)
    return { digest: digestOf(secret), identity: Object.freeze({ method, name }) }
  })
}

/** Looks at every entry whatever the outcome, so that the time taken tells nothing. */
function lookUp(entries: readonly Credential[], secret: string | undefined): RemoteIdentity | undefined {
  if (secret === undefined || secret === '') return undefined
  const digest = digestOf(secret)
  let found: RemoteIdentity | undefined
  for (const entry of entries) {
    if (timingSafeEqual(entry.digest, digest)) found ??= entry.identity
  }
  return found
}

function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}

function bearerOf(header: string | undefined): string | undefined {
  return header === undefined ? undefined : /^bearer\s+(\S+)\s*$/i.exec(header)?.[1]
}

/** Browsers can not set headers on a WebSocket; RFC 6750 §2.3 names the parameter. */
function queryToken(path: string): string | undefined {
  const query = path.indexOf('?')
  return query < 0 ? undefined : (new URLSearchParams(path.slice(query + 1)).get('access_token') ?? undefined)
}

function readTokenFile(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new AccessSettingsError(`Cannot read the token file ${file}: ${firstLine(error)}`, { cause: error })
  }
}

/** `name:token` a line. The token is everything behind the first colon. Error messages give line numbers, never contents. */
export function parseTokenFile(text: string, file: string): [string, string][] {
  const entries: [string, string][] = []
  const names = new Set<string>()
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).trim()
    const token = line.slice(colon + 1).trim()
    if (colon < 0 || name === '' || token === '') throw new AccessSettingsError(`${file} line ${index + 1}: expected name:token`)
    if (names.has(name)) throw new AccessSettingsError(`${file} line ${index + 1}: the name ${name} is used twice`)
    names.add(name)
    entries.push([name, token])
  }
  return entries
}

/** The HTTP answer to a refused upgrade, whole. */
export function refusalResponse(status: AccessRefused['status'], reason: string): string {
  const phrase = status === 401 ? 'Unauthorized' : status === 403 ? 'Forbidden' : 'Service Unavailable'
  const challenge = status === 401 ? 'WWW-Authenticate: Bearer realm="mpreg"\r\n' : ''
  const retry = status === 503 ? 'Retry-After: 5\r\n' : ''
  return (
    `HTTP/1.1 ${status} ${phrase}\r\nConnection: close\r\n${challenge}${retry}` +
    `Content-Type: text/plain\r\nContent-Length: ${Buffer.byteLength(reason) + 1}\r\n\r\n${reason}\n`
  )
}
