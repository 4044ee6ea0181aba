/** What can be wrong with routing settings whose every value is right by itself. */
import { nearestName } from '../../telemetry/index.ts'
import { keyIn, type Place, quote } from './report.ts'
import type { Settings } from './schema.ts'

type AreaPolicySetting = NonNullable<Settings['fabricLinkStateAreaPolicy']>
type KeyRegistrySetting = NonNullable<Settings['fabricRouteKeyRegistry']>

/**
 * A hierarchy of areas must not lead back to where it began, and filters must be of areas that are named anywhere else.
 * @param linkStateArea the area of the node itself
 */
export function checkAreaPolicy(policy: AreaPolicySetting | null, linkStateArea: string | null, place: Place): void {
  if (policy === null) return
  const within = (key: keyof AreaPolicySetting): Place => place.field(keyIn(place, key))
  const cycles = new Set<string>()
  for (const area of Object.keys(policy.areaHierarchy)) {
    const cycle = cycleFrom(area, policy.areaHierarchy)
    if (cycle === undefined || cycles.has(cycle.toSorted().join('\0'))) continue
    cycles.add(cycle.toSorted().join('\0'))
    within('areaHierarchy')
      .field(area)
      .badValue(`is above itself: ${[...cycle, area].join(' < ')} (one of these parents must go)`)
  }

  const known = namedAreas(policy, linkStateArea)
  const checkArea = (area: string, at: Place): void => {
    if (!known.includes(area)) at.badValue(unknownArea(area, known))
  }
  for (const area of Object.keys(policy.areaNeighborFilters)) checkArea(area, within('areaNeighborFilters').field(area))
  const pairs = new Set<string>()
  policy.summaryFilters.forEach(({ sourceArea, targetArea }, index) => {
    const at = within('summaryFilters').item(index)
    checkArea(sourceArea, at.field(keyIn(place, 'sourceArea')))
    checkArea(targetArea, at.field(keyIn(place, 'targetArea')))
    if (sourceArea === targetArea) at.badValue(`an area is not summarised into itself: ${quote(sourceArea)}`)
    const pair = JSON.stringify([sourceArea, targetArea])
    if (pairs.has(pair)) at.badValue(`there is a filter from ${quote(sourceArea)} to ${quote(targetArea)} already, make it one`)
    pairs.add(pair)
  })
}

/** The areas from one up to where it comes round again; undefined when it does not, or not to this one. */
function cycleFrom(area: string, parents: Readonly<Record<string, string>>): string[] | undefined {
  const path = [area]
  for (let parent = parentOf(area, parents); parent !== undefined; parent = parentOf(parent, parents)) {
    if (parent === area) return path
    if (path.includes(parent)) return undefined
    path.push(parent)
  }
  return undefined
}

function parentOf(area: string, parents: Readonly<Record<string, string>>): string | undefined {
  return Object.hasOwn(parents, area) ? parents[area] : undefined
}

/** A filter alone does not make an area. */
function namedAreas(policy: AreaPolicySetting, linkStateArea: string | null): string[] {
  const named = [
    ...policy.localAreas,
    ...Object.values(policy.neighborAreas).flat(),
    ...Object.entries(policy.areaHierarchy).flat(),
    ...[policy.defaultArea, linkStateArea].filter((area) => area !== null),
  ]
  return [...new Set(named)].sort()
}

function unknownArea(area: string, known: readonly string[]): string {
  if (known.length === 0) return `there is no area ${quote(area)}, nor any other: name it in local_areas, neighbor_areas or area_hierarchy`
  const nearest = nearestName(area, known)
  return `there is no area ${quote(area)}${nearest === undefined ? '' : `, did you mean ${quote(nearest)}?`} (areas: ${known.join(', ')})`
}

/** Ids must be different, the primary one among them, and no key ended before it was added. */
export function checkKeyRegistry(registry: KeyRegistrySetting | null, place: Place): void {
  for (const [clusterId, { keys, primary_key_id: primary }] of Object.entries(registry?.clusters ?? {})) {
    const cluster = place.field('clusters').field(clusterId)
    const ids = new Set<string>()
    keys.forEach(({ key_id: id, added_at, expires_at }, index) => {
      const at = cluster.field('keys').item(index)
      if (id !== null && ids.has(id)) at.field('key_id').badValue(`${quote(id)} is the id of another key of the cluster`)
      if (id !== null) ids.add(id)
      if (expires_at !== null && expires_at <= added_at) at.field('expires_at').badValue(`is not after added_at, ${added_at}`)
    })
    // A key without an id has one that follows from the key, which the registry knows.
    const mayBeDerived = keys.some(({ key_id }) => key_id === null) && DERIVED_ID.test(primary ?? '')
    if (primary !== null && !ids.has(primary) && !mayBeDerived) {
      const advice = ids.size === 0 ? '' : ` (keys: ${[...ids].join(', ')})`
      cluster.field('primary_key_id').badValue(`no key of the cluster has the id ${quote(primary)}${advice}`)
    }
  }
}

const DERIVED_ID = /^route_key_[0-9a-f]{16}$/

interface SecurityWarning {
  readonly key: keyof Settings
  readonly warning: string
}

/** Settings that do not do what they seem to. @param nameOf a setting as it was written */
export function securityWarnings(settings: Settings, nameOf: (key: keyof Settings) => string): SecurityWarning[] {
  const { fabricRouteKeyFile, fabricRouteKeyProvider, fabricRouteKeyRegistry, fabricRouteSecurityConfig, fabricRouteSigner } = settings
  const hasRegistry = fabricRouteKeyRegistry !== null || fabricRouteKeyFile !== null
  const warnings: SecurityWarning[] = []
  if (fabricRouteSecurityConfig?.requireSignatures === true && fabricRouteSigner === null) {
    const warning = `signatures are required, but without ${nameOf('fabricRouteSigner')} the own announcements have none`
    warnings.push({ key: 'fabricRouteSecurityConfig', warning })
  }
  if (fabricRouteSecurityConfig?.requireSignatures === true && settings.fabricLinkStateMode !== 'disabled') {
    const warning = `signatures are required of path-vector routes only: link-state updates have none, and ${nameOf('fabricLinkStateMode')} is on`
    warnings.push({ key: 'fabricRouteSecurityConfig', warning })
  }
  if (fabricRouteSecurityConfig?.allowEmbeddedKeys === false && !hasRegistry) {
    const warning = `without ${nameOf('fabricRouteKeyRegistry')} no key is ever known, so every signed announcement is refused`
    warnings.push({ key: 'fabricRouteSecurityConfig', warning })
  }
  if (fabricRouteKeyProvider !== null && !hasRegistry) {
    warnings.push({ key: 'fabricRouteKeyProvider', warning: `is never asked without ${nameOf('fabricRouteKeyRegistry')}` })
  }
  return warnings
}
