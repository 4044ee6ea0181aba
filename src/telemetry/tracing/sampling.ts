/**
 * Every so many-th at random: each piece of work is taken with the same probability, independent of all others. Chance is asked once for each that
 * is taken, not for each that comes: what lies between two of them is geometrically distributed.
 */
import type { Random } from '../../base/index.ts'

/** @param ratio 0 to 1 */
export function createSampling(random: Pick<Random, 'next'>, ratio: number): () => boolean {
  if (ratio >= 1) return () => true
  if (ratio <= 0) return () => false
  const scale = 1 / Math.log1p(-ratio)
  // 1 - next() is never 0.
  const draw = (): number => Math.floor(Math.log(1 - random.next()) * scale)
  let toSkip = draw()
  return () => {
    if (toSkip-- > 0) return false
    toSkip = draw()
    return true
  }
}
