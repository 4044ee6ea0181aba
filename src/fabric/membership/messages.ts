/**
 * The envelopes of failure detection. They go from one node to a node linked to it and no further, so everything an envelope carries for its
 * way through the fabric stays empty.
 */
import type { Clock } from '../../base/index.ts'
import type { MembershipEvent, SwimMessage } from '../../wire/index.ts'

/** `direct`: answer me. `relayed`: answer me, somebody asked me to ask. `news`, `view`: nothing to answer; see {@link MembershipEvent}s. */
export type ProbeKind = 'direct' | 'relayed' | 'news' | 'view'

type Updates = readonly MembershipEvent[]

export interface SwimMessages {
  probe(kind: ProbeKind, probeId: string, target: string, updates: Updates): SwimMessage
  /** `responder`: who is alive; this node, or the one it was asked to probe. */
  ack(probeId: string, asker: string, responder: string, updates: Updates): SwimMessage
  nack(probeId: string, asker: string, updates: Updates): SwimMessage
  indirectProbe(probeId: string, relay: string, target: string, updates: Updates): SwimMessage
}

/** Seconds a message means anything. */
const LIFETIME_SECONDS = 30
const ENVELOPE = {
  vector_clock: {},
  ttl: 0,
  hop_count: 0,
  max_hops: 0,
  digest: '',
  checksum: '0000000000000000',
  seen_by: [],
} as const

export function createSwimMessages(nodeId: string, clock: Clock): SwimMessages {
  let sequence = 0
  const path = [nodeId]

  function envelope(idKind: 'probe' | 'probe_ack' | 'probe_news', probeId: string, now: number) {
    return {
      ...ENVELOPE,
      message_id: `${idKind}_${probeId}`,
      sender_id: nodeId,
      sequence_number: sequence,
      created_at: now,
      expires_at: now + LIFETIME_SECONDS,
      propagation_path: path,
    }
  }

  function ack(probeId: string, asker: string, responder: string, nack: boolean, updates: Updates): SwimMessage {
    const timestamp = clock.wall()
    sequence++
    return {
      ...envelope('probe_ack', probeId, timestamp),
      message_type: 'membership_ack',
      payload: {
        probe_id: probeId,
        source_node: responder,
        target_node: asker,
        timestamp,
        ...(nack ? { nack } : undefined),
        ...carrying(updates),
      },
    }
  }

  return {
    probe(kind, probeId, target, updates) {
      const timestamp = clock.wall()
      sequence++
      return {
        ...envelope(kind === 'direct' || kind === 'relayed' ? 'probe' : 'probe_news', probeId, timestamp),
        message_type: 'membership_probe',
        payload: {
          probe_id: probeId,
          target_node: target,
          source_node: nodeId,
          probe_type: kind,
          sequence_number: sequence,
          timestamp,
          ...carrying(updates),
        },
      }
    },
    ack: (probeId, asker, responder, updates) => ack(probeId, asker, responder, false, updates),
    nack: (probeId, asker, updates) => ack(probeId, asker, nodeId, true, updates),
    indirectProbe(probeId, relay, target, updates) {
      const timestamp = clock.wall()
      sequence++
      return {
        ...envelope('probe', probeId, timestamp),
        message_type: 'membership_indirect_probe',
        payload: {
          probe_id: probeId,
          target_node: target,
          source_node: nodeId,
          indirect_node: relay,
          sequence_number: sequence,
          timestamp,
          ...carrying(updates),
        },
      }
    },
  }
}

function carrying(updates: Updates): { updates?: Updates } {
  return updates.length > 0 ? { updates } : {}
}
