/**
 * The client for Node.js: the same as in a browser, with TCP, TLS options and upgrade headers.
 */
import { createRealEnv, silentLog } from './base/index.ts'
import { type Client, type ClientOptions, connectWith, type Functions } from './client/index.ts'
import { createSocketNetwork, type SocketNetwork } from './transport/index.ts'

export * from './client/index.ts'

let network: SocketNetwork | undefined

/** Connects to a node by `ws:`, `wss:`, `tcp:` or `tcps:` URL. @throws TransportError */
export function connect<F = Functions>(target: string | ClientOptions): Promise<Client<F>> {
  network ??= createSocketNetwork({ env: createRealEnv({ log: silentLog }) })
  const { dial } = network
  return connectWith<F>(dial, typeof target === 'string' ? { url: target } : target)
}
