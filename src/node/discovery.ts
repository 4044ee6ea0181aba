/**
 * Discovery in the node: policy, access gate and viewers made from the settings, and the functions every node answers discovery with.
 */
import { timingSafeEqual } from 'node:crypto'
import type { Env } from '../base/index.ts'
import {
  type Access,
  type CatalogSource,
  createAccess,
  createNamespacePolicy,
  createNamespaces,
  createViewers,
  type NamespacePolicy,
  type Namespaces,
  PolicyRulesError,
  readRules,
  type Viewers,
} from '../discovery/index.ts'
import type { RefusalLedger } from '../telemetry/index.ts'
import { type Builtin, queryBuiltin } from './builtins.ts'
import type { Fabric } from './fabric.ts'
import type { Settings } from './settings/index.ts'

export interface DiscoveryDeps {
  readonly env: Env
  readonly settings: Settings
  readonly refusals: RefusalLedger
  /** @throws Error before the node has one */
  fabric(): Fabric
}

export interface Discovery {
  readonly policy: NamespacePolicy
  readonly access: Access
  readonly viewers: Viewers
  readonly namespaces: Namespaces
  /** What queries read. */
  readonly source: CatalogSource
  readonly builtins: readonly Builtin[]
}

/** @throws PolicyRulesError for rules that can not be used */
export function createDiscovery({ env, fabric, refusals, settings }: DiscoveryDeps): Discovery {
  const { clock } = env
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
      onDenied: ({ event, namespace = '', reason, viewer_cluster_id, viewer_tenant_id }) =>
        refusals.record(
          'discovery',
          namespace === '' ? event : namespace,
          reason,
          `${event} by ${viewer_tenant_id === undefined ? `cluster ${viewer_cluster_id}` : `tenant ${viewer_tenant_id}`}`,
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
  const namespaces = createNamespaces({ clock, policy, access, viewers, exported: () => undefined, onApplied: () => {} })
  return {
    policy,
    access,
    viewers,
    namespaces,
    source: {
      list: (kind) => fabric().catalog.list(kind),
      node: (nodeId) => fabric().catalog.node(nodeId),
      announced: (entry) => fabric().catalog.announced(entry),
    },
    builtins: [
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

/** In a time that depends on neither secret, lengths excepted. */
function sameSecret(expected: string, shown: string): boolean {
  const [a, b] = [Buffer.from(expected), Buffer.from(shown)]
  // Compared with itself where the lengths differ: the work is the same.
  return timingSafeEqual(a, a.length === b.length ? b : a) && a.length === b.length
}
