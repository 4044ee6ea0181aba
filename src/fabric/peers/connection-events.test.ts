import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../../base/index.ts'
import { createConnectionEvents, type LostWhy } from './connection-events.ts'

function setUp() {
  const env = createVirtualEnv({ seed: 1 })
  const events = createConnectionEvents({ clock: env.clock, log: env.log, nodeId: 'ws://self' })
  const link = { node_url: 'ws://b', cluster_id: 'alpha', link: 'dialed' } as const
  return {
    env,
    come: (instance_id = 'one') => events.publish({ type: 'connection_established', ...link, instance_id }),
    go: (why: LostWhy = 'closed') => events.publish({ type: 'connection_lost', ...link, why, code: 1006, reason: '' }),
    flaps: () => events.reconnects()[0]?.reconnects_10m,
    crashRestarts: () => events.reconnects()[0]?.crash_restarts_at,
    reconnects: () => events.reconnects()[0]?.reconnects,
  }
}

describe('the history of a link', () => {
  it('counts as flapping what broke without a word and came back as the same process', () => {
    const { come, flaps, go } = setUp()
    come()
    for (let i = 0; i < 3; i++) {
      go()
      come()
    }
    expect(flaps()).toBe(3)
  })

  it('does not count links that were closed on purpose, or a process that was restarted', () => {
    const { come, flaps, go, reconnects } = setUp()
    come()
    for (const why of ['goodbye', 'dropped', 'stopping'] as const) {
      go(why)
      come()
    }
    go()
    come('two')
    expect(flaps()).toBe(0)
    expect(reconnects()).toBe(4)
  })

  it('starts anew with a new process: a restart mends a link', () => {
    const { come, flaps, go } = setUp()
    come()
    go()
    come()
    go('goodbye')
    come('two')
    expect(flaps()).toBe(0)
    go()
    come('two')
    expect(flaps()).toBe(1)
  })

  it('tells when a process came after one that ended without a word, until one says goodbye', async () => {
    const { come, crashRestarts, env, go } = setUp()
    come('one')
    go('closed')
    come('one')
    expect(crashRestarts()).toEqual([])
    go('closed')
    come('two')
    const first = env.clock.wall()
    await env.advance(1_000)
    go('restarted')
    come('three')
    expect(crashRestarts()).toEqual([first, env.clock.wall()])
    go('goodbye')
    come('four')
    expect(crashRestarts()).toEqual([])
    for (let i = 0; i < 100; i++) {
      go()
      come(String(i))
    }
    expect(crashRestarts()).toHaveLength(32)
  })

  it('forgets after 10 minutes, and keeps a bounded number', async () => {
    const { come, env, flaps, go } = setUp()
    come()
    for (let i = 0; i < 100; i++) {
      go()
      come()
    }
    expect(flaps()).toBe(32)
    await env.advance(601_000)
    expect(flaps()).toBe(0)
  })
})
