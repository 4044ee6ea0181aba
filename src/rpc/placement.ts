/**
 * Where a command runs: on this node, on another, or nowhere, and why.
 *
 * The own cluster comes before others, this node before others of its cluster unless it is far busier, then the least load, then the highest
 * version; nodes that are equal in all of that take turns. When nothing fits, what was considered and why it did not is told.
 */
import { compareVersions, parseVersion, satisfies } from '../base/index.ts'
import type { FunctionEntry } from '../wire/index.ts'
import { runsWhereItArrives } from './builtin-names.ts'
import type { Caller } from './call.ts'
import type { Placement, RemoteFunction, RemoteFunctions } from './executor.ts'
import { type Absence, type Candidate, type NotFoundExplanation, noneQualifies, unknownName } from './not-found.ts'
import type { RegisteredFunction, Registry, Selector } from './registry.ts'

/** What placement asks of the catalog. */
export interface PlacementCatalog {
  /** Every live endpoint of a name, this node's included. */
  functionsNamed(name: string): readonly FunctionEntry[]
  functionNames(): Iterable<string>
}

export interface PlacementDeps extends Absence {
  readonly nodeId: string
  readonly clusterId: string
  readonly registry: Pick<Registry, 'explain'>
  readonly catalog: PlacementCatalog
  /** Why nothing is sent to a node; undefined when it may be. */
  nodeProblem(nodeId: string): string | undefined
  /** Open connections of a node and penalties for a bad or old status, as the fabric counts load; undefined: unknown. */
  loadScore(nodeId: string): number | undefined
  ownLoad(): number
  /** Whether commands may go to a cluster. */
  allowsCluster(clusterId: string): boolean
  readonly call: (target: FunctionEntry) => RemoteFunction['call']
}

export interface Placements extends RemoteFunctions {
  /** The best endpoint besides those tried; undefined when there is none. */
  next(selector: Selector, tried: ReadonlySet<string>): FunctionEntry | undefined
}

/** What an unknown load counts as. */
const LOAD_UNKNOWN = 1000
/** This node runs what it can run itself until it is busier than another by more than so many connections. */
const LOAD_MARGIN = 100

export function createPlacements(deps: PlacementDeps): Placements {
  const { nodeId: self, clusterId: ownCluster } = deps
  let turn = 0

  function rejections(entry: FunctionEntry, selector: Selector, tried: ReadonlySet<string>): string[] {
    const { identity, resources, node_id: nodeId, cluster_id: clusterId } = entry
    const reasons: string[] = []
    if (selector.targetCluster !== null && clusterId !== selector.targetCluster) {
      reasons.push(`is in cluster '${clusterId}', the command asks for '${selector.targetCluster}'`)
    } else if (!deps.allowsCluster(clusterId)) reasons.push(`is in cluster '${clusterId}', to which nothing is sent`)
    if (selector.functionId !== null && identity.function_id !== selector.functionId) {
      reasons.push(`has function_id '${identity.function_id}', the command asks for '${selector.functionId}'`)
    }
    if (selector.constraint !== null && !satisfies(parseVersion(identity.version), selector.constraint)) {
      reasons.push(`version ${identity.version} does not satisfy '${selector.constraintText}'`)
    }
    const missing = selector.resources.filter((resource) => !resources.includes(resource))
    if (missing.length > 0) reasons.push(`does not offer the resource ${missing.map((resource) => `'${resource}'`).join(', ')}`)
    const problem = nodeId === self ? undefined : deps.nodeProblem(nodeId)
    if (problem !== undefined) reasons.push(problem)
    if (tried.has(nodeId)) reasons.push('was tried')
    return reasons
  }

  const loadOf = (nodeId: string): number => (nodeId === self ? deps.ownLoad() : (deps.loadScore(nodeId) ?? LOAD_UNKNOWN))

  function compare(a: FunctionEntry, b: FunctionEntry): number {
    return (
      Number(a.cluster_id !== ownCluster) - Number(b.cluster_id !== ownCluster) ||
      loadOf(a.node_id) - loadOf(b.node_id) ||
      compareVersions(parseVersion(b.identity.version), parseVersion(a.identity.version))
    )
  }

  function qualified(selector: Selector, tried: ReadonlySet<string>): FunctionEntry[] {
    return deps.catalog
      .functionsNamed(selector.fun)
      .filter((entry) => entry.node_id !== self && rejections(entry, selector, tried).length === 0)
  }

  function next(selector: Selector, tried: ReadonlySet<string>): FunctionEntry | undefined {
    const candidates = qualified(selector, tried)
    if (candidates.length <= 1) return candidates[0]
    candidates.sort(compare)
    const best = candidates[0] as FunctionEntry
    const equals = candidates.filter((entry) => compare(best, entry) === 0)
    return equals[turn++ % equals.length]
  }

  function candidateOf(entry: FunctionEntry, reasons: readonly string[]): Candidate {
    const { identity, node_id, cluster_id, resources } = entry
    return { function_id: identity.function_id, version: identity.version, node_id, cluster_id, resources, reasons }
  }

  function notFound(selector: Selector, caller: Caller): NotFoundExplanation {
    const own = deps.registry.explain(selector, caller)
    const others = deps.catalog
      .functionsNamed(selector.fun)
      .filter((entry) => entry.node_id !== self)
      .map((entry) => candidateOf(entry, rejections(entry, selector, NONE)))
    const candidates = [...own.candidates, ...others]
    return candidates.length > 0
      ? noneQualifies(selector.fun, candidates)
      : unknownName(selector.fun, otherNames(selector.fun), caller, deps)
  }

  /** Without the one asked for: names outlive their endpoints for a moment, and one that has just gone is no answer to itself. */
  function otherNames(fun: string): string[] {
    return [...new Set(deps.catalog.functionNames())].filter((name) => name !== fun)
  }

  function place(selector: Selector, local: RegisteredFunction | undefined, caller: Caller): Placement {
    if (local !== undefined && deps.ownLoad() <= LOAD_MARGIN) return LOCAL
    if (runsWhereItArrives(selector.fun) && (selector.targetCluster === null || selector.targetCluster === ownCluster)) return LOCAL
    const entry = next(selector, NONE)
    if (local !== undefined && (entry === undefined || loadOf(entry.node_id) + LOAD_MARGIN >= deps.ownLoad())) return LOCAL
    if (entry === undefined) return { kind: 'none', explanation: notFound(selector, caller) }
    const { identity, cluster_id: clusterId } = entry
    const fn: RemoteFunction = {
      remote: true,
      name: identity.name,
      versionText: identity.version,
      clusterId,
      call: deps.call(entry),
    }
    return { kind: 'remote', fn }
  }

  return { place, next }
}

const LOCAL = { kind: 'local' } as const
const NONE: ReadonlySet<string> = new Set()
