/**
 * Versions of functions, and the constraints callers put on them.
 *
 * A version is `[v]MAJOR[.MINOR[.PATCH]]`: numbers only, missing parts are 0, no pre-release and no build part. A constraint is a list
 * of bounds separated by commas, all of which must hold:
 *
 *     version >= 3.0, version < 4        3.0.0 and 3.9.9, not 4.0.0
 *     v1.2   =1.2   == 1.2.0             exactly 1.2.0
 *     ''   ()                            every version
 *
 * This is a smaller language than npm's ranges on purpose (no `~`, `^`, `x`, `||`): every node of a cluster must read it alike.
 */

export interface Version {
  readonly major: number
  readonly minor: number
  readonly patch: number
}

/** Bounds that all must hold. `exact` excludes the others. `null` is "no such bound". */
export interface VersionConstraint {
  readonly min: Version | null
  readonly max: Version | null
  readonly exact: Version | null
  readonly includeMin: boolean
  readonly includeMax: boolean
}

/** The form in which a constraint travels: versions as canonical text or null. */
export interface VersionConstraintObject {
  readonly min_version: string | null
  readonly max_version: string | null
  readonly exact_version: string | null
  readonly include_min: boolean
  readonly include_max: boolean
}

/** A text is not a version (or a part of a constraint is not one). */
export class InvalidVersionError extends Error {
  readonly code = 'invalid_version'
  override readonly name = 'InvalidVersionError'

  constructor(raw: string) {
    super(`Invalid semantic version: ${raw}`)
  }
}

/** The parts of a constraint are versions, but can not stand together. */
export class VersionConflictError extends Error {
  readonly code = 'version_conflict'
  override readonly name = 'VersionConflictError'
}

/** Whether `version` lies within `constraint`. A few nanoseconds. */
export function satisfies(version: Version, constraint: VersionConstraint): boolean {
  const { exact, min, max } = constraint
  if (exact !== null) return compareVersions(version, exact) === 0
  if (min !== null) {
    const order = compareVersions(version, min)
    if (order < 0 || (order === 0 && !constraint.includeMin)) return false
  }
  if (max !== null) {
    const order = compareVersions(version, max)
    if (order > 0 || (order === 0 && !constraint.includeMax)) return false
  }
  return true
}

/** Negative when `a` is older than `b`, positive when newer, 0 when the same. */
export function compareVersions(a: Version, b: Version): number {
  return a.major - b.major || a.minor - b.minor || a.patch - b.patch
}

const VERSION = /^v?([0-9]+)(?:\.([0-9]+)(?:\.([0-9]+))?)?$/

/**
 * Reads `[v]MAJOR[.MINOR[.PATCH]]`; surrounding whitespace and leading zeros are ignored. Throws {@link InvalidVersionError}, also for
 * numbers beyond 2^53 - 1, which could not be compared exactly.
 */
export function parseVersion(text: string): Version {
  const match = VERSION.exec(text.trim())
  if (match === null) throw new InvalidVersionError(text)
  const version = { major: Number(match[1]), minor: Number(match[2] ?? 0), patch: Number(match[3] ?? 0) }
  if (version.major > Number.MAX_SAFE_INTEGER || version.minor > Number.MAX_SAFE_INTEGER || version.patch > Number.MAX_SAFE_INTEGER) {
    throw new InvalidVersionError(text)
  }
  return version
}

/** The canonical text: `M.m.p`. */
export function formatVersion(version: Version): string {
  return `${version.major}.${version.minor}.${version.patch}`
}

/** Constraints come with every request and are few: remember the latest, and no long texts, which only an attacker sends. */
const CACHED_MAX = 1024
const CACHED_LENGTH_MAX = 128
const parsed = new Map<string, VersionConstraint>()

/**
 * Reads a constraint. Throws {@link InvalidVersionError} for what is not a version, {@link VersionConflictError} for bounds that
 * contradict the tightening rule: a repeated bound may only stay or tighten. Contradictory bounds (`<1,>2`) are legal and match nothing.
 */
export function parseConstraint(text: string): VersionConstraint {
  const known = parsed.get(text)
  if (known !== undefined) return known
  const constraint = parseParts(text)
  if (text.length <= CACHED_LENGTH_MAX) {
    if (parsed.size >= CACHED_MAX) parsed.delete(parsed.keys().next().value as string)
    parsed.set(text, constraint)
  }
  return constraint
}

const PART = /^(>=|<=|==|=|<|>)?(.*)$/s

function parseParts(text: string): VersionConstraint {
  let constraint: VersionConstraint = ANY
  const bare = text
    .trim()
    .replace(/^[()]+|[()]+$/g, '')
    .replaceAll('version', '')
    .trim()
  for (const piece of bare.split(',')) {
    const part = piece.trim()
    if (part === '') continue
    const [, operator, rest = ''] = PART.exec(part) ?? []
    constraint = tighten(constraint, operator, parseVersion(rest.trim()))
  }
  return Object.freeze(constraint)
}

const ANY: VersionConstraint = Object.freeze({ min: null, max: null, exact: null, includeMin: true, includeMax: true })

function tighten(so: VersionConstraint, operator: string | undefined, version: Version): VersionConstraint {
  if (operator === '>=' || operator === '>') {
    if (so.exact !== null) throw new VersionConflictError('Min version cannot be combined with exact version')
    if (so.min !== null && compareVersions(version, so.min) < 0) throw new VersionConflictError('Min version would be downgraded')
    return { ...so, min: version, includeMin: operator === '>=' }
  }
  if (operator === '<=' || operator === '<') {
    if (so.exact !== null) throw new VersionConflictError('Max version cannot be combined with exact version')
    if (so.max !== null && compareVersions(version, so.max) > 0) throw new VersionConflictError('Max version would be upgraded')
    return { ...so, max: version, includeMax: operator === '<=' }
  }
  if (so !== ANY) throw new VersionConflictError('Exact version cannot be combined with range')
  return { ...so, exact: version }
}

/** A constraint as readers expect it: `>=3.0.0,<4.0.0`, `==1.2.0`, or '' for every version. {@link parseConstraint} reads it back. */
export function formatConstraint(constraint: VersionConstraint): string {
  if (constraint.exact !== null) return `==${formatVersion(constraint.exact)}`
  const bounds: string[] = []
  if (constraint.min !== null) bounds.push(`${constraint.includeMin ? '>=' : '>'}${formatVersion(constraint.min)}`)
  if (constraint.max !== null) bounds.push(`${constraint.includeMax ? '<=' : '<'}${formatVersion(constraint.max)}`)
  return bounds.join(',')
}

export function constraintToObject(constraint: VersionConstraint): VersionConstraintObject {
  return {
    min_version: constraint.min && formatVersion(constraint.min),
    max_version: constraint.max && formatVersion(constraint.max),
    exact_version: constraint.exact && formatVersion(constraint.exact),
    include_min: constraint.includeMin,
    include_max: constraint.includeMax,
  }
}

/** Absent fields take their defaults; an exact version wins over bounds. Throws {@link InvalidVersionError}. */
export function constraintFromObject(
  object: { readonly [K in keyof VersionConstraintObject]?: VersionConstraintObject[K] | undefined },
): VersionConstraint {
  const read = (text: string | null | undefined): Version | null => (text === null || text === undefined ? null : parseVersion(text))
  const exact = read(object.exact_version)
  if (exact !== null) return { ...ANY, exact }
  return {
    min: read(object.min_version),
    max: read(object.max_version),
    exact: null,
    includeMin: object.include_min ?? true,
    includeMax: object.include_max ?? true,
  }
}
