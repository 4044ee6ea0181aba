/**
 * The history of metrics: a point every collection for the last hour, a point every minute for the last day.
 *
 * Each series is a pair of rings of numbers, so a day of one metric takes 17 KB. A metric without a source at some moment has no point there.
 * Age is counted in monotonic time, so a step of the wall clock neither loses nor revives points.
 */
import type { Clock } from '../../base/index.ts'
import type { TimeseriesPoint } from '../../wire/index.ts'
import { nearestName } from '../nearest-name.ts'
import { COARSE_POINTS_MAX, COARSE_STEP_MS, FINE_POINTS_MAX, HOUR_MS, SERIES_MAX } from './constants.ts'

export class UnknownMetricError extends Error {
  readonly code = 'unknown_metric'
  readonly metric: string
  readonly known: readonly string[]

  constructor(metric: string, known: readonly string[]) {
    const near = nearestName(metric, known)
    super(`Unknown metric "${metric}"${near === undefined ? '' : ` (did you mean "${near}"?)`}; known metrics: ${known.join(', ')}`)
    this.name = 'UnknownMetricError'
    this.metric = metric
    this.known = known
  }
}

export interface MetricHistory {
  /** One moment of every metric; null or undefined where a metric has no value now. */
  append(values: Readonly<Record<string, number | null | undefined>>): void
  /**
   * The points of the last `durationHours`, oldest first: the mean of each `resolutionMinutes`, at the time of its newest point. A resolution of
   * 0 gives the points as they are kept. Throws {@link UnknownMetricError}.
   */
  series(metric: string, durationHours: number, resolutionMinutes: number): readonly TimeseriesPoint[]
  readonly points: number
}

interface Moment {
  readonly atMs: number
  readonly at: number
}

/** @param known names that exist before their first value */
export function createMetricHistory(clock: Clock, known: readonly string[]): MetricHistory {
  const fine = createTier(FINE_POINTS_MAX)
  const coarse = createTier(COARSE_POINTS_MAX)
  const names = new Set<string>(known)
  /** The minute that is filling. */
  const minute = new Map<string, { sum: number; count: number }>()
  let minuteNumber = Math.floor(clock.monotonic() / COARSE_STEP_MS)
  let last: Moment | undefined

  function endMinute(): void {
    if (last === undefined || minute.size === 0) return
    coarse.add(last, new Map([...minute].map(([name, { sum, count }]) => [name, sum / count])))
    minute.clear()
  }

  return {
    append(values) {
      const now = { atMs: clock.monotonic(), at: clock.wall() }
      const number = Math.floor(now.atMs / COARSE_STEP_MS)
      if (number !== minuteNumber) {
        endMinute()
        minuteNumber = number
      }
      last = now
      const row = new Map<string, number>()
      for (const [name, value] of Object.entries(values)) {
        if (!names.has(name)) {
          if (names.size >= SERIES_MAX) continue
          names.add(name)
        }
        if (value === null || value === undefined || !Number.isFinite(value)) continue
        row.set(name, value)
        const filling = minute.get(name)
        if (filling === undefined) minute.set(name, { sum: value, count: 1 })
        else {
          filling.sum += value
          filling.count++
        }
      }
      fine.add(now, row)
    },
    series(metric, durationHours, resolutionMinutes) {
      if (!names.has(metric)) throw new UnknownMetricError(metric, [...names].sort())
      const nowMs = clock.monotonic()
      const sinceMs = nowMs - durationHours * HOUR_MS
      // Fine points as far as they reach, minutes before them.
      const recent = fine.points(metric, sinceMs, Number.POSITIVE_INFINITY)
      const points = [...coarse.points(metric, sinceMs, fine.oldestMs()), ...recent]
      return resolutionMinutes > 0 ? means(points, resolutionMinutes * 60_000) : points.map(({ at, value }) => [at, value])
    },
    get points() {
      return fine.length() + coarse.length()
    },
  }
}

interface Point extends Moment {
  readonly value: number
}

/** A ring of moments with a column of numbers for each metric; NaN where there is none. */
function createTier(capacity: number) {
  const times = new Float64Array(capacity)
  const walls = new Float64Array(capacity)
  const columns = new Map<string, Float64Array>()
  let added = 0
  const oldest = (): number => Math.max(0, added - capacity)

  return {
    add({ atMs, at }: Moment, row: ReadonlyMap<string, number>): void {
      const slot = added++ % capacity
      times[slot] = atMs
      walls[slot] = at
      for (const name of row.keys()) if (!columns.has(name)) columns.set(name, new Float64Array(capacity).fill(Number.NaN))
      for (const [name, column] of columns) column[slot] = row.get(name) ?? Number.NaN
    },
    /** Points of [sinceMs, beforeMs), oldest first. */
    points(name: string, sinceMs: number, beforeMs: number): Point[] {
      const column = columns.get(name)
      const found: Point[] = []
      if (column === undefined) return found
      for (let number = oldest(); number < added; number++) {
        const slot = number % capacity
        const atMs = times[slot] as number
        const value = column[slot] as number
        if (atMs >= sinceMs && atMs < beforeMs && !Number.isNaN(value)) found.push({ atMs, at: walls[slot] as number, value })
      }
      return found
    },
    oldestMs: (): number => (added === 0 ? Number.POSITIVE_INFINITY : (times[oldest() % capacity] as number)),
    length: (): number => Math.min(added, capacity),
  }
}

function means(points: readonly Point[], stepMs: number): TimeseriesPoint[] {
  const list: TimeseriesPoint[] = []
  let bucket = Number.NaN
  let sum = 0
  let count = 0
  let at = 0
  const end = (): void => {
    if (count > 0) list.push([at, sum / count])
  }
  for (const point of points) {
    const number = Math.floor(point.atMs / stepMs)
    if (number !== bucket) {
      end()
      bucket = number
      sum = 0
      count = 0
    }
    sum += point.value
    count++
    at = point.at
  }
  end()
  return list
}
