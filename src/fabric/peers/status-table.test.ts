import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../../base/index.ts'
import type { StatusBody } from '../../wire/index.ts'
import { STATUS_NAMES_MAX, STATUSES_UNLISTED_MAX } from './constants.ts'
import { createStatusTable } from './status-table.ts'

const status = (server_url: string, more: Partial<StatusBody> = {}): StatusBody => ({
  what: 'STATUS',
  server_url,
  cluster_id: 'c',
  ...more,
})

function table(listed: ReadonlySet<string> = new Set()) {
  const env = createVirtualEnv({ seed: 1 })
  return { env, statuses: createStatusTable({ clock: env.clock, isListed: (nodeId) => listed.has(nodeId) }) }
}

describe('the peer status table', () => {
  it('keeps the moment a peer was first found disconnected, and what was last known of it', async () => {
    const { env, statuses } = table()
    statuses.heard(status('a', { funs: ['f'], locs: ['cpu'], active_clients: 4, instance_id: 'i' }))
    await env.advance(1000)
    statuses.markDisconnected('a', 'c')
    await env.advance(1000)
    statuses.markDisconnected('a', 'c')
    const found = statuses.get('a')
    expect(found).toMatchObject({
      status: 'disconnected',
      timestamp: 1_700_000_001,
      funs: ['f'],
      locs: ['cpu'],
      active_clients: 0,
      instance_id: 'i',
      metrics: { disconnected: true },
    })
    expect(found && statuses.ageSeconds(found)).toBe(1)
  })

  it('counts ages from reception, whatever clock the sender has', async () => {
    const { env, statuses } = table()
    const { status: heard } = statuses.heard(status('a', { timestamp: 5 }))
    env.shiftWall(-600)
    await env.advance(1500)
    expect(heard.timestamp).toBe(5)
    expect(statuses.ageSeconds(heard)).toBe(1.5)
  })

  it('notices another process only when both are known', () => {
    const { statuses } = table(new Set(['a']))
    expect(statuses.heard(status('a')).restarted).toBe(false)
    expect(statuses.heard(status('a', { instance_id: 'i1' })).restarted).toBe(false)
    expect(statuses.heard(status('a')).restarted).toBe(false)
    expect(statuses.heard(status('a', { instance_id: 'i2' })).restarted).toBe(true)
    expect(statuses.snapshot().restarts_total).toBe(1)
  })

  it('keeps few of those who are neither linked nor in the directory, the latest, and all others', () => {
    const listed = new Set(['kept'])
    const { statuses } = table(listed)
    statuses.heard(status('kept'))
    for (let i = 0; i < STATUSES_UNLISTED_MAX + 50; i++) statuses.heard(status(`n${i}`))
    expect(statuses.snapshot()).toMatchObject({ peers: STATUSES_UNLISTED_MAX + 1, unlisted: STATUSES_UNLISTED_MAX, forgotten_total: 50 })
    expect(statuses.get('n49')).toBeUndefined()
    expect(statuses.get('n50')).toBeDefined()
    expect(statuses.get('kept')).toBeDefined()
  })

  it('keeps of a status what the protocol knows, in bounded number', () => {
    const { statuses } = table()
    const { status: heard } = statuses.heard(
      status('a', { funs: Array.from({ length: STATUS_NAMES_MAX + 5 }, String), metrics: { other_messages: 1, junk: 'x' } }),
    )
    expect(heard.funs).toHaveLength(STATUS_NAMES_MAX)
    expect(heard.metrics).toEqual({ other_messages: 1 })
  })
})
