/** Functions that were there and are not: who offered them last, and since when they are gone. */
import type { Clock } from '../base/index.ts'
import type { Catalog, ChangeSource } from '../fabric/index.ts'

export interface GoneFunction {
  readonly name: string
  readonly version: string
  readonly node_id: string
  readonly cluster_id: string
  /** Unix seconds. */
  readonly at: number
  /** `departure`: its node said goodbye. `expiry`: its node was not heard of any more. Else its node took it back. */
  readonly how: ChangeSource['kind']
}

export interface GoneFunctions {
  /** The last endpoint of a name, if none is left. */
  of(name: string): GoneFunction | undefined
  stop(): void
}

/** Names remembered; the one gone longest is forgotten first. */
const NAMES_MAX = 1_000

export function createGoneFunctions(clock: Pick<Clock, 'wall'>, catalog: Pick<Catalog, 'observe' | 'functionsNamed'>): GoneFunctions {
  const gone = new Map<string, GoneFunction>()
  const stop = catalog.observe(({ delta, source }) => {
    for (const { cluster_id, identity, node_id } of delta.function_removals) {
      const { name, version } = identity
      gone.delete(name)
      gone.set(name, { name, version, node_id, cluster_id, at: clock.wall(), how: source.kind })
      if (gone.size > NAMES_MAX) gone.delete(gone.keys().next().value as string)
    }
  })
  return {
    of: (name) => (catalog.functionsNamed(name).length > 0 ? undefined : gone.get(name)),
    stop,
  }
}
