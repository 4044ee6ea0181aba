/** What tests of this room have in common: a node `ws://self:1` of cluster `moss`, with a catalog that is a plain list. */
import { createVirtualEnv, type VirtualEnv } from '../base/index.ts'
import type { CatalogKind, EntryOfKind, MappedNode } from '../fabric/index.ts'
import { type Call, type Caller, createRegistry, describeFunction, type FunctionOptions } from '../rpc/index.ts'
import { type AccessAuditEntry, catalogRecords, encodeJson, type NamespaceRule, namespaceRule, RawJson } from '../wire/index.ts'
import { type AccessOptions, createAccess } from './access.ts'
import type { CatalogSource } from './catalog-source.ts'
import { createNamespacePolicy, type PolicySettings } from './policy.ts'
import type { Command } from './question.ts'
import { createViewers, type TenantOptions } from './viewer.ts'

export const SELF = 'ws://self:1'
const OTHER = 'ws://n1:1'
const NOW = 1_700_000_000

export function rule(namespace: string, more: Partial<NamespaceRule> = {}): NamespaceRule {
  return namespaceRule.read({ namespace, ...more }, { text: '', now: 0, dropped: [] }, 0)
}

/** An entry of `ws://n1:1` in cluster `moss`, unless it says otherwise. */
export function entry<K extends CatalogKind>(kind: K, members: object): EntryOfKind[K] {
  const owner = { node_id: OTHER, cluster_id: 'moss', advertised_at: NOW, ttl_seconds: 120 }
  const text = encodeJson({ ...owner, ...members })
  return catalogRecords[kind].read(JSON.parse(text), { text, now: NOW, dropped: [] }, 0) as EntryOfKind[K]
}

export function functionEntry(name: string, members: object = {}): EntryOfKind['functions'] {
  return entry('functions', { identity: { name, function_id: name, version: '1.0.0' }, ...members })
}

export const nobody: Caller = {
  connectionId: 'c1',
  remote: 'test',
  viewerCluster: 'moss',
  viewerTenant: null,
  credential: null,
  isAdmin: false,
}

interface WorldInit {
  readonly policy?: Partial<PolicySettings>
  readonly access?: Partial<AccessOptions>
  readonly tenants?: Partial<TenantOptions>
  readonly entries?: { readonly [K in CatalogKind]?: readonly EntryOfKind[K][] }
}

export function world(init: WorldInit = {}) {
  const env: VirtualEnv = createVirtualEnv({ seed: 1, startWall: NOW })
  const { clock } = env
  const denied: AccessAuditEntry[] = []
  const policy = createNamespacePolicy({ enabled: true, defaultAllow: true, rules: [], ...init.policy })
  const viewers = createViewers(
    {
      enabled: false,
      allowRequestOverride: true,
      defaultId: null,
      header: null,
      credentials: [],
      adminToken: null,
      ...init.tenants,
    },
    (a, b) => a === b,
  )
  const access = createAccess(
    { clock, policy, onDenied: (audited) => denied.push(audited) },
    { callsMax: 0, windowSeconds: 60, keysMax: 10, auditEntriesMax: 10, adminRequired: false, ...init.access },
  )
  const source: CatalogSource = {
    includesSelf: true,
    list: (kind) => (init.entries?.[kind] ?? []) as never,
    node: (id) => init.entries?.nodes?.find(({ node_id }) => node_id === id),
    announced: (listed) => listed,
  }
  const registry = createRegistry({ nodeId: () => SELF, clusterId: 'moss', log: env.log, similar: () => [], whyAbsent: () => undefined })
  const deps = {
    clock,
    clusterId: 'moss',
    nodeId: () => SELF,
    policy,
    viewers,
    access,
    source,
    registry,
    ownNode: () => entry('nodes', { node_id: SELF, capabilities: ['rpc'], resources: ['cpu'] }),
    recall: <T>(_kind: string, _key: string, compute: () => readonly T[]) => ({ items: compute(), generatedAt: clock.wall() }),
    mapped: (node: EntryOfKind['nodes']) => ({ ...node, advertised_urls: [], load: null }) as unknown as MappedNode,
  }
  return {
    ...deps,
    env,
    denied,
    register(name: string, options: FunctionOptions = {}) {
      registry.add(
        describeFunction(
          name,
          () => null,
          options,
          () => `digest of ${name}`,
        ),
      )
    },
  }
}

interface Answer {
  readonly [member: string]: unknown
  readonly items: readonly { readonly [member: string]: unknown }[]
  readonly nodes: readonly { readonly node_id: string }[]
  readonly next_page_token?: string
}

/** The answer to a command, as it prints. */
export async function ask(command: Command, request: object = {}, caller: Partial<Caller> = {}): Promise<Answer> {
  const asking = { ...nobody, ...caller }
  const answer = await command(request as Record<string, unknown>, asking, { caller: asking, requestId: 'r', command: 'c' } as Call)
  return JSON.parse(answer instanceof RawJson ? answer.text : encodeJson(answer)) as Answer
}
