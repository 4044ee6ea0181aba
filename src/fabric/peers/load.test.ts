import { describe, expect, it } from 'vitest'
import { encodeJson } from '../../wire/index.ts'
import { disconnectedStaleSeconds, loadObject, loadScore, loadStaleSeconds, silentStaleSeconds, targetHint } from './load.ts'

describe('the load of a peer', () => {
  it('control plane check 26: three clients and fresh 3, stale 503, disconnected and stale 1503', () => {
    expect(loadScore(3, 'ok', false)).toBe(3)
    expect(loadScore(3, 'ok', true)).toBe(503)
    expect(loadScore(3, 'disconnected', true)).toBe(1503)
  })

  it('prints time stamps and score as floats', () => {
    const facts = { status: 'ok', timestamp: 5, active_clients: 2, peer_count: 3, metrics: { messages_processed: 17, other_messages: 'x' } }
    expect(encodeJson(loadObject(facts, false))).toBe(
      '{"active_clients":2,"peer_count":3,"status":"ok","status_timestamp":5.0,"messages_processed":17,"rpc_responses_skipped":0,"server_messages":0,"other_messages":0,"load_score":2.0}',
    )
  })

  it('knows when a peer is stale', () => {
    expect(targetHint(0, 0)).toBe(1)
    expect(targetHint(3, 7)).toBe(7)
    expect(disconnectedStaleSeconds(0.5, 3)).toBe(2)
    expect(disconnectedStaleSeconds(0.1, 3)).toBe(1)
    expect(disconnectedStaleSeconds(1, 100)).toBe(10)
    expect(silentStaleSeconds(0.5, 3)).toBe(6)
    expect(silentStaleSeconds(0.1, 3)).toBe(3)
    expect(loadStaleSeconds(5, false)).toBe(15)
    expect(loadStaleSeconds(0.1, false)).toBe(1)
    expect(loadStaleSeconds(5, true)).toBe(45)
  })
})
