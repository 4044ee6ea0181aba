/**
 * What this process costs the machine, measured by the runtime itself: processor time, memory, how late the event loop runs, and what
 * garbage collection takes of it.
 */

import { totalmem } from 'node:os'
import { monitorEventLoopDelay, PerformanceObserver, performance } from 'node:perf_hooks'
import type { ProcessProbe } from '../telemetry/index.ts'

type IntervalHistogram = ReturnType<typeof monitorEventLoopDelay>

/**
 * How often the delay of the event loop is sampled. The interval itself is part of each sample, and taken off again. After a reading the first
 * interval goes unmeasured (the runtime has nothing to compare with), so it is short; but each sample wakes the process, and at 10 ms that was
 * most of what a quiet node cost.
 */
const LOOP_RESOLUTION_MS = 20

export function createProcessProbe(): ProcessProbe {
  let loop: IntervalHistogram | undefined
  let observer: PerformanceObserver | undefined
  let gc = { count: 0, total_ms: 0, max_ms: 0 }
  let cpuBefore: { readonly atMs: number; readonly usedMs: number } | undefined

  function noteGc(durationMs: number): void {
    gc = { count: gc.count + 1, total_ms: gc.total_ms + durationMs, max_ms: Math.max(gc.max_ms, durationMs) }
  }

  /** Microseconds of user and system time, as milliseconds. */
  function cpuUsedMs(): number {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1000
  }

  function cpuPercent(usedMs: number): number | null {
    const now = { atMs: performance.now(), usedMs }
    const before = cpuBefore
    cpuBefore = now
    if (before === undefined || now.atMs <= before.atMs) return null
    return (100 * (now.usedMs - before.usedMs)) / (now.atMs - before.atMs)
  }

  return {
    start() {
      if (loop !== undefined) return
      loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS })
      loop.enable()
      observer = new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) noteGc(entry.duration)
      })
      observer.observe({ entryTypes: ['gc'] })
      cpuBefore = { atMs: performance.now(), usedMs: cpuUsedMs() }
    },
    stop() {
      loop?.disable()
      observer?.disconnect()
      loop = undefined
      observer = undefined
      cpuBefore = undefined
    },
    read() {
      const { rss, heapUsed } = process.memoryUsage()
      const usedMs = cpuUsedMs()
      const reading = {
        cpu_usage_percent: cpuPercent(usedMs),
        cpu_seconds_total: usedMs / 1000,
        rss_bytes: rss,
        heap_used_bytes: heapUsed,
        memory_limit_bytes: memoryLimit(),
        event_loop_delay_ms: loop === undefined ? null : loopDelay(loop),
        gc,
        started_at: performance.timeOrigin / 1000,
      }
      loop?.reset()
      gc = { count: 0, total_ms: 0, max_ms: 0 }
      return reading
    },
  }
}

function loopDelay(loop: IntervalHistogram): { p50: number; p99: number; max: number } | null {
  if (loop.count === 0) return null
  const late = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - LOOP_RESOLUTION_MS)
  return { p50: late(loop.percentile(50)), p99: late(loop.percentile(99)), max: late(loop.max) }
}

/** The container's limit where there is one that is less than the machine has. */
function memoryLimit(): number {
  const constrained = process.constrainedMemory()
  const total = totalmem()
  return constrained > 0 && constrained < total ? constrained : total
}
