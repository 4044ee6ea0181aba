/** Where a cluster client can go: the endpoints of the cluster map and the seeds, what became of them, and in which order they are tried. */
import type { Clock } from '../base/index.ts'
import type { EndpointExplanation } from './cluster-api.ts'
import type { ClusterEndpoint } from './cluster-map.ts'
import { byScore, EndpointHealth, type EndpointScore, rotated, type ScoreWeights } from './endpoint-score.ts'

export interface ClusterEndpointsOptions extends ScoreWeights {
  readonly seeds: readonly string[]
  readonly failureCooldownMs: number
  readonly preferredRegion: string | undefined
  readonly preferredUrls: readonly string[]
}

export interface Candidate {
  readonly url: string
  /** Undefined for a seed that no node advertises. */
  readonly nodeId: string | undefined
}

export interface ClusterEndpoints {
  /** Takes over a new map. */
  learn(endpoints: readonly ClusterEndpoint[]): void
  /** How many the map has. */
  readonly size: number
  knows(url: string): boolean
  answered(url: string, latencyMs: number): void
  /** No answer in time: it loses points, and stays in use. */
  timedOut(url: string): void
  /** The connection failed, or could not be made: it is left alone for a while. */
  failed(url: string, error: Error): void
  /** Nothing of this process can dial it. */
  undialable(url: string, error: Error): void
  /** Whom to try, in this order. Each call begins with another of those that are equally good. */
  candidates(): readonly Candidate[]
  explain(isConnected: (url: string) => boolean, topicsAt: string | undefined): EndpointExplanation[]
}

type Preference = EndpointExplanation['preference']

interface Known {
  readonly url: string
  endpoint: ClusterEndpoint | undefined
  readonly health: EndpointHealth
  coolUntilMs: number
  isDialable: boolean
  lastError: Error | undefined
}

interface Ranked extends Candidate {
  readonly preference: Preference
  readonly score: EndpointScore
}

/** An order of many endpoints is good for so long, unless something happens to one. */
const RANKING_KEPT_MS = 100

export function createClusterEndpoints(clock: Pick<Clock, 'monotonic'>, options: ClusterEndpointsOptions): ClusterEndpoints {
  const known = new Map<string, Known>(options.seeds.map((url) => [url, unknownYet(url, options)]))
  const seeds = new Set(options.seeds)
  const preferredUrls = new Set(options.preferredUrls)
  let ranking: { readonly best: readonly Ranked[]; readonly rest: readonly Candidate[]; readonly untilMs: number } | undefined
  let mapped = 0
  let turn = 0

  function change(url: string, what: (entry: Known) => void): void {
    const entry = known.get(url)
    if (entry === undefined) return
    what(entry)
    ranking = undefined
  }

  function isUsable(entry: Known, nowMs: number): boolean {
    return entry.isDialable && entry.coolUntilMs <= nowMs
  }

  /** Preferred URLs if any is known, else the preferred region. */
  function preferences(entries: readonly Known[]): (entry: Known) => Preference {
    const byUrl = entries.some(({ url }) => preferredUrls.has(url))
    return ({ url, endpoint }) => {
      if (byUrl) return preferredUrls.has(url) ? 'url' : 'none'
      return options.preferredRegion !== undefined && endpoint?.region === options.preferredRegion ? 'region' : 'none'
    }
  }

  function rank(nowMs: number): { best: readonly Ranked[]; rest: readonly Candidate[] } {
    const entries = [...known.values()]
    const usable = entries.filter((entry) => entry.endpoint !== undefined && isUsable(entry, nowMs))
    const preferenceOf = preferences(usable)
    const ranked = usable
      .map((entry) => ({
        url: entry.url,
        nodeId: entry.endpoint?.nodeId,
        preference: preferenceOf(entry),
        score: entry.health.score(entry.endpoint?.loadScore ?? 0, nowMs),
      }))
      .sort(byScore)
    const preferred = ranked.filter(({ preference }) => preference !== 'none')
    const others = ranked.filter(({ preference }) => preference === 'none')
    // Seeds nobody advertises come last; with no other left, all seeds are worth another try, the rested ones first.
    const spare = entries.filter(({ url, endpoint }) => seeds.has(url) && (endpoint === undefined || ranked.length === 0))
    const fallback = [
      ...spare.filter((entry) => isUsable(entry, nowMs)),
      ...(ranked.length > 0 ? [] : spare.filter((entry) => entry.isDialable && entry.coolUntilMs > nowMs)),
    ].map(({ url, endpoint }) => ({ url, nodeId: endpoint?.nodeId }))
    if (preferred.length > 0) return { best: preferred, rest: [...others, ...fallback] }
    return { best: others, rest: fallback }
  }

  return {
    learn(endpoints) {
      mapped = endpoints.length
      for (const entry of known.values()) entry.endpoint = undefined
      for (const endpoint of endpoints) {
        const entry = known.get(endpoint.url) ?? unknownYet(endpoint.url, options)
        entry.endpoint = endpoint
        known.set(endpoint.url, entry)
      }
      for (const [url, { endpoint }] of known) if (endpoint === undefined && !seeds.has(url)) known.delete(url)
      ranking = undefined
    },
    get size() {
      return mapped
    },
    knows: (url) => known.has(url),
    answered: (url, latencyMs) => change(url, ({ health }) => health.answered(latencyMs, clock.monotonic())),
    timedOut: (url) => change(url, ({ health }) => health.failed(clock.monotonic())),
    failed: (url, error) =>
      change(url, (entry) => {
        const nowMs = clock.monotonic()
        entry.health.failed(nowMs)
        entry.coolUntilMs = nowMs + options.failureCooldownMs
        entry.lastError = error
      }),
    undialable: (url, error) =>
      change(url, (entry) => {
        entry.isDialable = false
        entry.lastError = error
      }),

    candidates() {
      const nowMs = clock.monotonic()
      if (ranking === undefined || ranking.untilMs <= nowMs) ranking = { ...rank(nowMs), untilMs: nowMs + RANKING_KEPT_MS }
      const first = rotated(ranking.best, turn++)
      return ranking.rest.length === 0 ? first : [...first, ...ranking.rest]
    },

    explain(isConnected, topicsAt) {
      const nowMs = clock.monotonic()
      const { best, rest } = rank(nowMs)
      const order = new Map([...best, ...rest].map(({ url }, index) => [url, index + 1]))
      const preferenceOf = preferences([...known.values()].filter((entry) => entry.endpoint !== undefined && isUsable(entry, nowMs)))
      return [...known.values()]
        .map((entry): EndpointExplanation => {
          const { url, endpoint, health, coolUntilMs, isDialable, lastError } = entry
          const place = order.get(url)
          return {
            url,
            nodeId: endpoint?.nodeId ?? null,
            clusterId: endpoint?.clusterId ?? null,
            region: endpoint?.region ?? null,
            connected: isConnected(url),
            carriesTopics: url === topicsAt,
            rank: place ?? null,
            preference: preferenceOf(entry),
            skipped: place !== undefined ? null : isDialable ? 'cooling_down' : 'undialable',
            retryInMs: place === undefined && isDialable ? Math.max(0, coolUntilMs - nowMs) : null,
            score: health.score(endpoint?.loadScore ?? 0, nowMs),
            lastError: lastError?.message ?? null,
          }
        })
        .sort((a, b) => (a.rank ?? Number.POSITIVE_INFINITY) - (b.rank ?? Number.POSITIVE_INFINITY) || (a.url < b.url ? -1 : 1))
    },
  }
}

function unknownYet(url: string, weights: ScoreWeights): Known {
  return { url, endpoint: undefined, health: new EndpointHealth(weights), coolUntilMs: 0, isDialable: true, lastError: undefined }
}
