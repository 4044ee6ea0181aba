/** Functions every node registers by itself. Their function id equals their name: other nodes drop them otherwise. */
import type { PeerViews } from '../fabric/index.ts'
import { type Call, type Caller, createIntrospection, type FunctionOptions, type Registry } from '../rpc/index.ts'
import { encodeJson, type FunctionEntry, RawJson } from '../wire/index.ts'

export interface BuiltinDeps {
  readonly registry: Registry
  readonly nodeId: () => string
  readonly clusterId: string
  readonly now: () => number
  readonly views: () => PeerViews
  /** Functions of all nodes. */
  readonly others: () => readonly FunctionEntry[]
}

export interface Builtin {
  readonly name: string
  readonly run: (...args: never[]) => unknown
  readonly options: FunctionOptions
}

/** Query functions take one optional object; keyword arguments override its fields. */
const QUERY: FunctionOptions = {
  params: { request: { type: 'dict | None', default: null, doc: 'fields of the query' }, fields: { kind: 'var_keyword' } },
  returns: 'dict',
}

type Fields = Readonly<Record<string, unknown>>

/** A function that is asked with {@link QUERY}. @param run gets the fields of the query, and who asks */
export function queryBuiltin(name: string, summary: string, run: (request: Fields, caller: Caller) => unknown, returns = 'dict'): Builtin {
  return {
    name,
    run: ({ caller }: Call, request: Fields | null, fields: Fields) => run({ ...request, ...fields }, caller),
    options: { ...QUERY, withCall: true, returns, doc: { summary } },
  }
}

export function builtins(deps: BuiltinDeps): Builtin[] {
  const introspection = createIntrospection(deps)
  const query = queryBuiltin
  return [
    {
      name: 'echo',
      run: (value: unknown) => value,
      options: { raw: true, params: { arg: 'Any' }, returns: 'Any', doc: { summary: 'Returns its argument unchanged.' } },
    },
    {
      name: 'echos',
      run: (...values: unknown[]) => new RawJson(`[${values.map(encodeJson).join(',')}]`),
      options: {
        raw: true,
        params: { args: { kind: 'var_positional' } },
        returns: 'list',
        doc: { summary: 'Returns all its arguments as a list.' },
      },
    },
    query('list_peers', 'Other nodes this node knows.', (request) => deps.views().listPeers(request), 'list[dict]'),
    {
      name: 'cluster_map',
      run: () => deps.views().clusterMap(),
      options: { params: {}, returns: 'dict', doc: { summary: 'All nodes of the cluster, this one included.' } },
    },
    query('cluster_map_v2', 'Nodes by scope, cluster, capability or resource, page by page.', (request) =>
      deps.views().clusterMapV2(request),
    ),
    query('rpc_list', 'Functions that can be called, with a summary of each.', introspection.list),
    query('rpc_describe', 'Functions with their parameters, types and documentation.', introspection.describe),
    query('rpc_describe_local', 'The same for functions of this node only.', (request) =>
      introspection.describe({ ...request, mode: 'local' }),
    ),
    query('rpc_report', 'How many functions there are, by namespace, cluster and tag.', introspection.report),
  ]
}
