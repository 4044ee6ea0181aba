/** Settings as text: TOML or JSON, parsed into a document that knows the line of each of its values. */
import { parse as parseToml, TomlError } from 'smol-toml'
import { findJsonMistake } from './json-syntax.ts'
import { isObject } from './kinds.ts'
import { locateInJson, locateInToml } from './locate.ts'
import { Place, SettingsError } from './report.ts'

export type SettingsFormat = 'toml' | 'json'

export interface SettingsText {
  readonly value: unknown
  /** Of the value. */
  readonly place: Place
}

/**
 * @param source the file's name, for the error
 * @throws SettingsError saying where the text is not of its format; nothing of the text is quoted
 */
export function parseSettings(given: string, format: SettingsFormat, source?: string): SettingsText {
  const text = given.replace(/^\uFEFF/, '')
  return format === 'json' ? parseJsonSettings(text, source) : parseTomlSettings(text, source)
}

function parseJsonSettings(text: string, source: string | undefined): SettingsText {
  const mistake = findJsonMistake(text)
  if (mistake === undefined) return { value: JSON.parse(text), place: new Place('file', locateInJson(text)) }
  const before = text.slice(0, mistake.offset).split('\n')
  const column = (before.at(-1)?.length ?? 0) + 1
  throw syntaxError({ message: `Invalid JSON document: expected ${mistake.expected}`, line: before.length, column }, source)
}

function parseTomlSettings(text: string, source: string | undefined): SettingsText {
  const parsed = tryToml(text)
  if (parsed instanceof TomlError) throw syntaxError(parsed, source)
  return { value: parsed, place: new Place('file', locateInToml(text)) }
}

function tryToml(text: string): unknown {
  try {
    return parseToml(text, { unsafeKeyBehaviour: 'throw' })
  } catch (error) {
    if (error instanceof TomlError) return error
    throw error
  }
}

/** The parser's own error is not handed on as the cause: it quotes the text, secrets included, and would be printed with this one. */
function syntaxError(
  { message, line, column }: { readonly message: string; readonly line: number; readonly column: number },
  source: string | undefined,
): SettingsError {
  const reason = message.split('\n', 1)[0]?.trim() ?? ''
  return new SettingsError([{ code: 'settings_syntax', key: '', message: `${reason} (line ${line}, column ${column})`, line }], { source })
}

/** The settings of a document: at its top, or in its table `mpreg`; then settings outside of it do not count. */
export function settingsTable({ value, place }: SettingsText, isSetting: (key: string) => boolean): SettingsText {
  if (!isObject(value) || !Object.hasOwn(value, 'mpreg')) return { value, place }
  const outside = Object.keys(value).filter(isSetting)
  if (outside.length > 0) place.warn(`ignored, because they stand outside the table mpreg: ${outside.join(', ')}`)
  return { value: value.mpreg, place: place.field('mpreg') }
}
