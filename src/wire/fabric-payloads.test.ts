import { describe, expect, it } from 'vitest'
import { commandOf, decodeFabricPayload, encodeFabricPayload, type FabricRpcRequest } from './fabric-payloads.ts'
import { RawJson } from './json.ts'

const NOW = 1_790_000_000.5

function payloadOf(text: string) {
  const result = decodeFabricPayload(new RawJson(text), NOW)
  if ('rejected' in result) throw new Error(result.rejected)
  return result.payload
}

/** Complete payloads as they travel. */
const COMPLETE = [
  '{"kind":"rpc-request","request_id":"r","command":"price_of","args":["apple", 1.0],"kwargs":{"2":1,"1":-0},"resources":["eu"],"function_id":null,"version_constraint":">=1","target_cluster":"harbor","target_node":"ws://b:1","reply_to":"ws://a:1","federation_path":[],"federation_remaining_hops":null}',
  '{"kind":"rpc-response","request_id":"r","success":true,"result":{"amount":4.50},"error":null,"responder":"ws://b:1","reply_to":"ws://a:1","reply_cluster":"harbor","routing_path":["ws://a:1","ws://b:1"]}',
  '{"kind":"rpc-response","request_id":"r","success":false,"result":null,"error":{"error":"no","command":"f","error_type":"E"},"responder":"b","reply_to":"a","reply_cluster":null,"routing_path":[]}',
  '{"kind":"queue_request","request_id":"r","queue_name":"invoices","topic":"invoice.new","payload":{"no":881.0},"delivery_guarantee":"at_least_once","source_cluster":"harbor","target_cluster":"orchard","subscription_id":null,"subscriber_id":null,"ack_token":"t","required_cluster_acks":1,"options":{"priority":0,"delay_seconds":0.0,"visibility_timeout_seconds":null,"max_retries":3,"acknowledgment_timeout_seconds":300.0,"required_acknowledgments":null,"headers":{"a":"b"}},"created_at":1790000020.0}',
  '{"kind":"queue_ack","ack_token":"t","message_id":"r","acknowledging_cluster":"orchard","acknowledging_subscriber":"","success":true,"error_message":null,"ack_timestamp":1790000020.1}',
  '{"kind":"queue_subscribe","subscription_id":"sub-5","subscriber_id":"billing","queue_pattern":"inv*","topic_pattern":"invoice.#","delivery_guarantee":"at_least_once","auto_acknowledge":true,"source_cluster":"harbor","target_cluster":"orchard","created_at":1790000021.0}',
  '{"kind":"queue_unsubscribe","subscription_id":"sub-5","subscriber_id":"billing","queue_pattern":"inv*","topic_pattern":"invoice.#","delivery_guarantee":"broadcast","auto_acknowledge":false,"source_cluster":"harbor","target_cluster":"orchard","created_at":1790000021.0}',
  '{"kind":"queue_consensus_request","consensus_id":"c-1","dispatch_id":"d-1","queue_name":"invoices","topic":"invoice.new","delivery_guarantee":"quorum","source_cluster":"harbor","target_cluster":"orchard","required_weight_threshold":0.67,"byzantine_fault_threshold":1,"timestamp":1790000022.0,"payload_digest":null}',
  '{"kind":"queue_consensus_vote","consensus_id":"c-1","voter_cluster":"orchard","vote":true,"response_payload":{"queue":"invoices","vote":true},"timestamp":1790000022.1}',
  '{"kind":"cache_digest_request","request_id":"r","reply_to":"ws://a:1","target_node":"ws://b:1"}',
  '{"kind":"cache_digest_response","request_id":"r","reply_to":"ws://a:1","responder":"ws://b:1","digest":{"node_id":"ws://b:1","timestamp":1790000030.01,"entries":{"fx:eurusd:v1.0.0":{"key":{"namespace":"fx","identifier":"eurusd","version":"v1.0.0","tags":[]},"version":3,"timestamp":1.0,"value_hash":"ab","size_bytes":4,"node_id":"ws://b:1"}},"total_entries":1,"total_size_bytes":4,"digest_hash":"39d20752ed875f7d"}}',
  '{"kind":"cache_digest_response","request_id":"r","reply_to":"ws://a:1","responder":"ws://b:1","digest":null}',
  '{"kind":"cache_entry_request","request_id":"r","reply_to":"ws://a:1","target_node":"ws://b:1","key":{"namespace":"fx","identifier":"eurusd","version":"v1.0.0","tags":["t"]}}',
  '{"kind":"cache_entry_response","request_id":"r","reply_to":"ws://a:1","responder":"ws://b:1","entry":{"key":{"namespace":"fx","identifier":"eurusd","version":"v1.0.0","tags":[]},"value":1.0,"metadata":{"computation_cost_ms":0.0,"dependencies":[],"ttl_seconds":null,"replication_policy":"geographic","access_patterns":{},"geographic_hints":[],"quality_score":1.0,"created_by":"","size_estimate_bytes":0},"creation_time":1.0,"last_access_time":2.0,"access_count":3,"replication_sites":["ws://b:1"],"vector_clock":{"ws://b:1":3},"checksum":"ab"}}',
  '{"kind":"cache_operation","operation":{"operation_type":"put","operation_id":"op-77","key":{"namespace":"fx","identifier":"eurusd","version":"v1.0.0","tags":[]},"timestamp":1790000031.0,"source_node":"ws://a:1","vector_clock":{"ws://a:1":3},"ttl_hops":5,"value":1.090,"metadata":{"computation_cost_ms":0.0,"dependencies":[],"ttl_seconds":60.0,"replication_policy":"geographic","access_patterns":{},"geographic_hints":[],"quality_score":1.0,"created_by":"harbor","size_estimate_bytes":0},"value_hash":"28b478ce49706c4e","invalidation_pattern":"","consistency_level":"eventual"},"target_node":"ws://b:1"}',
  '{"kind":"raft-rpc-request","request_id":"raft_3fd0a91c77be4e02","rpc_kind":"request_vote","sender_id":"a","target_id":"b","payload":{"term":4,"candidate_id":"a","last_log_index":17,"last_log_term":3},"term":null}',
  '{"kind":"raft-rpc-response","request_id":"raft_3fd0a91c77be4e02","rpc_kind":"request_vote","sender_id":"b","target_id":"a","payload":{"term":4,"vote_granted":true,"voter_id":"b"},"term":null}',
  '{"kind":"raft-rpc-request","request_id":"r","rpc_kind":"append_entries","sender_id":"a","target_id":"b","payload":{"term":4,"leader_id":"a","prev_log_index":0,"prev_log_term":0,"entries":[{"term":4,"index":1,"entry_type":"command","command":{"x":1.0},"client_id":"c","request_id":"q","timestamp":5.0}],"leader_commit":0},"term":null}',
  '{"kind":"raft-rpc-response","request_id":"r","rpc_kind":"append_entries","sender_id":"b","target_id":"a","payload":{"term":4,"success":false,"follower_id":"b","match_index":0,"conflict_index":-1,"conflict_term":-1},"term":null}',
  '{"kind":"raft-rpc-request","request_id":"r","rpc_kind":"install_snapshot","sender_id":"a","target_id":"b","payload":{"term":4,"leader_id":"a","last_included_index":9,"last_included_term":3,"data":"AAE=","done":true,"offset":0},"term":null}',
  '{"kind":"raft-rpc-response","request_id":"r","rpc_kind":"install_snapshot","sender_id":"b","target_id":"a","payload":{"term":4,"follower_id":"b"},"term":null}',
]

describe('fabric payloads', () => {
  it.each(COMPLETE)('%s survives reading and writing', (text) => {
    expect(encodeFabricPayload(payloadOf(text)).text).toBe(text)
  })

  it.each([
    ['7', 'payload is not an object'],
    ['{}', 'unknown kind "undefined"'],
    ['{"kind":"telepathy"}', 'unknown kind "telepathy"'],
    ['{"kind":"raft-rpc-request","rpc_kind":"coup"}', 'unknown kind "raft-rpc-request coup"'],
    [
      '{"kind":"queue_request","request_id":"r","queue_name":"q","delivery_guarantee":"exactly_once"}',
      'delivery_guarantee must be one of fire_and_forget, at_least_once, broadcast, quorum',
    ],
    ['{"kind":"queue_consensus_vote","consensus_id":"c"}', 'vote is required'],
    ['{"kind":"cache_operation","operation":{"operation_type":"put"}}', 'operation.operation_id is required'],
    ['{"kind":"raft-rpc-request","rpc_kind":"request_vote","payload":{"term":-1}}', 'payload.term must not be negative'],
    ['{"kind":"raft-rpc-request","rpc_kind":"request_vote"}', 'payload is required'],
  ])('%s is rejected: %s', (text, reason) => {
    expect(decodeFabricPayload(new RawJson(text), NOW)).toEqual({ rejected: reason })
  })

  it('never let a log entry fall out of an append', () => {
    const append = (entries: string) =>
      `{"kind":"raft-rpc-request","rpc_kind":"append_entries","payload":{"term":1,"leader_id":"a","prev_log_index":0,"prev_log_term":0,"entries":${entries},"leader_commit":0}}`
    expect(decodeFabricPayload(new RawJson(append('[{"term":1,"index":1,"entry_type":"noop"},{"term":1}]')), NOW)).toEqual({
      rejected: 'payload.entries.1.index is required',
    })
    expect(payloadOf(append('[]'))).toMatchObject({ payload: { entries: [] } })
  })

  it('take their defaults', () => {
    expect(payloadOf('{"kind":"queue_request","request_id":"r","queue_name":"q"}')).toEqual({
      kind: 'queue_request',
      request_id: 'r',
      queue_name: 'q',
      topic: '',
      payload: new RawJson('null'),
      delivery_guarantee: 'at_least_once',
      source_cluster: '',
      target_cluster: '',
      subscription_id: null,
      subscriber_id: null,
      ack_token: null,
      required_cluster_acks: 1,
      options: {
        priority: 0,
        delay_seconds: 0,
        visibility_timeout_seconds: null,
        max_retries: null,
        acknowledgment_timeout_seconds: null,
        required_acknowledgments: null,
        headers: {},
      },
      created_at: NOW,
    })
    expect(payloadOf('{"kind":"rpc-request","function_id":"","target_node":7,"args":"no","kwargs":[]}')).toMatchObject({
      function_id: null,
      target_node: null,
      args: new RawJson('[]'),
      kwargs: new RawJson('{}'),
    })
  })

  it('give the executor a command whose arguments are values, or text where only that is faithful', () => {
    const request = payloadOf(
      '{"kind":"rpc-request","command":"f","args":[1,1.0],"kwargs":{"k":-0,"__proto__":2},"resources":["eu"]}',
    ) as FabricRpcRequest
    const command = commandOf(request)
    expect(command).toMatchObject({ name: 'f', fun: 'f', args: [1, new RawJson('1.0')], locs: ['eu'], target_cluster: null })
    expect(Object.entries(command.kwargs)).toEqual([
      ['k', new RawJson('-0')],
      ['__proto__', 2],
    ])
  })
})
