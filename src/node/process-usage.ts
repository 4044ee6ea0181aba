/** What this process takes of the machine. */
import type { Clock } from '../base/index.ts'
import type { ProcessFacts } from '../telemetry/index.ts'

export type ProcessUsage = () => Pick<ProcessFacts, 'cpu_percent' | 'rss_bytes'>

/** Questions closer together than this, ms, get the same answer: over less time a share means nothing. */
const MEASURED_MS_MIN = 1_000

/** CPU is of one core, since the question before, or since the start. */
export function createProcessUsage(clock: Pick<Clock, 'monotonic'>): ProcessUsage {
  let since = { ms: clock.monotonic(), cpu: process.cpuUsage() }
  let percent: number | null = null
  return () => {
    const ms = clock.monotonic()
    if (ms - since.ms >= MEASURED_MS_MIN) {
      const { system, user } = process.cpuUsage(since.cpu)
      percent = ((system + user) / 1000 / (ms - since.ms)) * 100
      since = { ms, cpu: process.cpuUsage() }
    }
    return { cpu_percent: percent, rss_bytes: process.memoryUsage.rss() }
  }
}
