import { describe, expect, it } from 'vitest'
import { logOncePer } from './once-per.ts'

function scene(keysMax?: number) {
  const lines: string[] = []
  let now = 0
  const clock = { wall: () => now / 1000, monotonic: () => now }
  const oncePer = logOncePer({ clock, intervalMs: 1000, ...(keysMax === undefined ? {} : { keysMax }) })
  const hear = (atMs: number, key: string) => {
    now = atMs
    oncePer.log(key, (more) => lines.push(`${atMs} ${key}${more}`))
  }
  return { lines, hear, oncePer }
}

describe('once per peer per interval', () => {
  it('writes the first line of each key, then says how many were left out', () => {
    const { lines, hear, oncePer } = scene()
    for (const at of [0, 1, 999]) hear(at, 'a')
    hear(999, 'b')
    hear(1000, 'a')
    hear(2500, 'a')
    expect(lines).toEqual(['0 a', '999 b', '1000 a (2 more since the last such line)', '2500 a'])
    expect(oncePer.snapshot()).toEqual({ keys: 2, suppressed: 2 })
  })

  it('forgets the key heard of longest ago when there are too many', () => {
    const { lines, hear, oncePer } = scene(2)
    hear(0, 'a')
    hear(1, 'b')
    hear(2, 'a')
    hear(3, 'c')
    hear(4, 'a')
    hear(5, 'b')
    expect(lines).toEqual(['0 a', '1 b', '3 c', '5 b'])
    expect(oncePer.snapshot().keys).toBe(2)
  })
})
