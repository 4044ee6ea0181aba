/**
 * Short stand-ins for texts: node ids in a list that travels with every message, keys that would be too long to keep.
 *
 * Each half of a digest is a multiplicative hash over UTF-16 units with its own constants, finished as in MurmurHash3 (A. Appleby). It is
 * no protection against somebody who looks for collisions; it must only be the same on every node.
 */

/** Characters of a token. */
export const TOKEN_LENGTH = 8

/** 48 bits as 8 characters. Among 300 nodes two share a token with a chance of 1 in 6 000 000 000. */
export function nodeToken(nodeId: string): string {
  return digits(hash(nodeId, 0x85ebca6b), 24) + digits(hash(nodeId, 0xc2b2ae35), 24)
}

/** 64 bits as 12 characters. */
export function textDigest(text: string): string {
  return digits(hash(text, 0x85ebca6b), 36) + digits(hash(text, 0xc2b2ae35), 36)
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** The low `bits` of a word, 6 to a character. */
function digits(word: number, bits: number): string {
  let text = ''
  for (let rest = word, left = bits; left > 0; left -= 6, rest >>>= 6) text += ALPHABET[rest & 63]
  return text
}

function hash(text: string, factor: number): number {
  let h = 0x9747b28c ^ text.length
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), factor)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
