import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../../base/index.ts'
import type { FederationVerdict } from '../../fabric/index.ts'
import type { Fabric } from '../fabric.ts'
import { resolveSettings } from '../settings/index.ts'
import { createNodeTelemetry } from './telemetry.ts'

interface LinkedPeer {
  readonly cluster: string
  readonly verdict: FederationVerdict
}

const PEERS: Readonly<Record<string, LinkedPeer>> = {
  'ws://sibling:1': { cluster: 'oak', verdict: 'authorized' },
  'ws://bridged:1': { cluster: 'elm', verdict: 'authorized' },
  'ws://stranger:1': { cluster: 'ash', verdict: 'authorized_with_warning' },
}

describe('links to peers', () => {
  it('are reported with the verdict of the policy on their cluster and node', () => {
    const asked: string[] = []
    const telemetry = createNodeTelemetry({
      env: createVirtualEnv({ seed: 1 }),
      settings: resolveSettings({ clusterId: 'oak' }).settings,
      nodeId: 'ws://here:1',
      probe: { start() {}, stop() {}, read: () => null as never },
      fabric: {
        peers: {
          events: { observe: () => () => {} },
          sender: { connected: () => Object.keys(PEERS), clusterOf: (id: string) => PEERS[id]?.cluster },
          federationAllows(cluster: string, id: string) {
            asked.push(`${cluster} ${id}`)
            return { verdict: PEERS[id]?.verdict }
          },
        },
        routing: { routes: { observe: () => () => {} } },
      } as unknown as Fabric,
      connections: () => 0,
      subscribers: () => 0,
      requestsInFlight: () => 0,
      queues: undefined,
      print() {},
    })
    telemetry.start()
    telemetry.stop()
    const reported = telemetry.links.links().map((link) => [link.remote_node_id, link.authorization_result])
    expect(reported).toEqual(Object.entries(PEERS).map(([id, { verdict }]) => [id, verdict]))
    expect(asked).toEqual(Object.entries(PEERS).map(([id, { cluster }]) => `${cluster} ${id}`))
  })
})
