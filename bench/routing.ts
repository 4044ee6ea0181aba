/** Path-vector routing: selecting, taking in announcements with and without signatures, and the memory of a table. */
import type { BenchOptions } from './options.ts'
import { measurePairs } from './pairs.ts'
import { Report } from './report.ts'
import { startRole } from './role.ts'
import type { RouteControlRole } from './roles/route-control.ts'
import { summarize } from './statistics.ts'

const MEMORY_RUNS = 3

export async function benchRouting({ runs, seconds }: BenchOptions): Promise<void> {
  const report = new Report('routing')
  const memory: number[] = []
  for (let i = 0; i < MEMORY_RUNS; i++) {
    const role = await start(['--expose-gc'])
    memory.push(await role.ask('megabytesHeld', undefined))
    await role.stop()
  }
  report.result('memory_1000x4', 'MB', summarize(memory))

  const role = await start()
  for (const [name, operation, unit] of [
    ['select_10000x4', 'select', 'selections/s'],
    ['apply_unsigned', 'applyUnsigned', 'announcements/s'],
  ] as const) {
    await role.ask(operation, { seconds: 1 })
    const values: number[] = []
    for (let i = 0; i < runs; i++) values.push(await role.ask(operation, { seconds }))
    report.result(name, unit, summarize(values))
  }
  await role.ask('applySigned', undefined)
  await role.ask('bareVerify', undefined)
  const outcome = await measurePairs(
    runs,
    () => role.ask('applySigned', undefined),
    () => role.ask('bareVerify', undefined),
  )
  report.pair('signed_vs_bare_verify', 'announcements/s', ['apply_signed', 'bare_verify'], outcome, '>= 0.77')
  report.note(
    'targets: select >= 1,000,000/s, apply_unsigned >= 100,000/s, memory < 20 MB, a signed announcement <= 1.3 bare verifications',
  )
  await role.stop()
  report.print()
}

function start(nodeOptions: readonly string[] = []) {
  return startRole<RouteControlRole>(new URL('./roles/route-control.ts', import.meta.url), null, nodeOptions)
}
