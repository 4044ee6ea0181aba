/**
 * What is answered about namespaces and their rules: `namespace_status`, `namespace_policy_validate`, `_apply`, `_export`, `_audit`, and
 * `discovery_access_audit`.
 */
import type { Clock } from '../base/index.ts'
import type { Caller } from '../rpc/index.ts'
import {
  accessAuditEntry,
  float,
  type NamespacePolicyStatus,
  type NamespaceRule,
  namespaceRule,
  type PolicyAuditEntry,
  policyAuditEntry,
  type QueryFields,
  queryFlag,
  queryName,
  queryText,
  RawJson,
} from '../wire/index.ts'
import type { Access } from './access.ts'
import { createAuditTrail } from './audit.ts'
import type { NamespacePolicy } from './policy.ts'
import type { Command } from './question.ts'
import { readRules } from './rules.ts'
import type { ExportedSummaries } from './summary-export.ts'
import type { Viewers } from './viewer.ts'

/** Checks and changes of the rules remembered. */
const POLICY_AUDIT_MAX = 500

/** Problems of rules that the audit of a check remembers; its answer has all. */
const ERRORS_KEPT_MAX = 20

/** Of either audit, in what monitoring shows. */
const REPORTED_MAX = 20

export interface NamespaceDeps {
  readonly clock: Clock
  readonly policy: NamespacePolicy
  readonly access: Access
  readonly viewers: Viewers
  /** What has left the cluster about a namespace and those below it; undefined: nothing. */
  exported(namespace: string): ExportedSummaries | undefined
  /** Told after other rules came into force. */
  onApplied(): void
}

export interface Namespaces {
  readonly status: Command
  readonly validate: Command
  readonly apply: Command
  readonly exportRules: Command
  readonly policyAudit: Command
  readonly accessAudit: Command
  /** The policy in force, and the latest that happened around it, for monitoring. */
  report(): NamespacePolicyStatus
}

export function createNamespaces(deps: NamespaceDeps): Namespaces {
  const { access, clock, policy, viewers } = deps
  const changes = createAuditTrail<PolicyAuditEntry>(POLICY_AUDIT_MAX)

  /** Rules of a request: those in force when it brings none. */
  function examine(
    event: string,
    request: QueryFields,
    caller: Caller,
  ): { readonly rules: readonly NamespaceRule[]; readonly result: Checked } {
    const {
      given: rule_count,
      problems: errors,
      rules,
    } = request.rules === undefined ? { rules: policy.rules, problems: [], given: policy.rules.length } : readRules(request.rules)
    const valid = errors.length === 0
    const actor = actorOf(request, caller)
    changes.add({
      event,
      timestamp: clock.wall(),
      ...(actor !== '' && { actor }),
      valid,
      rule_count,
      errors: errors.slice(0, ERRORS_KEPT_MAX),
    })
    return { rules, result: { valid, generated_at: float(clock.wall()), rule_count, errors } }
  }

  return {
    status(request, caller) {
      const viewer = viewers.of(caller, request)
      const namespace = queryName(request, 'namespace')
      access.admit('namespace_status', viewer, namespace, caller)
      const { allowed, reason } = access.decide('namespace_status', viewer, namespace, caller)
      const rule = policy.ruleFor(namespace)
      const exported = deps.exported(namespace)
      return {
        namespace,
        generated_at: float(clock.wall()),
        viewer_cluster_id: viewer.clusterId,
        viewer_tenant_id: viewer.tenantId,
        allowed,
        reason,
        ...(rule && { rule: ruleJson(rule) }),
        ...(exported && { summaries_exported: exported.summaries_exported, last_export_at: float(exported.last_export_at) }),
      }
    },

    validate: (request, caller) => ({ ...examine('validate', request, caller).result }),

    apply(request, caller) {
      access.admitChange('namespace_policy_apply', viewers.of(caller, request), caller)
      const enabled = queryFlag(request, 'enabled') ?? policy.enabled
      const defaultAllow = queryFlag(request, 'default_allow') ?? policy.defaultAllow
      const { result, rules } = examine('apply', request, caller)
      if (result.valid) {
        policy.apply({ enabled, defaultAllow, rules })
        deps.onApplied()
      }
      return { applied: result.valid, ...result }
    },

    exportRules: () => ({
      enabled: policy.enabled,
      default_allow: policy.defaultAllow,
      generated_at: float(clock.wall()),
      rule_count: policy.rules.length,
      rules: policy.rules.map(ruleJson),
    }),

    policyAudit: (request) => ({
      generated_at: float(clock.wall()),
      entries: changes.latest(countAsked(request)).map((entry) => new RawJson(policyAuditEntry.write(entry))),
    }),

    accessAudit: (request) => ({
      generated_at: float(clock.wall()),
      entries: access.denials(countAsked(request)).map((entry) => new RawJson(accessAuditEntry.write(entry))),
    }),

    report: () => ({
      enabled: policy.enabled,
      generated_at: clock.wall(),
      default_allow: policy.defaultAllow,
      rule_count: policy.rules.length,
      rules: policy.rules,
      audit_entries: changes.latest(REPORTED_MAX),
      audit_total: changes.total,
      access_entries: access.denials(REPORTED_MAX),
      access_total: access.denialsTotal,
    }),
  }
}

interface Checked {
  readonly valid: boolean
  readonly generated_at: RawJson
  readonly rule_count: number
  readonly errors: readonly string[]
}

function ruleJson(rule: NamespaceRule): RawJson {
  return new RawJson(namespaceRule.write(rule))
}

/** Who shows a credential is known by it; of others there is only what they say of themselves. */
function actorOf(request: QueryFields, { credential, isAdmin }: Caller): string {
  const told = queryName(request, 'actor').trim()
  if (credential !== null) return credential
  return isAdmin ? `admin${told === '' ? '' : ` (${told})`}` : told
}

/** How many of the latest; undefined: all. */
function countAsked({ limit }: QueryFields): number | undefined {
  const asked = queryText(limit) === '' ? Number.NaN : Number(limit)
  return Number.isFinite(asked) ? Math.trunc(asked) : undefined
}
