/** Whom to tell what need not be told to everybody: the choice of `fanout` peers. */
import type { Random } from '../../base/index.ts'

export const GOSSIP_STRATEGIES = ['random', 'proximity', 'topology_aware', 'hybrid'] as const
export type GossipStrategy = (typeof GOSSIP_STRATEGIES)[number]

/** What is known of a peer. */
export interface PeerFacts {
  /** Empty or absent: unknown. */
  readonly region?: string | undefined
  /** Smaller is nearer; the unit does not matter as long as it is the same for all. */
  readonly distance?: number | undefined
}

export interface TargetChooser {
  /** At most `fanout` of `peers`. */
  choose(peers: readonly string[], fanout: number): string[]
  /** Forgets what it remembers of a peer. */
  forget(peer: string): void
}

export function createTargetChooser(strategy: GossipStrategy, random: Random, factsOf: (peer: string) => PeerFacts): TargetChooser {
  /** When each peer was last chosen at random, counted in choices. */
  const lastChosen = new Map<string, number>()
  let choices = 0

  function leastRecent(peers: readonly string[], count: number): string[] {
    choices++
    const chosen = random
      .sample(peers, peers.length)
      .sort((a, b) => (lastChosen.get(a) ?? 0) - (lastChosen.get(b) ?? 0))
      .slice(0, count)
    for (const peer of chosen) lastChosen.set(peer, choices)
    return chosen
  }

  function choose(peers: readonly string[], fanout: number): string[] {
    const count = Math.min(Math.max(0, fanout), peers.length)
    switch (strategy) {
      case 'random':
        return leastRecent(peers, count)
      case 'proximity':
        return nearest(peers, count, factsOf, random)
      case 'topology_aware':
        return acrossRegions(random.sample(peers, peers.length), count, factsOf)
      case 'hybrid': {
        const some = leastRecent(peers, Math.floor(count / 2))
        const others = peers.filter((peer) => !some.includes(peer))
        return [...some, ...nearest(others, count - some.length, factsOf, random)]
      }
    }
  }

  return { choose, forget: (peer) => void lastChosen.delete(peer) }
}

/** The peers with the smallest distance; those without one come last. A random sample when no distance is known. */
function nearest(peers: readonly string[], count: number, factsOf: (peer: string) => PeerFacts, random: Random): string[] {
  const distances = new Map(peers.map((peer) => [peer, factsOf(peer).distance]))
  if (![...distances.values()].some((distance) => distance !== undefined)) return random.sample(peers, count)
  const far = Number.POSITIVE_INFINITY
  const order = (a: string, b: string): number => {
    const left = distances.get(a) ?? far
    const right = distances.get(b) ?? far
    return left === right ? 0 : left - right
  }
  return [...peers].sort(order).slice(0, count)
}

/** Walks the list in its order: first one peer of every region, then the rest. */
function acrossRegions(peers: readonly string[], count: number, factsOf: (peer: string) => PeerFacts): string[] {
  const regions = new Set<string>()
  const first: string[] = []
  const rest: string[] = []
  for (const peer of peers) {
    const region = factsOf(peer).region || 'unknown'
    if (regions.has(region)) rest.push(peer)
    else {
      regions.add(region)
      first.push(peer)
    }
  }
  return [...first, ...rest].slice(0, count)
}
