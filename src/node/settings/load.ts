/**
 * Settings from a file: TOML (`.toml`, `.tml`) or JSON (`.json`), keys in snake_case, at the top or in a table `mpreg`.
 */
import { readFileSync } from 'node:fs'
import { extname } from 'node:path'
import { parseSettings, type SettingsFormat, settingsTable } from './document.ts'
import { camelCase, SettingsError } from './report.ts'
import { type ResolvedSettings, type ResolveOptions, resolveGiven } from './resolve.ts'
import { settingFields } from './schema.ts'

const formats: Readonly<Record<string, SettingsFormat>> = { '.toml': 'toml', '.tml': 'toml', '.json': 'json' }

/**
 * Reads the file at `path`, once, synchronously: a node has nothing else to do before it knows its settings.
 *
 * @throws SettingsError naming the file and every problem in it, each with its line.
 */
export function loadSettings(path: string, options: ResolveOptions = {}): ResolvedSettings {
  const extension = extname(path)
  const format = formats[extension.toLowerCase()]
  if (format === undefined) {
    throw new SettingsError([{ code: 'settings_extension', key: '', message: `Unsupported settings file extension: ${extension}` }])
  }
  const document = parseSettings(readText(path), format, path)
  const { value, place } = settingsTable(document, (key) => Object.hasOwn(settingFields, camelCase(key)))
  return resolveGiven(value, place, options, path)
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new SettingsError([{ code: 'settings_unreadable', key: '', message }], { source: path, cause })
  }
}
