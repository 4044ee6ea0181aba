/**
 * Canonical text: the one form of a JSON document that digests and signatures are made over.
 *
 * Keys sorted by code point at every level, no blanks, everything outside printable ASCII as `\uXXXX`. Integers print as digits, floats as
 * {@link canonicalFloat}; a float without fraction is given as `float(1)`, since a JavaScript number alone does not tell.
 */
import { RawJson, scanArray, scanObject, valueText } from './json.ts'

/** @throws TypeError for values without a JSON form */
export function canonicalJson(value: unknown): string {
  if (value instanceof RawJson) return canonicalText(value.text.trim())
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value === 'object' && value !== null) {
    return canonicalMembers(
      Object.entries(value)
        .filter(([, member]) => member !== undefined)
        .map(([key, member]) => [key, canonicalJson(member)]),
    )
  }
  switch (typeof value) {
    case 'string':
      return ascii(value)
    case 'number':
      return Number.isInteger(value) && Math.abs(value) < 1e21 ? JSON.stringify(value) : canonicalFloat(value)
    case 'bigint':
    case 'boolean':
      return String(value)
    case 'object':
      return 'null'
    default:
      throw new TypeError(`${typeof value} has no canonical form`)
  }
}

/** The same for a document that is still text, whose numbers tell integers from floats by their spelling. */
function canonicalText(text: string): string {
  switch (text[0]) {
    case '{': {
      const members = new Map<string, string>()
      scanObject(text, 0, (key, start) => members.set(key, canonicalText(valueText(text, start))))
      return canonicalMembers([...members])
    }
    case '[': {
      const elements: string[] = []
      scanArray(text, 0, (start, end) => elements.push(canonicalText(text.slice(start, end))))
      return `[${elements.join(',')}]`
    }
    case '"':
      return ascii(JSON.parse(text) as string)
    case 't':
    case 'f':
    case 'n':
      return text
    default:
      return /[.eE]/.test(text) ? canonicalFloat(Number(text)) : String(BigInt(text))
  }
}

function canonicalMembers(members: [key: string, text: string][]): string {
  members.sort(([a], [b]) => compareCodePoints(a, b))
  return `{${members.map(([key, member]) => `${ascii(key)}:${member}`).join(',')}}`
}

/**
 * Shortest digits that read back the same, always with a fraction or an exponent: positional for decimal exponents from -4 to 15, else
 * scientific with a sign and at least two exponent digits (`1e-05`).
 * @throws TypeError for NaN and infinities
 */
export function canonicalFloat(value: number): string {
  if (!Number.isFinite(value)) throw new TypeError(`${value} has no canonical form`)
  const magnitude = Math.abs(value)
  if (magnitude >= 1e16 || (magnitude < 1e-4 && value !== 0)) return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2')
  const text = Object.is(value, -0) ? '-0' : String(value)
  return text.includes('.') ? text : `${text}.0`
}

/** UTF-16 order differs from code point order only where surrogates meet U+E000 to U+FFFF. */
export function compareCodePoints(a: string, b: string): number {
  if (a === b) return 0
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const left = a.charCodeAt(i)
    const right = b.charCodeAt(i)
    if (left !== right) return rank(left) - rank(right)
  }
  return a.length - b.length
}

/** Surrogates stand for code points beyond U+FFFF, so they sort after all other units. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit
}

function ascii(text: string): string {
  return JSON.stringify(text).replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
