/**
 * Makes a failing plan small: Zeller's delta debugging (ddmin, 2002) over its actions, then fewer nodes.
 */
import type { Action } from './plan.ts'

export interface Failing {
  readonly plan: readonly Action[]
  readonly nodes: number
}

/**
 * @param fails whether a candidate fails in the same way
 * @param runsMax candidates tried at most
 */
export async function minimise(
  failing: Failing,
  fails: (candidate: Failing) => Promise<boolean>,
  runsMax: number,
): Promise<Failing & { readonly runs: number }> {
  let { nodes, plan } = failing
  let runs = 0
  const stillFails = async (candidate: Failing): Promise<boolean> => {
    if (runs >= runsMax) return false
    runs++
    return fails(candidate)
  }

  // Fewer nodes first: every later run is then cheaper.
  for (let fewer = Math.max(1, nodes >> 1); fewer < nodes; ) {
    if (await stillFails({ plan, nodes: fewer })) {
      nodes = fewer
      fewer = Math.max(1, nodes >> 1)
      if (nodes === 1) break
    } else {
      const step = Math.max(1, (nodes - fewer) >> 1)
      fewer += step
      if (fewer >= nodes) break
    }
  }

  for (let pieces = 2; plan.length > 0 && runs < runsMax; ) {
    const size = Math.ceil(plan.length / pieces)
    let reduced = false
    for (let from = 0; from < plan.length; from += size) {
      const rest = [...plan.slice(0, from), ...plan.slice(from + size)]
      if (!(await stillFails({ plan: rest, nodes }))) continue
      plan = rest
      pieces = Math.max(2, pieces - 1)
      reduced = true
      break
    }
    if (reduced) continue
    if (size === 1) break
    pieces = Math.min(plan.length, pieces * 2)
  }
  return { plan, nodes, runs }
}
