/**
 * When a fabric agrees: every node lists exactly the live others, and holds of each owner what the owner holds of itself.
 */
import type { NodeView } from './node-view.ts'

/** Differences told at most. */
const DIFFERENCES_MAX = 20

/**
 * What keeps a set of views from agreeing, in words; empty when they do.
 * @param views one per live node
 */
export function disagreements(views: readonly NodeView[]): string[] {
  const found: string[] = []
  const live = new Set(views.map((view) => view.node_id))
  const own = new Map(views.map((view) => [view.node_id, view.catalog.get(view.node_id) ?? []]))
  for (const view of views) {
    const listed = new Set(view.peers)
    for (const id of live) if (id !== view.node_id && !listed.has(id)) found.push(`${view.node_id} does not list ${id}`)
    for (const id of listed) if (!live.has(id)) found.push(`${view.node_id} lists ${id}, which is gone`)
    for (const [owner, entries] of own) {
      const held = view.catalog.get(owner) ?? []
      if (sameList(held, entries)) continue
      found.push(`${view.node_id} holds of ${owner} ${describeDifference(held, entries)}`)
    }
    for (const owner of view.catalog.keys()) if (!live.has(owner)) found.push(`${view.node_id} holds entries of ${owner}, which is gone`)
    if (found.length >= DIFFERENCES_MAX) break
  }
  return found.slice(0, DIFFERENCES_MAX)
}

/**
 * Whether there is no disagreement. Looks at one view after the other and stops at the first that differs, since in a large fabric each
 * costs as much as a second of the simulation.
 * @param live ids of all live nodes, those of the views
 */
export function agree(views: Iterable<NodeView>, live: ReadonlySet<string>): boolean {
  let first: NodeView | undefined
  for (const view of views) {
    if (view.peers.length !== live.size - 1 || !view.peers.every((id) => id !== view.node_id && live.has(id))) return false
    if (view.catalog.size !== live.size) return false
    first ??= view
    for (const [owner, entries] of view.catalog) {
      if (!live.has(owner) || !sameList(entries, first.catalog.get(owner) ?? [])) return false
    }
  }
  return true
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index])
}

function describeDifference(held: readonly string[], own: readonly string[]): string {
  const extra = held.filter((entry) => !own.includes(entry))
  const missing = own.filter((entry) => !held.includes(entry))
  const parts: string[] = []
  if (missing.length > 0) parts.push(`not ${some(missing)}`)
  if (extra.length > 0) parts.push(`${some(extra)}, which it does not have`)
  return parts.join(' but ') || 'the same in another order'
}

function some(list: readonly string[]): string {
  return list.length <= 3 ? list.join(', ') : `${list.slice(0, 3).join(', ')} and ${list.length - 3} more`
}
