import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../base/index.ts'
import type { Message } from '../wire/index.ts'
import { createStoreForward } from './store-forward.ts'

function setUp(windowSeconds: number, messagesMax: number) {
  const { advance, clock } = createVirtualEnv({ seed: 1, startWall: 100 })
  const kept = createStoreForward(clock, { windowSeconds, messagesMax })
  const add = (topic: string) =>
    kept.add({ topic, timestamp: clock.wall(), messageId: topic, publisher: 'p', text: '{}' } satisfies Message)
  const missed = (pattern: string, backlogSeconds = 0) =>
    kept.replay([{ pattern, exact: !/[*#]/.test(pattern) }], backlogSeconds).map(({ topic }) => topic)
  return { add, advance, kept, missed }
}

describe('store and forward', () => {
  it('hands a late subscriber what matches, oldest first', () => {
    const { add, missed } = setUp(60, 10)
    for (const topic of ['s', 's.eu', 't.eu']) add(topic)
    expect(missed('s.#')).toEqual(['s', 's.eu'])
    expect(missed('*.eu')).toEqual(['s.eu', 't.eu'])
    expect(missed('s')).toEqual(['s'])
  })

  it('goes back as far as the window, or as the subscriber asks', async () => {
    const { add, advance, kept, missed } = setUp(60, 10)
    add('a')
    await advance(40_000)
    add('b')
    await advance(15_000)
    expect(missed('#')).toEqual(['a', 'b'])
    expect(missed('#', 20)).toEqual(['b'])
    await advance(10_000)
    expect(missed('#', 300)).toEqual(['b'])
    expect(kept.size).toBe(1)
  })

  it('keeps so many messages, the latest of them, and none when switched off', () => {
    const { add, kept, missed } = setUp(60, 2)
    for (const topic of ['a', 'b', 'c']) add(topic)
    expect(missed('#')).toEqual(['b', 'c'])
    expect(kept.size).toBe(2)
    for (const [seconds, max] of [
      [0, 10],
      [60, 0],
    ] as const) {
      const off = setUp(seconds, max)
      off.add('a')
      expect(off.missed('#')).toEqual([])
    }
  })
})
