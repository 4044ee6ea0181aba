/**
 * The `fabric-gossip` envelope and its payloads: one typed message per `message_type`.
 *
 * A message is read completely before it is believed or passed on; one that can not be read is rejected with the reason. Nodes of other
 * implementations drop the connection over members they do not know, so what is passed on is written anew from what was read.
 */
import { catalogDelta } from './catalog.ts'
import { consensusProposalObject } from './consensus.ts'
import { FrameError } from './errors.ts'
import {
  bool,
  clock,
  type Field,
  float,
  id,
  int,
  literal,
  type RecordField,
  type RecordOf,
  raw,
  rawObject,
  readMember,
  record,
  text,
  textSet,
  texts,
  time,
} from './fields.ts'
import { linkStateUpdate, routeAnnouncement, routeKeyAnnouncement, routeWithdrawal } from './routes.ts'
import { membershipAck, membershipIndirectProbe, membershipProbe } from './swim.ts'

const GOSSIP_TTL_DEFAULT = 10
const GOSSIP_HOPS_MAX_DEFAULT = 5
/** Seconds a message may travel. */
const GOSSIP_LIFETIME_SECONDS = 300
/** The checksum is never verified: any 16 hex digits do. */
const NO_CHECKSUM = '0000000000000000'

export const stateUpdate = record({
  key: text(),
  value: raw('null'),
  version: int(0),
  timestamp: time(),
  source_node: text(''),
  ttl: int(300),
})
export type StateUpdate = RecordOf<typeof stateUpdate>

export const membershipUpdate = record({
  node_id: text(),
  node_info: rawObject,
  event_type: text('update'),
  timestamp: time(),
  incarnation: int(0),
})
export type MembershipUpdate = RecordOf<typeof membershipUpdate>

export const configUpdate = record({
  config_key: text(),
  config_value: raw('null'),
  version: int(0),
  timestamp: time(),
  source_node: text(''),
  scope: text('global'),
})
export type ConfigUpdate = RecordOf<typeof configUpdate>

export const heartbeat = record({
  sender_id: id,
  timestamp: time(),
  load_average: float(0),
  memory_usage: float(0),
  cpu_usage: float(0),
  connection_count: int(0),
  health_status: text('healthy'),
})
export type Heartbeat = RecordOf<typeof heartbeat>

export const gossipVote = record({ proposal_id: id, voter_node_id: id, vote: bool(), timestamp: time() })
export type GossipVote = RecordOf<typeof gossipVote>

const payloads = {
  catalog_update: catalogDelta,
  route_advertisement: routeAnnouncement,
  route_withdrawal: routeWithdrawal,
  link_state_update: linkStateUpdate,
  route_key_announcement: routeKeyAnnouncement,
  state_update: stateUpdate,
  membership_update: membershipUpdate,
  config_update: configUpdate,
  heartbeat,
  consensus_proposal: consensusProposalObject,
  consensus_vote: gossipVote,
  membership_probe: membershipProbe,
  membership_ack: membershipAck,
  membership_indirect_probe: membershipIndirectProbe,
  anti_entropy: raw('null'),
  rumor: raw('null'),
}

export type GossipType = keyof typeof payloads
export const GOSSIP_TYPES = Object.keys(payloads) as readonly GossipType[]

type PayloadOf<T extends GossipType> = (typeof payloads)[T] extends Field<infer P> ? P : never

const checksum: Field<string> = { ...text(NO_CHECKSUM), read: (value) => (typeof value === 'string' && value !== '' ? value : NO_CHECKSUM) }

function messageRecord<T extends GossipType>(type: T) {
  return record({
    /** Stays the same on every hop; duplicates are known by it. */
    message_id: id,
    message_type: literal(type),
    /** The node that transmitted this copy. */
    sender_id: id,
    payload: payloads[type] as Field<PayloadOf<T>>,
    vector_clock: clock,
    /** The creator's counter. */
    sequence_number: int(0),
    ttl: int(GOSSIP_TTL_DEFAULT),
    hop_count: int(0),
    max_hops: int(GOSSIP_HOPS_MAX_DEFAULT),
    /** First 8 hex digits of the MD5 of {@link gossipDigestText}, made by the creator; empty when it sent none. */
    digest: text(''),
    checksum,
    created_at: time(),
    expires_at: time(GOSSIP_LIFETIME_SECONDS),
    /** Transmitting nodes in order, the creator first. */
    propagation_path: texts,
    seen_by: textSet,
  })
}

export type GossipMessageOf<T extends GossipType> = RecordOf<ReturnType<typeof messageRecord<T>>>
export type GossipMessage = { [T in GossipType]: GossipMessageOf<T> }[GossipType]

const SWIM_TYPES = ['membership_probe', 'membership_ack', 'membership_indirect_probe'] as const
/** A message of failure detection: from one node to a node it is linked to, never passed on. */
export type SwimMessage = { [T in (typeof SWIM_TYPES)[number]]: GossipMessageOf<T> }[(typeof SWIM_TYPES)[number]]

export function isSwimMessage(message: GossipMessage): message is SwimMessage {
  return (SWIM_TYPES as readonly GossipType[]).includes(message.message_type)
}

const messages = new Map<unknown, RecordField<unknown>>(GOSSIP_TYPES.map((type) => [type, messageRecord(type)]))

/** `dropped` names list elements (catalog entries, neighbours, keys) that could not be read and were left out. */
export type GossipDecodeResult =
  | { readonly message: GossipMessage; readonly dropped: readonly FrameError[] }
  | { readonly rejected: string }

/**
 * @param frame the parsed frame; `frameText` what it was parsed from
 * @param now Unix seconds, default of every missing time stamp
 */
export function decodeGossip(frame: { payload?: unknown }, frameText: string, now: number): GossipDecodeResult {
  const type = (frame.payload as { message_type?: unknown } | null | undefined)?.message_type
  const reader = messages.get(type)
  if (reader === undefined)
    return { rejected: type === undefined ? 'message_type is missing' : `unknown message_type ${JSON.stringify(type)}` }
  const dropped: FrameError[] = []
  try {
    const message = readMember(reader, frame, 'payload', { text: frameText, now, dropped }) as GossipMessage
    return { message, dropped }
  } catch (error) {
    if (error instanceof FrameError) return { rejected: error.message }
    throw error
  }
}

export function encodeGossip(message: GossipMessage): string {
  return `{"role":"fabric-gossip","payload":${(messages.get(message.message_type) as RecordField<unknown>).write(message)}}`
}

/** What the digest of a message is made over; `senderId` is the creator. */
export function gossipDigestText(type: GossipType, senderId: string, sequenceNumber: number): string {
  return `${type}:${senderId}:${sequenceNumber}`
}
