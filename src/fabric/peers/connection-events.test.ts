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
