/** The explorer: the same seed gives the same run, invariants hold, what it does can be saved, and what fails is cut down. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createSeededRandom } from '../../src/base/index.ts'
import { connectWith } from '../../src/client/index.ts'
import { explore, parsePlan, printPlan } from '../../src/sim/index.ts'
import { minimise } from '../../src/sim/minimise.ts'
import { drawPlan } from '../../src/sim/plan.ts'

const deps: Parameters<typeof explore>[0] = { connect: (dial, options) => connectWith(dial, { ...options, raiseRemoteFailures: true }) }

async function logOf(seed: number, nodes: number) {
  const lines: string[] = []
  const result = await explore(deps, { seed, nodes, log: (line) => lines.push(line), settings: { logLevel: 'DEBUG' } })
  return { log: lines.join('\n'), result }
}

describe('the explorer', { timeout: 60_000 }, () => {
  it('gives byte-identical logs for a seed, and others for another', async () => {
    const first = await logOf(11, 6)
    const second = await logOf(11, 6)
    expect(first.log.length).toBeGreaterThan(10_000)
    expect(second.log === first.log).toBe(true)
    expect((await logOf(12, 6)).log).not.toBe(first.log)
  })

  it('does the same with a plan that was printed and read again', async () => {
    const { result } = await logOf(13, 4)
    const again = await explore(deps, { seed: 13, nodes: 4, plan: parsePlan(printPlan(result.plan)) })
    expect(again).toEqual(result)
  })
})

describe('a plan', () => {
  it('survives printing and reading', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 30 }), (seed, nodes) => {
        const plan = drawPlan(
          createSeededRandom(seed, () => 0),
          { nodes, durationMs: 10_000, pauseMs: 100 },
        )
        expect(parsePlan(printPlan(plan))).toEqual(plan)
      }),
    )
  })

  it('never has more than half of the nodes down', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 30 }), (seed, nodes) => {
        let down = 0
        for (const { words } of drawPlan(
          createSeededRandom(seed, () => 0),
          { nodes, durationMs: 60_000, pauseMs: 100 },
        )) {
          if (words[0] === 'crash' || words[0] === 'stop') down++
          if (words[0] === 'start') down--
          expect(down * 2).toBeLessThanOrEqual(nodes)
        }
      }),
    )
  })

  it('may hold comments, and is refused by line', () => {
    expect(parsePlan('# found by seed 7\n\n10 subscribe n0 t.#\n')).toEqual([{ atMs: 10, words: ['subscribe', 'n0', 't.#'] }])
    expect(() => parsePlan('10 heal\nsoon heal\n')).toThrow(/line 2/)
  })
})

describe('minimise', () => {
  const action = (n: number) => ({ atMs: n, words: ['call', `n${n}`] })

  it('finds the few actions and nodes that matter', async () => {
    fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.nat(39), { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 1, max: 16 }),
        async (culprits, nodesMin) => {
          const plan = Array.from({ length: 40 }, (_, n) => action(n))
          const { nodes, plan: small } = await minimise(
            { plan, nodes: 16 },
            async (candidate) => candidate.nodes >= nodesMin && culprits.every((n) => candidate.plan.some(({ atMs }) => atMs === n)),
            500,
          )
          expect(small.map(({ atMs }) => atMs)).toEqual([...culprits].sort((a, b) => a - b))
          expect(nodes).toBeLessThanOrEqual(Math.max(2, nodesMin * 2))
          expect(nodes).toBeGreaterThanOrEqual(nodesMin)
        },
      ),
    )
  })

  it('gives up after its share of runs with what it has', async () => {
    let runs = 0
    const plan = Array.from({ length: 100 }, (_, n) => action(n))
    const result = await minimise({ plan, nodes: 3 }, async () => ++runs % 2 === 0, 10)
    expect(runs).toBe(10)
    expect(result.runs).toBe(10)
  })
})
