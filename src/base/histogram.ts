/**
 * A histogram of non-negative numbers with logarithmic buckets: quantiles of anything from nanoseconds to terabytes, within 1.6 %.
 *
 * Each power of two is cut into 32 equal buckets, as HdrHistogram does. The bucket's number is read straight from the bits of the double
 * (exponent and the top five bits of the fraction), so recording is a shift and an increment: a few nanoseconds, no logarithm. Storage
 * grows with the range of values actually seen, 256 bytes for each power of two.
 */

export interface HistogramBucket {
  /** Values in the bucket are below this (the zero bucket: at most 0). */
  readonly upper: number
  /** Values in this bucket alone. */
  readonly count: number
}

/** Buckets for each power of two. Half a bucket relative to its lower edge is 1/64: the error bound. */
const PER_OCTAVE = 32
const FRACTION_BITS = 5
/** The double and its upper half share memory. Little-endian, as is every machine that runs JavaScript today. */
const double = new Float64Array(1)
const words = new Uint32Array(double.buffer)
/** Values below 2^-30 count as 0; above 2^60 they fall in the last bucket. */
const LOWEST = bucketNumber(2 ** -30)
const HIGHEST = bucketNumber(2 ** 60) - 1

export class Histogram {
  count = 0
  sum = 0
  /** Values refused because they were negative or not finite. */
  dropped = 0
  #min = Number.POSITIVE_INFINITY
  #max = Number.NEGATIVE_INFINITY
  #zeros = 0
  /** Number of the bucket at `#counts[0]`, a multiple of PER_OCTAVE. */
  #first = 0
  #counts = new Float64Array(0)

  /** Counts `value`, so many times. Zero is fine; a negative, infinite or NaN value is dropped and counted as such. */
  record(value: number, times = 1): void {
    if (!(value >= 0 && value < Number.POSITIVE_INFINITY)) {
      this.dropped += times
      return
    }
    this.count += times
    this.sum += value * times
    if (value < this.#min) this.#min = value
    if (value > this.#max) this.#max = value
    const at = bucketNumber(value) - this.#first
    if (at >= 0 && at < this.#counts.length) this.#counts[at] = (this.#counts[at] as number) + times
    else this.#add(bucketNumber(value), times)
  }

  /** The smallest value seen, exactly; undefined while empty. */
  get min(): number | undefined {
    return this.count === 0 ? undefined : this.#min
  }

  /** The largest value seen, exactly; undefined while empty. */
  get max(): number | undefined {
    return this.count === 0 ? undefined : this.#max
  }

  /** The exact mean; undefined while empty. */
  get mean(): number | undefined {
    return this.count === 0 ? undefined : this.sum / this.count
  }

  /** The value below which the fraction `q` (0..1) of all values lies, within 1.6 %; undefined while empty. */
  quantile(q: number): number | undefined {
    if (this.count === 0) return undefined
    if (q <= 0) return this.#min
    if (q >= 1) return this.#max
    let rest = Math.ceil(q * this.count) - this.#zeros
    if (rest <= 0) return this.#min
    for (let at = 0; at < this.#counts.length; at++) {
      rest -= this.#counts[at] as number
      if (rest <= 0) {
        const number = this.#first + at
        const middle = (bucketLower(number) + bucketLower(number + 1)) / 2
        return Math.min(this.#max, Math.max(this.#min, middle))
      }
    }
    return this.#max
  }

  /** The non-empty buckets in ascending order. */
  buckets(): HistogramBucket[] {
    const list: HistogramBucket[] = []
    if (this.#zeros > 0) list.push({ upper: 0, count: this.#zeros })
    for (let at = 0; at < this.#counts.length; at++) {
      const count = this.#counts[at] as number
      if (count > 0) list.push({ upper: bucketLower(this.#first + at + 1), count })
    }
    return list
  }

  /**
   * How many values are at most each of `bounds` (ascending): the cumulative `le` series of the Prometheus text format. A value within
   * one bucket's width (3.1 %) of a bound may be counted on its other side.
   */
  cumulative(bounds: readonly number[]): number[] {
    const buckets = this.buckets()
    let next = 0
    let total = 0
    return bounds.map((bound) => {
      while (next < buckets.length && (buckets[next] as HistogramBucket).upper <= bound) total += (buckets[next++] as HistogramBucket).count
      // The largest value is known exactly: a bound at or above it must not miss the values of its bucket.
      return this.#max <= bound ? this.count : total
    })
  }

  /** Adds all values of `other`; the result is as if they had been recorded here. */
  merge(other: Histogram): void {
    this.count += other.count
    this.sum += other.sum
    this.dropped += other.dropped
    this.#zeros += other.#zeros
    this.#min = Math.min(this.#min, other.#min)
    this.#max = Math.max(this.#max, other.#max)
    for (let at = 0; at < other.#counts.length; at++) {
      const count = other.#counts[at] as number
      if (count > 0) this.#add(other.#first + at, count)
    }
  }

  /** Forgets everything. */
  reset(): void {
    this.count = 0
    this.sum = 0
    this.dropped = 0
    this.#min = Number.POSITIVE_INFINITY
    this.#max = Number.NEGATIVE_INFINITY
    this.#zeros = 0
    this.#counts.fill(0)
  }

  #add(number: number, count: number): void {
    if (number < LOWEST) {
      this.#zeros += count
      return
    }
    const target = Math.min(number, HIGHEST)
    this.#cover(target)
    this.#counts[target - this.#first] = (this.#counts[target - this.#first] as number) + count
  }

  /** Makes room for bucket `number`, in whole powers of two. */
  #cover(number: number): void {
    const low = number - (number % PER_OCTAVE)
    const first = this.#counts.length === 0 ? low : Math.min(this.#first, low)
    const end = Math.max(this.#counts.length === 0 ? 0 : this.#first + this.#counts.length, low + PER_OCTAVE)
    if (first === this.#first && end === this.#first + this.#counts.length) return
    const wider = new Float64Array(end - first)
    wider.set(this.#counts, this.#counts.length === 0 ? 0 : this.#first - first)
    this.#counts = wider
    this.#first = first
  }
}

function bucketNumber(value: number): number {
  double[0] = value
  return (words[1] as number) >>> (20 - FRACTION_BITS)
}

function bucketLower(number: number): number {
  words[1] = number << (20 - FRACTION_BITS)
  words[0] = 0
  return double[0] as number
}
