/**
 * Problems found while reading settings: where, what, and what to do. They are collected, so that one start shows all of them.
 */
import { nearestName } from '../../telemetry/index.ts'

export type SettingsProblemCode =
  | 'settings_unreadable'
  | 'settings_extension'
  | 'settings_syntax'
  | 'settings_not_object'
  | 'settings_unknown_key'
  | 'settings_missing_key'
  | 'settings_wrong_type'
  | 'settings_bad_value'
  | 'settings_code_only'

export interface SettingsProblem {
  readonly code: SettingsProblemCode
  /** Path of the setting as it was written: `federation_config.explicit_bridges[0].remote_cluster_id`; empty for the document itself. */
  readonly key: string
  /** One sentence without the key. */
  readonly message: string
  /** Line of the file it stands in, from 1; absent where there is no file, or the problem is of the whole of it. */
  readonly line?: number
}

/** Everything wrong with one set of settings. `code` and `key` are those of the first problem. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError'
  readonly code: SettingsProblemCode
  readonly key: string
  readonly problems: readonly SettingsProblem[]

  /** `source`: the file they stand in, if any. */
  constructor(
    problems: readonly [SettingsProblem, ...SettingsProblem[]],
    options: ErrorOptions & { readonly source?: string | undefined } = {},
  ) {
    const origin = options.source === undefined ? '' : `${options.source}: `
    super(origin + problems.map(problemText).join('; '), options)
    this.code = problems[0].code
    this.key = problems[0].key
    this.problems = problems
  }
}

function problemText({ key, line, message }: SettingsProblem): string {
  if (key === '') return message
  return `${key}: ${message}${line === undefined ? '' : ` (line ${line})`}`
}

/** How keys are written: in the file `log_level`, in code `logLevel`. */
export type KeyStyle = 'file' | 'code'

/** `logLevel` -> `log_level`. */
export function snakeCase(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** `log_level` -> `logLevel`. */
export function camelCase(key: string): string {
  return key.replace(/_+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}

/** Names and indexes that lead to a value. */
export type Path = readonly (string | number)[]

/** The line a value stands in, or the innermost one around it that is there; undefined for the document itself. */
export type Locator = (path: Path) => number | undefined

/** A setting's name as whoever gave the settings writes it; keys that already are snake_case, as those of wire records are, stay as they are. */
export function keyIn({ style }: Place, key: string): string {
  return style === 'file' ? snakeCase(key) : key
}

interface Findings {
  readonly problems: SettingsProblem[]
  readonly warnings: string[]
  readonly locate: Locator
}

/** One place within the settings; what is wrong there is reported through it. The reporting methods return `undefined`: "no value". */
export class Place {
  readonly style: KeyStyle
  readonly key: string
  readonly #path: Path
  readonly #findings: Findings

  /** @param locate for settings that stand in a file */
  constructor(style: KeyStyle, locate: Locator = () => undefined, within?: { key: string; path: Path; findings: Findings }) {
    this.style = style
    this.key = within?.key ?? ''
    this.#path = within?.path ?? []
    this.#findings = within?.findings ?? { problems: [], warnings: [], locate }
  }

  get problems(): readonly SettingsProblem[] {
    return this.#findings.problems
  }

  get warnings(): readonly string[] {
    return this.#findings.warnings
  }

  /** The place of a field, its key already in this place's style. */
  field(key: string): Place {
    return this.#within(this.key === '' ? key : `${this.key}.${key}`, key)
  }

  item(index: number): Place {
    return this.#within(`${this.key}[${index}]`, index)
  }

  #within(key: string, step: string | number): Place {
    return new Place(this.style, undefined, { key, path: [...this.#path, step], findings: this.#findings })
  }

  wrongType(expected: string, got: unknown, secret = false): undefined {
    return this.problem('settings_wrong_type', `expected ${expected}, got ${describeValue(got, secret)}`)
  }

  badValue(message: string): undefined {
    return this.problem('settings_bad_value', message)
  }

  unknownKey(key: string, known: readonly string[]): undefined {
    const respelled = this.style === 'file' ? snakeCase(key) : camelCase(key)
    const nearest = known.includes(respelled) ? respelled : nearestName(key, known)
    const advice = nearest === undefined ? '' : `, did you mean "${nearest}"?`
    return this.field(key).problem('settings_unknown_key', `unknown setting${advice}`)
  }

  problem(code: SettingsProblemCode, message: string): undefined {
    const line = this.#findings.locate(this.#path)
    this.#findings.problems.push({ code, key: this.key, message, ...(line !== undefined && { line }) })
    return undefined
  }

  warn(message: string): void {
    this.#findings.warnings.push(this.key === '' ? message : `${this.key}: ${message}`)
  }
}

/** How much of a wrong string is quoted. */
const quotedCharactersMax = 60

function describeValue(value: unknown, secret: boolean): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  if (value instanceof Date) return 'a date'
  switch (typeof value) {
    case 'string':
      return secret ? 'a string' : `the string ${quote(value)}`
    case 'number':
    case 'bigint':
      return secret ? 'a number' : `the number ${value}`
    case 'boolean':
      return `the boolean ${value}`
    case 'object':
      return 'an object'
    default:
      return `a ${typeof value}`
  }
}

/** `text` in double quotes on one line, cut when long. */
export function quote(text: string): string {
  return JSON.stringify(text.length > quotedCharactersMax ? `${text.slice(0, quotedCharactersMax)}…` : text)
}
