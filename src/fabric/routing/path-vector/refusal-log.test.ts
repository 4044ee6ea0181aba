import { describe, expect, it } from 'vitest'
import { createRefusalLog } from './refusal-log.ts'

describe('the last refusals', () => {
  it('are listed newest first, as many as there is room for, all or of one destination', () => {
    const log = createRefusalLog(3)
    for (const [at, destination] of ['a', 'b', 'a', 'b'].entries())
      log.add({ at, kind: 'announcement', reason: 'loop', detail: '', destination, advertiser: 'x', sender: 'y' })
    expect(log.list().map(({ at }) => at)).toEqual([3, 2, 1])
    expect(log.list('b').map(({ at }) => at)).toEqual([3, 1])
  })
})
