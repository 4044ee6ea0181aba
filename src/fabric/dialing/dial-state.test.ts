import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../../base/index.ts'
import { DIAL_STATES_MAX } from './constants.ts'
import { createDialStates, type DialFailure } from './dial-state.ts'

const peer = 'ws://127.0.0.1:9001'
const failure: DialFailure = { error: 'no answer', mesh: { targets: 9, connectedRatio: 1 }, seed: false, lost: false }
const spread = 1.02075

function fresh() {
  const env = createVirtualEnv({ seed: 1 })
  const states = createDialStates(env.clock, 5)
  const waitSeconds = (nodeId = peer) => ((states.get(nodeId)?.nextAttemptMs ?? Number.NaN) - env.clock.monotonic()) / 1000
  return { env, states, waitSeconds }
}

describe('the state of a peer', () => {
  it('doubles the wait with each failure; a success clears it', () => {
    const { states, waitSeconds } = fresh()
    states.failed(peer, failure)
    expect(waitSeconds()).toBeCloseTo((5 / 3) * spread, 6)
    states.failed(peer, failure)
    expect(waitSeconds()).toBeCloseTo((10 / 3) * spread, 6)
    states.attempted(peer)
    states.succeeded(peer)
    expect(states.get(peer)).toMatchObject({ failures: 0, lastError: '', attemptsTotal: 1, successesTotal: 1 })
    expect(waitSeconds()).toBe(0)
  })

  it('waits less for a configured peer until it was reached once', () => {
    const { states, waitSeconds } = fresh()
    const hard = { ...failure, seed: true, mesh: { targets: 9, connectedRatio: 0 } }
    states.failed(peer, hard)
    expect(waitSeconds()).toBeCloseTo(2.5 * spread, 6)
    states.succeeded(peer)
    states.failed(peer, hard)
    expect(waitSeconds()).toBeCloseTo(2.9167 * spread, 3)
  })

  it('waits longer after a refusal, which is news once', () => {
    const { states, waitSeconds } = fresh()
    const refusal = { ...failure, error: 'cluster_id mismatch', refused: { instanceId: 'one' } }
    expect(states.failed(peer, refusal)).toBe(true)
    expect(waitSeconds()).toBeCloseTo((20 / 3) * spread, 6)
    expect(states.failed(peer, refusal)).toBe(false)
    expect(waitSeconds()).toBeCloseTo((40 / 3) * spread, 6)
    expect(states.failed(peer, { ...refusal, error: 'not in allowed foreign clusters list' })).toBe(true)
    expect(states.snapshot()).toMatchObject({ peers: 1, failing: 1, refused: 1 })
  })

  it('forgets a refusal when another process answers for the url', () => {
    const { states, waitSeconds } = fresh()
    states.failed(peer, { ...failure, refused: { instanceId: 'one' } })
    states.seenInstance(peer, 'one')
    states.seenInstance(peer, '')
    expect(waitSeconds()).toBeGreaterThan(5)
    states.seenInstance(peer, 'two')
    expect(states.get(peer)).toMatchObject({ failures: 0, refusals: 0, refusedBy: undefined })
    expect(waitSeconds()).toBe(0)
  })

  it('takes the first process it learns of for the one that refused', () => {
    const { states } = fresh()
    states.failed(peer, { ...failure, refused: { instanceId: '' } })
    states.seenInstance(peer, 'one')
    expect(states.get(peer)?.refusedBy).toBe('one')
    states.seenInstance(peer, 'two')
    expect(states.get(peer)?.refusedBy).toBeUndefined()
  })

  it('keeps an ordinary failure whatever process answers', () => {
    const { states } = fresh()
    states.failed(peer, failure)
    states.seenInstance(peer, 'two')
    expect(states.get(peer)?.failures).toBe(1)
  })

  it('moves with a url that turned out to be a node id', () => {
    const { states } = fresh()
    states.failed('ws://localhost:9001', failure)
    states.rename('ws://localhost:9001', peer)
    expect(states.get('ws://localhost:9001')).toBeUndefined()
    expect(states.get(peer)?.failures).toBe(1)
  })

  it('is dropped with its candidate, and the table has a bound', () => {
    const { states } = fresh()
    for (let i = 0; i < DIAL_STATES_MAX + 5; i++) states.attempted(`ws://n${i}`)
    expect(states.snapshot()).toMatchObject({ peers: DIAL_STATES_MAX, evicted_total: 5 })
    states.retain((nodeId) => nodeId === 'ws://n100')
    expect(states.snapshot().peers).toBe(1)
  })
})
