/**
 * The client for Node.js: the same as in a browser, with TCP, TLS options and upgrade headers.
 */
import { createRealEnv, silentLog } from './base/index.ts'
import {
  type Client,
  type ClientOptions,
  type ClusterClient,
  type ClusterClientOptions,
  connectClusterWith,
  connectWith,
  type Dial,
  type Functions,
} from './client/index.ts'
import { createSocketNetwork, type SocketNetwork } from './transport/index.ts'

export * from './client/index.ts'

let network: SocketNetwork | undefined

/** Connects to a node by `ws:`, `wss:`, `tcp:` or `tcps:` URL. @throws TransportError */
export function connect<F = Functions>(target: string | ClientOptions): Promise<Client<F>> {
  return connectWith<F>(dialer(), typeof target === 'string' ? { url: target } : target)
}

/** Connects to a cluster by URLs of some of its nodes. @throws NotConnectedError */
export function connectCluster<F = Functions>(options: ClusterClientOptions): Promise<ClusterClient<F>> {
  return connectClusterWith<F>(dialer(), options)
}

function dialer(): Dial {
  network ??= createSocketNetwork({ env: createRealEnv({ log: silentLog }) })
  return network.dial
}
