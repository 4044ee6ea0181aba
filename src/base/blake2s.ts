/**
 * BLAKE2s (RFC 7693): a fast hash with a digest of 1 to 32 bytes, unkeyed.
 *
 * The length of the digest is part of the hash's parameters, so a short digest is not the beginning of a longer one; platform libraries
 * offer the 32-byte form only. Good for stable spreading and fingerprints that other implementations must reproduce. 10 rounds over
 * blocks of 64 bytes.
 */
/** @throws RangeError when `outBytes` is no integer from 1 to 32 */
export function blake2s(input: Uint8Array, outBytes: number = BLAKE2S_BYTES_MAX): Uint8Array {
  if (!Number.isInteger(outBytes) || outBytes < 1 || outBytes > BLAKE2S_BYTES_MAX) {
    throw new RangeError(`A BLAKE2s digest has 1 to ${BLAKE2S_BYTES_MAX} bytes, not ${outBytes}`)
  }
  const state = Uint32Array.from(IV)
  // Parameter block: digest length, no key, fanout and depth 1 (sequential).
  state[0] = at(state, 0) ^ 0x01010000 ^ outBytes

  const block = new Uint8Array(BLOCK_BYTES)
  let consumed = 0
  // The last block is compressed with the final flag, so a full one is kept back until more is known to follow.
  while (input.length - consumed > BLOCK_BYTES) {
    block.set(input.subarray(consumed, consumed + BLOCK_BYTES))
    consumed += BLOCK_BYTES
    compress(state, block, consumed, false)
  }
  block.fill(0)
  block.set(input.subarray(consumed))
  compress(state, block, input.length, true)

  const view = new DataView(new ArrayBuffer(BLAKE2S_BYTES_MAX))
  for (let word = 0; word < 8; word++) view.setUint32(4 * word, at(state, word), true)
  return new Uint8Array(view.buffer, 0, outBytes)
}

const BLAKE2S_BYTES_MAX = 32
const BLOCK_BYTES = 64

/** First 32 bits of the fractional parts of the square roots of the first eight primes, as in SHA-256. */
const IV = Uint32Array.of(0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19)

/** Order of the message words in each round. */
const SIGMA = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
  [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
  [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
  [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
  [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
].map((row) => Uint8Array.from(row))

/** The four words each of a round's eight mixings works on: columns, then diagonals. */
const MIXINGS = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
] as const

/** @param count bytes of input up to and including this block */
function compress(state: Uint32Array, block: Uint8Array, count: number, final: boolean): void {
  const words = new DataView(block.buffer, block.byteOffset, BLOCK_BYTES)
  const v = new Uint32Array(16)
  v.set(state)
  v.set(IV, 8)
  v[12] = at(v, 12) ^ count
  v[13] = at(v, 13) ^ Math.floor(count / 2 ** 32)
  if (final) v[14] = ~at(v, 14)
  for (const order of SIGMA) {
    MIXINGS.forEach(([a, b, c, d], i) => {
      const x = words.getUint32(4 * (order[2 * i] as number), true)
      const y = words.getUint32(4 * (order[2 * i + 1] as number), true)
      mix(v, a, b, c, d, x, y)
    })
  }
  for (let i = 0; i < 8; i++) state[i] = at(state, i) ^ at(v, i) ^ at(v, i + 8)
}

/** The function G of the RFC. */
function mix(v: Uint32Array, a: number, b: number, c: number, d: number, x: number, y: number): void {
  v[a] = at(v, a) + at(v, b) + x
  v[d] = rotateRight(at(v, d) ^ at(v, a), 16)
  v[c] = at(v, c) + at(v, d)
  v[b] = rotateRight(at(v, b) ^ at(v, c), 12)
  v[a] = at(v, a) + at(v, b) + y
  v[d] = rotateRight(at(v, d) ^ at(v, a), 8)
  v[c] = at(v, c) + at(v, d)
  v[b] = rotateRight(at(v, b) ^ at(v, c), 7)
}

function rotateRight(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits))
}

function at(words: Uint32Array, index: number): number {
  return words[index] as number
}
