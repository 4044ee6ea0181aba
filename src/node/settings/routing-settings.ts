/**
 * Routing settings that a node takes up while it runs: policies, stability, tags, link costs, signatures, keys, areas.
 *
 * A document is taken whole or not at all. What it does not mention stays as it is; what it gives as null, or names in its list `clear` (TOML has
 * no null), goes back to its default. The settings file of the node itself will do as well: its other settings are left alone.
 */
import { parseSettings, type SettingsFormat, settingsTable } from './document.ts'
import { checkFields, isObject, list, oneOf } from './kinds.ts'
import { camelCase, Place, SettingsError, type SettingsProblem, snakeCase } from './report.ts'
import { checkAreaPolicy, checkKeyRegistry } from './routing-rules.ts'
import { type Settings, settingFields } from './schema.ts'
import { routeKeyRegistry } from './structures.ts'

const reloadable = [
  'fabricRoutePolicy',
  'fabricRouteExportPolicy',
  'fabricRouteNeighborPolicies',
  'fabricRouteExportNeighborPolicies',
  'fabricRouteStability',
  'fabricRouteTags',
  'fabricRouteLinkCosts',
  'fabricRouteSecurityConfig',
  'fabricRouteSigner',
  'fabricRouteKeyRegistry',
  'fabricRouteKeysPinned',
  'fabricLinkStateAreaPolicy',
] as const satisfies readonly (keyof Settings)[]

type Reloadable = (typeof reloadable)[number]

/** Exactly the settings that were given or cleared. */
export type RoutingSettings = Readonly<Partial<Pick<Settings, Reloadable>>>

export interface RoutingSettingsRead {
  readonly settings: RoutingSettings
  /** One line each, to be logged. */
  readonly warnings: readonly string[]
}

export interface RoutingSettingsOptions {
  /** Name of the file, for errors and warnings. */
  readonly source?: string
  /** What the node runs with: of its other settings only those that the document would change are worth a warning. */
  readonly running?: Settings
}

const fileKeys = new Map(reloadable.map((key) => [snakeCase(key), key]))
const clearKind = list(oneOf([...fileKeys.keys()]))

/**
 * Reads new routing settings; changes nothing.
 *
 * @throws SettingsError naming every problem and its line; then none of the document is to be used
 */
export function readRoutingSettings(text: string, format: SettingsFormat, options: RoutingSettingsOptions = {}): RoutingSettingsRead {
  const { source } = options
  const { value: given, place } = settingsTable(parseSettings(text, format, source), isSetting)
  const settings = isObject(given) ? read(given, place, options.running) : place.wrongType('an object of settings', given)
  throwProblems(place, source)
  return { settings: settings ?? {}, warnings: place.warnings.map((warning) => (source === undefined ? warning : `${source}: ${warning}`)) }
}

function read(given: Readonly<Record<string, unknown>>, place: Place, running: Settings | undefined): RoutingSettings {
  const mentioned = Object.keys(given).filter((key) => given[key] !== undefined)
  const others = mentioned.filter((key) => isFileKey(key) && !fileKeys.has(key))
  for (const key of mentioned) {
    if (key !== 'clear' && !isFileKey(key)) place.unknownKey(key, ['clear', ...Object.keys(settingFields).map(snakeCase)])
  }
  const ignored = others.filter((key) => key !== 'fabric_link_state_area' && (running === undefined || changes(key, given[key], running)))
  if (ignored.length > 0) place.warn(`left as they are, because they can not be changed while the node runs: ${ignored.join(', ')}`)

  const cleared = given.clear === undefined ? [] : (clearKind.check(given.clear, place.field('clear')) ?? [])
  for (const key of cleared) {
    if (given[key] !== undefined && given[key] !== null) place.field(key).badValue('is given and cleared at once, do one of the two')
  }
  const wanted = reloadable.filter((key) => mentioned.includes(snakeCase(key)) || cleared.includes(snakeCase(key)))
  const fields = Object.fromEntries(wanted.map((key) => [key, settingFields[key]]))
  const values = Object.fromEntries(wanted.map((key) => [snakeCase(key), given[snakeCase(key)]]))
  const settings: RoutingSettings | undefined = checkFields(fields, values, place)
  if (settings === undefined) return {}

  const area = linkStateAreaOf(given, place) ?? running?.fabricLinkStateArea ?? null
  checkAreaPolicy(settings.fabricLinkStateAreaPolicy ?? null, area, place.field('fabric_link_state_area_policy'))
  checkKeyRegistry(settings.fabricRouteKeyRegistry ?? null, place.field('fabric_route_key_registry'))
  return settings
}

/** Whether a setting of the file is another than the one in use. */
function changes(key: string, given: unknown, running: Settings): boolean {
  const name = camelCase(key) as keyof Settings
  const { kind }: { readonly kind: { check(raw: unknown, place: Place): unknown } } = settingFields[name]
  return !agrees(kind.check(given, new Place('file')), running[name])
}

/** What a file leaves empty, the node has filled in. */
function agrees(wanted: unknown, used: unknown): boolean {
  if (wanted === '' || Object.is(wanted, used)) return true
  if (typeof wanted !== 'object' || typeof used !== 'object' || wanted === null || used === null) return false
  return Object.entries(wanted).every(([key, value]) => agrees(value, (used as Record<string, unknown>)[key]))
}

/** It is not taken up, but the policy is read by it. */
function linkStateAreaOf({ fabric_link_state_area: given }: Readonly<Record<string, unknown>>, place: Place): string | null | undefined {
  if (given === undefined) return undefined
  return settingFields.fabricLinkStateArea.kind.check(given, place.field('fabric_link_state_area'))
}

function isSetting(key: string): boolean {
  return Object.hasOwn(settingFields, camelCase(key))
}

function isFileKey(key: string): boolean {
  return isSetting(key) && snakeCase(camelCase(key)) === key
}

/**
 * Public keys by cluster from a JSON file of their own, in the form of `fabric_route_key_registry`.
 *
 * @throws SettingsError naming every problem and its line
 */
export function readRouteKeys(text: string, source?: string): NonNullable<Settings['fabricRouteKeyRegistry']> {
  const { value, place } = parseSettings(text, 'json', source)
  const registry = routeKeyRegistry.check(value, place)
  checkKeyRegistry(registry ?? null, place)
  throwProblems(place, source)
  return registry ?? { clusters: {} }
}

function throwProblems(place: Place, source: string | undefined): void {
  const [first, ...others]: readonly SettingsProblem[] = place.problems
  if (first !== undefined) throw new SettingsError([first, ...others], { source })
}
