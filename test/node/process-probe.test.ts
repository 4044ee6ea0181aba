import { describe, expect, it } from 'vitest'
import { createProcessProbe } from '../../src/node/process-probe.ts'

/** Keeps the event loop from turning until so much processor time is used, however busy the machine is. */
function block(cpuMs: number): void {
  const usedMs = () => (process.cpuUsage().user + process.cpuUsage().system) / 1000
  const end = usedMs() + cpuMs
  while (usedMs() < end);
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 50))

describe('process probe', () => {
  it('sees a busy processor and a late event loop, each time since the reading before', async () => {
    const probe = createProcessProbe()
    probe.start()
    await turn()
    probe.read()
    let startMs = performance.now()
    await turn()
    block(300)
    await turn()
    const busy = probe.read()
    const busyMs = performance.now() - startMs
    expect(busy.cpu_usage_percent).toBeGreaterThan((100 * 290) / busyMs)
    expect(busy.event_loop_delay_ms?.max).toBeGreaterThan(200)
    expect(busy.event_loop_delay_ms?.max).toBeLessThan(busyMs)
    startMs = performance.now()
    await new Promise((resolve) => setTimeout(resolve, 200))
    const idle = probe.read()
    const idleMs = performance.now() - startMs
    expect(idle.cpu_usage_percent).toBeLessThan(busy.cpu_usage_percent as number)
    // What was before is not told again.
    expect(idle.event_loop_delay_ms?.max).toBeLessThan(idleMs)
    probe.stop()
  })

  it('counts garbage collections', async () => {
    const probe = createProcessProbe()
    probe.start()
    let kept: unknown[] = []
    for (let i = 0; i < 200; i++) kept = Array.from({ length: 50_000 }, (_, n) => ({ n }))
    await turn()
    const { gc, rss_bytes, memory_limit_bytes } = probe.read()
    expect(kept).toHaveLength(50_000)
    expect(gc.count).toBeGreaterThan(0)
    expect(gc.total_ms).toBeGreaterThanOrEqual(gc.max_ms)
    expect(rss_bytes).toBeGreaterThan(0)
    expect(memory_limit_bytes).toBeGreaterThan(rss_bytes)
    probe.stop()
  })

  it('says nothing of the event loop while it is not started', () => {
    const probe = createProcessProbe()
    expect(probe.read()).toMatchObject({ event_loop_delay_ms: null, cpu_usage_percent: null, gc: { count: 0 } })
    expect(probe.read().cpu_seconds_total).toBeGreaterThan(0)
    probe.stop()
  })
})
