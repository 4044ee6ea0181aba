/** Federations of many shapes: every cluster reaches every other, nothing goes in circles, and a broken link is got around. */
import { afterAll, describe, expect, it } from 'vitest'
import { createSeededRandom } from '../../src/base/index.ts'
import { createFederation, type Federation } from './clusters.ts'

type Bridge = readonly [string, string]

/** One announcement interval of the default settings, ms. */
const ANNOUNCE_MS = 10_000
const HOPS_MAX = 12
const CALLS_MAX = 120

const named = (count: number) => Array.from({ length: count }, (_, i) => `c${i}`)
const name = (i: number, count: number) => `c${(i + count) % count}`
const ring = (count: number): Bridge[] => named(count).flatMap((from, i) => [1, 2].map((step) => [from, name(i + step, count)] as const))
const chain = (count: number): Bridge[] => named(count - 1).map((from, i) => [from, name(i + 1, count)] as const)
const star = (count: number): Bridge[] => named(count - 1).map((_, i) => ['c0', name(i + 1, count)] as const)
const mesh = (count: number): Bridge[] =>
  named(count).flatMap((from, i) => named(count - i - 1).map((_, j) => [from, name(i + j + 1, count)] as const))

/** Hubs that know one another, each with leaves of its own. */
function twoTiers(hubs: number, leaves: number): Bridge[] {
  const count = hubs * (leaves + 1)
  return [...mesh(hubs), ...named(count - hubs).map((_, i) => [name(i % hubs, count), name(hubs + i, count)] as const)]
}

/** A random tree with as many random bridges again. */
function random(count: number, seed: number): Bridge[] {
  const chance = createSeededRandom(seed, () => 0)
  const pairs = new Map<string, Bridge>()
  const add = (a: number, b: number) => {
    const [low, high] = a < b ? [a, b] : [b, a]
    if (low !== high) pairs.set(`${low} ${high}`, [name(low, count), name(high, count)])
  }
  for (let i = 1; i < count; i++) add(i, chance.int(i))
  for (let i = 0; i < count; i++) add(chance.int(count), chance.int(count))
  return [...pairs.values()]
}

const topologies: readonly { readonly shape: string; readonly count: number; readonly bridges: readonly Bridge[] }[] = [
  { shape: 'chain', count: 4, bridges: chain(4) },
  { shape: 'ring with chords', count: 8, bridges: ring(8) },
  { shape: 'star', count: 9, bridges: star(9) },
  { shape: 'full mesh', count: 6, bridges: mesh(6) },
  { shape: 'two tiers of hubs', count: 15, bridges: twoTiers(3, 4) },
  { shape: 'random', count: 50, bridges: random(50, 7) },
]

describe('a federation shaped as', { timeout: 60_000 }, () => {
  const table: string[] = []
  afterAll(() => {
    process.stdout.write(`\nClusters of one node, default intervals of announcements\n${table.join('\n')}\n`)
  })

  it.each(topologies)(
    '$shape of $count: every cluster reaches every other, and a lost link is got around',
    async ({ bridges, count, shape }) => {
      const clusters = named(count)
      const federation = await createFederation({
        nodes: Object.fromEntries(clusters.map((cluster) => [cluster, 1])),
        bridges,
        settings: { fabricRoutingMaxHops: HOPS_MAX, fabricRouteFallbackNeighbor: false },
      })
      using fabric = federation.fabric
      const startMs = fabric.nowMs
      expect(await fabric.until(() => federation.routed(), 30_000, 50)).toBe(true)
      const routedMs = fabric.nowMs - startMs
      const routeMessages = messages(federation)
      expect(await fabric.until(() => fabric.converged(), 30_000)).toBe(true)
      await fabric.advance(ANNOUNCE_MS)
      const refreshed = messages(federation)
      await fabric.advance(3 * ANNOUNCE_MS)
      const perInterval = (messages(federation) - refreshed) / 3

      const chance = createSeededRandom(count, () => 0)
      const pairs = clusters.flatMap((_, from) => clusters.flatMap((to, at) => (at === from ? [] : [{ from, to }])))
      for (const { from, to } of pairs.length > CALLS_MAX ? chance.sample(pairs, CALLS_MAX) : pairs) {
        expect(await federation.callFrom(from, to)).toBe(to)
      }
      expect(federation.sum((snapshot) => snapshot.reach?.rpc.loops)).toBe(0)

      const cut = bridges.find((bridge) =>
        isConnected(
          clusters,
          bridges.filter((other) => other !== bridge),
        ),
      )
      let resumedMs: number | undefined
      if (cut !== undefined) {
        const [from, to] = cut
        federation.sever(from, to)
        const cutMs = fabric.nowMs
        while ((await federation.callFrom(clusters.indexOf(from), to)) !== to && fabric.nowMs - cutMs < ANNOUNCE_MS)
          await fabric.advance(50)
        resumedMs = fabric.nowMs - cutMs
        expect(resumedMs).toBeLessThan(ANNOUNCE_MS)
        expect(federation.sum((snapshot) => snapshot.reach?.rpc.loops)).toBe(0)
      }
      table.push(
        [
          `  ${shape} of ${count} (${bridges.length} bridges)`.padEnd(44),
          `routed after ${routedMs} ms, ${routeMessages} messages`,
          `${perInterval.toFixed(0)} an interval at rest`,
          resumedMs === undefined ? 'no bridge can be spared' : `calls resumed ${resumedMs.toFixed(0)} ms after a cut`,
        ].join('; '),
      )
    },
  )

  it('a full mesh of 20: one origin costs messages in the order of clusters times neighbours', async () => {
    const count = 20
    const federation = await createFederation({
      nodes: Object.fromEntries(named(count).map((cluster) => [cluster, 1])),
      bridges: mesh(count),
    })
    using fabric = federation.fabric
    expect(await fabric.until(() => federation.routed(), 30_000, 50)).toBe(true)
    await fabric.advance(2 * ANNOUNCE_MS)
    const before = messages(federation)
    await fabric.advance(3 * ANNOUNCE_MS)
    const perOrigin = (messages(federation) - before) / 3 / count
    table.push(`  full mesh of ${count}: ${perOrigin.toFixed(0)} messages for each origin and interval`)
    expect(perOrigin).toBeLessThanOrEqual(count * (count - 1))
    for (let index = 0; index < count; index++) {
      for (const other of named(count)) {
        if (other === `c${index}`) continue
        expect(fabric.node(index).explainRoute(other).selected?.path.hops).toEqual([`c${index}`, other])
      }
    }
  })
})

/** Route messages received by all nodes. */
function messages(federation: Federation): number {
  return federation.sum((snapshot) => {
    const { route_advertisement = 0, route_withdrawal = 0 } = snapshot.fabric?.gossip.received_by_type ?? {}
    return route_advertisement + route_withdrawal
  })
}

function isConnected(clusters: readonly string[], bridges: readonly Bridge[]): boolean {
  const reached = new Set([clusters[0] as string])
  for (let before = 0; before < reached.size; ) {
    before = reached.size
    for (const [a, b] of bridges) {
      if (reached.has(a)) reached.add(b)
      else if (reached.has(b)) reached.add(a)
    }
  }
  return reached.size === clusters.length
}
