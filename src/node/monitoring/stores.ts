/** What telemetry remembers, and how much of it there is room for: a store beyond its bound would be a leak. */
import type { StoreFigures } from '../../monitor/index.ts'
import type { NodeTelemetry } from './telemetry.ts'

export function telemetryStores({ alerts, monitor }: NodeTelemetry): StoreFigures {
  const { events, history_points, history_points_max } = monitor.snapshot()
  const { history_max, history_size } = alerts.snapshot()
  const eventsMax = events.events_max + events.upkeep_events_max
  return {
    events: { entries: events.events, max: events.events_max },
    upkeep_events: { entries: events.upkeep_events, max: events.upkeep_events_max },
    // Chains and timelines hold those same events, at least one each.
    chains: { entries: events.chains, max: eventsMax },
    timelines: { entries: events.timelines, max: eventsMax },
    running_requests: { entries: events.active_tracking_ids, max: events.active_max },
    history_points: { entries: history_points, max: history_points_max },
    alert_history: { entries: history_size, max: history_max },
  }
}
