/** Binding a server to its address, for every transport the same way. */

import type { Server } from 'node:net'
import { firstLine, TransportConnectionError } from './errors.ts'
import type { ListenOptions } from './transport.ts'
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
