/**
 * The parts of an undirected graph, and the single nodes that hold them together.
 *
 * Tarjan's depth-first search (Hopcroft, Tarjan: "Efficient algorithms for graph manipulation", 1973), O(nodes + edges).
 */

/** By number of a node: the numbers of its neighbours, each once and never its own. */
export type AdjacencyLists = readonly (readonly number[])[]

/** Numbers the nodes in the order given. Pairs with an unknown end, pairs of a node with itself and repetitions are left out. */
export function adjacencyLists(
  ids: readonly string[],
  pairs: Iterable<readonly [string, string]>,
): { readonly neighbors: AdjacencyLists; readonly edges: number } {
  const numberOf = new Map(ids.map((id, at) => [id, at]))
  const sets = ids.map(() => new Set<number>())
  let edges = 0
  for (const [a, b] of pairs) {
    const from = numberOf.get(a)
    const to = numberOf.get(b)
    if (from === undefined || to === undefined || from === to || sets[from]?.has(to)) continue
    sets[from]?.add(to)
    sets[to]?.add(from)
    edges++
  }
  return { neighbors: sets.map((set) => [...set]), edges }
}

/**
 * How many parts the graph has, and its articulation points: the nodes without which a part would fall apart. Iterative, so that a long chain
 * of nodes does not exhaust the stack.
 */
export function articulation(neighbors: AdjacencyLists): { readonly components: number; readonly points: ReadonlySet<number> } {
  const order = new Int32Array(neighbors.length)
  const low = new Int32Array(neighbors.length)
  const next = new Int32Array(neighbors.length)
  const points = new Set<number>()
  let time = 0
  let components = 0
  for (let root = 0; root < neighbors.length; root++) {
    if (order[root] !== 0) continue
    components++
    order[root] = low[root] = ++time
    const path = [root]
    let rootChildren = 0
    while (path.length > 0) {
      const node = path[path.length - 1] as number
      const parent = path[path.length - 2]
      const list = neighbors[node] as readonly number[]
      if ((next[node] as number) < list.length) {
        const other = list[next[node] as number] as number
        next[node] = (next[node] as number) + 1
        if (other === parent) continue
        if (order[other] !== 0) {
          low[node] = Math.min(low[node] as number, order[other] as number)
          continue
        }
        order[other] = low[other] = ++time
        path.push(other)
        if (node === root) rootChildren++
        continue
      }
      path.pop()
      if (parent === undefined) continue
      low[parent] = Math.min(low[parent] as number, low[node] as number)
      if (parent !== root && (low[node] as number) >= (order[parent] as number)) points.add(parent)
    }
    if (rootChildren > 1) points.add(root)
  }
  return { components, points }
}
