import { describe, expect, it } from 'vitest'
import type { NodeEntry } from '../../wire/index.ts'
import { createPeerViews, type PeerViewsDeps } from './views.ts'

const SELF = 'ws://self:1'
const PEER = 'ws://peer:1'

/** Views of a node that knows one peer, which it is not linked to and which has not been heard for so long. */
function views(status: string, ageSeconds: number, { gossipIntervalSeconds = 0.5, directorySize = 4 } = {}) {
  const lines: string[] = []
  const entry = { node_id: PEER, cluster_id: 'oak' } as NodeEntry
  const deps = {
    clock: { wall: () => 1_000, monotonic: () => 0 },
    nodeId: SELF,
    clusterId: 'oak',
    directory: { size: directorySize, nodes: () => [entry] },
    statuses: { get: () => ({ status, server_url: PEER, extensions: [], metrics: {} }), ageSeconds: () => ageSeconds },
    departures: { isDeparted: () => false, list: () => [] },
    isConnected: () => false,
    functionsOf: () => [],
    liveness: () => undefined,
    ownNode: () => ({ ...entry, node_id: SELF }),
    diagnostics: { enabled: () => true, line: (_channel: string, text: string) => lines.push(text) },
    gossipIntervalSeconds,
    configuredPeers: 0,
  }
  const { hiddenPeers } = createPeerViews(deps as unknown as PeerViewsDeps)
  return { hidden: hiddenPeers(), lines }
}

describe('the line about a peer that is no longer listed', () => {
  it('says of one without a link how old its status is, and at which age that was too old', () => {
    expect(views('disconnected', 2)).toMatchObject({
      lines: [`[DIAG_PEER_SNAPSHOT] node=${SELF} action=exclude_disconnected peer=${PEER} age=2.000 stale_after=2.000`],
    })
    expect(views('disconnected', 1.999)).toEqual({ hidden: [], lines: [] })
  })

  it('says of one that fell silent also what it said last, and how many peers there ought to be', () => {
    expect(views('ok', 6.25)).toMatchObject({
      hidden: [{ url: PEER, reason: 'silent', age_seconds: 6.25, stale_after_seconds: 6 }],
      lines: [
        `[DIAG_PEER_SNAPSHOT] node=${SELF} action=exclude_stale_status peer=${PEER} status=ok age=6.250 stale_after=6.000 target_hint=4`,
      ],
    })
    expect(views('ok', 5.999)).toEqual({ hidden: [], lines: [] })
    expect(views('ok', 1_000, { directorySize: 21 }), 'in a large fabric silence says nothing').toEqual({ hidden: [], lines: [] })
  })
})
