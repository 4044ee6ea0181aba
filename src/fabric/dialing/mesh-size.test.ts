import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { desiredConnections, dialPressure, discoveryRatio, explorationSlots } from './mesh-size.ts'

const mesh = (targets: number, connectedRatio: number) => ({ targets, connectedRatio })
const anyMesh = fc.record({ targets: fc.integer({ min: 1, max: 5000 }), connectedRatio: fc.double({ min: 0, max: 1, noNaN: true }) })
const ratio = fc.double({ min: 0, max: 1, noNaN: true })

describe('the number of links a node wants', () => {
  it.each([
    [10, 0, 0, 10],
    [20, 0.5, 0.5, 20],
    [21, 1, 1, 6],
    [25, 0.2, 0.95, 8],
    [30, 0.2, 0.3, 19],
    [30, 0.6, 0.6, 16],
    [49, 0.8, 0.8, 18],
    [50, 0.1, 0.1, 28],
  ])('control plane check 28: D(n=%d, c=%d, d=%d) is %d', (n, c, d, desired) => {
    expect(desiredConnections(mesh(n, c), d)).toBe(desired)
  })

  it('is all of a small fabric, and never more than there are candidates', () => {
    fc.assert(
      fc.property(anyMesh, ratio, (each, d) => {
        const desired = desiredConnections(each, d)
        expect(desired).toBeLessThanOrEqual(each.targets)
        if (each.targets <= 20) expect(desired).toBe(each.targets)
        else expect(desired).toBeGreaterThanOrEqual(6)
      }),
    )
  })

  it('of a settled fabric of a thousand is about the root of its size', () => {
    expect(desiredConnections(mesh(1000, 0.5), 1)).toBe(33)
  })
})

describe('exploration', () => {
  it.each([
    [19, 0, 0, 0],
    [20, 0.2, 0.94, 4],
    [20, 0.2, 0.95, 0],
    [49, 0.29, 0, 7],
    [49, 0.3, 0, 3],
    [49, 0.5, 0, 3],
    [25, 0.4, 0, 2],
    [25, 0.5, 0, 2],
  ])('of n=%d, c=%d, d=%d has %d slots', (n, c, d, slots) => {
    expect(explorationSlots(mesh(n, c), d)).toBe(slots)
  })
})

describe('pressure', () => {
  it.each([
    [4, 0, 0],
    [9, 0, 0.5],
    [25, 0.4, 0.9],
    [49, 0.3, 1.75],
    [49, 1, 0],
  ])('of n=%d, c=%d is %d', (n, c, pressure) => {
    expect(dialPressure(mesh(n, c))).toBeCloseTo(pressure, 10)
  })
})

describe('the discovery ratio', () => {
  it('is the lesser of the two shares, never above 1', () => {
    expect(discoveryRatio(10, 8, 5)).toBe(0.5)
    expect(discoveryRatio(10, 5, 8)).toBe(0.5)
    expect(discoveryRatio(10, 12, 11)).toBe(1)
    expect(discoveryRatio(0, 0, 0)).toBe(0)
  })
})
