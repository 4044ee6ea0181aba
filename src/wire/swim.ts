/**
 * What failure detection (SWIM) says: probes, their answers, and the news about members that ride on both.
 *
 * The three messages are those of the protocol's `fabric-gossip` frames. Members the Python implementation does not know (`updates`, `nack`)
 * are written only when used, and are sent only to nodes that announce `swim/1`.
 */
import { bool, id, int, list, natural, omittable, oneOf, type RecordOf, rawObject, record, text, time } from './fields.ts'

/** `confirmed`: the member itself says that it lives, against a suspicion. `recovered`: it answered after having been suspected. */
export const MEMBERSHIP_EVENT_TYPES = [
  'node_joined',
  'node_left',
  'node_failed',
  'node_recovered',
  'node_suspected',
  'node_confirmed',
] as const
export type MembershipEventType = (typeof MEMBERSHIP_EVENT_TYPES)[number]

/** One claim about one member. It travels unchanged: `source_node` is who first made it. */
export const membershipEvent = record({
  event_id: id,
  event_type: oneOf(MEMBERSHIP_EVENT_TYPES),
  node_id: id,
  incarnation: natural(0),
  timestamp: time(),
  source_node: text(''),
  reason: text(''),
  metadata: rawObject,
})
export type MembershipEvent = RecordOf<typeof membershipEvent>

const updates = omittable(list(membershipEvent))

export const membershipProbe = record({
  probe_id: id,
  target_node: id,
  source_node: id,
  /** `direct` and `relayed` want an answer; `news` and `view` only bring `updates`. */
  probe_type: text(''),
  sequence_number: int(0),
  timestamp: time(),
  updates,
})
export type MembershipProbe = RecordOf<typeof membershipProbe>

/** `source_node` answered; `target_node` had asked. With `nack` a relay says: I am here, but who you asked for did not answer me. */
export const membershipAck = record({
  probe_id: id,
  source_node: id,
  target_node: id,
  timestamp: time(),
  nack: omittable(bool()),
  updates,
})
export type MembershipAck = RecordOf<typeof membershipAck>

/** `source_node` asks `indirect_node` to probe `target_node` for it. */
export const membershipIndirectProbe = record({
  probe_id: id,
  target_node: id,
  source_node: id,
  indirect_node: id,
  sequence_number: int(0),
  timestamp: time(),
  updates,
})
export type MembershipIndirectProbe = RecordOf<typeof membershipIndirectProbe>
