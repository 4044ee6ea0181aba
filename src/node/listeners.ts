/** Where a node can be reached: its listeners, who is admitted on them, and the port it claims when none is given. */
import type { Env } from '../base/index.ts'
import {
  type Access,
  type Connection,
  createAccess,
  type EndpointDetails,
  endpointRegistry,
  type Listener,
  type ListenOptions,
  type Network,
  type TlsOptions,
} from '../transport/index.ts'
import { claimPort, releasePort } from './process-ports.ts'
import type { Settings } from './settings/index.ts'

export interface Listeners {
  /** The main port: as set, or as claimed; 0 before that. */
  readonly port: number
  /** URLs with the ports really bound. */
  readonly urls: readonly string[]
  /** The same as monitoring tells it. The registry of the process would show one endpoint of each protocol, of whichever node listened last. */
  readonly endpoints: EndpointDetails
  /** Connections accepted since the start. */
  readonly connectionsTotal: number
  /** Makes sure of a port, so that the node's id is known before anybody connects. @throws PortAllocationError */
  claimPort(): Promise<void>
  /** Binds every address; the port must have been claimed. @throws TransportError, CertificateError and others, with one line that says what to change */
  open(): Promise<void>
  /** Stops accepting, closes every connection, gives back the port. Safe after a failed {@link open}. */
  close(): Promise<void>
}

export interface ListenersDeps {
  readonly env: Env
  readonly network: Network
  readonly settings: Settings
  readonly accept: (connection: Connection) => void
}

export function createListeners({ accept, env, network, settings }: ListenersDeps): Listeners {
  const listeners: Listener[] = []
  const assignments: EndpointDetails['assignments'][number][] = []
  let assignedAt: number | null = null
  const policies: Access[] = []
  let port = settings.port ?? 0
  let claimedPort: number | undefined

  function access(requireClientCertificate: boolean): Access {
    const { allowedOrigins, apiKeys, authTokenFile, authTokens } = settings
    const policy = createAccess(env, {
      allowedOrigins,
      tokens: authTokens,
      apiKeys,
      requireClientCertificate,
      ...(authTokenFile === null ? {} : { tokenFile: authTokenFile }),
    })
    policies.push(policy)
    return policy
  }

  async function listen(options: ListenOptions): Promise<void> {
    const listener = await network.listen(options, accept)
    listeners.push(listener)
    const { host, protocol } = options
    endpointRegistry.record({ connectionType: 'client', protocol, host, port: listener.port })
    assignments.push({ connection_type: 'client', protocol, host, port: listener.port, endpoint: listener.url })
    assignedAt = env.clock.wall()
    env.log.scope('core.transport.factory').info(`listening on ${listener.url}`)
  }

  async function tellPort(claimed: number): Promise<void> {
    try {
      await settings.onPortAssigned?.(claimed)
    } catch (error) {
      env.log.scope('server').error('on_port_assigned failed', error)
    }
  }

  return {
    get port() {
      return port
    },
    get urls() {
      return listeners.map((listener) => listener.url)
    },
    get endpoints() {
      return { last_updated: assignedAt, assignments }
    },
    get connectionsTotal() {
      return listeners.reduce((sum, listener) => sum + listener.connectionsTotal, 0)
    },

    async claimPort() {
      if (port !== 0) return
      claimedPort = await claimPort(env.log, 'servers')
      port = claimedPort
    },

    async open() {
      const plain = access(false)
      const secure = settings.tlsRequireClientCert ? access(true) : plain
      const shared = {
        kind: 'client' as const,
        connectionsMax: settings.connectionsMax,
        limits: {
          messageBytesMax: Math.max(settings.clientMessageBytesMax, settings.peerMessageBytesMax),
          streamBytesMax: settings.streamBytesMax,
          sendBufferBytesMax: settings.sendBufferBytesMax,
        },
      }
      await listen({ protocol: 'ws', host: settings.host, port, access: plain, ...shared })
      for (const url of settings.listen) {
        const target = listenTarget(url)
        const isSecure = target.protocol === 'wss' || target.protocol === 'tcps'
        await listen({
          ...target,
          ...shared,
          ...(isSecure ? { access: secure, tls: { verify: settings.tlsRequireClientCert, ...tlsFiles(settings) } } : { access: plain }),
        })
      }
      if (claimedPort !== undefined) await tellPort(claimedPort)
    },

    async close() {
      await Promise.all(listeners.map((listener) => listener.close()))
      for (const policy of policies) policy.close()
      for (const { protocol, url } of listeners) {
        endpointRegistry.release('client', protocol, url)
        env.log.scope('core.transport.factory').info(`no longer listening on ${url}`)
      }
      if (claimedPort !== undefined) releasePort(env.log, claimedPort)
      claimedPort = undefined
      listeners.length = 0
      assignments.length = 0
      policies.length = 0
    },
  }
}

/** Own certificate and trusted authorities, where they are set. */
export function tlsFiles({ tlsCaFile, tlsCertFile, tlsKeyFile }: Settings): Pick<TlsOptions, 'caFile' | 'certFile' | 'keyFile'> {
  return {
    ...(tlsCertFile === null ? {} : { certFile: tlsCertFile }),
    ...(tlsKeyFile === null ? {} : { keyFile: tlsKeyFile }),
    ...(tlsCaFile === null ? {} : { caFile: tlsCaFile }),
  }
}

/** An address of the `listen` setting, taken apart. */
function listenTarget(url: string): Pick<ListenOptions, 'protocol' | 'host' | 'port'> {
  // URL knows host and port only of schemes it has heard of.
  const { protocol, hostname, port } = new URL(url.replace(/^(wss?|tcps?):/i, (scheme) => (scheme.endsWith('s:') ? 'https:' : 'http:')))
  return {
    protocol: url.slice(0, url.indexOf(':')).toLowerCase() as ListenOptions['protocol'],
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port),
  }
}
