import { describe, expect, it } from 'vitest'
import { backPressure, catalogIntervalSeconds, jitterFraction, nodeIntervalSeconds, refreshAgeSeconds } from './announcement-pace.ts'

describe('how often a node announces', () => {
  it.each([
    [120, 1, 60],
    [120, 9, 60],
    [120, 10, 39.6],
    [120, 30, 30],
    [2, 1, 2],
    [2, 10, 3],
    [2, 30, 4],
    [0, 1, 2],
  ])('ttl %d s in a fabric of %d: again after %d s', (ttl, hint, seconds) => {
    expect(refreshAgeSeconds(ttl, hint)).toBeCloseTo(seconds, 9)
  })

  it.each([
    // ttl, g, hint, queued, catalog, node
    [120, 0.5, 1, 0, 2, 2],
    [120, 0.5, 20, 0, 5, Math.sqrt(20) * 0.5],
    [120, 1, 16, 0, 8, 4],
    [120, 1, 100, 0, 50, 10],
    [120, 1, 400, 0, 60, 20],
    [120, 1, 1600, 0, 60, 30],
    [120, 1, 16, 320, 12, 6],
    [120, 1, 16, 319, 8, 4],
    [120, 1, 36, 180, 27, 9],
    [120, 1, 36, 360, 36, 12],
    [120, 1, 36, 720, 54, 18],
    [120, 1, 36, 1080, 60, 24],
    [1, 1, 1, 0, 1, 1],
  ])('ttl %d s, gossip every %d s, %d nodes, %d queued: catalog %d s, node %d s', (ttlSeconds, g, hint, queued, catalog, node) => {
    const pace = { ttlSeconds, gossipIntervalSeconds: g, hint, queued }
    expect(catalogIntervalSeconds(pace)).toBeCloseTo(catalog, 9)
    expect(nodeIntervalSeconds(pace)).toBeCloseTo(Math.max(node, Math.min(2, Math.max(1, 0.25 * ttlSeconds))), 9)
  })

  it('waiting messages slow a large fabric down more than a small one', () => {
    expect([0, 4.9, 5, 10, 20, 30].map((queued) => backPressure(queued, 30))).toEqual([1, 1, 1.5, 2, 3, 4])
    expect([0, 19, 20, 100].map((queued) => backPressure(queued, 29))).toEqual([1, 1, 1.5, 1.5])
  })

  it('the jitter of a node is fixed', () => {
    expect(jitterFraction('ws://127.0.0.1:9001')).toBe(0.083)
  })
})
