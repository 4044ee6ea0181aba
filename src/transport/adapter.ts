/**
 * Several protocols for one purpose: opens a listener for each, keeps their ports, and hands every accepted connection to one handler.
 *
 * ```ts
 * const adapter = createMultiProtocolAdapter({ env, network, ports }, { handler: (protocol, connection) => serve(connection) })
 * await adapter.start(['ws', 'tcp'])
 * ```
 *
 * With a base port each protocol has a fixed offset from it; without one each gets a port of its own from the allocator.
 */

import type { Env } from '../base/index.ts'
import { type EndpointRegistry, endpointRegistry } from './endpoint-registry.ts'
import { firstLine, TransportError } from './errors.ts'
import type { PortAllocator, PortCategory } from './port-allocator.ts'
import { PROTOCOL_IDS, type SocketProtocolId } from './protocols.ts'
import type { Connection, ConnectionKind, Listener, ListenOptions, Network } from './transport.ts'

/** What the callbacks are told of a port. */
export interface PortAssignment {
  readonly protocol: SocketProtocolId
  readonly host: string
  readonly port: number
  readonly connectionType: ConnectionKind
  readonly endpoint: string
}

export type ProtocolListenOptions = Omit<ListenOptions, 'protocol' | 'host' | 'port' | 'kind'>

export interface AdapterOptions {
  /** Receives every accepted connection; it must attach to it at once. One that throws or rejects costs its connection. */
  handler(protocol: SocketProtocolId, connection: Connection): void | Promise<void>
  readonly connectionType?: ConnectionKind
  /** Listener options by protocol; a secure protocol needs its certificate here. */
  readonly protocols?: Readonly<Partial<Record<SocketProtocolId, ProtocolListenOptions>>>
  readonly host?: string
  /** 0: an allocated port for each protocol. Otherwise the port of `ws`; `wss`, `tcp` and `tcps` follow it in this order. */
  readonly basePort?: number
  readonly portCategory?: PortCategory
  readonly portAssignmentCallback?: (assignment: PortAssignment) => void | Promise<void>
  readonly portReleaseCallback?: (assignment: PortAssignment) => void | Promise<void>
  readonly autoStartProtocols?: readonly SocketProtocolId[]
}

export interface AdapterDeps {
  readonly env: Env
  readonly network: Network
  readonly ports: PortAllocator
  readonly registry?: EndpointRegistry
}

export interface ProtocolStats {
  readonly protocol: SocketProtocolId
  readonly active_connections: number
  /** Since the adapter was made, over all starts and stops. */
  readonly total_connections: number
}

export interface AdapterSnapshot {
  readonly running: boolean
  readonly connection_type: ConnectionKind
  readonly active_protocols: readonly SocketProtocolId[]
  readonly endpoints: Readonly<Partial<Record<SocketProtocolId, string>>>
  readonly total_active_connections: number
  readonly protocol_stats: readonly ProtocolStats[]
}

export interface MultiProtocolAdapter {
  readonly isRunning: boolean
  /** @throws AdapterError when running already; when one protocol fails to open, those opened before it are closed again. */
  start(protocols?: readonly SocketProtocolId[]): Promise<void>
  stop(): Promise<void>
  addProtocol(protocol: SocketProtocolId): Promise<string>
  removeProtocol(protocol: SocketProtocolId): Promise<void>
  endpoints(): Readonly<Partial<Record<SocketProtocolId, string>>>
  snapshot(): AdapterSnapshot
}

export class AdapterError extends TransportError {
  constructor(message: string) {
    super(message, { code: 'ADAPTER' })
  }
}

/** Close code for a connection whose handler failed (RFC 6455: internal error). */
const CLOSE_HANDLER_FAILED = 1011

interface ActiveProtocol {
  readonly listener: Listener
  readonly assignment: PortAssignment
  readonly allocated: boolean
}

export function createMultiProtocolAdapter(deps: AdapterDeps, options: AdapterOptions): MultiProtocolAdapter {
  const { env, network, ports } = deps
  const registry = deps.registry ?? endpointRegistry
  const log = env.log.scope('core.transport.adapter')
  const connectionType = options.connectionType ?? 'client'
  const host = options.host ?? '127.0.0.1'
  const basePort = options.basePort ?? 0
  const category = options.portCategory ?? (connectionType === 'client' ? 'servers' : 'federation')
  if (basePort < 0) throw new AdapterError('base_port must be >= 0 (use 0 for auto-allocation)')
  const active = new Map<SocketProtocolId, ActiveProtocol>()
  const earlierTotals = new Map<SocketProtocolId, number>()
  let running = false

  async function add(protocol: SocketProtocolId): Promise<string> {
    if (active.has(protocol)) throw new AdapterError(`Protocol ${protocol} is already active`)
    const allocated = basePort === 0
    const port = allocated ? await ports.allocate(category) : basePort + PROTOCOL_IDS.indexOf(protocol)
    let listener: Listener
    try {
      listener = await network.listen({ ...options.protocols?.[protocol], protocol, host, port, kind: connectionType }, (connection) =>
        handOver(protocol, connection),
      )
    } catch (error) {
      if (allocated) ports.release(port)
      throw error
    }
    const assignment: PortAssignment = { protocol, host, port: listener.port, connectionType, endpoint: listener.url }
    active.set(protocol, { listener, assignment, allocated })
    registry.record(assignment)
    await tell('assignment', options.portAssignmentCallback, assignment)
    log.info(`${protocol} for ${connectionType} connections on ${listener.url}`)
    return listener.url
  }

  async function remove(protocol: SocketProtocolId): Promise<void> {
    const entry = active.get(protocol)
    if (entry === undefined) throw new AdapterError(`Protocol ${protocol} is not active`)
    active.delete(protocol)
    const { listener, assignment, allocated } = entry
    await listener.close()
    earlierTotals.set(protocol, (earlierTotals.get(protocol) ?? 0) + listener.connectionsTotal)
    registry.release(connectionType, protocol, assignment.endpoint)
    if (allocated) ports.release(assignment.port)
    log.info(`${protocol} no longer on ${assignment.endpoint}`)
    await tell('release', options.portReleaseCallback, assignment)
  }

  function handOver(protocol: SocketProtocolId, connection: Connection): void {
    const failed = (error: unknown) => {
      log.error(`Handler of ${connection.id} failed: ${firstLine(error)}`, error)
      connection.close(CLOSE_HANDLER_FAILED, 'handler failed')
    }
    try {
      void Promise.resolve(options.handler(protocol, connection)).catch(failed)
    } catch (error) {
      failed(error)
    }
  }

  async function tell(what: string, callback: AdapterOptions['portAssignmentCallback'], assignment: PortAssignment): Promise<void> {
    try {
      await callback?.(assignment)
    } catch (error) {
      log.error(`Port ${what} callback for ${assignment.endpoint} failed: ${firstLine(error)}`, error)
    }
  }

  function endpoints(): Partial<Record<SocketProtocolId, string>> {
    const urls: Partial<Record<SocketProtocolId, string>> = {}
    for (const [protocol, { listener }] of active) urls[protocol] = listener.url
    return urls
  }

  async function stop(): Promise<void> {
    running = false
    await Promise.all([...active.keys()].map(remove))
  }

  return {
    get isRunning() {
      return running
    },
    async start(protocols = options.autoStartProtocols ?? ['ws']) {
      if (running) throw new AdapterError('Multi-protocol adapter is already running')
      running = true
      try {
        for (const protocol of protocols) await add(protocol)
      } catch (error) {
        await stop()
        throw error
      }
    },
    stop,
    addProtocol: add,
    removeProtocol: remove,
    endpoints,
    snapshot() {
      const stats = PROTOCOL_IDS.filter((protocol) => active.has(protocol) || earlierTotals.has(protocol)).map((protocol) => {
        const listener = active.get(protocol)?.listener
        return {
          protocol,
          active_connections: listener?.connections ?? 0,
          total_connections: (earlierTotals.get(protocol) ?? 0) + (listener?.connectionsTotal ?? 0),
        }
      })
      return {
        running,
        connection_type: connectionType,
        active_protocols: [...active.keys()],
        endpoints: endpoints(),
        total_active_connections: stats.reduce((sum, { active_connections }) => sum + active_connections, 0),
        protocol_stats: stats,
      }
    },
  }
}
