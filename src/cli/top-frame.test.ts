import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { NodeFacts } from '../telemetry/index.ts'
import { type TopView, topFrame } from './top-frame.ts'

const facts = (node_id: string): NodeFacts =>
  ({
    node_id,
    cluster_id: 'golden',
    peers: [
      { linked: true, departed: false },
      { linked: false, departed: false },
      { linked: false, departed: true },
    ],
    routes: { routes_active: 4 },
    process: { cpu_percent: null, rss_bytes: null, loop_delay_p99_ms: 2.5 },
  }) as unknown as NodeFacts

const view = (count: number, unreachable: readonly string[] = []): TopView => ({
  takenAt: 0,
  nodes: Array.from({ length: count }, (_, index) => ({ facts: facts(`ws://node-${index}`), unified: null, health: null })),
  unreachable,
  unmonitored: 0,
})

describe('the picture of top', () => {
  it('fits its terminal, whatever its size and the names of the nodes', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.integer({ min: 1, max: 60 }),
        fc.nat({ max: 80 }),
        fc.string(),
        (width, height, count, name) => {
          const lines = topFrame(view(count, [name]), { width, height })
          expect(lines.length).toBeLessThanOrEqual(height)
          for (const line of lines) expect(line.length).toBeLessThanOrEqual(width)
        },
      ),
    )
  })

  it('counts the nodes it has no room for', () => {
    expect(topFrame(view(20), { width: 80, height: 10 }).at(-1)).toBe('… and 15 more')
  })

  it('shows nothing where nothing was measured, and peers by those that are linked', () => {
    expect(topFrame(view(1), { width: 140, height: 10 }).at(-1)).toMatch(/^ws:\/\/node-0 +golden +- +- +- +- +- +1\/2 +4 +2\.5 +- +-$/)
    expect(topFrame(view(1), { width: 140, height: 10 })[1]).toContain('rpc -/s')
  })

  it('cuts nothing where there is no end of a line', () => {
    const long = 'ws://a-node-with-a-rather-long-name.example.org:21010'
    const one = { facts: { ...facts(long), cluster_id: 'a-cluster-with-a-long-name' }, unified: null, health: null }
    const lines = topFrame({ ...view(1, [`${long}0`]), nodes: [...view(1).nodes, one] }, { width: Number.POSITIVE_INFINITY, height: 20 })
    expect(lines.join('\n')).not.toContain('…')
    expect(lines).toContain(`${long}0  does not answer`)
    expect(lines.at(-1)).toMatch(new RegExp(`^${long} a-cluster-with-a-long-name +-`))
    expect(lines.at(-1)?.length).toBe(lines.at(-2)?.length)
  })

  it('puts nodes that do not answer first', () => {
    expect(topFrame(view(1, ['ws://gone']), { width: 80, height: 10 })[4]).toBe('ws://gone  does not answer')
  })
})
