import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Coordinates, distances, greatCircleKm } from './geography.ts'

const place = fc.record({
  latitude: fc.double({ min: -90, max: 90, noNaN: true }),
  longitude: fc.double({ min: -180, max: 180, noNaN: true }),
})

describe('great-circle distance', () => {
  it.each<[string, Coordinates, Coordinates, number]>([
    ['Oslo to Bergen', { latitude: 59.9139, longitude: 10.7522 }, { latitude: 60.3913, longitude: 5.3221 }, 305],
    ['London to New York', { latitude: 51.5074, longitude: -0.1278 }, { latitude: 40.7128, longitude: -74.006 }, 5_570],
    ['across the date line', { latitude: 0, longitude: 179.5 }, { latitude: 0, longitude: -179.5 }, 111],
    ['from pole to pole', { latitude: 90, longitude: 0 }, { latitude: -90, longitude: 0 }, 20_015],
  ])('%s', (_, a, b, km) => {
    expect(Math.abs(greatCircleKm(a, b) - km)).toBeLessThan(1)
  })
})

describe('every distance', () => {
  it('is symmetric, and no shorter over a third place', () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.values(distances)), place, place, place, (distance, a, b, c) => {
        expect(distance(a, b)).toBeCloseTo(distance(b, a), 6)
        expect(distance(a, c)).toBeLessThanOrEqual(distance(a, b) + distance(b, c) + 1e-3)
      }),
    )
  })
})
