/** URLs of this room: parsing for dialling, writing for logs, and what may be told to others. */

import { InvalidUrlError } from './errors.ts'

export type DialScheme = 'ws' | 'wss' | 'tcp' | 'tcps'

export interface DialTarget {
  readonly scheme: DialScheme
  readonly url: URL
  readonly host: string
  readonly port: number
}

/** @throws InvalidUrlError `Unsupported transport protocol: <scheme>` or `Invalid TCP URL: <url>`. */
export function parseDialUrl(text: string): DialTarget {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(text)?.[1]?.toLowerCase() ?? ''
  if (scheme !== 'ws' && scheme !== 'wss' && scheme !== 'tcp' && scheme !== 'tcps') {
    throw new InvalidUrlError(`Unsupported transport protocol: ${scheme}`)
  }
  const url = URL.canParse(text) ? new URL(text) : undefined
  const tcp = scheme === 'tcp' || scheme === 'tcps'
  if (url === undefined || url.hostname === '' || (tcp && url.port === '')) {
    throw new InvalidUrlError(tcp ? `Invalid TCP URL: ${text}` : `Invalid WebSocket URL: ${text}`)
  }
  const port = url.port === '' ? (scheme === 'wss' ? 443 : 80) : Number(url.port)
  return { scheme, url, host: url.hostname.replace(/^\[|\]$/g, ''), port }
}

/** An IPv6 address in brackets, anything else as it is. */
export function hostForUrl(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
}

/** For logs and errors: a query may hold a token, and user info a password. */
export function withoutQuery(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname === '/' ? '' : url.pathname}`
}

/** True for an address that means "every interface": nobody can dial it. */
export function isWildcardHost(host: string): boolean {
  return host === '' || /^\[?(::|0\.0\.0\.0|::ffff:0\.0\.0\.0|0+(:0+){7})\]?$/i.test(host) || host === '*'
}

/**
 * The URL others may be told for a listener. A wildcard bind address can not be dialled, so it needs an explicit URL.
 * @throws InvalidUrlError when there is nothing to advertise.
 */
export function advertisableUrl(scheme: DialScheme, host: string, port: number, explicit?: string): string {
  if (explicit !== undefined) {
    const target = parseDialUrl(explicit)
    if (isWildcardHost(target.host)) throw new InvalidUrlError(`Advertised URL ${explicit} names a wildcard address nobody can dial`)
    return explicit
  }
  if (isWildcardHost(host)) {
    throw new InvalidUrlError(`Bound to ${host || 'every interface'}, which nobody can dial: set an advertised URL`)
  }
  return `${scheme}://${hostForUrl(host)}:${port}`
}
