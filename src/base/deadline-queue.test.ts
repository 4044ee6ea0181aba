import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type DeadlineHandle, DeadlineQueue } from './deadline-queue.ts'
import { createVirtualEnv } from './virtual-env.ts'

function setup() {
  const env = createVirtualEnv({ seed: 1 })
  const expired: [string, number][] = []
  const queue = new DeadlineQueue<string>({
    clock: env.clock,
    timers: env.timers,
    onExpire: (item) => expired.push([item, env.clock.monotonic()]),
  })
  return { env, expired, queue }
}

describe('deadline queue', () => {
  it('expires each item at its deadline with one timer for all', async () => {
    const { env, expired, queue } = setup()
    for (let i = 1; i <= 5; i++) queue.add(`r${i}`, i * 10)
    queue.add('early', 5)
    expect(env.pendingTimers).toBe(1)
    await env.advance(30)
    expect(expired).toEqual([
      ['early', 5],
      ['r1', 10],
      ['r2', 20],
      ['r3', 30],
    ])
    expect(queue.size).toBe(2)
    expect(env.pendingTimers).toBe(1)
  })

  it('never expires what was removed, and removes only once', async () => {
    const { env, expired, queue } = setup()
    const a = queue.add('a', 10)
    const b = queue.add('b', 20)
    expect([queue.remove(a), queue.remove(a), queue.size]).toEqual([true, false, 1])
    await env.advance(100)
    expect(expired).toEqual([['b', 20]])
    expect(queue.remove(b)).toBe(false)
    expect(env.pendingTimers).toBe(0)
  })

  it('is right for any mix of deadlines, removals and times', async () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.nat(100).map((ms) => ({ kind: 'add' as const, ms })) },
      { weight: 2, arbitrary: fc.nat(200).map((index) => ({ kind: 'remove' as const, index })) },
      { weight: 1, arbitrary: fc.nat(60).map((ms) => ({ kind: 'advance' as const, ms })) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
        const { env, expired, queue } = setup()
        const handles: DeadlineHandle<string>[] = []
        let model: DeadlineHandle<string>[] = []
        const expected: [string, number][] = []
        for (const step of [...steps, { kind: 'advance' as const, ms: 200 }]) {
          if (step.kind === 'add') {
            const handle = queue.add(`r${handles.length}`, env.clock.monotonic() + step.ms)
            handles.push(handle)
            model.push(handle)
          } else if (step.kind === 'remove') {
            const handle = handles[step.index % Math.max(1, handles.length)]
            if (handle === undefined) continue
            expect(queue.remove(handle)).toBe(model.includes(handle))
            model = model.filter((one) => one !== handle)
          } else {
            await env.advance(step.ms)
            const nowMs = env.clock.monotonic()
            const due = model.filter((one) => one.deadlineMs <= nowMs).sort((a, b) => a.deadlineMs - b.deadlineMs)
            for (const one of due) expected.push([one.item, one.deadlineMs])
            model = model.filter((one) => one.deadlineMs > nowMs)
            expect(expired).toEqual(expected)
          }
          expect(queue.size).toBe(model.length)
          expect(env.pendingTimers).toBeLessThanOrEqual(1)
        }
        expect([queue.size, env.pendingTimers]).toEqual([0, 0])
      }),
      { numRuns: 60 },
    )
  })

  it('keeps hundreds of unordered deadlines in order, equal ones as they came', async () => {
    for (const among of [10, 1000]) {
      const { env, expired, queue } = setup()
      const handles = Array.from({ length: 600 }, (_, i) => queue.add(`r${i}`, env.random.int(among)))
      const removed = new Set(env.random.sample(handles, 250))
      for (const handle of removed) queue.remove(handle)
      await env.advance(among)
      const left = handles.filter((handle) => !removed.has(handle)).sort((a, b) => a.deadlineMs - b.deadlineMs)
      expect(expired).toEqual(left.map((handle) => [handle.item, handle.deadlineMs]))
    }
  })

  it('lets callbacks add and remove', async () => {
    const env = createVirtualEnv({ seed: 1 })
    const expired: string[] = []
    const queue: DeadlineQueue<string> = new DeadlineQueue({
      clock: env.clock,
      timers: env.timers,
      onExpire: (item) => {
        expired.push(item)
        if (item === 'a') {
          queue.remove(b)
          queue.add('again', env.clock.monotonic() + 5)
        }
      },
    })
    queue.add('a', 10)
    const b = queue.add('b', 10)
    queue.add('c', 10)
    await env.advance(20)
    expect(expired).toEqual(['a', 'c', 'again'])
  })

  it('goes on with the others when a callback throws', async () => {
    const env = createVirtualEnv({ seed: 1 })
    const expired: string[] = []
    const queue = new DeadlineQueue<string>({
      clock: env.clock,
      timers: env.timers,
      onExpire: (item) => {
        expired.push(item)
        if (item === 'bad') throw new Error('callback')
      },
    })
    for (const item of ['bad', 'good']) queue.add(item, 10)
    await expect(env.advance(10)).rejects.toThrow('callback')
    expect(expired).toEqual(['bad', 'good'])
  })

  it('expires at once what is overdue, and forgets everything when closed', async () => {
    const { env, expired, queue } = setup()
    await env.advance(100)
    queue.add('overdue', 50)
    await env.advance(0)
    expect(expired).toEqual([['overdue', 100]])
    const handle = queue.add('a', 200)
    queue.add('b', 150)
    queue.close()
    expect([queue.size, env.pendingTimers, queue.remove(handle)]).toEqual([0, 0, false])
    queue.add('c', 300)
    await env.advance(1000)
    expect(expired).toEqual([
      ['overdue', 100],
      ['c', 300],
    ])
  })

  it('copes with sums of milliseconds that miss by a rounding', async () => {
    const { env, expired, queue } = setup()
    await env.advance(0.1)
    for (let i = 0; i < 100; i++) {
      queue.add(`r${i}`, env.clock.monotonic() + 0.7)
      await env.advance(0.3)
    }
    await env.advance(10)
    expect(expired.length).toBe(100)
  })
})
