/**
 * Chance, behind one interface: a source of 32-bit words becomes a {@link Random}.
 *
 * The seeded source is sfc32 (Chris Doty-Humphrey's Small Fast Counter, part of PractRand), its state filled from the seed through
 * splitmix32: fast in JavaScript because it needs only additions and shifts, and the same on every machine. It is not for secrets.
 */
import type { Random } from './env.ts'
import { createUlidFactory } from './ulid.ts'

/**
 * A reproducible Random: the same seed and the same `nowMs` give the same sequence for ever. Text seeds make independent streams
 * (`${seed}/node-3`). `nowMs` is Unix time in milliseconds, used by `ulid()` only.
 */
export function createSeededRandom(seed: number | string, nowMs: () => number): Random {
  return createRandom(sfc32(seed), nowMs)
}

/** A Random over any source of uniform unsigned 32-bit integers. `nowMs` is Unix time in milliseconds, used by `ulid()` only. */
export function createRandom(next32: () => number, nowMs: () => number): Random {
  const nextUlid = createUlidFactory(next32)

  // 53 bits: every double of the form k / 2^53 is equally likely.
  const next = (): number => ((next32() >>> 5) * 67108864 + (next32() >>> 6)) / 9007199254740992

  // Lists are far shorter than 2^53, so the bias of scaling is below one in 2^40.
  const int = (n: number): number => Math.floor(next() * n)

  const sample = <T>(list: readonly T[], k: number): T[] => {
    const want = Math.max(0, Math.min(k, list.length))
    // Few out of many, the usual case of gossip: draw again on a repeat rather than copy the list.
    if (want * 4 < list.length) {
      const drawn = new Set<number>()
      while (drawn.size < want) drawn.add(int(list.length))
      return Array.from(drawn, (index) => list[index] as T)
    }
    const rest = list.slice()
    for (let i = 0; i < want; i++) {
      const j = i + int(rest.length - i)
      const chosen = rest[j] as T
      rest[j] = rest[i] as T
      rest[i] = chosen
    }
    rest.length = want
    return rest
  }

  const bytes = (n: number): Uint8Array => {
    const out = new Uint8Array(n)
    for (let i = 0; i < n; i += 4) {
      const word = next32()
      // Writes beyond the end of a typed array are ignored, so the last word may overhang.
      out[i] = word
      out[i + 1] = word >>> 8
      out[i + 2] = word >>> 16
      out[i + 3] = word >>> 24
    }
    return out
  }

  return { next, int, pick: (list) => list[int(list.length)], sample, bytes, ulid: () => nextUlid(nowMs()) }
}

function sfc32(seed: number | string): () => number {
  const [high, low] = typeof seed === 'number' ? numberWords(seed) : textWords(seed)
  const first = splitmix32(high)
  const second = splitmix32(low)
  let a = first() | 0
  let b = second() | 0
  let c = first() ^ second()
  let counter = 1

  const next32 = (): number => {
    const result = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + result) | 0
    return result >>> 0
  }

  // The author's advice: the first outputs still show the seed's pattern.
  for (let i = 0; i < 15; i++) next32()
  return next32
}

/** Steele, Lea, Flood: "Fast splittable pseudorandom number generators" (2014), in 32 bits with the finaliser of murmur3. */
function splitmix32(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x9e3779b9) | 0
    let z = state ^ (state >>> 16)
    z = Math.imul(z, 0x85ebca6b)
    z ^= z >>> 13
    z = Math.imul(z, 0xc2b2ae35)
    return (z ^ (z >>> 16)) >>> 0
  }
}

function numberWords(seed: number): [number, number] {
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, seed)
  return [view.getInt32(0), view.getInt32(4)]
}

/** Two FNV-1a hashes with different starts. */
function textWords(seed: string): [number, number] {
  let a = 0x811c9dc5
  let b = 0x2f0b4c47
  for (let i = 0; i < seed.length; i++) {
    const code = seed.charCodeAt(i)
    a = Math.imul(a ^ code, 0x01000193)
    b = Math.imul(b ^ code, 0x01000193) ^ (b >>> 15)
  }
  return [a, b]
}
