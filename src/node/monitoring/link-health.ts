/** Health of the links to peers, by endpoint: how calls over each fared. */
import type { Clock } from '../../base/index.ts'
import { transportHealthSnapshot } from '../../telemetry/index.ts'
import { type ConnectionHealth, createEndpointHealth, type EndpointHealth } from '../../transport/index.ts'
import type { TransportHealthSnapshot } from '../../wire/index.ts'

export interface LinkHealth {
  opened(nodeId: string): void
  closed(nodeId: string): void
  used(nodeId: string, durationMs: number, ok: boolean): void
  snapshots(): Readonly<Record<string, TransportHealthSnapshot>>
}

/** Endpoints without a link that are still shown, so that one who comes and goes keeps its count. */
const CLOSED_KEPT_MAX = 100

export function createLinkHealth(clock: Clock): LinkHealth {
  const endpoints = new Map<string, { readonly health: EndpointHealth; link: ConnectionHealth | undefined }>()

  function forgetOldest(): void {
    let closed = 0
    for (const { link } of endpoints.values()) if (link === undefined) closed++
    for (const [id, { link }] of endpoints) {
      if (closed <= CLOSED_KEPT_MAX) return
      if (link !== undefined) continue
      endpoints.delete(id)
      closed--
    }
  }

  return {
    opened(nodeId) {
      const known = endpoints.get(nodeId) ?? { health: createEndpointHealth(clock, nodeId), link: undefined }
      endpoints.delete(nodeId)
      endpoints.set(nodeId, known)
      if (known.link !== undefined) known.health.close(nodeId)
      known.link = known.health.open({ connectionId: nodeId })
      forgetOldest()
    },
    closed(nodeId) {
      const known = endpoints.get(nodeId)
      if (known === undefined) return
      known.health.close(nodeId)
      known.link = undefined
    },
    used(nodeId, durationMs, ok) {
      endpoints.get(nodeId)?.link?.record(ok, durationMs)
    },
    snapshots: () => Object.fromEntries([...endpoints].map(([id, { health }]) => [id, transportHealthSnapshot(health.snapshot())])),
  }
}
