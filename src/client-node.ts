/**
 * The client for Node.js: the same as in a browser, with TCP, TLS options and upgrade headers.
 */
import { createRealEnv, isOpenTelemetryRegistered, silentLog } from './base/index.ts'
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
export async function connect<F = Functions>(target: string | ClientOptions): Promise<Client<F>> {
  return connectWith<F>(dialer(), await traced(typeof target === 'string' ? { url: target } : target))
}

/** Connects to a cluster by URLs of some of its nodes. @throws NotConnectedError */
export async function connectCluster<F = Functions>(options: ClusterClientOptions): Promise<ClusterClient<F>> {
  return connectClusterWith<F>(dialer(), await traced(options))
}

/** Where an OpenTelemetry SDK is registered, its tracer is taken; where none is, nothing of that is even loaded. */
async function traced<O extends Pick<ClientOptions, 'env' | 'tracer'>>(options: O): Promise<O> {
  if (options.tracer !== undefined || !isOpenTelemetryRegistered()) return options
  const [api, telemetry] = await Promise.all([import('@opentelemetry/api'), import('./telemetry/index.ts')])
  const recorder = telemetry.createOpenTelemetryRecorder({ api, tracer: api.trace.getTracer('mpreg') })
  const { clock } = options.env ?? createRealEnv({ log: silentLog })
  return { ...options, tracer: telemetry.createTracer({ clock, node: () => 'client', recorder: () => recorder, tellsUnrecorded: true }) }
}

function dialer(): Dial {
  network ??= createSocketNetwork({ env: createRealEnv({ log: silentLog }) })
  return network.dial
}
