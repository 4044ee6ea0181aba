/**
 * Whom to probe next (SWIM §4.3): round robin over a shuffled list, shuffled anew after each pass. Every target is probed once a pass, so
 * that a failure is found within two passes for certain, and no two nodes follow the same order.
 */
import type { Random } from '../../base/index.ts'

export interface ProbeOrder {
  /** The next target that is `eligible`; undefined when a whole new pass has none. `targets` is asked at the beginning of a pass. */
  next(targets: () => readonly string[], eligible: (target: string) => boolean): string | undefined
  /** A newcomer takes a random place in the rest of the pass. */
  insert(target: string): void
}

export function createProbeOrder(random: Random): ProbeOrder {
  let pass: string[] = []
  let at = 0

  return {
    next(targets, eligible) {
      for (let passes = 0; passes < 2; passes++) {
        while (at < pass.length) {
          const target = pass[at++] as string
          if (eligible(target)) return target
        }
        const fresh = targets()
        pass = random.sample(fresh, fresh.length)
        at = 0
      }
      return undefined
    },
    insert(target) {
      if (pass.indexOf(target, at) !== -1) return
      const place = at + random.int(pass.length - at + 1)
      pass.splice(place, 0, target)
    },
  }
}
