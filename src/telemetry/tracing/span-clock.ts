/**
 * Time for spans: Unix seconds that advance with the monotonic clock, finer than the wall clock's own steps. Follows the wall clock when that was
 * set: two spans of one piece of work may then be apart by the correction, but neither lasts longer or shorter for it.
 */
import type { Clock } from '../../base/index.ts'

/** Beyond this the wall clock was set; below it is its coarseness, milliseconds. */
const DEVIATION_MS_MAX = 5

export function createSpanClock({ monotonic, wall }: Clock): () => number {
  let anchorMs = monotonic()
  let anchorWallMs = wall() * 1000
  return () => {
    const nowMs = monotonic()
    const wallMs = wall() * 1000
    const expectedMs = anchorWallMs + (nowMs - anchorMs)
    if (Math.abs(expectedMs - wallMs) <= DEVIATION_MS_MAX) return expectedMs / 1000
    anchorMs = nowMs
    anchorWallMs = wallMs
    return wallMs / 1000
  }
}
