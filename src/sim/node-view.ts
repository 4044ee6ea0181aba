/**
 * What the simulator asks a node about itself: as little as its invariants need. A node offers it as `debugView()`.
 */
import type { Node } from '../node/index.ts'

export interface NodeView {
  readonly node_id: string
  /** Node ids `list_peers` would list, sorted. */
  readonly peers: readonly string[]
  /**
   * Live catalog entries by owner: node id to sorted entry keys, `functions add@1.0.0`, `topics <subscription>` and so on, each with whatever
   * of the entry must be equal everywhere.
   */
  readonly catalog: ReadonlyMap<string, readonly string[]>
  /** Own functions, as `name@version`, built-in ones included. */
  readonly functions: readonly string[]
  readonly requests_in_flight: number
}

interface Viewable {
  debugView?(): NodeView
}

/** Undefined for a node that knows no others. */
export function viewOf(node: Node): NodeView | undefined {
  return (node as Node & Viewable).debugView?.()
}

/** The key of a function in a view's catalog. */
export function functionKey(nameAndVersion: string): string {
  return `functions ${nameAndVersion}`
}
