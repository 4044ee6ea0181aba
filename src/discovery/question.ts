/** What all queries have in common: who asks, how far to look, and whether the namespace asked for is open to them. */
import type { Call, Caller } from '../rpc/index.ts'
import { type QueryFields, queryList, queryName, queryScope, queryText, type Scope, scopeRank } from '../wire/index.ts'
import type { Access } from './access.ts'
import type { Viewer, Viewers } from './viewer.ts'

/** A command of discovery: what is asked, by whom, and the call that runs. */
export type Command = (request: QueryFields, caller: Caller, call: Call) => object | Promise<object>

export interface QuestionDeps {
  readonly clusterId: string
  /** Known once the node's port is. */
  nodeId(): string
  readonly access: Access
  readonly viewers: Viewers
}

export interface Question {
  readonly viewer: Viewer
  /** The namespace asked for; empty: all. */
  readonly namespace: string
  /** False: the viewer may not see what it asks for, and gets nothing. */
  readonly isOpen: boolean
}

/**
 * @param command as the audit names it
 * @param budget whose calls it counts among
 * @param name of the one thing asked for, if it is; where that is hidden, the denial is put on record as for a namespace
 * @param namespaceField of the request
 * @throws RpcError 429, QueryError for a namespace, name or tenant that is too long
 */
export function openQuestion(
  { access, viewers }: QuestionDeps,
  {
    budget,
    command,
    name = '',
    namespaceField = 'namespace',
  }: { readonly command: string; readonly budget: string; readonly name?: string; readonly namespaceField?: string },
  request: QueryFields,
  caller: Caller,
): Question {
  const viewer = viewers.of(caller, request)
  const namespace = queryName(request, namespaceField)
  access.admit(budget, viewer, namespace, caller)
  // Blanks around a name are no way around its rule: the topics of a namespace are named without them.
  const judged = [namespace.trim(), queryName({ name }, 'name')].filter((asked) => asked !== '')
  return { viewer, namespace, isOpen: judged.every((asked) => access.decide(command, viewer, asked, caller).allowed) }
}

/** The function a request is about, if it names exactly one. */
export function functionAsked(request: QueryFields): string {
  const names = new Set([...queryList(request.function_names), ...queryList(request.function_name)])
  const [only = ''] = names
  return names.size === 1 ? only : ''
}

/** Where a query looks. */
export interface Area {
  readonly scope: Scope | undefined
  readonly cluster: string
  readonly node: string
}

/** @throws QueryError for an unknown scope */
export function areaOf(request: QueryFields): Area {
  return { scope: queryScope(request.scope), cluster: queryText(request.cluster_id), node: queryText(request.node_id) }
}

/** `local` is this node, `zone` its cluster; wider scopes restrict nothing. */
export function isInArea(
  { cluster, node, scope }: Area,
  entry: { readonly cluster_id: string; readonly node_id: string },
  { clusterId, nodeId }: Pick<QuestionDeps, 'clusterId' | 'nodeId'>,
): boolean {
  if (cluster !== '' && entry.cluster_id !== cluster) return false
  if (node !== '' && entry.node_id !== node) return false
  if (scope === 'local' && entry.node_id !== nodeId()) return false
  return (scope !== 'local' && scope !== 'zone') || entry.cluster_id === clusterId
}

/** Whether an entry reaches as far as is asked. */
export function reaches(entryScope: string, { scope }: Area): boolean {
  return scope === undefined || scopeRank(entryScope) >= scopeRank(scope)
}

export function hasAll(wanted: readonly string[], offered: readonly string[]): boolean {
  return wanted.every((one) => offered.includes(one))
}
