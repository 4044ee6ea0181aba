/** `/metrics/timeseries`: how a number changed over the last hours. */
import { monitoringAnswers, TIMESERIES_METRICS, type TimeseriesPoint } from '../../wire/index.ts'
import type { MonitorContext } from '../context.ts'
import { RequestRefusal } from '../errors.ts'
import { type MonitorRoute, queryCount, queryText } from '../route.ts'
import { answer } from './answer.ts'

/** A year. */
const HOURS_MAX = 8_784
/** A week. */
const MINUTES_MAX = 10_080

export function timeseriesRoutes(context: MonitorContext): MonitorRoute[] {
  return [
    {
      method: 'GET',
      path: '/metrics/timeseries',
      description: 'How a metric changed over the last hours',
      query: {
        metric: `One of ${TIMESERIES_METRICS.join(', ')}; default ${TIMESERIES_METRICS[0]}`,
        duration: 'Hours to look back; default 1',
        resolution: 'Minutes that become one point, their mean; default 1',
      },
      answer: monitoringAnswers['/metrics/timeseries'],
      reply(request) {
        const asked = queryText(request, 'metric') ?? TIMESERIES_METRICS[0]
        const metric = TIMESERIES_METRICS.find((known) => known === asked)
        if (metric === undefined) {
          const valid = TIMESERIES_METRICS.join(', ')
          throw new RequestRefusal(400, `Invalid parameter: no metric ${JSON.stringify(asked)}; there are ${valid}`, TIMESERIES_METRICS)
        }
        const hours = queryCount(request, 'duration', 1, HOURS_MAX)
        const minutes = queryCount(request, 'resolution', 1, MINUTES_MAX)
        const data = meanPerBucket(context.views.timeseries(metric, hours), minutes * 60)
        return answer(context, { metric, duration_hours: hours, resolution_minutes: minutes, data_points: data.length, data })
      },
    },
  ]
}

/** One point for each stretch of `seconds` that has any: the mean value, at the time of its last point. Buckets begin at multiples of their length. */
export function meanPerBucket(points: readonly TimeseriesPoint[], seconds: number): TimeseriesPoint[] {
  const means: TimeseriesPoint[] = []
  let bucket = Number.NEGATIVE_INFINITY
  let sum = 0
  let count = 0
  for (const [time, value] of points) {
    const next = Math.floor(time / seconds)
    if (next !== bucket) {
      bucket = next
      sum = 0
      count = 0
    } else means.pop()
    sum += value
    count++
    means.push([time, sum / count])
  }
  return means
}
