/**
 * What a node says about its functions: `rpc_list`, `rpc_describe`, `rpc_report`.
 *
 * Answers leave out empty fields (null, `''`, `[]`) unless a field is always written; readers default what is missing.
 */
import { parseConstraint, satisfies } from '../base/index.ts'
import type { RegisteredFunction, Registry } from './registry.ts'
import { summaryOf } from './spec.ts'

export interface IntrospectionDeps {
  readonly registry: Registry
  readonly nodeId: () => string
  readonly clusterId: string
  /** Unix seconds. */
  readonly now: () => number
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

  function matching(request: Request): RegisteredFunction[] {
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
    if (text(request.cluster_id) !== '' && text(request.cluster_id) !== clusterId) return []
    if (text(request.node_id) !== '' && text(request.node_id) !== deps.nodeId()) return []
    return registry
      .list()
      .filter(
        (fn) =>
          (names.size === 0 || names.has(fn.name)) &&
          (ids.size === 0 || ids.has(fn.functionId)) &&
          (digests.size === 0 || digests.has(fn.spec.spec_digest)) &&
          inNamespace(namespace, fn) &&
          (scope === undefined || rank(fn.scope) >= rank(scope)) &&
          resources.every((resource) => fn.resources.has(resource)) &&
          tags.every((tag) => fn.tags.includes(tag)) &&
          capabilities.every((capability) => capability === 'rpc' || fn.spec.capabilities.includes(capability)) &&
          (constraint === null || satisfies(fn.version, constraint)) &&
          (query === '' ||
            [fn.name, fn.namespace, fn.spec.doc.summary, fn.functionId].some((field) => field.toLowerCase().includes(query))),
      )
  }

  function item(fn: RegisteredFunction, withSpec: boolean): Record<string, unknown> {
    return {
      identity: fn.spec.identity,
      ...(fn.namespace === '' ? {} : { namespace: fn.namespace }),
      node_id: deps.nodeId(),
      cluster_id: clusterId,
      resources: fn.spec.resources,
      tags: fn.spec.tags,
      scope: fn.scope,
      summary: summaryOf(fn.spec),
      ...(withSpec ? { spec: fn.spec } : {}),
      spec_digest: fn.spec.spec_digest,
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
      const { page, token } = paged(matching(request), request)
      const withSpec = text(request.detail_level).toLowerCase() !== 'summary'
      return { generated_at: deps.now(), items: page.map((fn) => item(fn, withSpec)), errors: [], ...token }
    },

    report(request: Request) {
      const functions = matching({ namespace: request.namespace, scope: request.scope })
      return {
        generated_at: deps.now(),
        total_functions: functions.length,
        namespace_counts: counts(functions.map((fn) => fn.namespace)),
        cluster_counts: counts(functions.map(() => clusterId)),
        tag_counts: counts(functions.flatMap((fn) => fn.tags)),
      }
    },
  }
}

const SCOPES = ['local', 'zone', 'region', 'global']

function rank(scope: string): number {
  return SCOPES.indexOf(scope)
}

/** @throws QueryError for an unknown scope; undefined for none */
export function scopeOf(value: unknown): string | undefined {
  const scope = text(value).trim().toLowerCase()
  if (scope === '') return undefined
  const known = scope === 'cluster' ? 'zone' : scope
  if (!SCOPES.includes(known)) throw new QueryError(`Unsupported discovery scope: ${scope}`)
  return known
}

function inNamespace(filter: string, fn: RegisteredFunction): boolean {
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
