import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { decodeGossip, encodeGossip, GOSSIP_TYPES, gossipDigestText } from './gossip.ts'

const NOW = 1_790_000_000.25

function decode(payload: unknown) {
  const text =
    typeof payload === 'string' ? `{"role":"fabric-gossip","payload":${payload}}` : JSON.stringify({ role: 'fabric-gossip', payload })
  return decodeGossip(JSON.parse(text), text, NOW)
}

function messageOf(payload: unknown) {
  const result = decode(payload)
  if ('rejected' in result) throw new Error(result.rejected)
  return result.message
}

const head = { message_id: 'm', sender_id: 'ws://a:1' }

describe('the fabric-gossip envelope', () => {
  it('fills in what a sparse sender leaves out', () => {
    expect(encodeGossip(messageOf({ ...head, message_type: 'rumor', payload: [1] }))).toBe(
      '{"role":"fabric-gossip","payload":{"message_id":"m","message_type":"rumor","sender_id":"ws://a:1","payload":[1],"vector_clock":{},"sequence_number":0,"ttl":10,"hop_count":0,"max_hops":5,"digest":"","checksum":"0000000000000000","created_at":1790000000.25,"expires_at":1790000300.25,"propagation_path":[],"seen_by":[]}}',
    )
  })

  it.each<[payload: unknown, reason: string]>([
    [undefined, 'message_type is missing'],
    [null, 'message_type is missing'],
    [{ ...head }, 'message_type is missing'],
    [{ ...head, message_type: 'smoke' }, 'unknown message_type "smoke"'],
    [{ ...head, message_type: 'toString' }, 'unknown message_type "toString"'],
    [{ message_type: 'rumor', sender_id: 'a' }, 'payload.message_id is required'],
    [{ message_type: 'rumor', message_id: 'a', sender_id: '' }, 'payload.sender_id must not be empty'],
    [{ ...head, message_type: 'rumor', vector_clock: { '': 1 } }, 'payload.vector_clock must not have an empty node id'],
    [{ ...head, message_type: 'rumor', vector_clock: { a: -1 } }, 'payload.vector_clock.a must not be negative'],
    [{ ...head, message_type: 'rumor', ttl: 'many' }, 'payload.ttl must be a number, not a string'],
    [{ ...head, message_type: 'catalog_update' }, 'payload.payload is required'],
    [{ ...head, message_type: 'state_update', payload: { value: 1 } }, 'payload.payload.key is required'],
  ])('rejects %o: %s', (payload, reason) => {
    expect(decode(payload)).toEqual({ rejected: reason })
  })

  it('knows sixteen kinds', () => {
    expect(GOSSIP_TYPES).toHaveLength(16)
  })

  it('has a digest over type, creator and sequence number', () => {
    const text = gossipDigestText('catalog_update', 'ws://127.0.0.1:9001', 7)
    expect(createHash('md5').update(text).digest('hex').slice(0, 8)).toBe('47362fcb')
  })

  it('tells where an entry was that could not be read', () => {
    const result = decode({ ...head, message_type: 'catalog_update', payload: { functions: [{}] } })
    expect('dropped' in result && result.dropped.map((error) => error.message)).toEqual([
      'payload.payload.functions.0.identity is required',
    ])
  })
})

describe('gossip payloads', () => {
  it.each([
    [
      'state_update',
      '{"key":"k","value":1.0,"x":1}',
      '{"key":"k","value":1.0,"version":0,"timestamp":1790000000.25,"source_node":"","ttl":300}',
    ],
    [
      'membership_update',
      '{"node_id":"n","node_info":{"load":1.0},"timestamp":5,"reason":"probe"}',
      '{"node_id":"n","node_info":{"load":1.0},"event_type":"update","timestamp":5.0,"incarnation":0}',
    ],
    [
      'config_update',
      '{"config_key":"k","config_value":[-0]}',
      '{"config_key":"k","config_value":[-0],"version":0,"timestamp":1790000000.25,"source_node":"","scope":"global"}',
    ],
    [
      'heartbeat',
      '{"sender_id":"s","load_average":1}',
      '{"sender_id":"s","timestamp":1790000000.25,"load_average":1.0,"memory_usage":0.0,"cpu_usage":0.0,"connection_count":0,"health_status":"healthy"}',
    ],
    [
      'consensus_vote',
      '{"proposal_id":"p","voter_node_id":"v","vote":true,"timestamp":1}',
      '{"proposal_id":"p","voter_node_id":"v","vote":true,"timestamp":1.0}',
    ],
    [
      'consensus_proposal',
      '{"proposal_id":"p","proposer_node_id":"n","state_key":"k","proposed_value":{"value":1e5,"vector_clock":{},"node_id":"n","timestamp":1},"required_votes":2,"consensus_deadline":3}',
      '{"proposal_id":"p","proposer_node_id":"n","state_key":"k","proposed_value":{"value":1e5,"vector_clock":{},"node_id":"n","timestamp":1.0},"required_votes":2,"consensus_deadline":3.0}',
    ],
    [
      'membership_ack',
      '{"probe_id":"p","source_node":"a","target_node":"b","timestamp":1}',
      '{"probe_id":"p","source_node":"a","target_node":"b","timestamp":1.0}',
    ],
    ['anti_entropy', '{"any": 1.0}', '{"any": 1.0}'],
  ])('%s is written with its known members only, floats as floats', (type, payload, written) => {
    const message = messageOf(`{"message_id":"m","sender_id":"s","message_type":"${type}","payload":${payload}}`)
    expect(encodeGossip(message)).toContain(`"payload":${written},"vector_clock"`)
  })
})
