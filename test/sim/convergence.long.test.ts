/** How agreement and its cost grow with the number of nodes. */
import { describe, expect, it } from 'vitest'
import { type Convergence, measureConvergence } from './convergence.ts'

const SIZES = [10, 30, 100, 300, 1_000]
const HEAP_BYTES_MAX = 4 * 2 ** 30

describe('agreement', { timeout: 3_600_000 }, () => {
  it('takes rounds, and a node messages, that grow with the logarithm of the number of nodes', async () => {
    const rows: Convergence[] = []
    let heapMax = 0
    for (const nodes of SIZES) {
      rows.push(await measureConvergence(nodes, 1, () => (heapMax = Math.max(heapMax, process.memoryUsage().heapUsed))))
      process.stdout.write(`${rowText(rows.at(-1) as Convergence)}, heap ${Math.round(heapMax / 1e6)} MB\n`)
    }
    const [first, ...larger] = rows as [Convergence, ...Convergence[]]
    for (const row of rows) {
      expect(row.startCopies).toBeLessThanOrEqual(1.5)
      expect(row.changeCopies).toBeLessThanOrEqual(1.5)
    }
    for (const { nodes, messagesPerSecond, startRounds } of larger) {
      const growth = Math.log(nodes) / Math.log(first.nodes)
      expect(messagesPerSecond).toBeLessThanOrEqual(1.5 * growth * first.messagesPerSecond)
      expect(startRounds).toBeLessThanOrEqual(1.5 * growth * Math.max(1, first.startRounds))
    }
    expect(heapMax).toBeLessThan(HEAP_BYTES_MAX)
  })
})

function rowText(row: Convergence): string {
  return [
    `${row.nodes} nodes: agree after ${row.startSeconds.toFixed(1)} s (${row.startRounds.toFixed(1)} rounds)`,
    `a change after ${row.changeSeconds.toFixed(1)} s`,
    `${row.startCopies.toFixed(2)} and ${row.changeCopies.toFixed(2)} copies of an entry`,
    `${row.linksPerNode.toFixed(1)} links`,
    `${row.messagesPerSecond.toFixed(1)} messages/s and ${Math.round(row.bytesPerSecond)} B/s a node at rest`,
  ].join(', ')
}
