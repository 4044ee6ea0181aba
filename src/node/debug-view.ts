/** A node as a simulation compares it with others. */
import { type AnyEntry, keyText } from '../fabric/index.ts'
import type { Executor, Registry } from '../rpc/index.ts'
import type { Fabric } from './fabric.ts'

/** A node's view of the fabric, as little as invariants need. */
export interface DebugView {
  readonly node_id: string
  /** Node ids `list_peers` shows, in order. */
  readonly peers: readonly string[]
  /** Live catalog entries by owner: their keys, in order. */
  readonly catalog: ReadonlyMap<string, readonly string[]>
  /** Own functions as `name@version`, built-in ones included. */
  readonly functions: readonly string[]
  readonly requests_in_flight: number
}

export interface DebugViewDeps {
  readonly nodeId: string
  readonly fabric: Fabric
  readonly registry: Registry
  readonly executor: Executor
}

/** @param isWanted of whose entries the catalog tells; default: everybody's */
export function debugView({ nodeId, fabric, registry, executor }: DebugViewDeps, isWanted?: (nodeId: string) => boolean): DebugView {
  const { catalog, peers } = fabric
  const owners = new Map<string, string[]>()
  catalog.each((listed) => {
    const { node_id: owner } = listed.entry
    let keys = owners.get(owner)
    if (keys === undefined) {
      keys = []
      owners.set(owner, keys)
    }
    keys.push(viewKey(listed))
  }, isWanted)
  for (const keys of owners.values()) keys.sort()
  return {
    node_id: nodeId,
    peers: peers.views.listedIds(),
    catalog: owners,
    functions: registry.list().map((fn) => `${fn.name}@${fn.versionText}`),
    requests_in_flight: executor.snapshot().requests_in_flight,
  }
}

function viewKey({ entry, kind }: AnyEntry): string {
  if (kind === 'functions') return `functions ${entry.identity.name}@${entry.identity.version}`
  if (kind === 'topics') return `topics ${entry.subscription_id} ${entry.patterns.join(' ')}`
  return keyText(kind, entry)
}
