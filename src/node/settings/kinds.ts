/**
 * Kinds of values a setting can have: what is accepted, how it is normalised, how it reads in the documentation.
 *
 * A kind is built from smaller ones: `nullable(list(string()))`, `record(object({ ... }))`. Nothing is ever converted: the string
 * `"8080"` is not a port. Two kindnesses only: where a list is expected one item may stand for a list of one, and null stands for
 * "not given".
 */
import { isIP } from 'node:net'
import { keyIn, type Place, quote, snakeCase } from './report.ts'

export interface Kind<Value, Input = Value> {
  /** For errors and documentation, with an article: `a string`, `an integer from 0 to 65535`. */
  readonly name: string
  readonly unit?: string
  /** Whether null is a value of its own here. */
  readonly nullable?: boolean
  /** Whether it holds something that is never shown; then not even a value of a wrong type is quoted. */
  readonly secret?: boolean
  /** Whether several values may be given: on the command line, by repeating the option. */
  readonly repeatable?: boolean
  /** The texts accepted, where only some are. */
  readonly choices?: readonly string[]
  /** The fields, where the value is an object. */
  readonly fields?: Fields
  /** The value, or undefined after the problem was reported to `place`. */
  check(raw: unknown, place: Place): Value | undefined
  /** The value as a settings file would have it, for display: secrets masked, keys in snake_case, undefined for what no file can hold. */
  show(value: Value): unknown
  /** Never present; carries the type that code may give. */
  readonly accepts?: Input
}

/** What is said of one setting besides its kind. */
export interface Setting<Value = unknown, Input = unknown, Required extends boolean = boolean> {
  readonly kind: Kind<Value, Input>
  /** Undefined exactly for a required field. */
  readonly default: Value | undefined
  readonly required: Required
  readonly help: string
  /** Option of `mpreg server start`: `--port <number>`, `--monitoring`. */
  readonly flag?: string
  /** Default of that option, where it differs. */
  readonly flagDefault?: string
}

// biome-ignore lint/suspicious/noExplicitAny: `unknown` would refuse every concrete setting, as values occur in both positions
export type AnySetting = Setting<any, any>
// biome-ignore lint/suspicious/noExplicitAny: as above
export type AnyKind = Kind<any, any>
export type Fields = Readonly<Record<string, AnySetting>>

/** The resolved object of some fields: every key present. */
export type Resolved<F extends Fields> = { readonly [K in keyof F]: F[K] extends Setting<infer Value, infer _Input> ? Value : never }

type RequiredKeys<F extends Fields> = { [K in keyof F]: F[K] extends Setting<infer _Value, infer _Input, true> ? K : never }[keyof F]
type InputOf<S> = S extends Setting<infer _Value, infer Input> ? Input : never

/** What code may give for some fields. */
export type Given<F extends Fields> = { readonly [K in Exclude<keyof F, RequiredKeys<F>>]?: InputOf<F[K]> | null | undefined } & {
  readonly [K in RequiredKeys<F>]: InputOf<F[K]>
}

export function setting<Value, Input>(
  kind: Kind<Value, Input>,
  defaultValue: NoInfer<Value>,
  help: string,
  cli: { readonly flag?: string; readonly flagDefault?: string } = {},
): Setting<Value, Input, false> {
  return { kind, default: defaultValue, required: false, help, ...cli }
}

/** A field that has no default: its object is refused without it. */
export function required<Value, Input>(kind: Kind<Value, Input>, help: string): Setting<Value, Input, true> {
  return { kind, default: undefined, required: true, help }
}

export function string(): Kind<string> {
  return { name: 'a string', check: (raw, place) => (typeof raw === 'string' ? raw : place.wrongType('a string', raw)), show: itself }
}

/** A string with something in it, trimmed. */
export function text(): Kind<string> {
  return refine(string(), (value, place) => value.trim() || place.badValue('must not be blank'))
}

/** A string that is never shown, neither in errors nor in `/config`. */
export function secret(): Kind<string> {
  return {
    name: 'a string (secret)',
    secret: true,
    check(raw, place) {
      if (typeof raw !== 'string') return place.wrongType('a string', raw, true)
      return raw.trim() || place.badValue('must not be blank')
    },
    show: () => '***',
  }
}

/** `bytes` bytes in hexadecimal, lower-cased. */
export function hex(bytes: number, kind: Kind<string> = string()): Kind<string> {
  const pattern = new RegExp(`^[0-9a-f]{${bytes * 2}}$`)
  const name = `${bytes * 2} hexadecimal digits`
  return refine({ ...kind, name }, (value, place) => {
    const lower = value.trim().toLowerCase()
    return pattern.test(lower) ? lower : place.badValue(`expected ${name}`)
  })
}

export function boolean(): Kind<boolean> {
  return { name: 'a boolean', check: (raw, place) => (typeof raw === 'boolean' ? raw : place.wrongType('a boolean', raw)), show: itself }
}

interface Range {
  readonly min?: number
  /** Exclusive lower bound. */
  readonly above?: number
  readonly max?: number
}

export function integer(range: Range = {}, unit?: string): Kind<number> {
  return numeric(`an integer${describeRange(range)}`, Number.isSafeInteger, range, unit)
}

export function number(range: Range = {}, unit?: string): Kind<number> {
  return numeric(`a number${describeRange(range)}`, Number.isFinite, range, unit)
}

export function seconds(range: Range = {}): Kind<number> {
  return number(range, 'seconds')
}

export function bytes(range: Range = { min: 1 }): Kind<number> {
  return integer(range, 'bytes')
}

/** A TCP or UDP port; 0 means the same as null: any free one. */
export function port(): Kind<number | null> {
  return nullable(refine(integer({ min: 0, max: 65535 }), (value) => (value === 0 ? null : value)))
}

function numeric(name: string, isOne: (raw: number) => boolean, range: Range, unit?: string): Kind<number> {
  return {
    name,
    ...(unit === undefined ? {} : { unit }),
    check(raw, place) {
      if (typeof raw !== 'number' || !isOne(raw)) return place.wrongType(name, raw)
      const inRange =
        raw >= (range.min ?? Number.NEGATIVE_INFINITY) &&
        raw > (range.above ?? Number.NEGATIVE_INFINITY) &&
        raw <= (range.max ?? Number.POSITIVE_INFINITY)
      return inRange ? raw : place.badValue(`expected ${name}, got ${raw}`)
    },
    show: itself,
  }
}

function describeRange({ min, above, max }: Range): string {
  if (min !== undefined && max !== undefined) return ` from ${min} to ${max}`
  if (min !== undefined) return ` of at least ${min}`
  return above === undefined ? '' : ` above ${above}`
}

/** One of some texts, exactly as written. `anyCase` ignores case and blanks around. */
export function oneOf<const Choice extends string>(choices: readonly Choice[], { anyCase = false } = {}): Kind<Choice> {
  const name = choices.map((choice) => `"${choice}"`).join(', ')
  return {
    name: `one of ${name}`,
    choices,
    check(raw, place) {
      if (typeof raw !== 'string') return place.wrongType(`one of ${name}`, raw)
      const found = choices.find((choice) => (anyCase ? choice.toLowerCase() === raw.trim().toLowerCase() : choice === raw))
      return found ?? place.badValue(`expected one of ${name}, got ${quote(raw)}`)
    },
    show: itself,
  }
}

/** One of some texts; any other text is taken for `fallback`, with a warning. */
export function oneOfElse<const Choice extends string>(
  choices: readonly Choice[],
  fallback: NoInfer<Choice>,
  { anyCase = false } = {},
): Kind<Choice, Choice> {
  const strict = oneOf(choices, { anyCase })
  return {
    ...strict,
    check(raw, place) {
      if (typeof raw !== 'string') return place.wrongType(strict.name, raw)
      const found = choices.find((choice) => choice === (anyCase ? raw.trim().toLowerCase() : raw))
      if (found === undefined) place.warn(`${quote(raw)} is not ${strict.name}; "${fallback}" is used`)
      return found ?? fallback
    },
  }
}

/** `scheme://host:port` with one of the schemes. */
export function url(...schemes: readonly string[]): Kind<string> {
  const name = `a URL (${schemes.join(', ')})`
  return refine({ ...string(), name }, (value, place) => {
    const parsed = URL.parse(value.trim())
    if (parsed === null || parsed.hostname === '' || !schemes.includes(parsed.protocol.slice(0, -1))) {
      return place.badValue(`expected a URL such as ${schemes[0]}://host:9000 (${schemes.join(', ')}), got ${quote(value)}`)
    }
    return value.trim()
  })
}

/** A URL that may be logged: who carries a password in it is told where else to put it, and what stands in its query is not shown. */
export function openUrl(insteadOfPassword: string, ...schemes: readonly string[]): Kind<string> {
  const kind = refine(url(...schemes), (value, place) => {
    const { password, username } = new URL(value)
    if (username === '' && password === '') return value
    return place.badValue(`has a user name or password in it, which would be logged; ${insteadOfPassword}`)
  })
  return { ...kind, show: (value) => value.replace(/\?.*$/s, '?***') }
}

/** A host name or IP address without scheme or port. */
export function host(): Kind<string> {
  return refine(text(), (value, place) => {
    if (isIP(value) !== 0 || /^[A-Za-z0-9_.-]+$/.test(value)) return value
    return place.badValue(`expected a host name or an IP address, got ${quote(value)}`)
  })
}

/** `null` as a value of its own. */
export function nullable<Value, Input>(kind: Kind<Value, Input>): Kind<Value | null, Input | null> {
  return {
    ...(kind as Kind<Value | null, Input | null>),
    nullable: true,
    check: (raw, place) => (raw === null ? null : kind.check(raw, place)),
    show: (value) => (value === null ? null : kind.show(value)),
  }
}

/** Items of one kind; a single item may stand for a list of one. Repeated items are kept once. */
export function list<Value, Input>(item: Kind<Value, Input>): Kind<readonly Value[], Input | readonly Input[]> {
  return {
    name: `a list (${item.name} each)`,
    repeatable: true,
    ...(item.secret === true && { secret: true }),
    ...(item.choices === undefined ? {} : { choices: item.choices }),
    ...(item.fields === undefined ? {} : { fields: item.fields }),
    check(raw, place) {
      const alone = !Array.isArray(raw)
      const given: readonly unknown[] = alone ? [raw] : raw
      const values = given.map((one, index) => item.check(one, alone ? place : place.item(index)))
      const valid = values.filter((value) => value !== undefined)
      return valid.length === values.length ? [...new Set(valid)] : undefined
    },
    show: (values) => values.map((value) => item.show(value)),
  }
}

/** Values of one kind under names the operator chooses. */
export function record<Value, Input>(value: Kind<Value, Input>): Kind<Readonly<Record<string, Value>>, Readonly<Record<string, Input>>> {
  const name = `an object (under each name ${value.name})`
  const secret = value.secret === true
  return {
    name,
    ...(secret && { secret }),
    ...(value.fields === undefined ? {} : { fields: value.fields }),
    check(raw, place) {
      if (!isObject(raw)) return place.wrongType(name, raw, secret)
      const entries = Object.entries(raw).map(([key, one]) => [key, value.check(one, place.field(key))] as const)
      const valid = entries.filter((entry): entry is readonly [string, Value] => entry[1] !== undefined)
      return valid.length === entries.length ? Object.fromEntries(valid) : undefined
    },
    show: (values) => Object.fromEntries(Object.entries(values).map(([key, one]) => [key, value.show(one)])),
  }
}

/** Named fields, camelCase in code and snake_case in a file. */
export function object<const F extends Fields>(fields: F): Kind<Resolved<F>, Given<F>> {
  const secret = Object.values(fields).some(({ kind }) => kind.secret === true)
  return {
    name: 'an object',
    ...(secret && { secret }),
    fields,
    check(raw, place) {
      if (!isObject(raw)) return place.wrongType('an object', raw, secret)
      return checkFields(fields, raw, place)
    },
    show: (value) => showFields(fields, value),
  }
}

/** Code given by code; a file can not hold it. */
export function callback<Callback extends (...args: never[]) => unknown>(): Kind<Callback> {
  return {
    name: 'a function (in code only)',
    check: (raw, place) => (typeof raw === 'function' ? (raw as Callback) : codeOnly(place, 'a function', raw)),
    show: () => undefined,
  }
}

/** An object with methods, given by code; a file can not hold it. */
export function plugin<Plugin extends object>(method: keyof Plugin & string): Kind<Plugin> {
  const name = `an object with the method ${method}`
  return {
    name: `${name} (in code only)`,
    check(raw, place) {
      const fits = isObject(raw) && typeof raw[method] === 'function'
      return fits ? (raw as Plugin) : codeOnly(place, name, raw)
    },
    show: () => undefined,
  }
}

function codeOnly(place: Place, expected: string, raw: unknown): undefined {
  if (place.style === 'code') return place.wrongType(expected, raw)
  return place.problem('settings_code_only', 'can only be given in code, not in a file')
}

/** The same kind, its value replaced by what `change` makes of it (undefined: refused, after a report). */
export function refine<Value, Input, Refined = Value>(
  kind: Kind<Value, Input>,
  change: (value: Value, place: Place) => Refined | undefined,
): Kind<Refined, Input> {
  return {
    ...(kind as unknown as Kind<Refined, Input>),
    check(raw, place) {
      const value = kind.check(raw, place)
      return value === undefined ? undefined : change(value, place)
    },
  }
}

/** Checks every field, reporting all problems; undefined when there was one. */
export function checkFields<F extends Fields>(fields: F, raw: Readonly<Record<string, unknown>>, place: Place): Resolved<F> | undefined {
  const problemsBefore = place.problems.length
  const known = new Map(Object.keys(fields).map((key) => [keyIn(place, key), key]))
  for (const key of Object.keys(raw)) {
    if (!known.has(key) && raw[key] !== undefined) place.unknownKey(key, [...known.keys()])
  }
  const values = [...known].map(([written, key]) => {
    const given = Object.hasOwn(raw, written) ? raw[written] : undefined
    return [key, checkField(fields[key] as AnySetting, given, place.field(written))]
  })
  return place.problems.length > problemsBefore ? undefined : (Object.fromEntries(values) as Resolved<F>)
}

function checkField(field: AnySetting, given: unknown, place: Place): unknown {
  if (given !== undefined && (given !== null || field.kind.nullable === true)) return field.kind.check(given, place)
  return field.required ? place.problem('settings_missing_key', `is required: ${field.kind.name}`) : field.default
}

export function showFields<F extends Fields>(fields: F, value: Resolved<F>): Record<string, unknown> {
  const shown = Object.entries(fields).map(([key, field]) => [snakeCase(key), field.kind.show(value[key])] as const)
  return Object.fromEntries(shown.filter((entry) => entry[1] !== undefined))
}

export function isObject(raw: unknown): raw is Record<string, unknown> {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw) && !(raw instanceof Date)
}

function itself(value: unknown): unknown {
  return value
}
