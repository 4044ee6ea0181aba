/**
 * Payloads of the `fabric-message` envelope, told apart by `kind` (and, for Raft, by `rpc_kind`).
 *
 * A node that only forwards never comes here: the envelope carries the payload as text. The addressee reads it once.
 */
import { cacheDigest, cacheEntry, cacheKey, cacheOperation } from './cache.ts'
import { FrameError } from './errors.ts'
import {
  bool,
  defaulted,
  type Field,
  float,
  id,
  int,
  list,
  literal,
  mapOf,
  natural,
  nullable,
  oneOf,
  type Reading,
  type RecordField,
  type RecordOf,
  raw,
  rawArray,
  rawObject,
  record,
  text,
  textOrNull,
  textSet,
  texts,
  time,
} from './fields.ts'
import { carried, isLossy, RawJson, scanArray, scanObject } from './json.ts'
import type { Command } from './rpc.ts'

export const fabricRpcRequest = record({
  kind: literal('rpc-request'),
  request_id: text(''),
  command: text(''),
  args: rawArray,
  kwargs: rawObject,
  resources: textSet,
  function_id: textOrNull,
  version_constraint: textOrNull,
  target_cluster: textOrNull,
  target_node: textOrNull,
  /** Node id of the requester; nobody waits for an answer when empty. */
  reply_to: text(''),
  federation_path: texts,
  federation_remaining_hops: nullable(int()),
})
export type FabricRpcRequest = RecordOf<typeof fabricRpcRequest>

export const fabricRpcResponse = record({
  kind: literal('rpc-response'),
  request_id: text(''),
  success: bool(false),
  result: raw('null'),
  error: nullable(raw('null')),
  responder: text(''),
  reply_to: text(''),
  reply_cluster: textOrNull,
  /** The request's path with the responder at its end: the way back. */
  routing_path: texts,
})
export type FabricRpcResponse = RecordOf<typeof fabricRpcResponse>

/** The requester waits no longer: whoever runs the request may stop. Only to nodes that announce `roles/1`. */
export const fabricRpcCancel = record({
  kind: literal('rpc-cancel'),
  request_id: id,
  target_node: textOrNull,
  reason: text(''),
})
export type FabricRpcCancel = RecordOf<typeof fabricRpcCancel>

/** Guarantees a message between clusters may ask for. */
export const QUEUE_MESSAGE_GUARANTEES = ['fire_and_forget', 'at_least_once', 'broadcast', 'quorum'] as const
export type QueueMessageGuarantee = (typeof QUEUE_MESSAGE_GUARANTEES)[number]
const guarantee = oneOf(QUEUE_MESSAGE_GUARANTEES, 'at_least_once')

/** Some receivers break on the nulls: a sender fills in numbers. */
export const queueMessageOptions = record({
  priority: int(0),
  delay_seconds: float(0),
  visibility_timeout_seconds: nullable(float()),
  max_retries: nullable(int()),
  acknowledgment_timeout_seconds: nullable(float()),
  required_acknowledgments: nullable(int()),
  headers: mapOf(text()),
})
export type QueueMessageOptions = RecordOf<typeof queueMessageOptions>

export const queueRequest = record({
  kind: literal('queue_request'),
  request_id: id,
  queue_name: id,
  topic: text(''),
  payload: raw('null'),
  delivery_guarantee: guarantee,
  source_cluster: text(''),
  target_cluster: text(''),
  subscription_id: textOrNull,
  subscriber_id: textOrNull,
  /** An acknowledgement is sent only if there is one. */
  ack_token: textOrNull,
  required_cluster_acks: int(1),
  options: defaulted(queueMessageOptions),
  created_at: time(),
})
export type QueueRequest = RecordOf<typeof queueRequest>

export const queueAck = record({
  kind: literal('queue_ack'),
  ack_token: id,
  /** The request's id. */
  message_id: text(''),
  acknowledging_cluster: text(''),
  acknowledging_subscriber: text(''),
  success: bool(true),
  error_message: textOrNull,
  ack_timestamp: time(),
})
export type QueueAck = RecordOf<typeof queueAck>

function queueSubscriptionRecord<const K extends string>(kind: K) {
  return record({
    kind: literal(kind),
    subscription_id: id,
    subscriber_id: text(''),
    queue_pattern: text(''),
    topic_pattern: text(''),
    delivery_guarantee: guarantee,
    auto_acknowledge: bool(true),
    source_cluster: text(''),
    target_cluster: text(''),
    created_at: time(),
  })
}

export const queueSubscribe = queueSubscriptionRecord('queue_subscribe')
export type QueueSubscribe = RecordOf<typeof queueSubscribe>
export const queueUnsubscribe = queueSubscriptionRecord('queue_unsubscribe')
export type QueueUnsubscribe = RecordOf<typeof queueUnsubscribe>

export const queueConsensusRequest = record({
  kind: literal('queue_consensus_request'),
  consensus_id: id,
  dispatch_id: text(''),
  queue_name: text(''),
  topic: text(''),
  delivery_guarantee: guarantee,
  source_cluster: text(''),
  target_cluster: text(''),
  required_weight_threshold: float(0.5),
  byzantine_fault_threshold: int(1),
  timestamp: time(),
  payload_digest: textOrNull,
})
export type QueueConsensusRequest = RecordOf<typeof queueConsensusRequest>

export const queueConsensusVote = record({
  kind: literal('queue_consensus_vote'),
  consensus_id: id,
  voter_cluster: text(''),
  vote: bool(),
  /** Two different ones from the same voter prove it faulty. */
  response_payload: rawObject,
  timestamp: time(),
})
export type QueueConsensusVote = RecordOf<typeof queueConsensusVote>

export const cacheOperationMessage = record({
  kind: literal('cache_operation'),
  operation: cacheOperation,
  /** Null: whoever gets it. */
  target_node: textOrNull,
})
export type CacheOperationMessage = RecordOf<typeof cacheOperationMessage>

const addressed = { request_id: id, reply_to: text(''), target_node: textOrNull }
const answered = { request_id: id, reply_to: text(''), responder: text('') }

export const cacheDigestRequest = record({ kind: literal('cache_digest_request'), ...addressed })
export type CacheDigestRequest = RecordOf<typeof cacheDigestRequest>
export const cacheDigestResponse = record({ kind: literal('cache_digest_response'), ...answered, digest: nullable(cacheDigest) })
export type CacheDigestResponse = RecordOf<typeof cacheDigestResponse>
export const cacheEntryRequest = record({ kind: literal('cache_entry_request'), ...addressed, key: cacheKey })
export type CacheEntryRequest = RecordOf<typeof cacheEntryRequest>
export const cacheEntryResponse = record({ kind: literal('cache_entry_response'), ...answered, entry: nullable(cacheEntry) })
export type CacheEntryResponse = RecordOf<typeof cacheEntryResponse>

export const RAFT_ENTRY_TYPES = ['command', 'config', 'snapshot', 'noop'] as const
export type RaftEntryType = (typeof RAFT_ENTRY_TYPES)[number]

export const raftLogEntry = record({
  term: natural(),
  index: natural(),
  entry_type: oneOf(RAFT_ENTRY_TYPES),
  command: raw('null'),
  client_id: text(''),
  request_id: text(''),
  timestamp: float(0),
})
export type RaftLogEntry = RecordOf<typeof raftLogEntry>

/** All or nothing: a hole in the log would be worse than no answer. */
const raftEntries: Field<readonly RaftLogEntry[]> = {
  ...list(raftLogEntry),
  read(value, reading, at) {
    const dropped: FrameError[] = []
    const entries = list(raftLogEntry).read(value, { ...reading, dropped }, at)
    if (dropped[0] !== undefined) throw dropped[0]
    return entries
  },
}

const raftRequests = {
  request_vote: record({ term: natural(), candidate_id: text(), last_log_index: natural(), last_log_term: natural() }),
  append_entries: record({
    term: natural(),
    leader_id: text(),
    prev_log_index: natural(),
    prev_log_term: natural(),
    entries: raftEntries,
    leader_commit: natural(),
  }),
  install_snapshot: record({
    term: natural(),
    leader_id: text(),
    last_included_index: natural(),
    last_included_term: natural(),
    /** Base64. */
    data: text(''),
    done: bool(),
    /** Of this chunk in the snapshot, bytes. */
    offset: natural(0),
  }),
}

const raftResponses = {
  request_vote: record({ term: natural(), vote_granted: bool(), voter_id: text() }),
  append_entries: record({
    term: natural(),
    success: bool(),
    follower_id: text(),
    match_index: natural(0),
    conflict_index: int(-1),
    conflict_term: int(-1),
  }),
  install_snapshot: record({ term: natural(), follower_id: text() }),
}

export type RaftRpcKind = keyof typeof raftRequests
export const RAFT_RPC_KINDS = Object.keys(raftRequests) as readonly RaftRpcKind[]

function raftRecord<const K extends string, const R extends RaftRpcKind, P>(kind: K, rpcKind: R, payload: Field<P>) {
  return record({
    kind: literal(kind),
    request_id: text(''),
    rpc_kind: literal(rpcKind),
    sender_id: text(''),
    target_id: text(''),
    payload,
    /** Always null; the term that counts is in the payload. */
    term: nullable(int()),
  })
}

type RaftMessage<K extends string, R extends RaftRpcKind, P> = RecordOf<ReturnType<typeof raftRecord<K, R, P>>>
export type RaftRpcRequest = {
  [R in RaftRpcKind]: RaftMessage<'raft-rpc-request', R, RecordOf<(typeof raftRequests)[R]>>
}[RaftRpcKind]
export type RaftRpcResponse = {
  [R in RaftRpcKind]: RaftMessage<'raft-rpc-response', R, RecordOf<(typeof raftResponses)[R]>>
}[RaftRpcKind]

export type FabricPayload =
  | FabricRpcRequest
  | FabricRpcResponse
  | FabricRpcCancel
  | QueueRequest
  | QueueAck
  | QueueSubscribe
  | QueueUnsubscribe
  | QueueConsensusRequest
  | QueueConsensusVote
  | CacheOperationMessage
  | CacheDigestRequest
  | CacheDigestResponse
  | CacheEntryRequest
  | CacheEntryResponse
  | RaftRpcRequest
  | RaftRpcResponse

const payloads = new Map<string, RecordField<unknown>>([
  ['rpc-request', fabricRpcRequest],
  ['rpc-response', fabricRpcResponse],
  ['rpc-cancel', fabricRpcCancel],
  ['queue_request', queueRequest],
  ['queue_ack', queueAck],
  ['queue_subscribe', queueSubscribe],
  ['queue_unsubscribe', queueUnsubscribe],
  ['queue_consensus_request', queueConsensusRequest],
  ['queue_consensus_vote', queueConsensusVote],
  ['cache_operation', cacheOperationMessage],
  ['cache_digest_request', cacheDigestRequest],
  ['cache_digest_response', cacheDigestResponse],
  ['cache_entry_request', cacheEntryRequest],
  ['cache_entry_response', cacheEntryResponse],
  ...RAFT_RPC_KINDS.flatMap((kind): [string, RecordField<unknown>][] => [
    [`raft-rpc-request ${kind}`, raftRecord('raft-rpc-request', kind, raftRequests[kind] as Field<unknown>)],
    [`raft-rpc-response ${kind}`, raftRecord('raft-rpc-response', kind, raftResponses[kind] as Field<unknown>)],
  ]),
])

function payloadKey(payload: { readonly kind?: unknown; readonly rpc_kind?: unknown }): string {
  const kind = String(payload.kind)
  return kind.startsWith('raft-') ? `${kind} ${payload.rpc_kind}` : kind
}

export type FabricPayloadDecodeResult = { readonly payload: FabricPayload } | { readonly rejected: string }

/** @param payload of a fabric message; `now` in Unix seconds is the default of every missing time stamp */
export function decodeFabricPayload(payload: RawJson, now: number): FabricPayloadDecodeResult {
  const parsed: unknown = JSON.parse(payload.text)
  if (typeof parsed !== 'object' || parsed === null) return { rejected: 'payload is not an object' }
  const reader = payloads.get(payloadKey(parsed))
  if (reader === undefined) return { rejected: `unknown kind ${JSON.stringify(payloadKey(parsed))}` }
  try {
    return { payload: reader.read(parsed, { text: payload.text, now, dropped: [] } satisfies Reading, 0) as FabricPayload }
  } catch (error) {
    if (error instanceof FrameError) return { rejected: error.message }
    throw error
  }
}

export function encodeFabricPayload(payload: FabricPayload): RawJson {
  return new RawJson((payloads.get(payloadKey(payload)) as RecordField<unknown>).write(payload))
}

/** A request's command as the executor takes it, each argument a value or, where only its text is faithful, {@link RawJson}. */
export function commandOf(request: FabricRpcRequest): Command {
  return {
    name: request.command,
    fun: request.command,
    args: carriedElements(request.args),
    kwargs: carriedMembers(request.kwargs),
    locs: request.resources,
    function_id: request.function_id,
    version_constraint: request.version_constraint,
    target_cluster: request.target_cluster,
    routing_topic: null,
  }
}

function carriedElements({ text: source }: RawJson): unknown[] {
  const values = JSON.parse(source) as unknown[]
  if (!isLossy(source)) return values
  const out: unknown[] = []
  scanArray(source, 0, (start, end) => out.push(carried(values[out.length], source, start, end)))
  return out
}

function carriedMembers({ text: source }: RawJson): Record<string, unknown> {
  if (source === '{}') return {}
  const values = JSON.parse(source) as Record<string, unknown>
  if (!isLossy(source)) return values
  const out: [string, unknown][] = []
  scanObject(source, 0, (key, start, end) => out.push([key, carried(values[key], source, start, end)]))
  return Object.fromEntries(out)
}
