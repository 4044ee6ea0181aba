/**
 * Whom to tell news: a few peers at random, so that every node is reached in about log N steps however the links run.
 *
 * Each node passes news on once. With k targets each, a share of about e^-k of the nodes is missed; they find out by comparing.
 */
import type { Random } from '../../base/index.ts'

/** Targets of one piece of news in a fabric of `nodes` nodes. */
export function fanoutOf(nodes: number): number {
  return Math.max(3, Math.ceil(Math.log(Math.max(1, nodes))) + 1)
}

/**
 * `count` of the peers, and on top of that one of every cluster that is not among theirs: clusters may hang together by few links, and chance
 * must not miss those.
 */
export function chooseTargets(
  peers: readonly string[],
  count: number,
  clusterOf: (peer: string) => string | undefined,
  random: Random,
): string[] {
  if (peers.length <= count) return [...peers]
  const shuffled = random.sample(peers, peers.length)
  const targets = shuffled.slice(0, count)
  const clusters = new Set(targets.map(clusterOf))
  for (const peer of shuffled.slice(count)) {
    const cluster = clusterOf(peer)
    if (clusters.has(cluster)) continue
    clusters.add(cluster)
    targets.push(peer)
  }
  return targets
}
