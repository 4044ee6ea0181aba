/**
 * Messages as they are made and as they are passed on.
 *
 * The id, digest, payload and times of a message stay what its creator gave it; sender, hop count, path and clock tell of the way of this copy.
 */
import { createHash } from 'node:crypto'
import { incrementClock, type VectorClock } from '../../base/index.ts'
import { encodeGossip, type GossipMessage, type GossipType, gossipDigestText, OutboundFrame } from '../../wire/index.ts'
import { GOSSIP_LIFETIME_SECONDS } from './constants.ts'

/** What routing depends on: told to every peer, and first. */
const CONTROL_TYPES: ReadonlySet<GossipType> = new Set<GossipType>([
  'catalog_update',
  'route_advertisement',
  'route_withdrawal',
  'link_state_update',
  'route_key_announcement',
])

export function isControl(message: { readonly message_type: GossipType }): boolean {
  return CONTROL_TYPES.has(message.message_type)
}

/** First 8 hex digits of the MD5 over type, creator and sequence number. It tells messages apart; it protects nothing. */
export function gossipDigest(type: GossipType, creator: string, sequence: number): string {
  return createHash('md5')
    .update(gossipDigestText(type, creator, sequence))
    .digest('hex')
    .slice(0, 8)
}

export interface NewMessage {
  readonly type: GossipType
  readonly payload: GossipMessage['payload']
  readonly messageId: string
  readonly creator: string
  readonly clock: VectorClock
  readonly sequence: number
  readonly ttl: number
  readonly maxHops: number
  /** Unix seconds. */
  readonly now: number
}

/** A message before its first hop. It must be {@link prepareCopy prepared} before it leaves, unless it may not be passed on at all. */
export function newMessage({ type, payload, messageId, creator, clock, sequence, ttl, maxHops, now }: NewMessage): GossipMessage {
  return {
    message_id: messageId,
    message_type: type,
    sender_id: creator,
    payload,
    vector_clock: clock,
    sequence_number: sequence,
    ttl,
    hop_count: 0,
    max_hops: maxHops,
    digest: gossipDigest(type, creator, sequence),
    checksum: createHash('md5').update(messageId).digest('hex').slice(0, 16),
    created_at: now,
    expires_at: now + GOSSIP_LIFETIME_SECONDS,
    propagation_path: [],
    seen_by: [],
  } as GossipMessage
}

/** The copy that node `self` transmits. `holders` have the message already; they must not be among the targets of the copy. */
export function prepareCopy(message: GossipMessage, self: string, holders: Iterable<string> = []): GossipMessage {
  return {
    ...message,
    sender_id: self,
    ttl: message.ttl - 1,
    hop_count: message.hop_count + 1,
    propagation_path: [...message.propagation_path, self],
    vector_clock: incrementClock(message.vector_clock, self),
    seen_by: [...new Set([...message.seen_by, ...holders])],
  } as GossipMessage
}

/** Whether the message may take another hop at `now` (Unix seconds). */
export function canTravel(message: Pick<GossipMessage, 'expires_at' | 'hop_count' | 'max_hops' | 'ttl'>, now: number): boolean {
  return now <= message.expires_at && message.hop_count < message.max_hops && message.ttl > 0
}

/** The frame as a value: what connections inside one process hand over. */
export interface GossipFrame {
  readonly role: 'fabric-gossip'
  readonly payload: GossipMessage
}

export function gossipFrame(message: GossipMessage): OutboundFrame<GossipFrame> {
  return new OutboundFrame<GossipFrame>({ role: 'fabric-gossip', payload: message }, ({ payload }) => encodeGossip(payload))
}
