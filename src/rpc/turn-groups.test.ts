import { beforeEach, describe, expect, it } from 'vitest'
import { macroTurn } from '../base/index.ts'
import { TurnGroups } from './turn-groups.ts'

let sent: string[]
let groups: TurnGroups<string, number>

beforeEach(() => {
  sent = []
  groups = new TurnGroups({ isSame: (a, b) => a === b, send: (common, items) => sent.push(`${common}:${items.join(',')}`) })
})

async function busyTurn(): Promise<void> {
  for (const n of [1, 2]) groups.add('warm', n, 1)
  await macroTurn()
  sent = []
}

describe('what is said within a turn', () => {
  it('leaves at once when it is alone, in every quiet turn', async () => {
    for (const n of [1, 2, 3]) {
      groups.add('a', n, 1)
      expect(sent.at(-1)).toBe(`a:${n}`)
      await macroTurn()
    }
    expect(sent).toEqual(['a:1', 'a:2', 'a:3'])
  })

  it('leaves in groups of what belongs together when the turn ends', async () => {
    await busyTurn()
    for (const n of [1, 2, 3]) groups.add('a', n, 1)
    groups.add('b', 4, 1)
    groups.add('a', 5, 1)
    expect(sent).toEqual([])
    await macroTurn()
    expect(sent).toEqual(['a:1,2,3,5', 'b:4'])
  })

  it('does not wait for the end when there is much of it, and is never lost or repeated', async () => {
    await busyTurn()
    for (let n = 0; n < 1000; n++) groups.add(`to${n % 40}`, n, n % 7 === 0 ? 40_000 : 10)
    await macroTurn()
    const items = sent.flatMap((line) => (line.split(':')[1] as string).split(',').map(Number))
    expect(items.sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, n) => n))
    for (const line of sent) expect((line.split(':')[1] as string).split(',').length).toBeLessThanOrEqual(32)
  })

  it('leaves before what is to follow it', async () => {
    await busyTurn()
    groups.add('a', 1, 1)
    groups.flush()
    expect(sent).toEqual(['a:1'])
    await macroTurn()
    expect(sent).toEqual(['a:1'])
  })
})
