/**
 * The experiments of the Lifeguard paper (arXiv:1707.00788 §V) with 128 members: C of them stand still for D at a time, all together, again
 * and again for two minutes, with so short a run between that they hardly catch up. Compared are SWIM, SWIM with the rule of the Python
 * implementation that two suspecters make a verdict, and Lifeguard.
 */
import { describe, expect, it } from 'vitest'
import type { MembershipOptions } from '../../src/fabric/index.ts'
import { quantile, runCrashes, runStalls } from './lifeguard-model.ts'

const NODES = 128
const CONCURRENT = [1, 4, 8, 16, 32]
const STALLS_MS = [128, 512, 2_000, 8_000, 32_000]
const RUNS_MS = [16, 64]
const VARIANTS: Readonly<Record<'swim' | 'consensus' | 'lifeguard', MembershipOptions>> = {
  swim: { lifeguard: false, consensus: false },
  consensus: { lifeguard: false },
  lifeguard: { lifeguard: true },
}
type Variant = keyof typeof VARIANTS
const NAMES = Object.keys(VARIANTS) as Variant[]
const perVariant = <T>(make: () => T): Record<Variant, T> => ({ swim: make(), consensus: make(), lifeguard: make() })

describe('Lifeguard among 128 members', () => {
  it('has at least 20 times fewer false positives on healthy members', () => {
    const total = perVariant(() => ({ all: 0, atHealthy: 0, messages: 0 }))
    const rows: string[] = []
    for (const count of CONCURRENT) {
      for (const stallMs of STALLS_MS) {
        const cells = NAMES.map((name) => {
          const cell = { all: 0, atHealthy: 0 }
          for (const runMs of RUNS_MS) {
            const options = { nodes: NODES, seed: `${count}/${stallMs}/${runMs}`, membership: VARIANTS[name] }
            const outcome = runStalls(options, { count, stallMs, runMs, forMs: 120_000 })
            cell.all += outcome.falsePositives
            cell.atHealthy += outcome.falsePositivesAtHealthy
            total[name].messages += outcome.messages
          }
          total[name].all += cell.all
          total[name].atHealthy += cell.atHealthy
          return `${cell.all} (${cell.atHealthy})`
        })
        rows.push([`C=${count}`, `D=${stallMs}`, ...cells].map((text) => text.padStart(14)).join(''))
      }
    }
    const title = ['', 'false pos.', ...NAMES].map((text) => text.padStart(14)).join('')
    const sums = ['total', '', ...NAMES.map((name) => `${total[name].all} (${total[name].atHealthy})`)]
    const messages = ['messages', '', ...NAMES.map((name) => String(total[name].messages))]
    const foot = [sums, messages].map((cells) => cells.map((text) => text.padStart(14)).join(''))
    process.stdout.write(`\nVerdicts on healthy members, at all members (at healthy ones)\n${[title, ...rows, ...foot].join('\n')}\n`)
    expect(total.lifeguard.all * 20).toBeLessThanOrEqual(total.swim.all)
    // News leaves so soon here that SWIM's wrong verdicts hardly convince anybody else; those of two suspecters do.
    expect(total.lifeguard.atHealthy).toBeLessThanOrEqual(total.swim.atHealthy)
    expect(total.lifeguard.atHealthy * 20).toBeLessThanOrEqual(total.consensus.atHealthy)
    expect(total.swim.all).toBeGreaterThan(1_000)
  })

  it('finds true failures within 1.2 times the time of SWIM', () => {
    const found = perVariant(() => ({ first: [] as number[], all: [] as number[] }))
    for (const count of CONCURRENT) {
      for (let seed = 0; seed < 4; seed++) {
        for (const name of NAMES) {
          const { firstMs, allMs } = runCrashes({ nodes: NODES, seed: `${count}/${seed}`, membership: VARIANTS[name] }, count)
          found[name].first.push(...firstMs)
          found[name].all.push(...allMs)
        }
      }
    }
    const rows = NAMES.map((name) => {
      const { first, all } = found[name]
      const cells = [quantile(first, 0.5), quantile(first, 0.99), quantile(all, 0.5), quantile(all, 0.99)]
      return [name, ...cells.map((ms) => `${Math.round(ms)}`)].map((text) => text.padStart(14)).join('')
    })
    const title = ['ms', 'first p50', 'first p99', 'all p50', 'all p99'].map((text) => text.padStart(14)).join('')
    process.stdout.write(`\nDetection of ${found.swim.first.length} crashes\n${[title, ...rows].join('\n')}\n`)
    for (const what of ['first', 'all'] as const) {
      for (const part of [0.5, 0.99]) {
        expect(quantile(found.lifeguard[what], part)).toBeLessThanOrEqual(1.2 * quantile(found.swim[what], part))
      }
    }
  })
})
