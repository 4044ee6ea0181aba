/**
 * Areas: who is told about which links.
 *
 * A node takes part in some areas and accepts updates of these only. Each neighbour belongs to one or more areas, and is announced in those.
 * What an area has may be summarised into its parent area, or into any area it has a filter with, but only as far as a filter says so
 * explicitly: no filter, no export.
 */
import { compareCodePoints } from '../../../wire/index.ts'
import type { LinkedPeer } from './ports.ts'

export interface SummaryFilter {
  readonly sourceArea: string
  readonly targetArea: string
  /** Null: all. */
  readonly allowedNeighbors: readonly string[] | null
  /** Null: none. Wins over what is allowed. */
  readonly deniedNeighbors: readonly string[] | null
}

/** As configured. */
export interface AreaPolicyOptions {
  readonly localAreas: readonly string[]
  /** Of neighbours without areas; null: the node's area, if it has one. */
  readonly defaultArea: string | null
  readonly allowUnmappedNeighbors: boolean
  readonly neighborAreas: Readonly<Record<string, readonly string[]>>
  readonly areaNeighborFilters: Readonly<Record<string, readonly string[]>>
  /** Parent by child. */
  readonly areaHierarchy: Readonly<Record<string, string>>
  readonly summaryFilters: readonly SummaryFilter[]
}

/** An area; null is "no area". */
export type Area = string | null

export interface AreaPolicy {
  /** Areas whose updates are accepted; null: all, and those without an area too. */
  readonly accepted: ReadonlySet<string> | null
  accepts(area: Area): boolean
  /** Peers by the area they are announced in, summaries included; areas this node takes part in are there even when they have no peers. */
  group(peers: Iterable<LinkedPeer>): Map<Area, LinkedPeer[]>
}

/** @param area the area of a node that has only one; without a policy all neighbours are announced in it */
export function createAreaPolicy(options: AreaPolicyOptions | null, area: Area): AreaPolicy {
  return options === null ? singleArea(area) : severalAreas(options, area)
}

function singleArea(area: Area): AreaPolicy {
  const accepted = area === null ? null : new Set([area])
  return { accepted, accepts: (given) => isAccepted(accepted, given), group: (peers) => new Map([[area, [...peers]]]) }
}

function severalAreas(options: AreaPolicyOptions, area: Area): AreaPolicy {
  const local = new Set(options.localAreas)
  const defaultArea = options.defaultArea ?? area
  const accepted = local.size > 0 ? local : defaultArea === null ? null : new Set([defaultArea])
  const neighborAreas = new Map(Object.entries(options.neighborAreas))
  const neighborFilters = new Map(Object.entries(options.areaNeighborFilters).map(([name, clusters]) => [name, new Set(clusters)]))
  const parents = new Map(Object.entries(options.areaHierarchy))
  const summaries = new Map(options.summaryFilters.map((filter) => [`${filter.sourceArea}\0${filter.targetArea}`, filter]))

  function areasOf(clusterId: string): readonly Area[] {
    const mapped = neighborAreas.get(clusterId)
    if (mapped !== undefined && mapped.length > 0) return mapped
    return options.allowUnmappedNeighbors ? [defaultArea] : []
  }

  /** Whether this node takes part in an area by its own configuration. */
  const isOwn = (name: string): boolean => (local.size > 0 ? local.has(name) : name === defaultArea)

  const passesNeighborFilter = (name: Area, clusterId: string): boolean =>
    name === null || (neighborFilters.get(name)?.has(clusterId) ?? true)

  function summaryTargets(source: string): Set<string> {
    const targets = new Set<string>()
    const parent = parents.get(source)
    if (parent !== undefined) targets.add(parent)
    for (const { sourceArea, targetArea } of options.summaryFilters) if (sourceArea === source) targets.add(targetArea)
    return targets
  }

  return {
    accepted,
    accepts: (given) => isAccepted(accepted, given),

    group(peers) {
      const groups = new Map<Area, LinkedPeer[]>()
      for (const name of local) groups.set(name, [])
      if (defaultArea !== null && !groups.has(defaultArea)) groups.set(defaultArea, [])
      for (const peer of peers) {
        for (const name of areasOf(peer.clusterId)) {
          if (name !== null && local.size > 0 && !local.has(name)) continue
          if (passesNeighborFilter(name, peer.clusterId)) add(groups, name, peer)
        }
      }
      // From what the areas themselves have: a summary is not summarised again.
      const own = [...groups].map(([name, members]) => [name, [...members]] as const)
      for (const [source, members] of own) {
        if (source === null) continue
        for (const target of summaryTargets(source)) {
          const filter = summaries.get(`${source}\0${target}`)
          if (filter === undefined || target === source || !isOwn(target)) continue
          for (const peer of members) {
            if (passesNeighborFilter(target, peer.clusterId) && passesSummary(filter, peer.clusterId)) add(groups, target, peer)
          }
        }
      }
      return groups
    },
  }
}

function passesSummary({ allowedNeighbors, deniedNeighbors }: SummaryFilter, clusterId: string): boolean {
  return (allowedNeighbors === null || allowedNeighbors.includes(clusterId)) && deniedNeighbors?.includes(clusterId) !== true
}

function isAccepted(accepted: ReadonlySet<string> | null, area: Area): boolean {
  return accepted === null || (area !== null && accepted.has(area))
}

function add(groups: Map<Area, LinkedPeer[]>, area: Area, peer: LinkedPeer): void {
  const members = groups.get(area)
  if (members === undefined) groups.set(area, [peer])
  else members.push(peer)
}

/** "No area" first, then by name. */
export function compareAreas(a: Area, b: Area): number {
  if (a === null || b === null) return Number(a !== null) - Number(b !== null)
  return compareCodePoints(a, b)
}
