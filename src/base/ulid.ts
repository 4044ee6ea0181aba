/**
 * ULIDs: sortable 128-bit identifiers (https://github.com/ulid/spec).
 *
 * 48 bits of Unix milliseconds, then 80 bits of chance, written as 26 characters of Crockford base32 (10 + 16). Ids of one factory are
 * strictly increasing: within a millisecond, or when the clock steps back, the 80 bits are incremented instead of drawn anew. Where the
 * specification would fail because the 80 bits overflow, the factory borrows the next millisecond.
 */

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const TIME_MS_MAX = 2 ** 48 - 1
/** Ten bits are two characters: building ids from pairs halves the work. */
const PAIRS: readonly string[] = Array.from({ length: 1024 }, (_, i) => ALPHABET.charAt(i >> 5) + ALPHABET.charAt(i & 31))
const TEXT = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/i

/**
 * A source of strictly increasing ULIDs. `next32` yields uniform unsigned 32-bit integers (three are used per new millisecond); the
 * returned function takes Unix time in milliseconds (a fraction is cut off) and throws a RangeError outside [0, 2^48).
 */
export function createUlidFactory(next32: () => number): (nowMs: number) => string {
  let lastMs = -1
  // The 80 random bits as eight digits of base 1024, most significant first. All but the last two characters of the id are kept ready.
  const digits = new Uint16Array(8)
  let last = 0
  let prefix = ''

  const restart = (ms: number): void => {
    const time = encodeUlidTime(ms)
    lastMs = ms
    const a = next32()
    const b = next32()
    const c = next32()
    digits[0] = a & 1023
    digits[1] = (a >>> 10) & 1023
    digits[2] = (a >>> 20) & 1023
    digits[3] = b & 1023
    digits[4] = (b >>> 10) & 1023
    digits[5] = (b >>> 20) & 1023
    digits[6] = c & 1023
    last = (c >>> 10) & 1023
    prefix = time + randomPrefix()
  }

  const randomPrefix = (): string => {
    let text = ''
    for (let i = 0; i < 7; i++) text += PAIRS[digits[i] as number]
    return text
  }

  const carry = (): void => {
    last = 0
    let i = 6
    while (i >= 0 && digits[i] === 1023) digits[i--] = 0
    if (i < 0) return restart(lastMs + 1)
    digits[i] = (digits[i] as number) + 1
    prefix = prefix.slice(0, 10) + randomPrefix()
  }

  return (nowMs) => {
    const ms = Math.floor(nowMs)
    if (ms > lastMs) restart(ms)
    else if (!(ms >= 0)) throw timeError(nowMs)
    else if (last === 1023) carry()
    else last++
    return prefix + PAIRS[last]
  }
}

/** The first ten characters of every ULID of that millisecond. Throws a RangeError outside [0, 2^48). */
export function encodeUlidTime(ms: number): string {
  if (!(ms >= 0 && ms <= TIME_MS_MAX)) throw timeError(ms)
  const high = Math.floor(ms / 2 ** 30)
  const low = ms % 2 ** 30
  // 48 bits are 18 + 30: four characters and six.
  return `${PAIRS[(high >>> 10) & 1023]}${PAIRS[high & 1023]}${PAIRS[low >>> 20]}${PAIRS[(low >>> 10) & 1023]}${PAIRS[low & 1023]}`
}

/** Unix milliseconds of a ULID. Throws a TypeError when `ulid` is not one. */
export function decodeUlidTime(ulid: string): number {
  if (!isUlid(ulid)) throw new TypeError(`Not a ULID: ${ulid}`)
  const text = ulid.toUpperCase()
  let ms = 0
  for (let i = 0; i < 10; i++) ms = ms * 32 + ALPHABET.indexOf(text.charAt(i))
  return ms
}

/** Whether `text` is a ULID: 26 characters of Crockford base32 in either case, time within 48 bits. */
export function isUlid(text: string): boolean {
  return TEXT.test(text)
}

function timeError(ms: number): RangeError {
  return new RangeError(`ULID time must lie in [0, 2^48) milliseconds, got ${ms}`)
}
