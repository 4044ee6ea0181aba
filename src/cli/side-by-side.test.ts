import { describe, expect, it } from 'vitest'
import { sideBySide } from './side-by-side.ts'

describe('work side by side', () => {
  it('is done with so many at once and no more, and told in order', async () => {
    let busy = 0
    let most = 0
    const results = await sideBySide([5, 1, 4, 2, 3, 0], 3, async (turns) => {
      most = Math.max(most, ++busy)
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
      busy--
      return turns * 10
    })
    expect(results).toEqual([50, 10, 40, 20, 30, 0])
    expect(most).toBe(3)
  })

  it('with nothing is nothing, and fails with the first failure', async () => {
    expect(await sideBySide([], 3, async () => 1)).toEqual([])
    await expect(sideBySide([1, 2], 1, async (item) => Promise.reject(new Error(`no ${item}`)))).rejects.toThrow('no 1')
  })
})
