/** What a path must not do, over and above being a path. */
import { compareCodePoints } from '../../../wire/index.ts'
import type { ArcFilter, FederationGraph } from './federation-graph.ts'

export type PathConditions = Pick<ArcFilter, 'avoid' | 'firstHop'>

/** Whether a path found without conditions keeps them all the same. */
export function meetsConditions(path: readonly string[], { avoid, firstHop }: PathConditions): boolean {
  if (firstHop?.(path[1] as string) === false) return false
  return avoid === undefined || avoid.size === 0 || !path.some((node, i) => i > 0 && avoid.has(node))
}

/** Text that is equal for conditions that come to the same for paths from `source`, as the graph is now. */
export function conditionsKey(graph: Pick<FederationGraph, 'neighborsOf'>, source: string, { avoid, firstHop }: PathConditions): string {
  const closed: string[] = []
  if (firstHop !== undefined) for (const neighbor of graph.neighborsOf(source)) if (!firstHop(neighbor)) closed.push(neighbor)
  const avoided = avoid === undefined ? [] : [...avoid]
  return `${avoided.sort(compareCodePoints).join('\0')}\0\0${closed.sort(compareCodePoints).join('\0')}`
}
