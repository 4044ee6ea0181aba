/** How the configuration stands: which policies there are, which of them apply, and what is doubtful about them. */
import { createHash } from 'node:crypto'
import type { PolicySettings } from '../../discovery/index.ts'
import type { ConfigurationView } from '../../monitor/index.ts'
import { canonicalJson } from '../../wire/index.ts'
import { type Settings, settingsDocument } from '../settings/index.ts'

/**
 * @param changedAt Unix seconds since which these settings are in force
 * @param namespacePolicy as it is now: its rules change while the node runs
 */
export function configurationView(settings: Settings, changedAt: number, namespacePolicy: PolicySettings): ConfigurationView {
  const { defaultAllow, enabled, rules } = namespacePolicy
  const { federationConfig } = settings
  const bridges = federationConfig.explicitBridges
  const isBridging = federationConfig.federationMode === 'explicit_bridging'
  const security = federationConfig.securityPolicy
  const hasSecurity = security.allowedFunctionsCrossFederation.length + security.blockedFunctionsCrossFederation.length > 0
  const routePolicies = [settings.fabricRoutePolicy, settings.fabricRouteExportPolicy].filter((policy) => policy !== null)
  const warnings =
    bridges.length > 0 && !isBridging
      ? [`${bridges.length} bridges are configured, but federation_mode is ${federationConfig.federationMode}`]
      : []
  return {
    policies_total: bridges.length + routePolicies.length + rules.length + Number(hasSecurity),
    policies_active: (isBridging ? bridges.length : 0) + routePolicies.length + (enabled ? rules.length : 0) + Number(hasSecurity),
    version: createHash('sha256')
      .update(
        canonicalJson({
          ...settingsDocument(settings),
          discovery_policy_enabled: enabled,
          discovery_policy_default_allow: defaultAllow,
          discovery_policy_rules: rules,
        }),
      )
      .digest('hex')
      .slice(0, 16),
    last_update: changedAt,
    pending_changes: 0,
    errors: [],
    warnings,
  }
}
