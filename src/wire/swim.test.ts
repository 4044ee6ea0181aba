import { describe, expect, it } from 'vitest'
import { decodeGossip, encodeGossip, isSwimMessage } from './gossip.ts'

const NOW = 1_790_000_000.25

function decode(type: string, payload: string) {
  const text = `{"role":"fabric-gossip","payload":{"message_id":"m","sender_id":"ws://a:1","message_type":"${type}","payload":${payload}}}`
  const result = decodeGossip(JSON.parse(text), text, NOW)
  if ('rejected' in result) throw new Error(result.rejected)
  return result
}

const event =
  '{"event_id":"e","event_type":"node_suspected","node_id":"ws://b:1","incarnation":3,"timestamp":5.0,"source_node":"ws://c:1","reason":"probe_failure","metadata":{"waited_ms":500}}'

describe('failure detection frames', () => {
  it.each([
    [
      'membership_probe',
      `{"probe_id":"p","target_node":"b","source_node":"a","probe_type":"direct","sequence_number":1,"timestamp":1.0,"updates":[${event}]}`,
    ],
    ['membership_ack', `{"probe_id":"p","source_node":"b","target_node":"a","timestamp":1.0,"nack":true,"updates":[${event}]}`],
    [
      'membership_indirect_probe',
      `{"probe_id":"p","target_node":"b","source_node":"a","indirect_node":"r","sequence_number":2,"timestamp":1.0,"updates":[${event}]}`,
    ],
    ['membership_ack', '{"probe_id":"p","source_node":"b","target_node":"a","timestamp":1.0}'],
  ])('%s carries news, and is the plain frame of the protocol without', (type, payload) => {
    const { message } = decode(type, payload)
    expect(isSwimMessage(message)).toBe(true)
    expect(encodeGossip(message)).toContain(`"payload":${payload},"vector_clock"`)
  })

  it.each([
    ['an unknown kind of event', '{"event_id":"e","event_type":"node_exploded","node_id":"n"}'],
    ['a negative incarnation', '{"event_id":"e","event_type":"node_failed","node_id":"n","incarnation":-1}'],
    ['no node', '{"event_id":"e","event_type":"node_failed"}'],
  ])('leave out an update with %s, and keep the others', (_, bad) => {
    const { message, dropped } = decode(
      'membership_ack',
      `{"probe_id":"p","source_node":"b","target_node":"a","updates":[${bad},${event}]}`,
    )
    expect(dropped).toHaveLength(1)
    expect(isSwimMessage(message) && message.payload.updates).toMatchObject([{ event_id: 'e', metadata: { text: '{"waited_ms":500}' } }])
  })

  it('are no other gossip', () => {
    expect(isSwimMessage(decode('rumor', '1').message)).toBe(false)
  })
})
