/**
 * The functions of this node: registration, and choosing one for a command with a reason for every candidate that was not chosen.
 *
 * One name maps to one function id and back; several versions of it may live side by side. Among the versions that satisfy id, constraint and
 * resources, the highest runs.
 */
import {
  compareVersions,
  formatVersion,
  type LogScope,
  parseVersion,
  satisfies,
  type Version,
  type VersionConstraint,
} from '../base/index.ts'
import { compareCodePoints, MpregError } from '../wire/index.ts'
import type { Call, Caller } from './call.ts'
import { type Absence, type NotFoundExplanation, noneQualifies, unknownName } from './not-found.ts'
import type { Signature } from './parameters.ts'
import type { RpcSpec } from './spec.ts'

/** Runs a function. A thenable is awaited; anything else is the result at once. */
export type Invoke = (args: readonly unknown[], call: Call) => unknown

export interface RegisteredFunction {
  readonly name: string
  readonly functionId: string
  readonly version: Version
  readonly versionText: string
  readonly resources: ReadonlySet<string>
  readonly namespace: string
  readonly tags: readonly string[]
  readonly scope: string
  readonly spec: RpcSpec
  readonly signature: Signature
  /** Arguments and result stay carried text where only the text is faithful. */
  readonly raw: boolean
  readonly authorize: ((call: Call) => boolean | Promise<boolean>) | undefined
  readonly invoke: Invoke
}

/** A registration that contradicts what is registered already, or is malformed. */
export class RegistrationError extends MpregError {
  override readonly name = 'RegistrationError'
  readonly code: string

  constructor(message: string, { code, cause }: { readonly code: RegistrationProblem; readonly cause?: unknown }) {
    super(message, { cause })
    this.code = code
  }
}

export type RegistrationProblem =
  | 'invalid_name'
  | 'name_conflict'
  | 'id_conflict'
  | 'already_registered'
  | 'invalid_version'
  | 'invalid_option'

/** What a command asks of a function. */
export interface Selector {
  readonly fun: string
  readonly functionId: string | null
  readonly constraint: VersionConstraint | null
  readonly constraintText: string | null
  readonly resources: readonly string[]
  readonly targetCluster: string | null
}

export interface RegistryDeps extends Absence {
  readonly nodeId: () => string
  readonly clusterId: string
  readonly log: LogScope
}

export interface Registry {
  /** @throws RegistrationError */
  add(fn: RegisteredFunction): void
  /** Removes one version, or all; the number removed. */
  remove(name: string, version?: string): number
  find(selector: Selector): RegisteredFunction | undefined
  /** @param caller who is told */
  explain(selector: Selector, caller: Caller): NotFoundExplanation
  /** Ordered by name, id, version. */
  list(): RegisteredFunction[]
  readonly size: number
}

export function createRegistry(deps: RegistryDeps): Registry {
  /** Versions of each name, highest first. */
  const byName = new Map<string, RegisteredFunction[]>()
  const nameOfId = new Map<string, string>()

  function rejections(fn: RegisteredFunction, selector: Selector): string[] {
    const reasons: string[] = []
    if (selector.targetCluster !== null && selector.targetCluster !== deps.clusterId) {
      reasons.push(`is in cluster '${deps.clusterId}', the command asks for '${selector.targetCluster}'`)
    }
    if (selector.functionId !== null && fn.functionId !== selector.functionId) {
      reasons.push(`has function_id '${fn.functionId}', the command asks for '${selector.functionId}'`)
    }
    if (selector.constraint !== null && !satisfies(fn.version, selector.constraint)) {
      reasons.push(`version ${fn.versionText} does not satisfy '${selector.constraintText}'`)
    }
    const missing = selector.resources.filter((resource) => !fn.resources.has(resource))
    if (missing.length > 0) reasons.push(`does not offer the resource ${missing.map((resource) => `'${resource}'`).join(', ')}`)
    return reasons
  }

  return {
    add(fn) {
      const versions = byName.get(fn.name)
      const known = versions?.[0]
      if (known !== undefined && known.functionId !== fn.functionId) {
        throw new RegistrationError(`Function name conflict: ${fn.name} already mapped to ${known.functionId}`, { code: 'name_conflict' })
      }
      const owner = nameOfId.get(fn.functionId)
      if (owner !== undefined && owner !== fn.name) {
        throw new RegistrationError(`Function id conflict: ${fn.functionId} already mapped to ${owner}`, { code: 'id_conflict' })
      }
      if (versions?.some((other) => other.versionText === fn.versionText)) {
        throw new RegistrationError(`Function '${fn.name}' is already registered (version ${fn.versionText}).`, {
          code: 'already_registered',
        })
      }
      byName.set(
        fn.name,
        [...(versions ?? []), fn].sort((a, b) => compareVersions(b.version, a.version)),
      )
      nameOfId.set(fn.functionId, fn.name)
      if (deps.log.debugOn)
        deps.log.debug(`registered ${fn.name} ${fn.versionText} id=${fn.functionId} resources=${[...fn.resources].join(',') || '-'}`)
    },

    remove(name, version) {
      const versions = byName.get(name) ?? []
      const wanted = version === undefined ? undefined : formatVersion(parseVersion(version))
      const kept = versions.filter((fn) => wanted !== undefined && fn.versionText !== wanted)
      if (kept.length > 0) byName.set(name, kept)
      else if (versions[0] !== undefined) {
        byName.delete(name)
        nameOfId.delete(versions[0].functionId)
      }
      const removed = versions.length - kept.length
      if (removed > 0 && deps.log.debugOn) deps.log.debug(`unregistered ${name} versions=${removed}`)
      return removed
    },

    find(selector) {
      const versions = byName.get(selector.fun)
      if (versions === undefined) return undefined
      for (const fn of versions) if (qualifies(fn, selector, deps.clusterId)) return fn
      return undefined
    },

    explain(selector, caller) {
      const versions = byName.get(selector.fun)
      if (versions === undefined) return unknownName(selector.fun, [...byName.keys()], caller, deps)
      return noneQualifies(
        selector.fun,
        versions.map((fn) => ({
          function_id: fn.functionId,
          version: fn.versionText,
          node_id: deps.nodeId(),
          cluster_id: deps.clusterId,
          resources: [...fn.resources].sort(),
          reasons: rejections(fn, selector),
        })),
      )
    },

    list: () =>
      [...byName.values()]
        .flat()
        .sort(
          (a, b) =>
            compareCodePoints(a.name, b.name) || compareCodePoints(a.functionId, b.functionId) || compareVersions(a.version, b.version),
        ),

    get size() {
      return [...byName.values()].reduce((sum, versions) => sum + versions.length, 0)
    },
  }
}

function qualifies(fn: RegisteredFunction, selector: Selector, clusterId: string): boolean {
  if (selector.targetCluster !== null && selector.targetCluster !== clusterId) return false
  if (selector.functionId !== null && fn.functionId !== selector.functionId) return false
  if (selector.constraint !== null && !satisfies(fn.version, selector.constraint)) return false
  for (const resource of selector.resources) if (!fn.resources.has(resource)) return false
  return true
}
