import { describe, expect, it } from 'vitest'
import { createSeededRandom } from '../../base/index.ts'
import { createSampling } from './sampling.ts'

const TRIES = 200_000

describe('sampling', () => {
  it.each([0.001, 0.01, 0.3, 0.9])('takes its share of what comes, and no pattern: %d', (ratio) => {
    const samples = createSampling(
      createSeededRandom(7, () => 0),
      ratio,
    )
    let taken = 0
    let takenAfterTaken = 0
    let wasTaken = false
    for (let i = 0; i < TRIES; i++) {
      const isTaken = samples()
      if (isTaken) taken++
      if (isTaken && wasTaken) takenAfterTaken++
      wasTaken = isTaken
    }
    // Five standard deviations.
    const within = (share: number, tries: number) => 5 * Math.sqrt((share * (1 - share)) / tries)
    expect(Math.abs(taken / TRIES - ratio)).toBeLessThan(within(ratio, TRIES))
    expect(Math.abs(takenAfterTaken / taken - ratio)).toBeLessThan(within(ratio, taken))
  })

  it('takes all at 1 and none at 0, without asking chance', () => {
    const random = {
      next: () => {
        throw new Error('asked')
      },
    }
    expect(createSampling(random, 1)()).toBe(true)
    expect(createSampling(random, 0)()).toBe(false)
  })
})
