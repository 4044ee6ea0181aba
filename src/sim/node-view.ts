/**
 * What the simulator asks a node about itself: as little as its invariants need.
 */
import type { Node } from '../node/index.ts'

/**
 * `peers`: node ids it lists. `catalog`: live entries by owner, each as a key with whatever of it must be equal everywhere. `functions`: own
 * ones, as `name@version`.
 */
export type NodeView = NonNullable<ReturnType<Node['debugView']>>

/** The key of a function in a view's catalog. */
export function functionKey(nameAndVersion: string): string {
  return `functions ${nameAndVersion}`
}
