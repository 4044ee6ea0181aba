/** Functions every node registers by itself. Their function id equals their name: other nodes drop them otherwise. */
import type { Command } from '../discovery/index.ts'
import type { PeerViews } from '../fabric/index.ts'
import type { BuiltinName, Call, FunctionOptions } from '../rpc/index.ts'
import { encodeJson, RawJson } from '../wire/index.ts'

export interface Builtin {
  readonly name: BuiltinName
  readonly run: (...args: never[]) => unknown
  readonly options: FunctionOptions
}

/** Query functions take one optional object; keyword arguments override its fields. */
const QUERY: FunctionOptions = {
  params: { request: { type: 'dict | None', default: null, doc: 'fields of the query' }, fields: { kind: 'var_keyword' } },
  returns: 'dict',
}

type Fields = Readonly<Record<string, unknown>>

/** A function that is asked with {@link QUERY}. */
export function queryBuiltin(name: BuiltinName, summary: string, run: Command, returns = 'dict'): Builtin {
  return {
    name,
    run: (call: Call, request: Fields | null, fields: Fields) => run({ ...request, ...fields }, call.caller, call),
    options: { ...QUERY, withCall: true, returns, doc: { summary } },
  }
}

/** @param views of the other nodes; they are there once the node has started */
export function builtins(views: () => PeerViews): Builtin[] {
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
    {
      name: 'cluster_map',
      run: () => views().clusterMap(),
      options: { params: {}, returns: 'dict', doc: { summary: 'All nodes of the cluster, this one included.' } },
    },
  ]
}
