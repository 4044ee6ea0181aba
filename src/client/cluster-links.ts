/** The connections of a cluster client: one for each endpoint in use, made when it is needed and not mended when it breaks. */
import type { Clock } from '../base/index.ts'
import { InvalidUrlError } from '../transport/browser.ts'
import type { ClientOptions, Dial } from './api.ts'
import { type NodeClient, openNodeClient } from './client.ts'

export interface ClusterLinksDeps {
  readonly clock: Pick<Clock, 'monotonic'>
  readonly dial: Dial
  /** Options of every connection, except where it leads. */
  readonly options: Omit<ClientOptions, 'url'>
  /** An attempt failed, or a connection was lost. */
  readonly onFailed: (url: string, error: Error, lost: NodeClient | undefined) => void
  readonly onUndialable: (url: string, error: Error) => void
}

export interface ClusterLinks {
  readonly size: number
  isOpen(url: string): boolean
  /** The connection, if there is one, for use. */
  ready(url: string): NodeClient | undefined
  /** The connection, made if need be; several who ask at once share the attempt. @throws TransportError */
  open(url: string): Promise<NodeClient>
  /** Closes what was not used for a while, or is not `wanted` any more, unless something is under way there. */
  tidy(isWanted: (url: string) => boolean, isKept: (url: string) => boolean): void
  close(): Promise<void>
}

interface Link {
  readonly client: NodeClient
  usedMs: number
}

/** The turn of an endpoint comes again far sooner, or it is not needed. */
const UNUSED_MS = 60_000

export function createClusterLinks({ clock, dial, options, onFailed, onUndialable }: ClusterLinksDeps): ClusterLinks {
  const links = new Map<string, Link>()
  const opening = new Map<string, Promise<NodeClient>>()
  let isClosed = false

  async function connect(url: string): Promise<NodeClient> {
    let client: NodeClient | undefined
    try {
      client = await openNodeClient(dial, {
        ...options,
        url,
        reconnect: false,
        onState(state, cause) {
          const link = links.get(url)
          if (state !== 'closed' || link === undefined || link.client !== client) return
          links.delete(url)
          onFailed(url, cause ?? new Error('closed'), link.client)
        },
      })
    } catch (error) {
      if (error instanceof InvalidUrlError) onUndialable(url, error)
      else onFailed(url, error as Error, undefined)
      throw error
    } finally {
      opening.delete(url)
    }
    if (isClosed) void client.close()
    else links.set(url, { client, usedMs: clock.monotonic() })
    return client
  }

  function release(url: string, { client }: Link): Promise<void> {
    links.delete(url)
    return client.close()
  }

  return {
    get size() {
      return links.size
    },
    isOpen: (url) => links.has(url),
    ready(url) {
      const link = links.get(url)
      if (link === undefined) return undefined
      link.usedMs = clock.monotonic()
      return link.client
    },
    open(url) {
      const client = this.ready(url)
      if (client !== undefined) return Promise.resolve(client)
      let attempt = opening.get(url)
      if (attempt === undefined) {
        attempt = connect(url)
        opening.set(url, attempt)
      }
      return attempt
    },
    tidy(isWanted, isKept) {
      const nowMs = clock.monotonic()
      for (const [url, link] of links) {
        if (isKept(url) || link.client.stats().pending > 0) continue
        if (!isWanted(url) || nowMs - link.usedMs >= UNUSED_MS) void release(url, link)
      }
    },
    async close() {
      isClosed = true
      await Promise.all([...links].map(([url, link]) => release(url, link)))
    },
  }
}
