import { describe, expect, it } from 'vitest'
import { createSeededRandom } from '../../../base/index.ts'
import { ROUTES_PER_DESTINATION_MAX } from './constants.ts'
import { isWithdrawal } from './ports.ts'
import { type SimulatedClusters, simulateClusters } from './simulated-clusters.ts'

const clusterOf = (nodeId: string): string => nodeId.replace(/\..*/, '')

function startAll(clusters: SimulatedClusters): void {
  for (const { control } of clusters.nodes.values()) control.start()
}

/** One node a cluster, `c0` to `c<n-1>`, all linked with all. */
function fullMesh(count: number): SimulatedClusters {
  const clusters = simulateClusters()
  for (let i = 0; i < count; i++) clusters.add(`c${i}`)
  for (let i = 0; i < count; i++) for (let j = 0; j < i; j++) clusters.link(`c${i}`, `c${j}`)
  return clusters
}

/** A tree with chords: every cluster reaches every other, most by several ways. */
function randomClusters(count: number, chords: number, seed: string) {
  const clusters = simulateClusters()
  const random = createSeededRandom(seed, () => 0)
  const links = new Set<string>()
  const connect = (i: number, j: number): void => {
    const key = i < j ? `c${i} c${j}` : `c${j} c${i}`
    if (i === j || links.has(key)) return
    links.add(key)
    clusters.link(`c${i}`, `c${j}`, 1 + random.int(40))
  }
  for (let i = 0; i < count; i++) {
    clusters.add(`c${i}`)
    if (i > 0) connect(i, random.int(i))
  }
  for (let i = 0; i < chords; i++) connect(random.int(count), random.int(count))
  return { clusters, random, links }
}

/** Clusters reached from one, as the links are. */
function reachable(from: string, links: ReadonlySet<string>): Set<string> {
  const found = new Set([from])
  for (const at of found) {
    for (const link of links) {
      const [a = '', b = ''] = link.split(' ')
      if (a === at) found.add(b)
      else if (b === at) found.add(a)
    }
  }
  return found
}

function expectLoopFree(clusters: SimulatedClusters): void {
  const wrong: string[] = []
  for (const { control, clusterId } of clusters.nodes.values()) {
    for (const destination of control.table.destinations()) {
      const path = control.table.select(destination)?.path
      if (path === undefined) continue
      if (new Set(path).size !== path.length || path[0] !== clusterId || path.at(-1) !== destination) wrong.push(path.join(' '))
    }
  }
  expect(wrong).toEqual([])
}

describe.each([8, 20])('routing check 13: a full mesh of %i clusters', (count) => {
  it('passes one announcement on in O(clusters x neighbours) messages, and everybody takes the direct way', async () => {
    const clusters = fullMesh(count)
    startAll(clusters)
    await clusters.time.advance(9_000)
    clusters.sent.length = 0
    clusters.node('c0').control.announceOwn()
    await clusters.time.advance(500)
    // One to each neighbour, and each of those tells all but the two it leads through.
    const bound = count - 1 + (count - 1) * (count - 2)
    console.log(`full mesh of ${count}: one announcement costs ${clusters.sent.length} messages (bound ${bound})`)
    expect(clusters.sent.length).toBeGreaterThan(0)
    expect(clusters.sent.length).toBeLessThanOrEqual(bound)
    for (const { control, clusterId } of clusters.nodes.values()) {
      for (let i = 0; i < count; i++) {
        if (clusterId === `c${i}`) continue
        expect(control.table.select(`c${i}`)?.path).toEqual([clusterId, `c${i}`])
        expect(control.table.explainSelection(`c${i}`).candidates).toHaveLength(4)
      }
    }
  })

  it('starts without an explosion', async () => {
    const clusters = fullMesh(count)
    startAll(clusters)
    await clusters.time.advance(5_000)
    console.log(`full mesh of ${count}: the start of all costs ${clusters.sent.length} messages`)
    expect(clusters.sent.length).toBeLessThanOrEqual(count * 2 * count * count)
    expect(clusters.sent.every(({ message }) => !isWithdrawal(message))).toBe(true)
  })

  it('forgets a cluster that is withdrawn, at once and everywhere', async () => {
    const clusters = fullMesh(count)
    startAll(clusters)
    await clusters.time.advance(5_000)
    clusters.sent.length = 0
    clusters.node('c0').control.stop(true)
    await clusters.time.advance(1_000)
    for (const { control, clusterId } of clusters.nodes.values()) {
      if (clusterId !== 'c0') expect(control.table.select('c0')).toBeUndefined()
    }
    console.log(`full mesh of ${count}: a withdrawal costs ${clusters.sent.length} messages`)
    // Each tries the other routes it kept, one after the other, and tells its neighbours of each.
    expect(clusters.sent.length).toBeLessThanOrEqual(2 * (ROUTES_PER_DESTINATION_MAX + 1) * count * count)
  })
})

describe('fifty clusters at random', () => {
  it.each(['a', 'b', 'c'])('(%s) find every way there is, never in circles, through cuts and repairs', async (seed) => {
    const { clusters, random, links } = randomClusters(50, 50, seed)
    startAll(clusters)
    /** Looks after every millisecond of movement, not only at the end. */
    const settle = async (ms: number): Promise<void> => {
      for (let i = 0; i < 12; i++) {
        await clusters.time.advance(1)
        expectLoopFree(clusters)
      }
      await clusters.time.advance(ms)
      expectLoopFree(clusters)
    }
    const expectComplete = (): void => {
      const wrong: string[][] = []
      for (const from of clusters.nodes.keys()) {
        const there = reachable(from, links)
        for (const to of clusters.nodes.keys()) {
          const way = clusters.travel(from, to)
          if (way.at(-1) !== (there.has(to) ? to : '!no_route')) wrong.push(way)
        }
      }
      expect(wrong).toEqual([])
    }
    await settle(3_000)
    expectComplete()

    for (let round = 0; round < 5; round++) {
      const cut = random.sample([...links], 4)
      for (const link of cut) {
        const [a = '', b = ''] = link.split(' ')
        const alternatives = [...clusters.node(a).control.table.destinations()].filter(
          (destination) => clusters.node(a).control.table.select(destination, [b])?.path.includes(b) === false,
        )
        links.delete(link)
        clusters.cut(a, b)
        // Before any message has moved.
        for (const destination of alternatives) expect(clusters.node(a).control.table.select(destination)?.nextHop).not.toBe(b)
        for (const destination of alternatives) expect(clusters.node(a).control.table.select(destination)).toBeDefined()
      }
      await settle(2_000)
      expectComplete()
      for (const link of cut) {
        const [a = '', b = ''] = link.split(' ')
        links.add(link)
        clusters.link(a, b, 1 + random.int(40))
      }
      await settle(2_000)
      expectComplete()
    }
  })

  it('stay as they are while nothing happens, and cost the same every interval', async () => {
    const { clusters } = randomClusters(50, 50, 'quiet')
    startAll(clusters)
    await clusters.time.advance(40_000)
    const changes: string[] = []
    for (const { control } of clusters.nodes.values()) control.observe(({ destination }) => changes.push(destination))
    clusters.sent.length = 0
    await clusters.time.advance(10_000)
    const first = clusters.sent.length
    await clusters.time.advance(10_000)
    expect(changes).toEqual([])
    expect(clusters.sent.length - first).toBe(first)
    expect(clusters.sent.every(({ message }) => !isWithdrawal(message))).toBe(true)
  })

  it('forget a cluster that fell silent everywhere within about one lifetime, however they tell each other of it', async () => {
    const { clusters } = randomClusters(50, 50, 'silent')
    startAll(clusters)
    await clusters.time.advance(15_000)
    clusters.node('c7').control.stop(false)
    await clusters.time.advance(32_000)
    for (const { control, clusterId } of clusters.nodes.values()) {
      if (clusterId !== 'c7') expect(control.table.select('c7')).toBeUndefined()
    }
  })
})

describe('a cluster of several nodes', () => {
  /** Only `alpha.1` is linked to `beta`, only `alpha.2` to `gamma`. */
  function alpha() {
    const clusters = simulateClusters()
    for (const nodeId of ['alpha.1', 'alpha.2', 'alpha.3', 'beta.1', 'gamma.1']) clusters.add(nodeId)
    clusters.link('alpha.1', 'alpha.2')
    clusters.link('alpha.1', 'alpha.3')
    clusters.link('alpha.2', 'alpha.3')
    clusters.link('alpha.1', 'beta.1')
    clusters.link('alpha.2', 'gamma.1')
    startAll(clusters)
    return clusters
  }

  it('reaches what one of its nodes is linked to from all of them, and lets others through', async () => {
    const clusters = alpha()
    await clusters.time.advance(1_000)
    expect(clusters.travel('alpha.2', 'beta')).toEqual(['alpha.2', 'alpha.1', 'beta.1'])
    expect(clusters.travel('alpha.3', 'beta')).toEqual(['alpha.3', 'alpha.1', 'beta.1'])
    expect(clusters.travel('gamma.1', 'beta')).toEqual(['gamma.1', 'alpha.2', 'alpha.1', 'beta.1'])
    expect(clusters.node('gamma.1').control.table.select('beta')?.path).toEqual(['gamma', 'alpha', 'beta'])
    expect(clusters.travel('beta.1', 'gamma')).toEqual(['beta.1', 'alpha.1', 'alpha.2', 'gamma.1'])
  })

  it('never tells inside what it learned inside', async () => {
    const clusters = alpha()
    await clusters.time.advance(25_000)
    const inside = clusters.sent.filter(({ from, to }) => clusterOf(from) === clusterOf(to))
    expect(inside.length).toBeGreaterThan(0)
    for (const { from, message } of inside) {
      expect([from, message.destination.cluster_id]).toEqual(from === 'alpha.1' ? ['alpha.1', 'beta'] : ['alpha.2', 'gamma'])
    }
  })

  it('forgets at once when the one link is cut: nobody learns it back from another', async () => {
    const clusters = alpha()
    await clusters.time.advance(1_000)
    clusters.sent.length = 0
    clusters.cut('alpha.1', 'beta.1')
    await clusters.time.advance(100)
    for (const nodeId of ['alpha.1', 'alpha.2', 'alpha.3', 'gamma.1'])
      expect(clusters.travel(nodeId, 'beta')).toEqual([nodeId, '!no_route'])
    const aboutBeta = clusters.sent.filter(({ message }) => message.destination.cluster_id === 'beta')
    expect(aboutBeta.map(({ from, to, message }) => `${from} ${to} ${isWithdrawal(message)}`).sort()).toEqual([
      'alpha.1 alpha.2 true',
      'alpha.1 alpha.3 true',
      'alpha.2 gamma.1 true',
    ])
  })

  it('goes on through another node that is linked to the same cluster', async () => {
    const clusters = alpha()
    clusters.link('alpha.3', 'beta.1', 50)
    await clusters.time.advance(1_000)
    expect(clusters.travel('alpha.2', 'beta')).toEqual(['alpha.2', 'alpha.1', 'beta.1'])
    clusters.cut('alpha.1', 'beta.1')
    expect(clusters.travel('alpha.1', 'beta')).toEqual(['alpha.1', 'alpha.3', 'beta.1'])
    await clusters.time.advance(100)
    expect(clusters.travel('alpha.2', 'beta')).toEqual(['alpha.2', 'alpha.3', 'beta.1'])
    expect(clusters.travel('gamma.1', 'beta')).toEqual(['gamma.1', 'alpha.2', 'alpha.3', 'beta.1'])
    expect(clusters.travel('beta.1', 'gamma')).toEqual(['beta.1', 'alpha.3', 'alpha.2', 'gamma.1'])
  })

  it('keeps what its neighbour cluster offers when one of the neighbour’s nodes dies silently', async () => {
    const clusters = simulateClusters()
    for (const nodeId of ['alpha.1', 'beta.1', 'beta.2', 'gamma.1']) clusters.add(nodeId)
    clusters.link('alpha.1', 'beta.1')
    clusters.link('alpha.1', 'beta.2')
    clusters.link('alpha.1', 'gamma.1')
    startAll(clusters)
    await clusters.time.advance(12_000)
    clusters.node('beta.2').control.stop(false)
    clusters.cut('alpha.1', 'beta.2')
    for (let i = 0; i < 60; i++) {
      await clusters.time.advance(1_000)
      expect(clusters.travel('gamma.1', 'beta').at(-1)).toBe('beta.1')
    }
  })

  it('never sends in circles, also where several of its nodes know several ways', async () => {
    const clusters = simulateClusters()
    const random = createSeededRandom('borders', () => 0)
    const nodes: string[] = []
    for (let c = 0; c < 8; c++) {
      for (let n = 1; n <= 3; n++) {
        clusters.add(`c${c}.${n}`)
        nodes.push(`c${c}.${n}`)
      }
      for (const [a, b] of [
        [1, 2],
        [1, 3],
        [2, 3],
      ])
        clusters.link(`c${c}.${a}`, `c${c}.${b}`)
    }
    const borders = new Map<string, [string, string]>()
    while (borders.size < 30) {
      const [a = '', b = ''] = random.sample(nodes, 2)
      if (clusterOf(a) === clusterOf(b) || borders.has(`${b} ${a}`) || borders.has(`${a} ${b}`)) continue
      borders.set(`${a} ${b}`, [a, b])
      clusters.link(a, b, 1 + random.int(30))
    }
    startAll(clusters)
    await clusters.time.advance(12_000)
    const expectAll = (): void => {
      for (const from of nodes) for (let c = 0; c < 8; c++) expect(clusterOf(clusters.travel(from, `c${c}`).at(-1) ?? '')).toBe(`c${c}`)
    }
    expectAll()
    for (let round = 0; round < 6; round++) {
      const cut = random.sample([...borders.values()], 3)
      for (const [a, b] of cut) clusters.cut(a, b)
      await clusters.time.advance(1_000)
      expectAll()
      for (const [a, b] of cut) clusters.link(a, b, 1 + random.int(30))
      await clusters.time.advance(1_000)
      expectAll()
    }
  })
})
