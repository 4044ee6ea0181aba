import { describe, expect, it } from 'vitest'
import { createStabilityWatch, DEFAULT_ROUTE_STABILITY } from './stability.ts'

const HOLDING = { ...DEFAULT_ROUTE_STABILITY, holdDownSeconds: 5 }
const DAMPENING = { ...DEFAULT_ROUTE_STABILITY, flapThreshold: 2, suppressionWindowSeconds: 10 }

describe('stability', () => {
  it('is off by default, and then remembers nothing', () => {
    const watch = createStabilityWatch(DEFAULT_ROUTE_STABILITY)
    expect(watch.lost('d', 'a', true, 0)).toBeUndefined()
    expect(watch.blocks('d', 'a', 0)).toBeUndefined()
    expect(watch.snapshot().pairs).toBe(0)
  })

  it('holds a lost route down until the time is up, and not one that expired', () => {
    const watch = createStabilityWatch(HOLDING)
    expect(watch.lost('d', 'a', true, 1000)).toBe('hold_down')
    expect(watch.blocks('d', 'a', 5999)).toBe('hold_down')
    expect(watch.blocks('d', 'a', 6000)).toBeUndefined()
    expect(watch.blocks('d', 'b', 2000)).toBeUndefined()
    watch.lost('e', 'a', false, 1000)
    expect(watch.blocks('e', 'a', 1000)).toBeUndefined()
  })

  it('counts losses anew after a quiet window, and forgets all when a suppression ends', () => {
    const watch = createStabilityWatch(DAMPENING)
    watch.lost('d', 'a', true, 0)
    watch.lost('d', 'a', true, 10_001)
    expect(watch.blocks('d', 'a', 10_001)).toBeUndefined()
    expect(watch.lost('d', 'a', false, 20_001)).toBe('suppressed')
    expect(watch.blocks('d', 'a', 30_000)).toBe('suppressed')
    expect(watch.blocks('d', 'a', 30_001)).toBeUndefined()
    expect(watch.lost('d', 'a', true, 30_001)).toBeUndefined()
  })

  it('sweeps out what means nothing any more', () => {
    const watch = createStabilityWatch({ ...HOLDING, ...DAMPENING, holdDownSeconds: 5 })
    watch.lost('d', 'a', true, 0)
    watch.sweep(9_999)
    expect(watch.snapshot().pairs).toBe(1)
    watch.sweep(10_001)
    expect(watch.snapshot().pairs).toBe(0)
  })

  it('is bounded: who has most forgets first, others keep theirs', () => {
    const watch = createStabilityWatch(HOLDING, 100)
    watch.lost('d', 'honest', true, 0)
    for (let i = 0; i < 1000; i++) watch.lost(`d${i}`, 'flood', true, 0)
    expect(watch.snapshot()).toEqual({ pairs: 100, evicted_total: 901 })
    expect(watch.blocks('d', 'honest', 1)).toBe('hold_down')
    expect(watch.blocks('d0', 'flood', 1)).toBeUndefined()
    expect(watch.blocks('d999', 'flood', 1)).toBe('hold_down')
  })
})
