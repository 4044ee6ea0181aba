import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../../base/index.ts'
import { createSlowConsumerWatch } from './slow-consumer-watch.ts'
import { createStallWatch } from './stall-watch.ts'

describe('the stall watch', () => {
  /** A clock one can hold the timers up on, as a blocked event loop does. */
  function heldUp() {
    const env = createVirtualEnv({ seed: 1, startWall: 1_000 })
    let late = 0
    const clock = { wall: () => env.clock.wall() + late / 1000, monotonic: () => env.clock.monotonic() + late }
    function block(ms: number): void {
      late += ms
    }
    return { env, watch: createStallWatch({ ...env, clock }), block }
  }

  it('knows nothing before its first tick, and then how late timers run', async () => {
    const { block, env, watch } = heldUp()
    expect(watch.delays()).toEqual({ p99_ms: null, max_ms: null })
    await env.advance(10_000)
    block(40)
    await env.advance(50_000)
    expect(watch.delays()).toEqual({ p99_ms: 0, max_ms: 40 })
    expect(watch.stalls()).toEqual([])
  })

  it('notes a stall once, when it is over', async () => {
    const { block, env, watch } = heldUp()
    await env.advance(1_000)
    block(3_000)
    await env.advance(5_000)
    expect(watch.stalls()).toEqual([{ at: 1_004.5, ms: 3_000 }])
  })

  it('remembers the last stalls only, and ends when told to', async () => {
    const { block, env, watch } = heldUp()
    for (let i = 0; i < 100; i++) {
      block(600)
      await env.advance(250)
    }
    expect(watch.stalls()).toHaveLength(32)
    watch.stop()
    expect(env.pendingTimers).toBe(0)
  })
})

describe('the slow consumer watch', () => {
  it('lists a connection only when much has been waiting for it several looks in a row', async () => {
    const env = createVirtualEnv({ seed: 1, startWall: 1_000 })
    const outlet = { remote: 'x:1', bufferedBytes: 0 }
    const watch = createSlowConsumerWatch(env, () => [{ outlet, kind: 'client' }], { bufferBytesMax: 32_000_000 })
    outlet.bufferedBytes = 10_000_000
    await env.advance(2_500)
    expect(watch.list()).toEqual([])
    await env.advance(1_000)
    expect(watch.list()).toEqual([{ remote: 'x:1', kind: 'client', buffered_bytes: 10_000_000, since: 1_001 }])
    outlet.bufferedBytes = 0
    expect(watch.list()).toEqual([])
    await env.advance(1_000)
    outlet.bufferedBytes = 10_000_000
    await env.advance(1_000)
    expect(watch.list()).toEqual([])
    watch.stop()
    expect(env.pendingTimers).toBe(0)
  })
})
