/**
 * Discovery in the node: policy, access gate and viewers made from the settings, and the functions every node answers discovery with.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Env } from '../base/index.ts'
import {
  type Access,
  type CatalogSource,
  type Command,
  createAccess,
  createCatalogQuery,
  createClusterMapQuery,
  createDescribe,
  createFunctions,
  createNamespacePolicy,
  createNamespaces,
  createViewers,
  type ExportedSummaries,
  exportDenial,
  type NamespacePolicy,
  type Namespaces,
  PolicyRulesError,
  type Recall,
  type Resolver,
  readRules,
  sourceDenial,
  type Viewer,
  type Viewers,
  viewerDenial,
} from '../discovery/index.ts'
import type { CatalogEntry, CatalogKind } from '../fabric/index.ts'
import { type CallNode, isBuiltin, type Registry } from '../rpc/index.ts'
import type { ExplainedReason, RefusalLedger } from '../telemetry/index.ts'
import type { FunctionEntry, NodeEntry } from '../wire/index.ts'
import { type Builtin, queryBuiltin } from './builtins.ts'
import type { Fabric } from './fabric.ts'
import type { Settings } from './settings/index.ts'

/** Answers to longer questions are not kept: what is asked stands in memory beside the answer. */
const KEPT_QUESTION_CHARACTERS_MAX = 4_096

export interface DiscoveryDeps {
  readonly env: Env
  readonly settings: Settings
  readonly refusals: RefusalLedger
  readonly registry: Registry
  readonly callNode: CallNode
  nodeId(): string
  /** @throws Error before the node has one */
  fabric(): Fabric
  /** What has left the cluster about a namespace and those below it; undefined: nothing. */
  exported(namespace: string): ExportedSummaries | undefined
  /** Undefined unless this node runs as one. */
  resolver(): Resolver | undefined
}

export interface Discovery {
  readonly policy: NamespacePolicy
  readonly access: Access
  readonly viewers: Viewers
  readonly namespaces: Namespaces
  /** On whose behalf somebody gets messages. @param bound undefined: a queue, which anybody of this cluster may read */
  viewerOf(bound: Parameters<Viewers['of']>[0] | undefined): Viewer
  /** Unix seconds of the last change of the rules; undefined: they are those of the settings. */
  appliedAt(): number | undefined
  /** What queries read. */
  readonly source: CatalogSource
  readonly builtins: readonly Builtin[]
  /** Why an entry of another cluster is not let into the catalog, in words; undefined when it is. */
  namespaceDenial(kind: CatalogKind, entry: CatalogEntry): string | undefined
  /** Why clients of this cluster that show no tenant are not told of a function; undefined when they are. */
  whyHidden(entry: FunctionEntry): ExplainedReason | undefined
  /** Why this node, which exports summaries, exports none of a function; undefined when it does. */
  whyNotExported(entry: FunctionEntry): ExplainedReason | undefined
  snapshot(): DiscoverySnapshot
}

export interface DiscoverySnapshot {
  readonly policy_rules: number
  /** By reason. */
  readonly denials: Readonly<Record<string, number>>
  /** Counters of viewers forgotten while they still counted. */
  readonly rate_limit_keys_evicted: number
}

/** @throws PolicyRulesError for rules that can not be used */
export function createDiscovery(deps: DiscoveryDeps): Discovery {
  const { callNode, env, exported, fabric, nodeId, refusals, registry, resolver, settings } = deps
  const { clock } = env
  const { clusterId } = settings
  const policy = createNamespacePolicy({
    enabled: settings.discoveryPolicyEnabled,
    defaultAllow: settings.discoveryPolicyDefaultAllow,
    rules: rulesOf(settings),
  })
  const viewers = createViewers(
    {
      enabled: settings.discoveryTenantMode,
      allowRequestOverride: settings.discoveryTenantAllowRequestOverride,
      defaultId: settings.discoveryTenantDefaultId,
      header: settings.discoveryTenantHeader,
      credentials: settings.discoveryTenantCredentials,
      adminToken: settings.discoveryAdminToken,
    },
    sameSecret,
  )
  const access = createAccess(
    {
      clock,
      policy,
      onDenied: ({ event, namespace = '', reason, viewer_cluster_id, viewer_credential: credential, viewer_tenant_id }, remote) =>
        refusals.record(
          'discovery',
          namespace === '' ? event : namespace,
          reason,
          `${event} by ${viewer_tenant_id === undefined ? `cluster ${viewer_cluster_id}` : `tenant ${viewer_tenant_id}`}` +
            `${credential === undefined ? '' : ` with credential ${credential}`}, from ${remote}`,
        ),
    },
    {
      callsMax: settings.discoveryRateLimitRequestsPerMinute,
      windowSeconds: settings.discoveryRateLimitWindowSeconds,
      keysMax: settings.discoveryRateLimitMaxKeys,
      auditEntriesMax: settings.discoveryAccessAuditMaxEntries,
      adminRequired: settings.discoveryAdminToken !== null,
    },
  )
  const namespaces = createNamespaces({ clock, policy, access, viewers, exported, onApplied })

  /** Peers are shown to all; what they offer is shown like everything else. */
  const listPeers: Command = (request, caller) => {
    const { views } = fabric().peers
    if (!policy.enabled) return views.listPeers(request)
    const viewer = viewers.of(caller, request)
    return views.listPeers(request, (entry) => viewerDenial(policy, entry, viewer) === undefined)
  }

  let appliedAt: number | undefined
  /** What is here already is judged anew. */
  function onApplied(): void {
    appliedAt = clock.wall()
    // A kept answer would show what is hidden now.
    resolver()?.queryCache?.clear()
    const counts = fabric().catalog.reviewPolicy()
    const changed = Object.entries(counts).filter(([, count]) => count > 0)
    const effect = changed.map(([what, count]) => `${what}=${count}`).join(' ') || 'catalog unchanged'
    env.log.scope('server').info(`namespace policy applied enabled=${policy.enabled} rules=${policy.rules.length} ${effect}`)
  }

  function ruleText(namespace: string): string {
    const { namespace: name = '', owners = [], visibility = [], visibility_tenants: tenants = [] } = policy.ruleFor(namespace) ?? {}
    if (name === '') return `no rule covers '${namespace}', and the default is to deny`
    const lists = { owners, 'visible to clusters': visibility, 'visible to tenants': tenants }
    const told = Object.entries(lists).flatMap(([what, names]) => (names.length > 0 ? [`${what} ${names.join(', ')}`] : []))
    return `the rule for '${name}' (${told.join('; ')})`
  }

  /** Clients of this cluster that show no tenant. */
  const anyClient = { viewerCluster: clusterId, viewerTenant: null }
  const viewerOf: Discovery['viewerOf'] = (bound = anyClient) => viewers.of(bound, {})

  const read = (): CatalogSource | Fabric['catalog'] => resolver()?.source ?? fabric().catalog
  const source: CatalogSource = {
    get includesSelf() {
      return resolver() === undefined
    },
    list: (kind) => read().list(kind),
    node: (id) => read().node(id),
    announced: (entry) => read().announced(entry),
  }
  const recall: Recall = (kind, key, compute) => {
    const kept = key.length > KEPT_QUESTION_CHARACTERS_MAX ? undefined : resolver()?.queryCache
    return kept?.recall(kind, key, compute) ?? { items: compute(), generatedAt: clock.wall() }
  }
  const ownNode = (): NodeEntry => fabric().peers.views.ownNode()
  const query = { clock, clusterId, nodeId, access, viewers, policy, source, recall, ownNode }
  const functions = createFunctions({ ...query, registry })
  const { describe, describeLocal } = createDescribe({ ...query, functions, callNode })
  return {
    policy,
    access,
    viewers,
    namespaces,
    viewerOf,
    appliedAt: () => appliedAt,
    source,

    snapshot: () => ({ policy_rules: policy.rules.length, ...access.snapshot() }),

    namespaceDenial(kind, entry) {
      const denied = sourceDenial(policy, kind, entry)
      return denied && `${denied.reason}: ${ruleText(denied.namespace)}`
    },

    whyHidden(entry) {
      const denied = viewerDenial(policy, entry, viewerOf(undefined))
      if (denied === undefined) return undefined
      const text = `discovery does not show it to clients of cluster '${clusterId}', by ${ruleText(denied.namespace)}; calls by name find it all the same`
      return { code: denied.reason, text }
    },

    whyNotExported(entry) {
      const { discoverySummaryExportEnabled, discoverySummaryExportScope: scope } = settings
      if (!discoverySummaryExportEnabled || isBuiltin(entry.identity.name)) return undefined
      const denied = exportDenial(policy, entry, { clusterId, scope, now: clock.wall() })
      if (denied === undefined) return undefined
      const name = policy.ruleFor(denied.namespace)?.namespace
      const by = name === undefined ? 'no rule covers it, and the default is to deny' : `by the rule for '${name}'`
      return { code: denied.reason, text: `no summary of it is exported to scope '${scope ?? 'none'}' now: ${denied.reason}, ${by}` }
    },

    builtins: [
      queryBuiltin('list_peers', 'Other nodes this node knows.', listPeers, 'list[dict]'),
      queryBuiltin('catalog_query', 'What is announced in the fabric, of one kind, page by page.', createCatalogQuery(query)),
      queryBuiltin(
        'cluster_map_v2',
        'Nodes by scope, cluster, capability or resource, page by page.',
        createClusterMapQuery({ ...query, mapped: (entry) => fabric().peers.views.mapped(entry) }),
      ),
      queryBuiltin('rpc_list', 'Functions that can be called, with a summary of each.', functions.list),
      queryBuiltin('rpc_describe', 'Functions with their parameters, types and documentation.', describe),
      queryBuiltin('rpc_describe_local', 'The same for functions of this node only.', describeLocal),
      queryBuiltin('rpc_report', 'How many functions there are, by namespace, cluster and tag.', functions.report),
      queryBuiltin('namespace_status', 'Whether the caller may see a namespace, and which rule says so.', namespaces.status),
      queryBuiltin('namespace_policy_validate', 'Whether namespace rules could be put in force.', namespaces.validate),
      queryBuiltin('namespace_policy_apply', 'Puts namespace rules in force on this node.', namespaces.apply),
      queryBuiltin('namespace_policy_export', 'The namespace rules in force.', namespaces.exportRules),
      queryBuiltin('namespace_policy_audit', 'Who checked or changed the namespace rules.', namespaces.policyAudit),
      queryBuiltin('discovery_access_audit', 'Who was not shown what, and why.', namespaces.accessAudit),
    ],
  }
}

/** @throws PolicyRulesError */
function rulesOf({ discoveryPolicyRules }: Settings): ReturnType<typeof readRules>['rules'] {
  const { problems, rules } = readRules(discoveryPolicyRules)
  if (problems.length > 0) throw new PolicyRulesError(problems)
  return rules
}

/** In a time that depends on neither of them: digests are compared, which are of one length. */
function sameSecret(expected: string, shown: string): boolean {
  return timingSafeEqual(digestOf(expected), digestOf(shown))
}

function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}
