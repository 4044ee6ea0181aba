/**
 * Hold-down (as in routing protocols): what is exported of a namespace changes at most once in a while, so that a service that comes and
 * goes does not make every other cluster follow.
 *
 * What a namespace says is compared without its time stamps. A change within the hold-down time is put off: until then the set that was
 * accepted last goes out again, with fresh times.
 */
import { compareCodePoints, type ServiceSummary } from '../wire/index.ts'

export interface HoldDown {
  /** @param current what there is to say of a namespace; not empty. @param now Unix seconds */
  decide(namespace: string, current: readonly ServiceSummary[], now: number): HoldDownDecision
  /** Ends a namespace; what was accepted last. */
  forget(namespace: string): readonly ServiceSummary[]
  /** Namespaces with an accepted set. */
  readonly namespaces: Iterable<string>
}

export interface HoldDownDecision {
  /** `held`: the change waits, and `summaries` are those accepted before. */
  readonly verdict: 'new' | 'unchanged' | 'changed' | 'held'
  readonly summaries: readonly ServiceSummary[]
  /** Accepted before and no longer among them. */
  readonly gone: readonly ServiceSummary[]
}

interface Accepted {
  readonly said: string
  readonly summaries: readonly ServiceSummary[]
  /** Unix seconds of the last change that was accepted. */
  readonly at: number
}

export function createHoldDown(seconds: number): HoldDown {
  const accepted = new Map<string, Accepted>()

  return {
    decide(namespace, current, now) {
      const said = whatIsSaid(current)
      const last = accepted.get(namespace)
      if (last?.said === said) return { verdict: 'unchanged', summaries: refreshed(last.summaries, now), gone: [] }
      // A clock that was put back does not hold anything for longer.
      if (last !== undefined && now >= last.at && now - last.at < seconds)
        return { verdict: 'held', summaries: refreshed(last.summaries, now), gone: [] }
      accepted.set(namespace, { said, summaries: current, at: now })
      const kept = new Set(current.map(serviceOf))
      const gone = (last?.summaries ?? []).filter((summary) => !kept.has(serviceOf(summary)))
      return { verdict: last === undefined ? 'new' : 'changed', summaries: current, gone }
    },
    forget(namespace) {
      const last = accepted.get(namespace)?.summaries ?? []
      accepted.delete(namespace)
      return last
    },
    get namespaces() {
      return accepted.keys()
    },
  }
}

function refreshed(summaries: readonly ServiceSummary[], now: number): ServiceSummary[] {
  return summaries.map((summary) => ({ ...summary, generated_at: now }))
}

function serviceOf({ service_id, source_cluster }: ServiceSummary): string {
  return JSON.stringify([service_id, source_cluster])
}

/** One line for each service: all of a summary that matters to its readers, times and lifetimes left out. */
function whatIsSaid(summaries: readonly ServiceSummary[]): string {
  const lines = summaries.map(
    ({ endpoint_count, health_band, latency_band_ms: [low, high], policy_version, regions, scope, service_id, source_cluster }) =>
      [service_id, scope, endpoint_count, regions.join(), health_band, `${low}-${high}`, policy_version, source_cluster].join('|'),
  )
  return lines.sort(compareCodePoints).join('\n')
}
