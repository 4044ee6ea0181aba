/**
 * Which endpoints this process has, by what they serve and their protocol: what monitoring shows and tools look up.
 *
 * One registry serves the whole process ({@link endpointRegistry}); an entry is replaced by a newer one of the same key.
 */

import type { ConnectionKind, ProtocolId } from './transport.ts'
import { hostForUrl } from './url.ts'

export interface EndpointAssignment {
  readonly connectionType: ConnectionKind
  readonly protocol: ProtocolId
  readonly host: string
  readonly port: number
  /** `protocol://host:port`; derived when not given. */
  readonly endpoint?: string
}

/** As monitoring publishes an assignment. */
export interface EndpointRecord {
  readonly connection_type: ConnectionKind
  readonly protocol: ProtocolId
  readonly host: string
  readonly port: number
  readonly endpoint: string
}

export interface EndpointDetails {
  /** Unix time of the last change, seconds; null before the first. */
  readonly last_updated: number | null
  readonly assignments: readonly EndpointRecord[]
}

export interface EndpointRegistry {
  record(assignment: EndpointAssignment): void
  /** Removes the entry; with `endpoint`, only while it is still that one. */
  release(connectionType: ConnectionKind, protocol: ProtocolId, endpoint?: string): void
  clear(): void
  /** Sorted by connection type and protocol. */
  assignments(): readonly EndpointRecord[]
  endpoint(connectionType: ConnectionKind, protocol: ProtocolId): string | undefined
  /** Endpoint by protocol by connection type; types without endpoint are absent. */
  snapshot(): Readonly<Partial<Record<ConnectionKind, Readonly<Partial<Record<ProtocolId, string>>>>>>
  detailedSnapshot(): EndpointDetails
}

export function createEndpointRegistry(wall: () => number = () => Date.now() / 1000): EndpointRegistry {
  const records = new Map<string, EndpointRecord>()
  let lastUpdated: number | null = null

  function keyOf(connectionType: ConnectionKind, protocol: ProtocolId): string {
    return `${connectionType} ${protocol}`
  }

  function assignments(): EndpointRecord[] {
    return [...records.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, record]) => record)
  }

  return {
    record({ connectionType, protocol, host, port, endpoint }) {
      records.set(keyOf(connectionType, protocol), {
        connection_type: connectionType,
        protocol,
        host,
        port,
        endpoint: endpoint ?? `${protocol}://${hostForUrl(host)}:${port}`,
      })
      lastUpdated = wall()
    },
    release(connectionType, protocol, endpoint) {
      const key = keyOf(connectionType, protocol)
      if (endpoint !== undefined && records.get(key)?.endpoint !== endpoint) return
      if (records.delete(key)) lastUpdated = wall()
    },
    clear() {
      records.clear()
      lastUpdated = wall()
    },
    assignments,
    endpoint: (connectionType, protocol) => records.get(keyOf(connectionType, protocol))?.endpoint,
    snapshot() {
      const snapshot: Partial<Record<ConnectionKind, Partial<Record<ProtocolId, string>>>> = {}
      for (const { connection_type, protocol, endpoint } of assignments()) {
        const endpoints = snapshot[connection_type] ?? {}
        endpoints[protocol] = endpoint
        snapshot[connection_type] = endpoints
      }
      return snapshot
    },
    detailedSnapshot: () => ({ last_updated: lastUpdated, assignments: assignments() }),
  }
}

/** The registry of this process. */
export const endpointRegistry: EndpointRegistry = createEndpointRegistry()
