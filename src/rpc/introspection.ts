/**
 * What a node says about its functions: `rpc_list`, `rpc_describe`, `rpc_report`.
 *
 * Answers leave out empty fields (null, `''`, `[]`) unless a field is always written; readers default what is missing.
 */
import { compareVersions, parseConstraint, parseVersion, satisfies, type Version } from '../base/index.ts'
import { compareCodePoints, type FunctionEntry } from '../wire/index.ts'
import type { RegisteredFunction, Registry } from './registry.ts'
import { type RpcSpec, summaryOf } from './spec.ts'

export interface IntrospectionDeps {
  readonly registry: Registry
  readonly nodeId: () => string
  readonly clusterId: string
  /** Unix seconds. */
  readonly now: () => number
  /** Functions of other nodes, as far as this node knows. */
  readonly others?: () => readonly FunctionEntry[]
}

/** A function of this node or another, as listings see it. */
interface Listed {
  readonly name: string
  readonly functionId: string
  readonly version: Version
  readonly namespace: string
  readonly nodeId: string
  readonly clusterId: string
  readonly resources: readonly string[]
  readonly tags: readonly string[]
  readonly scope: string
  readonly capabilities: readonly string[]
  readonly summaryText: string
  readonly specDigest: string
  readonly identity: RpcSpec['identity']
  readonly summary: unknown
  /** Undefined when its node does not share it. */
  readonly spec: unknown
}

interface Summary {
  readonly namespace?: string
  readonly summary?: string
}

export type Request = Readonly<Record<string, unknown>>

/** A page of a listing: position and size travel in the token, so that the next request needs nothing else. */
const PAGE_LIMIT_DEFAULT = 200
const PAGE_LIMIT_MAX = 2000

/** A query field that is not what it must be. Answered as "execution failed". */
class QueryError extends Error {
  override readonly name = 'ValueError'
  readonly code = 'invalid_query'
}

export function createIntrospection(deps: IntrospectionDeps) {
  const { registry, clusterId } = deps

  function ownFunctions(): Listed[] {
    const nodeId = deps.nodeId()
    return registry.list().map((fn: RegisteredFunction) => ({
      name: fn.name,
      functionId: fn.functionId,
      version: fn.version,
      namespace: fn.namespace,
      nodeId,
      clusterId,
      resources: [...fn.resources].sort(),
      tags: fn.tags,
      scope: fn.scope,
      capabilities: fn.spec.capabilities,
      summaryText: fn.spec.doc.summary,
      specDigest: fn.spec.spec_digest,
      identity: fn.spec.identity,
      summary: summaryOf(fn.spec),
      spec: fn.spec,
    }))
  }

  function functionsOfOthers(): Listed[] {
    const nodeId = deps.nodeId()
    return (deps.others?.() ?? []).filter((entry) => entry.node_id !== nodeId).map(listedEntry)
  }

  function matching(request: Request, withOthers = true): Listed[] {
    const names = union(request.function_names, request.function_name)
    const ids = union(request.function_ids, request.function_id)
    const digests = new Set(list(request.spec_digests))
    const namespace = text(request.namespace)
    const scope = scopeOf(request.scope)
    const resources = list(request.resources)
    const tags = list(request.tags)
    const capabilities = list(request.capabilities)
    const query = text(request.query).toLowerCase()
    const constraint = text(request.version_constraint) === '' ? null : parseConstraint(text(request.version_constraint))
    const cluster = text(request.cluster_id)
    const node = text(request.node_id)
    const all = withOthers ? [...ownFunctions(), ...functionsOfOthers()] : ownFunctions()
    return all
      .filter(
        (fn) =>
          (cluster === '' || fn.clusterId === cluster) &&
          (node === '' || fn.nodeId === node) &&
          (names.size === 0 || names.has(fn.name)) &&
          (ids.size === 0 || ids.has(fn.functionId)) &&
          (digests.size === 0 || digests.has(fn.specDigest)) &&
          inNamespace(namespace, fn) &&
          (scope === undefined || rank(fn.scope) >= rank(scope)) &&
          resources.every((resource) => fn.resources.includes(resource)) &&
          tags.every((tag) => fn.tags.includes(tag)) &&
          capabilities.every((capability) => capability === 'rpc' || fn.capabilities.includes(capability)) &&
          (constraint === null || satisfies(fn.version, constraint)) &&
          (query === '' || [fn.name, fn.namespace, fn.summaryText, fn.functionId].some((field) => field.toLowerCase().includes(query))),
      )
      .sort(
        (a, b) =>
          compareCodePoints(a.name, b.name) ||
          compareCodePoints(a.functionId, b.functionId) ||
          compareVersions(a.version, b.version) ||
          compareCodePoints(a.clusterId, b.clusterId) ||
          compareCodePoints(a.nodeId, b.nodeId),
      )
  }

  function item(fn: Listed, withSpec: boolean): Record<string, unknown> {
    return {
      identity: fn.identity,
      ...(fn.namespace === '' ? {} : { namespace: fn.namespace }),
      node_id: fn.nodeId,
      cluster_id: fn.clusterId,
      resources: fn.resources,
      tags: fn.tags,
      scope: fn.scope,
      summary: fn.summary,
      ...(withSpec && fn.spec !== undefined ? { spec: fn.spec } : {}),
      spec_digest: fn.specDigest,
    }
  }

  return {
    list(request: Request) {
      const { page, token } = paged(matching(request), request)
      return { generated_at: deps.now(), items: page.map((fn) => item(fn, false)), ...token }
    },

    describe(request: Request) {
      const mode = text(request.mode) || 'auto'
      if (!['auto', 'local', 'node', 'catalog', 'scatter'].includes(mode)) throw new QueryError(`Unsupported rpc_describe mode: ${mode}`)
      const { page, token } = paged(matching(request, mode !== 'local'), request)
      const withSpec = text(request.detail_level).toLowerCase() !== 'summary'
      return { generated_at: deps.now(), items: page.map((fn) => item(fn, withSpec)), errors: [], ...token }
    },

    report(request: Request) {
      const functions = matching({ namespace: request.namespace, scope: request.scope })
      return {
        generated_at: deps.now(),
        total_functions: functions.length,
        namespace_counts: counts(functions.map((fn) => fn.namespace)),
        cluster_counts: counts(functions.map((fn) => fn.clusterId)),
        tag_counts: counts(functions.flatMap((fn) => fn.tags)),
      }
    },
  }
}

/** What a node tells of its functions is a summary; the rest follows from it where it can. */
function listedEntry(entry: FunctionEntry): Listed {
  const { identity, rpc_spec: spec, rpc_summary: summary } = entry
  const told = summary === undefined ? {} : (JSON.parse(summary.text) as Summary)
  return {
    name: identity.name,
    functionId: identity.function_id,
    version: parseVersion(identity.version),
    namespace: typeof told.namespace === 'string' ? told.namespace : identity.name.slice(0, Math.max(0, identity.name.lastIndexOf('.'))),
    nodeId: entry.node_id,
    clusterId: entry.cluster_id,
    resources: entry.resources,
    tags: entry.tags,
    scope: entry.scope,
    capabilities: [],
    summaryText: typeof told.summary === 'string' ? told.summary : '',
    specDigest: entry.spec_digest ?? '',
    identity,
    summary: summary ?? null,
    spec,
  }
}

const SCOPES = ['local', 'zone', 'region', 'global']

function rank(scope: string): number {
  return SCOPES.indexOf(scope)
}

/** @throws QueryError for an unknown scope; undefined for none */
function scopeOf(value: unknown): string | undefined {
  const scope = text(value).trim().toLowerCase()
  if (scope === '') return undefined
  const known = scope === 'cluster' ? 'zone' : scope
  if (!SCOPES.includes(known)) throw new QueryError(`Unsupported discovery scope: ${scope}`)
  return known
}

function inNamespace(filter: string, fn: Pick<Listed, 'namespace' | 'name'>): boolean {
  if (filter === '') return true
  return [fn.namespace, fn.name].some((name) => name === filter || name.startsWith(`${filter}.`))
}

function text(value: unknown): string {
  return value === undefined || value === null ? '' : String(value)
}

/** A scalar stands for a list of one. */
function list(value: unknown): string[] {
  if (value === undefined || value === null || value === '') return []
  return (Array.isArray(value) ? value : [value]).map(String)
}

function union(many: unknown, one: unknown): Set<string> {
  return new Set([...list(many), ...list(one)])
}

function paged<T>(items: readonly T[], request: Request): { page: readonly T[]; token: { next_page_token?: string } } {
  const match = /^(\d+):(-?\d+)$/.exec(text(request.page_token))
  const offset = match === null ? 0 : Number(match[1])
  const asked = request.limit ?? (match === null ? PAGE_LIMIT_DEFAULT : Number(match[2]))
  const wanted = Math.trunc(Number(asked))
  if (Number.isNaN(wanted)) throw new QueryError(`limit must be a number, got ${JSON.stringify(asked)}`)
  const limit = Math.min(PAGE_LIMIT_MAX, Math.max(1, wanted))
  const end = offset + limit
  return { page: items.slice(offset, end), token: end < items.length ? { next_page_token: `${end}:${limit}` } : {} }
}

function counts(keys: readonly string[]): Record<string, unknown>[] {
  const byKey = new Map<string, number>()
  for (const key of keys) byKey.set(key, (byKey.get(key) ?? 0) + 1)
  return [...byKey].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).map(([key, count]) => (key === '' ? { count } : { key, count }))
}
