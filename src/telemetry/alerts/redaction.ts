/**
 * Keeps a channel's secrets out of what is told about it.
 *
 * Answers and errors of backends go into statistics and the log, and a server may well repeat a token or a URL in them. Whatever a config holds
 * is taken for a secret, save the values known to be none; each occurrence in a text is masked.
 */
import type { ChannelConfig } from './notification.ts'

/** What may be seen: needed to make sense of an error, and worth nothing to a stranger. */
const PUBLIC_KEYS: ReadonlySet<string> = new Set(['smtp_server', 'smtp_port', 'sender', 'recipient', 'recipients', 'path', 'timeout'])

/** A shorter one would mask innocent words. */
const SECRET_CHARACTERS_MIN = 4
/** How deep a config is searched; those of the backends here have two levels. */
const DEPTH_MAX = 4

/** A function that masks the secrets of `config` in a text. */
export function createRedactor(config: ChannelConfig): (text: string) => string {
  const secrets = new Set<string>()
  for (const [key, value] of Object.entries(config)) if (!PUBLIC_KEYS.has(key)) collect(value, secrets, DEPTH_MAX)
  // The longest first: a URL is masked as one before its path is.
  const ordered = [...secrets].filter(({ length }) => length >= SECRET_CHARACTERS_MIN).sort((a, b) => b.length - a.length)
  return (text) => ordered.reduce((masked, secret) => masked.replaceAll(secret, '***'), text)
}

function collect(value: unknown, secrets: Set<string>, depth: number): void {
  if (typeof value === 'object' && value !== null && depth > 0) {
    for (const member of Object.values(value)) collect(member, secrets, depth - 1)
  }
  if (typeof value !== 'string') return
  secrets.add(value)
  // `Authorization: Bearer abc`
  for (const part of value.split(/\s+/)) secrets.add(part)
  const url = URL.parse(value)
  if (url === null) return
  for (const part of [url.href, url.pathname + url.search, url.search, url.username, url.password]) secrets.add(part)
  // The token of a webhook is the end of its path.
  secrets.add(url.pathname.slice(url.pathname.lastIndexOf('/') + 1))
}
