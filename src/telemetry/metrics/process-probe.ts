/**
 * What the process costs the machine. The numbers come from the runtime, so whoever owns the process hands a probe in; without one they are
 * absent.
 */
export interface ProcessReading {
  /** Percent of one core since the reading before; null at the first. A node is one core's work, so 100 is all it can use by itself. */
  readonly cpu_usage_percent: number | null
  /** Processor time used since the process began, seconds. */
  readonly cpu_seconds_total: number
  /** Resident memory in bytes. */
  readonly rss_bytes: number
  readonly heap_used_bytes: number
  /** What the process may use at most: of its container where it has one, else of the machine. */
  readonly memory_limit_bytes: number
  /** How late the event loop ran since the reading before, ms; null without a sample. */
  readonly event_loop_delay_ms: { readonly p50: number; readonly p99: number; readonly max: number } | null
  /** Garbage collections since the reading before. */
  readonly gc: { readonly count: number; readonly total_ms: number; readonly max_ms: number }
  /** Unix seconds. */
  readonly started_at: number
}

export interface ProcessProbe {
  start(): void
  stop(): void
  /** What happened since the last call: a probe has one reader. */
  read(): ProcessReading
}
