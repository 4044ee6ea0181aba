/**
 * `rpc_describe`: functions with their whole specifications. Most nodes tell the fabric a summary only; the rest is asked of them when
 * somebody wants it.
 */
import type { Clock } from '../base/index.ts'
import type { Call, CallNode } from '../rpc/index.ts'
import {
  compareCodePoints,
  describedFunctions,
  errorLine,
  type FunctionEntry,
  float,
  pageOf,
  QueryError,
  type QueryFields,
  queryText,
  RawJson,
  type RecordOf,
  RPC_CODES,
  RpcError,
} from '../wire/index.ts'
import { type Functions, itemOf, type ListedFunction } from './functions.ts'
import { type Command, functionAsked, openQuestion, type QuestionDeps } from './question.ts'
import type { Viewer } from './viewer.ts'

export interface DescribeDeps extends QuestionDeps {
  readonly clock: Pick<Clock, 'wall'>
  readonly functions: Functions
  readonly callNode: CallNode
}

/** `local`: this node's. `catalog`: as far as the catalog tells. `auto`: what it does not tell is asked. `scatter`: all is asked. */
type Mode = 'auto' | 'local' | 'catalog' | 'scatter'

/** Nodes asked at the same time. */
const NODES_AT_ONCE = 16
const TIMEOUT_SECONDS = 5
/** More items than a page has: the answer of a node is one page. */
const ITEMS_MAX = 2000
const DESCRIBE_LOCAL = 'rpc_describe_local'

interface NodeFailure {
  readonly node_id: string
  readonly cluster_id: string
  readonly error: string
}

export function createDescribe(deps: DescribeDeps): { readonly describe: Command; readonly describeLocal: Command } {
  const { clock, functions } = deps
  const asked = (request: QueryFields) => ({ command: 'rpc_describe', name: functionAsked(request) })

  const describeLocal: Command = (request, caller) => {
    const { isOpen, viewer } = openQuestion(deps, { ...asked(request), budget: 'rpc_describe' }, request, caller)
    return answer(isOpen ? functions.matching(request, viewer, 'own') : [], request, () => undefined, [])
  }

  function answer(
    found: readonly ListedFunction[],
    request: QueryFields,
    specOf: (fn: ListedFunction) => unknown,
    errors: readonly NodeFailure[],
  ): object {
    const page = pageOf(found, request)
    return {
      generated_at: float(clock.wall()),
      items: page.items.map((fn) => itemOf(fn, wantsSpec(request), specOf(fn) ?? fn.spec)),
      errors,
      ...(page.nextPageToken !== undefined && { next_page_token: page.nextPageToken }),
    }
  }

  return {
    describeLocal,

    async describe(request, caller, call) {
      const mode = modeOf(request.mode)
      if (mode === 'local') return describeLocal(request, caller, call)
      const { isOpen, viewer } = openQuestion(deps, { ...asked(request), budget: 'catalog_query' }, request, caller)
      const found = isOpen ? functions.matching(request, viewer, 'all') : []
      const isAsked = (fn: ListedFunction): boolean =>
        fn.node_id !== deps.nodeId() && (mode === 'scatter' || (mode === 'auto' && wantsSpec(request) && fn.spec === undefined))
      const { errors, specs } = await askNodes(deps.callNode, pageOf(found, request).items.filter(isAsked), request, viewer, call)
      return answer(found, request, (fn) => specs.get(keyOf(fn)), errors)
    },
  }
}

/** @throws QueryError */
function modeOf(asked: unknown): Mode {
  const word = queryText(asked).trim().toLowerCase() || 'auto'
  if (word === 'node') return 'local'
  if (word === 'auto' || word === 'local' || word === 'catalog' || word === 'scatter') return word
  throw new QueryError(`Unsupported rpc_describe mode: ${queryText(asked)}`)
}

function wantsSpec({ detail_level }: QueryFields): boolean {
  return queryText(detail_level).trim().toLowerCase() !== 'summary'
}

interface Fetched {
  /** By {@link keyOf}. */
  readonly specs: ReadonlyMap<string, unknown>
  /** In the order of cluster and node. */
  readonly errors: readonly NodeFailure[]
}

/** Asks the nodes of some functions for their specifications, a few nodes at a time. A node that fails leaves its functions without. */
async function askNodes(
  callNode: CallNode,
  wanted: readonly ListedFunction[],
  request: QueryFields,
  viewer: Viewer,
  call: Call,
): Promise<Fetched> {
  const specs = new Map<string, unknown>()
  const failures = new Map<string, NodeFailure>()
  const nodes = nodesOf(wanted).slice(0, nodesMax(request))
  const timeoutMs = timeoutOf(request)
  let next = 0

  async function work(): Promise<void> {
    for (let node = nodes[next++]; node !== undefined; node = nodes[next++]) {
      const [first] = node as [ListedFunction]
      try {
        const answered = await callNode(endpoint(first), { args: [questionFor(node, request, viewer)] }, call, timeoutMs)
        for (const [key, spec] of specsIn(answered, node)) specs.set(key, spec)
      } catch (error) {
        failures.set(first.node_id, { node_id: first.node_id, cluster_id: first.cluster_id, error: failureText(error) })
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(NODES_AT_ONCE, nodes.length) }, work))
  return { specs, errors: nodes.map(([fn]) => failures.get(fn?.node_id ?? '')).filter((failure) => failure !== undefined) }
}

/** The functions of each node, nodes in the order of cluster and id. */
function nodesOf(functions: readonly ListedFunction[]): readonly (readonly ListedFunction[])[] {
  const byNode = Map.groupBy(functions, ({ node_id }) => node_id)
  return [...byNode.values()].sort(
    ([a], [b]) => compareCodePoints(a?.cluster_id ?? '', b?.cluster_id ?? '') || compareCodePoints(a?.node_id ?? '', b?.node_id ?? ''),
  )
}

function nodesMax({ max_nodes }: QueryFields): number {
  const asked = queryText(max_nodes) === '' ? Number.POSITIVE_INFINITY : Number(max_nodes)
  if (Number.isNaN(asked)) throw new QueryError(`max_nodes must be a number, not ${queryText(max_nodes)}`)
  return Math.max(0, asked)
}

function timeoutOf({ timeout_seconds }: QueryFields): number {
  const asked = queryText(timeout_seconds) === '' ? TIMEOUT_SECONDS : Number(timeout_seconds)
  if (Number.isNaN(asked)) throw new QueryError(`timeout_seconds must be a number, not ${queryText(timeout_seconds)}`)
  return asked <= 0 ? Number.POSITIVE_INFINITY : asked * 1000
}

/** By digest where all have one; names and ids otherwise. */
function questionFor(node: readonly ListedFunction[], request: QueryFields, { tenantId }: Viewer): object {
  const digests = node.map(({ specDigest }) => specDigest)
  return {
    mode: 'local',
    detail_level: wantsSpec(request) ? 'full' : 'summary',
    limit: ITEMS_MAX,
    ...(tenantId !== null && { viewer_tenant_id: tenantId }),
    ...(digests.includes('')
      ? {
          function_names: unique(node.map(({ identity }) => identity.name)),
          function_ids: unique(node.map(({ identity }) => identity.function_id)),
        }
      : { spec_digests: unique(digests) }),
  }
}

function unique(words: readonly string[]): string[] {
  return [...new Set(words)]
}

/** Every node has it under this name and id, whether or not it is let into the catalog here. */
function endpoint({ cluster_id, node_id }: ListedFunction): FunctionEntry {
  const identity = { name: DESCRIBE_LOCAL, function_id: DESCRIBE_LOCAL, version: '1.0.0' }
  return { identity, node_id, cluster_id, resources: [], scope: 'zone', tags: [], advertised_at: 0, ttl_seconds: 0 }
}

/** What was not asked for is left out. @throws RpcError with what the node says went wrong */
function specsIn(answered: unknown, node: readonly ListedFunction[]): (readonly [string, unknown])[] {
  const [{ cluster_id, node_id }] = node as [ListedFunction]
  const asked = new Set(node.map(keyOf))
  return itemsIn(answered).flatMap(({ identity, spec }) => {
    const key = keyOf({ identity, node_id, cluster_id })
    return spec !== undefined && asked.has(key) ? [[key, spec] as const] : []
  })
}

/** Specifications stay the text they are: their digest is over it. @throws RpcError */
function itemsIn(answered: unknown): RecordOf<typeof describedFunctions>['items'] {
  const text = answered instanceof RawJson ? answered.text : ''
  const value = answered instanceof RawJson ? (answered.parse() as { readonly items?: unknown; readonly error?: unknown } | null) : null
  if (typeof value?.error === 'string') throw new RpcError({ code: RPC_CODES.executionFailed, message: value.error })
  if (!Array.isArray(value?.items)) throw new RpcError({ code: RPC_CODES.executionFailed, message: 'unexpected_response_type' })
  return describedFunctions.read(value, { text, now: 0, dropped: [] }, 0).items
}

function keyOf({ cluster_id, identity, node_id }: Pick<ListedFunction, 'identity' | 'node_id' | 'cluster_id'>): string {
  return JSON.stringify([identity.name, identity.function_id, identity.version, cluster_id, node_id])
}

function failureText(error: unknown): string {
  if (error instanceof RpcError) return error.rpcCode === RPC_CODES.timedOut ? 'timeout' : error.message
  return errorLine(error)
}
