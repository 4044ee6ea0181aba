/**
 * Walks along a text that is expected to look a certain way. After the first surprise it reads nothing more, and says so at the end, so that
 * whoever reads a frame with it need not ask after each member.
 */
import { skipJson } from './fabric.ts'
import { RawJson } from './json.ts'

export class LayoutReader {
  readonly source: string
  at = 0
  failed = false

  constructor(source: string) {
    this.source = source
  }

  fail(): void {
    this.failed = true
    // Nothing is there.
    this.at = this.source.length
  }

  passes(expected: string): boolean {
    if (!this.source.startsWith(expected, this.at)) return false
    this.at += expected.length
    return true
  }

  pass(expected: string): void {
    if (!this.passes(expected)) this.fail()
  }

  /** The rest of a string whose opening quote was passed; not empty, and without escapes. */
  text(): string {
    const { source } = this
    const start = this.at
    let end = start
    for (let c = source.charCodeAt(end); c !== QUOTE; c = source.charCodeAt(++end)) {
      // NaN at the end of the text fails the comparison, too.
      if (!(c >= 32) || c === BACKSLASH) {
        this.fail()
        return ''
      }
    }
    if (end === start) this.fail()
    else this.at = end + 1
    return source.slice(start, end)
  }

  textOrNull(): string | null {
    if (this.passes('null')) return null
    this.pass('"')
    return this.text()
  }

  texts(): readonly string[] {
    if (this.passes('[]')) return NO_TEXTS
    this.pass('["')
    const out = [this.text()]
    while (this.passes(',"')) out.push(this.text())
    this.pass(']')
    return out
  }

  /** Texts as a set is printed. */
  ascendingTexts(): readonly string[] {
    const texts = this.texts()
    for (let i = 1; i < texts.length; i++) {
      // Beyond ASCII the order is by code points, which this comparison does not know.
      if ((texts[i - 1] as string) >= (texts[i] as string) || !ASCII.test(texts[i] as string)) this.fail()
    }
    return texts
  }

  /** Any value; with `opening` only one that begins so. */
  value(opening?: '[' | '{'): RawJson {
    const start = this.at
    if (this.failed || (opening !== undefined && this.source[start] !== opening)) {
      this.fail()
      return NONE
    }
    try {
      this.at = skipJson(this.source, start)
    } catch {
      this.fail()
      return NONE
    }
    return new RawJson(this.source.slice(start, this.at))
  }

  wholeOrNull(): number | null {
    if (this.passes('null')) return null
    const start = this.at
    const end = this.#digits(start)
    const hasLeadingZero = end - start > 1 && this.source.charCodeAt(start) === 48
    if (end === start || end - start > DIGITS_MAX || hasLeadingZero) {
      this.fail()
      return null
    }
    this.at = end
    return Number(this.source.slice(start, end))
  }

  /** A number without sign or exponent. */
  decimal(): number {
    const start = this.at
    let end = this.#digits(start)
    if (end === start) this.fail()
    if (this.source.charCodeAt(end) === 46) {
      const fraction = end + 1
      end = this.#digits(fraction)
      if (end === fraction) this.fail()
    }
    if (this.failed) return 0
    this.at = end
    return Number(this.source.slice(start, end))
  }

  #digits(from: number): number {
    let at = from
    for (let c = this.source.charCodeAt(at); c >= 48 && c <= 57; c = this.source.charCodeAt(++at));
    return at
  }
}

const NO_TEXTS: readonly string[] = Object.freeze([])
const NONE = new RawJson('')
const QUOTE = 34
const BACKSLASH = 92
/** More digits than any hop count has. */
const DIGITS_MAX = 9
const ASCII = /^[ -~]*$/
