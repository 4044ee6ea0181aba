import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../base/index.ts'
import { ASKED_TIMES } from './doctor/thresholds.ts'
import { createRefusalLedger } from './refusals.ts'

describe('the refusal ledger', () => {
  it('counts equal refusals as one, from the first to the last, with what was said last', async () => {
    const env = createVirtualEnv({ seed: 1, startWall: 1_000 })
    const ledger = createRefusalLedger(env.clock, { max: 10 })
    ledger.record('call', 'quote', 'version', 'first')
    await env.advance(5_000)
    ledger.record('call', 'quote', 'version', 'second')
    ledger.record('call', 'quote', 'resource')
    expect(ledger.of('call', 'quote')).toEqual([
      { kind: 'call', subject: 'quote', reason: 'resource', count: 1, first_at: 1_005, last_at: 1_005, latest_at: [1_005], detail: '' },
      {
        kind: 'call',
        subject: 'quote',
        reason: 'version',
        count: 2,
        first_at: 1_000,
        last_at: 1_005,
        latest_at: [1_000, 1_005],
        detail: 'second',
      },
    ])
    expect(ledger.of('route', 'quote')).toEqual([])
  })

  it('keeps the times of as many as the doctor counts, and no more', async () => {
    const env = createVirtualEnv({ seed: 1, startWall: 1_000 })
    const ledger = createRefusalLedger(env.clock, { max: 10 })
    for (let times = 0; times < 10; times++) {
      ledger.record('call', 'quote', 'unknown')
      await env.advance(1_000)
    }
    expect(ledger.of('call', 'quote')[0]?.latest_at).toEqual([1_009 - ASKED_TIMES + 1, 1_008, 1_009])
  })

  it('forgets what was refused longest ago when it is full, not what was refused first', () => {
    const env = createVirtualEnv({ seed: 1 })
    const ledger = createRefusalLedger(env.clock, { max: 2 })
    for (const subject of ['a', 'b', 'a', 'c']) ledger.record('dial', subject, 'refused')
    expect(ledger.list().map(({ subject }) => subject)).toEqual(['c', 'a'])
    expect(ledger.list(1)).toHaveLength(1)
    expect(ledger.snapshot()).toEqual({ kept: 2, max: 2, recorded_total: 4, forgotten_total: 1 })
  })

  it('keeps what was wanted the last time, whole or not at all', () => {
    const ledger = createRefusalLedger(createVirtualEnv({ seed: 1 }).clock, { max: 2 })
    const wanted = { version_constraint: '>=2', resources: ['gpu'], function_id: null, target_cluster: null }
    ledger.record('call', 'quote', 'version', '', wanted)
    expect(ledger.of('call', 'quote')).toMatchObject([{ wanted }])
    ledger.record('call', 'quote', 'version', '', { ...wanted, version_constraint: `>=2${' '.repeat(10_000)}` })
    expect(ledger.of('call', 'quote')[0]).not.toHaveProperty('wanted')
    ledger.record('call', 'quote', 'version', '', { ...wanted, resources: Array.from({ length: 1_000 }, () => 'gpu') })
    expect(ledger.of('call', 'quote')[0]).not.toHaveProperty('wanted')
  })

  it('knows since when the same has been wanted without anything else in between', async () => {
    const env = createVirtualEnv({ seed: 1, startWall: 1_000 })
    const ledger = createRefusalLedger(env.clock, { max: 2 })
    const wanted = { version_constraint: '>=2', resources: ['gpu'], function_id: null, target_cluster: null }
    const ask = async (question: typeof wanted) => {
      ledger.record('call', 'quote', 'version', '', question)
      await env.advance(1_000)
      return ledger.of('call', 'quote')[0]
    }
    expect(await ask(wanted)).toMatchObject({ first_at: 1_000, wanted_since: 1_000 })
    expect(await ask({ ...wanted, resources: ['gpu'] })).toMatchObject({ first_at: 1_000, wanted_since: 1_000 })
    expect(await ask({ ...wanted, resources: ['disk'] })).toMatchObject({ first_at: 1_000, wanted_since: 1_002 })
    expect(await ask(wanted)).toMatchObject({ first_at: 1_000, wanted_since: 1_003 })
  })

  it('keeps texts of bounded length, and finds a long subject again', () => {
    const ledger = createRefusalLedger(createVirtualEnv({ seed: 1 }).clock, { max: 2 })
    const long = 'x'.repeat(10_000)
    ledger.record('publication', long, 'reserved', long)
    const [record] = ledger.of('publication', long)
    expect(record?.subject.length).toBeLessThan(1_000)
    expect(record?.detail.length).toBeLessThan(1_000)
  })
})
