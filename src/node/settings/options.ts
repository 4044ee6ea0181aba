/**
 * The command-line options of `mpreg server start`, as far as they are settings. Declared with the settings, printed and parsed here.
 */
import { type AnyKind, type Fields, isObject } from './kinds.ts'
import { camelCase } from './report.ts'
import { type SettingsInput, settingFields } from './schema.ts'

export interface StartOption {
  /** As the command-line library wants it: `--port <number>`, `--monitoring`, `--no-monitoring`. */
  readonly flags: string
  /** The key under which a command-line library hands over the value: `advertisedUrl`. */
  readonly attribute: string
  readonly help: string
  /** Text of the default; undefined where there is none to show. */
  readonly default: string | undefined
  readonly repeatable: boolean
  readonly choices: readonly string[] | undefined
}

interface Declared {
  readonly option: StartOption
  /** Where the value goes in the settings: `['persistenceConfig', 'mode']`. */
  readonly path: readonly string[]
  readonly kind: AnyKind
  /** Value of the option when it is not given, where that differs from the setting's own default. */
  readonly flagDefault: string | undefined
}

/** All options in the order of the settings; a switch that is on by default comes with its `--no-` form. */
export function serverStartOptions(): readonly StartOption[] {
  return declared(settingFields, []).map(({ option }) => option)
}

/**
 * The settings that parsed options stand for. `values`: by attribute, texts for options with a value (a list of them for a repeatable
 * one), booleans for switches; missing where the option was not given. Texts of numeric settings become numbers when they are numbers.
 */
export function settingsFromOptions(values: Readonly<Record<string, unknown>>): SettingsInput {
  const input: Record<string, unknown> = {}
  for (const { option, path, kind, flagDefault } of declared(settingFields, [])) {
    const value = values[option.attribute] ?? flagDefault
    if (value !== undefined) put(input, path, isNumeric(kind) ? numberIfNumber(value) : value)
  }
  return input as SettingsInput
}

function declared(fields: Fields, above: readonly string[]): Declared[] {
  return Object.entries(fields).flatMap(([key, { kind, flag, flagDefault, help, default: value }]) => {
    const path = [...above, key]
    if (flag === undefined) return declared(kind.fields ?? {}, path)
    const [name = flag] = flag.split(' ')
    const shared = {
      attribute: camelCase(name.slice(2).replaceAll('-', '_')),
      help,
      default: flagDefault ?? shownDefault(value),
      repeatable: kind.repeatable ?? false,
      choices: kind.choices,
    }
    const flags = value === true ? [flag, `--no-${name.slice(2)}`] : [flag]
    return flags.map((each) => ({ option: { flags: each, ...shared }, path, kind, flagDefault }))
  })
}

function put(target: Record<string, unknown>, [key = '', ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) {
    target[key] = value
    return
  }
  const inner = isObject(target[key]) ? target[key] : {}
  target[key] = inner
  put(inner, rest, value)
}

function isNumeric(kind: AnyKind): boolean {
  return /^an? (integer|number)/.test(kind.name)
}

function numberIfNumber(value: unknown): unknown {
  return typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value.trim()) ? Number(value) : value
}

function shownDefault(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined
}
