import { describe, expect, it } from 'vitest'
import { createProcessProbe } from '../../src/node/process-probe.ts'

/** Keeps the event loop from turning, and the processor busy. */
function block(ms: number): void {
  const endMs = performance.now() + ms
  while (performance.now() < endMs);
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 50))

describe('process probe', () => {
  it('sees a busy processor and a late event loop, each time since the reading before', async () => {
    const probe = createProcessProbe()
    probe.start()
    await turn()
    probe.read()
    await turn()
    block(300)
    await turn()
    const busy = probe.read()
    expect(busy.cpu_usage_percent).toBeGreaterThan(20)
    expect(busy.event_loop_delay_ms?.max).toBeGreaterThan(200)
    expect(busy.event_loop_delay_ms?.max).toBeLessThan(5_000)
    await new Promise((resolve) => setTimeout(resolve, 200))
    const idle = probe.read()
    expect(idle.cpu_usage_percent).toBeLessThan(busy.cpu_usage_percent as number)
    expect(idle.event_loop_delay_ms?.p50).toBeLessThan(200)
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
