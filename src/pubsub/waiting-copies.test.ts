import { describe, expect, it } from 'vitest'
import { createWaitingCopies } from './waiting-copies.ts'

/** Dials end when the test says so. */
function waitingCopies() {
  const dials: { readonly nodeId: string; end(isLinked: boolean): void }[] = []
  const released: { nodeId: string; copies: readonly number[]; isLinked: boolean }[] = []
  const waiting = createWaitingCopies<number>({
    connect: (nodeId) => new Promise((end) => void dials.push({ nodeId, end })),
    release: (nodeId, copies, isLinked) => void released.push({ nodeId, copies, isLinked }),
  })
  return { waiting, dials, released }
}

describe('copies for a node without a link', () => {
  it('wait for one dial, and leave in the order they came', async () => {
    const { waiting, dials, released } = waitingCopies()
    for (const copy of [1, 2, 3]) waiting.add('b', copy)
    waiting.add('c', 4)
    expect(dials.map(({ nodeId }) => nodeId)).toEqual(['b', 'c'])
    expect([waiting.size, waiting.has('b')]).toEqual([4, true])
    dials[0]?.end(true)
    await Promise.resolve()
    expect(released).toEqual([{ nodeId: 'b', copies: [1, 2, 3], isLinked: true }])
    expect([waiting.size, waiting.has('b'), waiting.has('c')]).toEqual([1, false, true])
  })

  it('come back with word that there is no link, and the next one tries again', async () => {
    const { waiting, dials, released } = waitingCopies()
    waiting.add('b', 1)
    dials[0]?.end(false)
    await Promise.resolve()
    expect(released).toEqual([{ nodeId: 'b', copies: [1], isLinked: false }])
    waiting.add('b', 2)
    expect(dials).toHaveLength(2)
  })

  it('are bounded, for each node and in all', async () => {
    const { waiting, dials } = waitingCopies()
    let copies = 0
    while (waiting.hasRoom('b')) waiting.add('b', copies++)
    expect(copies).toBe(256)
    expect(waiting.hasRoom('c')).toBe(true)
    for (let node = 0; waiting.hasRoom(`n${node}`); node++) while (waiting.hasRoom(`n${node}`)) waiting.add(`n${node}`, copies++)
    expect([copies, waiting.size]).toEqual([4_096, 4_096])
    dials[0]?.end(false)
    await Promise.resolve()
    expect(waiting.hasRoom('b')).toBe(true)
  })
})
