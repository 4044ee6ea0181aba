/**
 * Settings from a file: TOML (`.toml`, `.tml`) or JSON (`.json`), keys in snake_case, at the top or in a table `mpreg`.
 */
import { readFileSync } from 'node:fs'
import { extname } from 'node:path'
import { parse as parseToml } from 'smol-toml'
import { isObject } from './kinds.ts'
import { camelCase, Place, SettingsError, type SettingsProblemCode } from './report.ts'
import { type ResolvedSettings, type ResolveOptions, resolveGiven } from './resolve.ts'
import { settingFields } from './schema.ts'

const parsers: Readonly<Record<string, (text: string) => unknown>> = {
  '.toml': (text) => parseToml(text, { unsafeKeyBehaviour: 'throw' }),
  '.tml': (text) => parseToml(text, { unsafeKeyBehaviour: 'throw' }),
  '.json': (text) => JSON.parse(text),
}

/**
 * Reads the file at `path`, once, synchronously: a node has nothing else to do before it knows its settings.
 *
 * @throws SettingsError naming the file and every problem in it.
 */
export function loadSettings(path: string, options: ResolveOptions = {}): ResolvedSettings {
  const extension = extname(path)
  const parse = parsers[extension.toLowerCase()]
  if (parse === undefined) {
    throw new SettingsError([{ code: 'settings_extension', key: '', message: `Unsupported settings file extension: ${extension}` }])
  }
  const text = attempt(() => readFileSync(path, 'utf8'), 'settings_unreadable', path)
  const document = attempt(() => parse(text.replace(/^\uFEFF/, '')), 'settings_syntax', path)
  if (!isObject(document) || !Object.hasOwn(document, 'mpreg')) return resolveGiven(document, new Place('file'), options, path)

  const place = new Place('file')
  const outside = Object.keys(document).filter((key) => Object.hasOwn(settingFields, camelCase(key)))
  if (outside.length > 0) place.warn(`ignored, because they stand outside the table mpreg: ${outside.join(', ')}`)
  return resolveGiven(document.mpreg, place.field('mpreg'), options, path)
}

function attempt<T>(action: () => T, code: SettingsProblemCode, path: string): T {
  try {
    return action()
  } catch (cause) {
    const reason = cause instanceof Error ? (cause.message.split('\n', 1)[0] ?? '') : String(cause)
    const at = positionOf(cause)
    throw new SettingsError([{ code, key: '', message: `${reason.trim()}${at}` }], { source: path, cause })
  }
}

/** Where a TOML error is; JSON errors say it in their message. */
function positionOf(error: unknown): string {
  if (!isObject(error) || typeof error.line !== 'number') return ''
  return ` (line ${error.line}, column ${String(error.column)})`
}
