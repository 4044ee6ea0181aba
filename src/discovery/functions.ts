/**
 * Functions as listings show them: one item for each version on each node. `rpc_list` and `rpc_report` are answered here, `rpc_describe`
 * in describe.ts.
 *
 * Empty fields (null, `''`) are left out unless a field is always written; readers default what is missing.
 */
import { type Clock, compareVersions, parseConstraint, parseVersion, satisfies, type Version } from '../base/index.ts'
import { type RegisteredFunction, type Registry, type RpcSpec, summaryOf } from '../rpc/index.ts'
import {
  compareCodePoints,
  type FunctionEntry,
  float,
  type NodeEntry,
  namespaceMatches,
  pageOf,
  type QueryFields,
  queryList,
  queryText,
} from '../wire/index.ts'
import type { CatalogSource } from './catalog-source.ts'
import { denialOf, namesOfFunction, toldOf } from './entry-names.ts'
import { keepInOrder } from './kept-order.ts'
import type { NamespacePolicy } from './policy.ts'
import { areaOf, type Command, functionAsked, hasAll, isInArea, openQuestion, type QuestionDeps, reaches } from './question.ts'
import type { Viewer } from './viewer.ts'

/** A function of this node or another. */
export interface ListedFunction {
  readonly identity: RpcSpec['identity']
  readonly version: Version
  readonly namespace: string
  readonly node_id: string
  readonly cluster_id: string
  readonly resources: readonly string[]
  readonly tags: readonly string[]
  readonly scope: string
  readonly capabilities: readonly string[]
  /** One line for people. */
  readonly doc: string
  readonly specDigest: string
  /** Undefined when its node does not tell. */
  readonly summary: unknown
  readonly spec: unknown
}

export interface FunctionsDeps extends QuestionDeps {
  readonly clock: Pick<Clock, 'wall'>
  readonly registry: Pick<Registry, 'list'>
  readonly source: CatalogSource
  readonly policy: NamespacePolicy
  /** This node, as it announces itself. */
  ownNode(): NodeEntry
}

export interface Functions {
  readonly list: Command
  readonly report: Command
  /** What a request asks for and the viewer may see, in order. @param whose `own`: of this node only */
  matching(request: QueryFields, viewer: Viewer, whose: 'all' | 'own'): readonly ListedFunction[]
}

export function createFunctions(deps: FunctionsDeps): Functions {
  const { clock, policy, registry, source } = deps
  /** Registered functions never change; neither do entries. */
  const ownListed = new WeakMap<RegisteredFunction, ListedFunction>()
  const otherListed = new WeakMap<FunctionEntry, ListedFunction>()
  const ownInOrder = keepInOrder(compareListed)
  const allInOrder = keepInOrder(compareListed)

  function ownFunctions(): ListedFunction[] {
    const place = { node_id: deps.nodeId(), cluster_id: deps.clusterId }
    return registry.list().map((fn) => remembered(ownListed, fn, () => ({ ...place, ...registeredFunction(fn) })))
  }

  function allFunctions(): ListedFunction[] {
    const entries = source.list('functions')
    const others = source.includesSelf ? entries.filter(({ node_id }) => node_id !== deps.nodeId()) : entries
    return [
      ...(source.includesSelf ? ownFunctions() : []),
      ...others.map((entry) => remembered(otherListed, entry, () => announcedFunction(entry))),
    ]
  }

  /** What a function and its node can do, together: some tell it of the one, some of the other. */
  function capabilitiesOf(fn: ListedFunction): readonly string[] {
    const node = fn.node_id === deps.nodeId() ? deps.ownNode() : source.node(fn.node_id)
    return [...fn.capabilities, ...(node?.capabilities ?? [])]
  }

  function matching(request: QueryFields, viewer: Viewer, whose: 'all' | 'own'): readonly ListedFunction[] {
    const area = areaOf(request)
    const namespace = queryText(request.namespace)
    const names = union(request.function_names, request.function_name)
    const ids = union(request.function_ids, request.function_id)
    const digests = new Set(queryList(request.spec_digests))
    const resources = queryList(request.resources)
    const tags = queryList(request.tags)
    const capabilities = queryList(request.capabilities)
    const words = queryText(request.query).toLowerCase()
    const constraint = queryText(request.version_constraint) === '' ? undefined : parseConstraint(queryText(request.version_constraint))
    return (whose === 'own' ? ownInOrder(ownFunctions()) : allInOrder(allFunctions())).filter(
      (fn) =>
        isInArea(area, fn, deps) &&
        reaches(fn.scope, area) &&
        (names.size === 0 || names.has(fn.identity.name)) &&
        (ids.size === 0 || ids.has(fn.identity.function_id)) &&
        (digests.size === 0 || digests.has(fn.specDigest)) &&
        (namespace === '' || namespaceMatches(namespace, fn.namespace)) &&
        hasAll(resources, fn.resources) &&
        hasAll(tags, fn.tags) &&
        (capabilities.length === 0 || hasAll(capabilities, capabilitiesOf(fn))) &&
        (constraint === undefined || satisfies(fn.version, constraint)) &&
        (words === '' || isMentioned(words, fn)) &&
        denialOf(policy, namesOfFunction(fn.identity.name, fn.namespace), (name) => policy.viewer(name, viewer)) === undefined,
    )
  }

  return {
    matching,

    list(request, caller) {
      const { isOpen, viewer } = openQuestion(
        deps,
        { command: 'rpc_list', budget: 'catalog_query', name: functionAsked(request) },
        request,
        caller,
      )
      const page = pageOf(isOpen ? matching(request, viewer, 'all') : [], request)
      return {
        generated_at: float(clock.wall()),
        items: page.items.map((fn) => itemOf(fn, false)),
        ...(page.nextPageToken !== undefined && { next_page_token: page.nextPageToken }),
      }
    },

    report(request, caller) {
      const { isOpen, viewer } = openQuestion(deps, { command: 'rpc_report', budget: 'catalog_query' }, request, caller)
      const found = isOpen ? matching({ namespace: request.namespace, scope: request.scope }, viewer, 'all') : []
      return {
        generated_at: float(clock.wall()),
        total_functions: found.length,
        namespace_counts: counts(found.map((fn) => fn.namespace)),
        cluster_counts: counts(found.map((fn) => fn.cluster_id)),
        tag_counts: counts(found.flatMap((fn) => fn.tags)),
      }
    },
  }
}

function remembered<K extends object>(known: WeakMap<K, ListedFunction>, key: K, list: () => ListedFunction): ListedFunction {
  let listed = known.get(key)
  if (listed === undefined) {
    listed = list()
    known.set(key, listed)
  }
  return listed
}

function registeredFunction(fn: RegisteredFunction): Omit<ListedFunction, 'node_id' | 'cluster_id'> {
  return {
    identity: fn.spec.identity,
    version: fn.version,
    namespace: fn.namespace,
    resources: [...fn.resources].sort(),
    tags: fn.tags,
    scope: fn.scope,
    capabilities: fn.spec.capabilities,
    doc: fn.spec.doc.summary,
    specDigest: fn.spec.spec_digest,
    summary: summaryOf(fn.spec),
    spec: fn.spec,
  }
}

/** What a node tells of its functions is a summary; the rest follows from it where it can. */
function announcedFunction(entry: FunctionEntry): ListedFunction {
  const { cluster_id, identity, node_id, resources, rpc_spec, rpc_summary, scope, spec_digest = '', tags } = entry
  const { capabilities, namespace, summary } = toldOf(entry)
  const version = parseVersion(identity.version)
  const place = { node_id, cluster_id, resources, tags, scope }
  return {
    identity,
    version,
    namespace,
    ...place,
    capabilities,
    doc: summary,
    specDigest: spec_digest,
    summary: rpc_summary,
    spec: rpc_spec,
  }
}

/** An item of a listing. @param spec undefined: not known */
export function itemOf(fn: ListedFunction, withSpec: boolean, spec: unknown = fn.spec): Record<string, unknown> {
  return {
    identity: fn.identity,
    ...(fn.namespace !== '' && { namespace: fn.namespace }),
    node_id: fn.node_id,
    cluster_id: fn.cluster_id,
    resources: fn.resources,
    tags: fn.tags,
    scope: fn.scope,
    ...(fn.summary !== undefined && { summary: fn.summary }),
    ...(withSpec && spec !== undefined && { spec }),
    ...(fn.specDigest !== '' && { spec_digest: fn.specDigest }),
  }
}

function compareListed(a: ListedFunction, b: ListedFunction): number {
  return (
    compareCodePoints(a.identity.name, b.identity.name) ||
    compareCodePoints(a.identity.function_id, b.identity.function_id) ||
    compareVersions(a.version, b.version) ||
    compareCodePoints(a.cluster_id, b.cluster_id) ||
    compareCodePoints(a.node_id, b.node_id)
  )
}

function isMentioned(words: string, { doc, identity, namespace }: ListedFunction): boolean {
  return [identity.name, namespace, doc, identity.function_id].some((field) => field.toLowerCase().includes(words))
}

function union(many: unknown, one: unknown): ReadonlySet<string> {
  return new Set([...queryList(many), ...queryList(one)])
}

/** Most frequent first. */
function counts(keys: readonly string[]): Record<string, unknown>[] {
  const byKey = new Map<string, number>()
  for (const key of keys) byKey.set(key, (byKey.get(key) ?? 0) + 1)
  return [...byKey]
    .sort(([a, x], [b, y]) => y - x || compareCodePoints(a, b))
    .map(([key, count]) => (key === '' ? { count } : { key, count }))
}
