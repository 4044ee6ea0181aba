/**
 * Canonical text: the one form of a JSON document that digests and signatures are made over.
 *
 * Keys sorted by code point at every level, no blanks, everything outside printable ASCII as `\uXXXX`. Integers print as digits; a number that
 * must look like a float is given as {@link pythonFloat} text wrapped in `RawJson`.
 */
import { RawJson } from './json.ts'

/** @throws TypeError for values without a JSON form */
export function canonicalJson(value: unknown): string {
  if (value instanceof RawJson) return value.text
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).filter(([, member]) => member !== undefined)
    members.sort(([a], [b]) => compareCodePoints(a, b))
    return `{${members.map(([key, member]) => `${ascii(key)}:${canonicalJson(member)}`).join(',')}}`
  }
  if (typeof value === 'string') return ascii(value)
  const text = JSON.stringify(value)
  if (text === undefined) throw new TypeError(`${typeof value} has no canonical form`)
  return text
}

/** UTF-16 order differs from code point order only where surrogates meet U+E000 to U+FFFF. */
export function compareCodePoints(a: string, b: string): number {
  const left = [...a]
  const right = [...b]
  for (let i = 0; i < left.length && i < right.length; i++) {
    const order = (left[i]?.codePointAt(0) ?? 0) - (right[i]?.codePointAt(0) ?? 0)
    if (order !== 0) return order
  }
  return left.length - right.length
}

function ascii(text: string): string {
  return JSON.stringify(text).replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
