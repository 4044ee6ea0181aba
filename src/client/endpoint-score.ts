/**
 * Which endpoint a request should go to: the load its node reports, plus what this client has experienced with it.
 *
 * The lower the score, the better. Experience is the share of failures and the mean latency of the last fifty requests, each times a weight;
 * it counts as long as it is fresh. Endpoints that are as good as equal take turns, all others do not: a rotation over unequal ones would
 * send as much to the busiest as to the idlest.
 */

export interface ScoreWeights {
  /** Points for each millisecond of mean latency. */
  readonly latencyWeight: number
  /** Points for an endpoint that fails always. */
  readonly errorWeight: number
  /** Experience older than this does not count. */
  readonly healthStaleMs: number
}

/** A score and what it is made of. */
export interface EndpointScore {
  readonly total: number
  readonly load: number
  readonly errors: number
  readonly latency: number
  /** Between 0 and 1; null without fresh experience. */
  readonly errorRate: number | null
  readonly latencyMs: number | null
}

const SAMPLES_MAX = 50
/** Scores in the same tenth count as equal: ten milliseconds of latency, by the default weight, are no reason to prefer anybody. */
const SCORE_RESOLUTION = 0.1

/** What a client has experienced with one endpoint. */
export class EndpointHealth {
  /** Outcomes in order, oldest first: latency in milliseconds, or a failure. */
  readonly #samples: (number | 'failed')[] = []
  readonly #weights: ScoreWeights
  #latencySum = 0
  #failures = 0
  #heardMs = Number.NEGATIVE_INFINITY

  constructor(weights: ScoreWeights) {
    this.#weights = weights
  }

  answered(latencyMs: number, nowMs: number): void {
    this.#add(latencyMs, nowMs)
  }

  failed(nowMs: number): void {
    this.#add('failed', nowMs)
  }

  #add(sample: number | 'failed', nowMs: number): void {
    // What is stale stays so: an answer of today must not bring back the failures of yesterday.
    if (this.#isStale(nowMs)) for (const old of this.#samples.splice(0)) this.#count(old, -1)
    this.#heardMs = nowMs
    this.#count(sample, 1)
    if (this.#samples.push(sample) > SAMPLES_MAX) this.#count(this.#samples.shift() as number | 'failed', -1)
  }

  #count(sample: number | 'failed', by: 1 | -1): void {
    if (sample === 'failed') this.#failures += by
    else this.#latencySum += by * sample
  }

  #isStale(nowMs: number): boolean {
    return nowMs - this.#heardMs > this.#weights.healthStaleMs
  }

  score(load: number, nowMs: number): EndpointScore {
    const { errorWeight, latencyWeight } = this.#weights
    if (this.#isStale(nowMs)) return { total: load, load, errors: 0, latency: 0, errorRate: null, latencyMs: null }
    const answers = this.#samples.length - this.#failures
    const errorRate = this.#failures / this.#samples.length
    const latencyMs = answers === 0 ? null : this.#latencySum / answers
    const errors = errorRate * errorWeight
    const latency = (latencyMs ?? 0) * latencyWeight
    return { total: load + errors + latency, load, errors, latency, errorRate, latencyMs }
  }
}

/** By score, then URL. */
export function byScore(a: { readonly url: string; readonly score: EndpointScore }, b: typeof a): number {
  return rounded(a) - rounded(b) || (a.url < b.url ? -1 : 1)
}

/** The same list, beginning with another of those that are as good as the first at each `turn`. */
export function rotated<T extends { readonly score: EndpointScore }>(ranked: readonly T[], turn: number): readonly T[] {
  const [first] = ranked
  if (first === undefined) return ranked
  let equals = 1
  while (equals < ranked.length && rounded(ranked[equals] as T) === rounded(first)) equals++
  const shift = turn % equals
  return shift === 0 ? ranked : [...ranked.slice(shift, equals), ...ranked.slice(0, shift), ...ranked.slice(equals)]
}

function rounded({ score }: { readonly score: EndpointScore }): number {
  return Math.round(score.total / SCORE_RESOLUTION)
}
