import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { byScore, EndpointHealth, type EndpointScore, rotated } from './endpoint-score.ts'

const WEIGHTS = { latencyWeight: 0.01, errorWeight: 50, healthStaleMs: 30_000 }

const scored = (url: string, total: number) => ({ url, score: { total } as EndpointScore })

describe('the score of an endpoint', () => {
  it('is the load its node reports while nothing is known of it', () => {
    expect(new EndpointHealth(WEIGHTS).score(7, 0)).toEqual({
      total: 7,
      load: 7,
      errors: 0,
      latency: 0,
      errorRate: null,
      latencyMs: null,
    })
  })

  it('adds the share of failures and the mean latency, each times its weight', () => {
    const health = new EndpointHealth(WEIGHTS)
    for (const latencyMs of [100, 200, 300]) health.answered(latencyMs, 0)
    health.failed(0)
    expect(health.score(1, 30_000)).toEqual({ total: 15.5, load: 1, errors: 12.5, latency: 2, errorRate: 0.25, latencyMs: 200 })
  })

  it('forgets what is stale', () => {
    const health = new EndpointHealth(WEIGHTS)
    health.failed(0)
    expect(health.score(1, 30_001).total).toBe(1)
    health.answered(100, 30_001)
    expect(health.score(1, 30_001)).toMatchObject({ errorRate: 0, total: 2 })
  })

  it('counts the last fifty requests', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.integer({ min: 0, max: 1000 })), { minLength: 1, maxLength: 200 }), (outcomes) => {
        const health = new EndpointHealth(WEIGHTS)
        for (const outcome of outcomes) {
          if (outcome === null) health.failed(0)
          else health.answered(outcome, 0)
        }
        const recent = outcomes.slice(-50)
        const answers = recent.filter((outcome) => outcome !== null)
        const { errorRate, latencyMs } = health.score(0, 0)
        expect(errorRate).toBeCloseTo(1 - answers.length / recent.length, 10)
        expect(latencyMs).toBe(answers.length === 0 ? null : answers.reduce((sum, ms) => sum + ms, 0) / answers.length)
      }),
    )
  })
})

describe('the order of endpoints', () => {
  it('is by score, then URL', () => {
    const list = [scored('c', 1), scored('b', 2), scored('a', 2), scored('d', 0.2)]
    expect(list.sort(byScore).map(({ url }) => url)).toEqual(['d', 'c', 'a', 'b'])
  })

  it('turns only among those as good as the first', () => {
    const ranked = [scored('a', 1), scored('b', 1.01), scored('c', 1.02), scored('d', 2), scored('e', 2)]
    const orders = [0, 1, 2, 3].map((turn) =>
      rotated(ranked, turn)
        .map(({ url }) => url)
        .join(''),
    )
    expect(orders).toEqual(['abcde', 'bcade', 'cabde', 'abcde'])
    expect(rotated([], 3)).toEqual([])
  })
})
