/** Under which names entries are asked for, and by which the policy governs them. */
import type { CatalogEntry, CatalogKind } from '../fabric/index.ts'
import {
  DISCOVERY_PREFIX,
  type FunctionEntry,
  namespaceOf,
  type QueueEntry,
  type Scope,
  type ServiceEntry,
  type TopicEntry,
} from '../wire/index.ts'
import type { Decision, NamespacePolicy } from './policy.ts'
import type { Viewer } from './viewer.ts'

/** What the summary of a function says of it. */
export interface ToldOfFunction {
  readonly namespace: string
  readonly summary: string
  /** As far as its node tells: few summaries name them. */
  readonly capabilities: readonly string[]
}

/** Entries stay the same objects from one query to the next: their summaries are read once. */
const told = new WeakMap<FunctionEntry, ToldOfFunction>()

/** A summary names the namespace; without one it is the name up to its last dot. */
export function toldOf(entry: FunctionEntry): ToldOfFunction {
  const known = told.get(entry)
  if (known !== undefined) return known
  const { identity, rpc_summary } = entry
  const { capabilities, namespace, summary } = (rpc_summary?.parse() ?? {}) as Readonly<Record<string, unknown>>
  const read = {
    namespace: typeof namespace === 'string' ? namespace : namespaceOf(identity.name),
    summary: typeof summary === 'string' ? summary : '',
    capabilities: Array.isArray(capabilities) ? capabilities.map(String) : [],
  }
  told.set(entry, read)
  return read
}

/** A pattern up to its first wildcard, without the dot before it. */
export function literalPrefix(pattern: string): string {
  const wildcard = pattern.search(/[*#]/)
  const literal = wildcard < 0 ? pattern : pattern.slice(0, wildcard)
  return literal.endsWith('.') ? literal.slice(0, -1) : literal
}

/** Discovery's own topics are open to all: what travels there is filtered itself. */
function isOpenTopic(pattern: string): boolean {
  return pattern.startsWith(DISCOVERY_PREFIX)
}

/** Names a function goes by. All of them must be allowed: a name in the open is no way into a namespace that is not. */
export function namesOfFunction(name: string, namespace: string): readonly string[] {
  return namespace === '' || name.startsWith(`${namespace}.`) ? [name] : [name, namespace]
}

/** Names an entry goes by, of which all must be allowed. */
export function governedNames(kind: CatalogKind, entry: CatalogEntry): readonly string[] {
  switch (kind) {
    case 'functions':
      return namesOfFunction((entry as FunctionEntry).identity.name, toldOf(entry as FunctionEntry).namespace)
    case 'queues':
      return [(entry as QueueEntry).queue_name]
    case 'services':
      return [(entry as ServiceEntry).namespace]
    case 'topics':
      return (entry as TopicEntry).patterns.filter((pattern) => !isOpenTopic(pattern)).map(literalPrefix)
    default:
      return []
  }
}

/** The denial of one of the names; undefined when all are allowed. */
export function denialOf(
  policy: NamespacePolicy,
  names: readonly string[],
  decide: (name: string) => Decision,
): (Decision & { readonly namespace: string }) | undefined {
  if (!policy.enabled) return undefined
  for (const namespace of names) {
    const decision = decide(namespace)
    if (!decision.allowed) return { ...decision, namespace }
  }
  return undefined
}

/** Why an entry may not come in from the cluster that announces it; undefined when it may. */
export function sourceDenial(policy: NamespacePolicy, kind: CatalogKind, entry: CatalogEntry): ReturnType<typeof denialOf> {
  return policy.enabled ? denialOf(policy, governedNames(kind, entry), (name) => policy.source(name, entry.cluster_id)) : undefined
}

/** Why somebody may not see a function; undefined when it may. */
export function viewerDenial(policy: NamespacePolicy, entry: FunctionEntry, viewer: Viewer): ReturnType<typeof denialOf> {
  return denialOf(policy, governedNames('functions', entry), (name) => policy.viewer(name, viewer))
}

/** Why summaries of a function may not leave its cluster for a scope; undefined when they may. @param now Unix seconds */
export function exportDenial(
  policy: NamespacePolicy,
  entry: FunctionEntry,
  { clusterId, now, scope }: { readonly clusterId: string; readonly scope: Scope | null; readonly now: number },
): ReturnType<typeof denialOf> {
  return denialOf(policy, governedNames('functions', entry), (name) => policy.summaryExport(name, clusterId, scope, now))
}
