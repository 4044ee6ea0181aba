/** What all listeners do alike: bind an address, keep count of who is connected, and end with everybody gone. */

import type { Server } from 'node:net'
import { CLOSE_GOING_AWAY } from './constants.ts'
import { firstLine, TransportConnectionError } from './errors.ts'
import type { Connection, ListenOptions } from './transport.ts'
import { hostForUrl } from './url.ts'

/** Starts listening. @throws TransportConnectionError naming the address: in use, not ours, or not permitted. */
export function bind(server: Server, options: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error) => {
      const where = `${options.protocol}://${hostForUrl(options.host)}:${options.port}`
      reject(new TransportConnectionError(`Cannot listen on ${where}: ${firstLine(error)}`, { code: 'LISTEN', cause: error }))
    }
    server.once('error', onError)
    // Not shared with another process: a port conflict must show.
    server.listen({ host: options.host, port: options.port, exclusive: true }, () => {
      server.off('error', onError)
      resolve()
    })
  })
}

/** The connections of one listener. */
export class AcceptedConnections {
  readonly #open = new Set<Connection>()
  #total = 0
  #closing = false
  #whenEmpty: (() => void) | undefined

  get size(): number {
    return this.#open.size
  }

  get total(): number {
    return this.#total
  }

  /** True once {@link closeAll} has been called: nobody is let in any more. */
  get isClosing(): boolean {
    return this.#closing
  }

  add(connection: Connection): void {
    this.#open.add(connection)
    this.#total++
  }

  readonly onGone = (connection: Connection): void => {
    this.#open.delete(connection)
    if (this.#open.size === 0) this.#whenEmpty?.()
  }

  /** Closes every connection and resolves when the last is gone. */
  closeAll(): Promise<void> {
    this.#closing = true
    if (this.#open.size === 0) return Promise.resolve()
    const empty = new Promise<void>((resolve) => {
      this.#whenEmpty = resolve
    })
    for (const connection of this.#open) connection.close(CLOSE_GOING_AWAY, 'listener shutdown')
    return empty
  }
}
