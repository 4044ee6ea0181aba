/**
 * Who may ask.
 *
 * Reading is free on a loopback listener. Whatever changes something needs the token everywhere, and beyond loopback reading does too,
 * unless the operator has switched that off. Whether the process lives and is ready may always be asked: load balancers have no token, and
 * learn no more than that. Pictures of the process, which hold it up and show every secret in it, are given for the token alone, whatever
 * the operator has switched off.
 *
 * A loopback listener trusts its machine, not the web pages that somebody looks at on it. A page of another origin says so in `Origin`, and is
 * answered only with the token or when the operator allows its origin. A page can also ask by a name of its own that resolves to 127.0.0.1 (DNS
 * rebinding); the browser then sends that name as `Host`, so only names that can not be somebody else's are answered without the token.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import { RequestRefusal } from './errors.ts'

export interface AccessOptions {
  /** The address that is listened on. */
  readonly host: string
  readonly token: string | null
  /** False switches tokens off. */
  readonly tokenRequired: boolean
  /** Origins of web pages that may ask as programs of this machine do. `*`: all. */
  readonly allowedOrigins: readonly string[]
}

export interface AccessRequest {
  readonly method: string
  /** Without the query. */
  readonly path: string
  readonly host: string | undefined
  readonly authorization: string | undefined
  /** Sent by browsers for pages of another origin. */
  readonly origin?: string | undefined
  /** Whatever the address and the settings are. */
  readonly needsToken?: boolean
}

export interface Access {
  /** Whether some request may need a token. */
  readonly usesToken: boolean
  /** @throws RequestRefusal 401 or 403 */
  admit(request: AccessRequest): void
}

/** Answered to everybody. */
const PROBE_PATHS: ReadonlySet<string> = new Set(['/livez', '/readyz', '/health/live', '/health/ready'])
/** Methods that change nothing. */
const READING: ReadonlySet<string> = new Set(['GET', 'HEAD'])

export function createAccess({ allowedOrigins, host, token, tokenRequired }: AccessOptions): Access {
  const loopback = isLoopback(host)
  const expected = token === null ? undefined : digest(token)

  /** Comparing digests takes as long whatever was shown, its length included. */
  function showsToken(authorization: string | undefined): boolean {
    const shown = authorization === undefined ? undefined : /^Bearer +(\S+) *$/i.exec(authorization)?.[1]
    return expected !== undefined && shown !== undefined && timingSafeEqual(digest(shown), expected)
  }

  return {
    usesToken: token !== null,
    admit({ authorization, host: asked, method, needsToken = false, origin, path }) {
      // A preflight carries no credentials, and answers only what may be asked.
      if (method === 'OPTIONS' || PROBE_PATHS.has(path)) return
      if (showsToken(authorization)) return
      if (needsToken || (tokenRequired && (!loopback || !READING.has(method)))) {
        const why = needsToken
          ? 'it shows all that is in the process'
          : loopback
            ? 'it changes the node'
            : 'the service listens beyond this machine'
        if (expected !== undefined)
          throw new RequestRefusal(401, `this needs the node's monitoring_token as "Authorization: Bearer <token>" (${why})`)
        const orElse = needsToken ? '' : ', or switch monitoring_require_token off'
        throw new RequestRefusal(403, `this needs a token and the node has none: set monitoring_token${orElse} (${why})`)
      }
      if (loopback && !isAllowedOrigin(origin, allowedOrigins)) {
        throw new RequestRefusal(
          403,
          `pages of ${origin} may not ask this node: show the monitoring_token, or add the origin to allowed_origins`,
        )
      }
      if (loopback && !isLocalName(asked, host)) {
        throw new RequestRefusal(403, `the Host header names ${JSON.stringify(asked ?? '')}, not this machine`, [
          'localhost',
          '127.0.0.1',
          host,
        ])
      }
    },
  }
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || (isIP(host) === 4 && host.startsWith('127.'))
}

function isAllowedOrigin(origin: string | undefined, allowed: readonly string[]): boolean {
  if (origin === undefined || allowed.includes('*')) return true
  if (!URL.canParse(origin)) return false
  const { hostname, origin: normal } = new URL(origin)
  return (
    isLoopback(hostname) || hostname.endsWith('.localhost') || allowed.some((one) => URL.canParse(one) && new URL(one).origin === normal)
  )
}

/** An address can not be rebound; of the names only those of this machine are known. */
function isLocalName(asked: string | undefined, own: string): boolean {
  if (asked === undefined) return true
  const name = asked
    .replace(/:\d*$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase()
  return isIP(name) !== 0 || name === 'localhost' || name.endsWith('.localhost') || name === own.toLowerCase()
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
