/**
 * The namespace policy: who may announce entries in a namespace, who may see them, and who may export summaries of them.
 *
 * Of all rules that cover a name the longest decides. A decision is data, with its reason; whoever asks acts on it. The policy hides, it
 * does not lock: a function that is hidden can still be called by name.
 */
import { type CutoverWindow, MpregError, type NamespaceRule, type Scope } from '../wire/index.ts'
import type { Viewer } from './viewer.ts'

export type DecisionReason =
  | 'policy_disabled'
  /** No rule covers the name; the default decides. */
  | 'no_policy'
  // Who may announce.
  | 'owners_unrestricted'
  | 'owner_allowed'
  | 'owner_denied'
  // Who may see.
  | 'visibility_unrestricted'
  | 'tenant_allowed'
  | 'viewer_allowed'
  | 'viewer_denied'
  // Who may export.
  | 'cutover_closed'
  | 'cutover_scope_denied'
  | 'summaries_disabled'
  | 'scope_denied'
  | 'summary_allowed'

export interface Decision {
  readonly allowed: boolean
  readonly reason: DecisionReason
}

export interface PolicySettings {
  readonly enabled: boolean
  /** Whether a name without a rule is open. */
  readonly defaultAllow: boolean
  readonly rules: readonly NamespaceRule[]
}

export interface NamespacePolicy extends PolicySettings {
  /** The longest rule that covers a name. */
  ruleFor(namespace: string): NamespaceRule | undefined
  /** May a cluster announce entries here? */
  source(namespace: string, clusterId: string): Decision
  /** May somebody see entries here? */
  viewer(namespace: string, viewer: Viewer): Decision
  /** May a cluster export summaries of this namespace, to a scope, now? @param nowSeconds Unix seconds */
  summaryExport(namespace: string, exporterCluster: string, scope: Scope | null, nowSeconds: number): Decision
  /** Puts other settings in force. @throws PolicyRulesError, and nothing changes */
  apply(settings: PolicySettings): void
}

/** Rules that can not be put in force. */
export class PolicyRulesError extends MpregError {
  override readonly name = 'PolicyRulesError'
  readonly code = 'invalid_policy_rules'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(`The namespace rules can not be used: ${problems.join('; ')}`)
    this.problems = problems
  }
}

/** @throws PolicyRulesError */
export function createNamespacePolicy(settings: PolicySettings): NamespacePolicy {
  let current: PolicySettings
  let byNamespace: ReadonlyMap<string, NamespaceRule>

  function apply(next: PolicySettings): void {
    const problems = ruleProblems(next.rules)
    if (problems.length > 0) throw new PolicyRulesError(problems)
    current = next
    byNamespace = new Map(next.rules.map((rule) => [rule.namespace, rule]))
  }
  apply(settings)

  /** From the name itself upwards, dot by dot: the first hit is the longest. */
  function ruleFor(namespace: string): NamespaceRule | undefined {
    let name = namespace
    while (name !== '') {
      const rule = byNamespace.get(name)
      if (rule !== undefined) return rule
      name = name.slice(0, Math.max(0, name.lastIndexOf('.')))
    }
    return undefined
  }

  /** @param decide on a rule */
  function decision(namespace: string, decide: (rule: NamespaceRule) => Decision): Decision {
    if (!current.enabled) return allow('policy_disabled')
    const rule = ruleFor(namespace)
    return rule === undefined ? { allowed: current.defaultAllow, reason: 'no_policy' } : decide(rule)
  }

  return {
    get enabled() {
      return current.enabled
    },
    get defaultAllow() {
      return current.defaultAllow
    },
    get rules() {
      return current.rules
    },
    ruleFor,
    apply,
    source: (namespace, clusterId) =>
      decision(namespace, ({ owners }) => {
        if (owners.length === 0) return allow('owners_unrestricted')
        return owners.includes(clusterId) ? allow('owner_allowed') : deny('owner_denied')
      }),
    viewer: (namespace, { clusterId, tenantId }) =>
      decision(namespace, ({ visibility, visibility_tenants: tenants = [] }) => {
        if (visibility.length === 0 && tenants.length === 0) return allow('visibility_unrestricted')
        if (tenantId !== null && tenants.includes(tenantId)) return allow('tenant_allowed')
        return visibility.includes(clusterId) ? allow('viewer_allowed') : deny('viewer_denied')
      }),
    summaryExport: (namespace, exporterCluster, scope, nowSeconds) =>
      decision(namespace, (rule) => {
        if (rule.owners.length > 0 && !rule.owners.includes(exporterCluster)) return deny('owner_denied')
        const { cutover_windows: windows = [], export_scopes: scopes } = rule
        const window = activeWindow(windows, nowSeconds)
        if (windows.length > 0 && window === undefined) return deny('cutover_closed')
        const inWindow = window?.export_scopes ?? []
        if (inWindow.length > 0 && (scope === null || !inWindow.includes(scope))) return deny('cutover_scope_denied')
        if (!(window?.allow_summaries ?? rule.allow_summaries)) return deny('summaries_disabled')
        if (scopes.length > 0 && (scope === null || !scopes.includes(scope))) return deny('scope_denied')
        return allow('summary_allowed')
      }),
  }
}

function allow(reason: DecisionReason): Decision {
  return { allowed: true, reason }
}

function deny(reason: DecisionReason): Decision {
  return { allowed: false, reason }
}

/** Of the windows that are open, the one that opened last. */
function activeWindow(windows: readonly CutoverWindow[], nowSeconds: number): CutoverWindow | undefined {
  let active: CutoverWindow | undefined
  for (const window of windows) {
    const isOpen = window.starts_at <= nowSeconds && nowSeconds <= (window.ends_at ?? Number.POSITIVE_INFINITY)
    if (isOpen && (active === undefined || window.starts_at > active.starts_at)) active = window
  }
  return active
}

/** Rules a policy may have. */
export const RULES_MAX = 10_000

export function tooManyRules(count: number): string {
  return `rules are ${count}, more than ${RULES_MAX}`
}

/** What is wrong with rules, in the words of the protocol; empty when they can be used. @param rules undefined: one that can not be read */
export function ruleProblems(rules: readonly (NamespaceRule | undefined)[]): string[] {
  if (rules.length > RULES_MAX) return [tooManyRules(rules.length)]
  const problems: string[] = []
  const seen = new Set<string>()
  for (const [index, rule] of rules.entries()) {
    if (rule === undefined) continue
    const { cutover_windows: windows = [], namespace } = rule
    const at = `rules[${index}]`
    if (namespace.trim() === '') {
      problems.push(`${at}.namespace is empty`)
      continue
    }
    if (seen.has(namespace)) problems.push(`${at}.namespace duplicate: ${namespace}`)
    seen.add(namespace)
    for (const [place, { ends_at: end, starts_at: start }] of windows.entries()) {
      if (start <= 0) problems.push(`${at}.cutover_windows[${place}].starts_at invalid`)
      if (end !== undefined && end <= start) problems.push(`${at}.cutover_windows[${place}].ends_at before starts_at`)
    }
  }
  return problems
}
