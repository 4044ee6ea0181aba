/**
 * Reads objects of unknown shape, collecting every problem with the place it is at instead of stopping at the first.
 *
 * Nothing is converted: the text `"10"` is no number. A reading method returns undefined when the value is absent or was reported.
 */
import { nearestName } from '../nearest-name.ts'

export type ConfigProblemCode = 'settings_unknown_key' | 'settings_missing_key' | 'settings_wrong_type' | 'settings_bad_value'

export interface ConfigProblem {
  readonly code: ConfigProblemCode
  /** Where, as names and indexes: `['channels', 0, 'backend']`. */
  readonly path: readonly (string | number)[]
  /** The same as text: `channels[0].backend`; empty for the whole document. */
  readonly key: string
  /** One sentence without the key; never a secret. */
  readonly message: string
}

/** Characters of a wrong text that are quoted. */
const QUOTED_MAX = 60

export class ConfigReader {
  readonly path: readonly (string | number)[]
  readonly #fields: Readonly<Record<string, unknown>>
  readonly #problems: ConfigProblem[]
  readonly #asked = new Set<string>()

  constructor(value: unknown, problems: ConfigProblem[], path: readonly (string | number)[] = []) {
    this.path = path
    this.#problems = problems
    this.#fields = isObject(value) ? value : {}
    if (!isObject(value)) this.report(undefined, 'settings_wrong_type', `expected an object, got ${kindOf(value)}`)
  }

  /** Present, and not null: null is "not given". */
  has(key: string): boolean {
    return this.#raw(key) !== undefined
  }

  boolean(key: string): boolean | undefined {
    return this.#typed(key, 'a boolean', (raw) => typeof raw === 'boolean') as boolean | undefined
  }

  number(key: string, min: number, isWhole = false): number | undefined {
    const expected = `${isWhole ? 'an integer' : 'a number'} of at least ${min}`
    const isOne = (raw: unknown): boolean =>
      typeof raw === 'number' && (isWhole ? Number.isSafeInteger(raw) : Number.isFinite(raw)) && raw >= min
    return this.#typed(key, expected, isOne) as number | undefined
  }

  /** A text that is not blank. `secret`: it is not quoted when it is wrong. */
  text(key: string, { secret = false } = {}): string | undefined {
    return this.#typed(key, 'a text that is not blank', isText, secret) as string | undefined
  }

  oneOf<Choice extends string>(key: string, choices: readonly Choice[]): Choice | undefined {
    const isOne = (raw: unknown): boolean => (choices as readonly unknown[]).includes(raw)
    return this.#typed(key, `one of ${choices.join(', ')}`, isOne) as Choice | undefined
  }

  /** One text, or a list of them. */
  texts(key: string): readonly string[] | undefined {
    const raw = this.#raw(key)
    if (isText(raw)) return [raw]
    const isOne = (value: unknown): boolean => Array.isArray(value) && value.every(isText)
    return this.#typed(key, 'a text or a list of texts', isOne) as readonly string[] | undefined
  }

  object(key: string): ConfigReader | undefined {
    const raw = this.#raw(key)
    return raw === undefined ? undefined : new ConfigReader(raw, this.#problems, [...this.path, key])
  }

  /** An object whose absence is the same as an empty one. */
  section(key: string): ConfigReader {
    return new ConfigReader(this.#raw(key) ?? {}, this.#problems, [...this.path, key])
  }

  /** The items of a list of objects; empty when absent. */
  objects(key: string): readonly ConfigReader[] {
    const list = (this.#typed(key, 'a list', Array.isArray) ?? []) as readonly unknown[]
    return list.map((item, index) => new ConfigReader(item, this.#problems, [...this.path, key, index]))
  }

  /** The value as it is, for objects of free form. */
  raw(): Readonly<Record<string, unknown>> {
    return this.#fields
  }

  keys(): readonly string[] {
    return Object.keys(this.#fields)
  }

  /** Reports the required keys that are not given, with what they are. */
  require(keys: Readonly<Record<string, string>>): void {
    for (const [key, what] of Object.entries(keys)) {
      if (!this.has(key)) this.report(key, 'settings_missing_key', `is required: ${what}`)
    }
  }

  /** Reports keys nobody asked for. Call it last. */
  refuseOthers(): void {
    for (const key of this.keys()) {
      if (this.#asked.has(key)) continue
      const nearest = nearestName(key, [...this.#asked])
      this.report(key, 'settings_unknown_key', `unknown setting${nearest === undefined ? '' : `, did you mean "${nearest}"?`}`)
    }
  }

  report(key: string | undefined, code: ConfigProblemCode, message: string): void {
    this.reportAt(key === undefined ? [] : [key], code, message)
  }

  reportAt(steps: readonly (string | number)[], code: ConfigProblemCode, message: string): void {
    const path = [...this.path, ...steps]
    this.#problems.push({ code, path, key: keyText(path), message })
  }

  #raw(key: string): unknown {
    this.#asked.add(key)
    return Object.hasOwn(this.#fields, key) ? (this.#fields[key] ?? undefined) : undefined
  }

  #typed(key: string, expected: string, isOne: (raw: unknown) => boolean, secret = false): unknown {
    const raw = this.#raw(key)
    if (raw === undefined || isOne(raw)) return raw
    this.report(key, 'settings_wrong_type', `expected ${expected}, got ${secret ? kindOf(raw) : describe(raw)}`)
    return undefined
  }
}

export function quote(text: string): string {
  return JSON.stringify(text.length > QUOTED_MAX ? `${text.slice(0, QUOTED_MAX)}…` : text)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== ''
}

/** Without the value itself. */
function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'string') return value.trim() === '' ? 'a blank text' : 'a text'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

function describe(value: unknown): string {
  if (typeof value === 'string') return `the text ${quote(value)}`
  return typeof value === 'number' || typeof value === 'boolean' ? `the ${typeof value} ${value}` : kindOf(value)
}

function keyText(path: readonly (string | number)[]): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`
    return text === '' ? step : `${text}.${step}`
  }, '')
}
