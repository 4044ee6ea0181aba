/** How the configuration stands: which policies there are, which of them apply, and what is doubtful about them. */
import { createHash } from 'node:crypto'
import type { ConfigurationView } from '../../monitor/index.ts'
import { canonicalJson } from '../../wire/index.ts'
import { type Settings, settingsDocument } from '../settings/index.ts'

/** @param changedAt Unix seconds since which these settings are in force */
export function configurationView(settings: Settings, changedAt: number): ConfigurationView {
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
    policies_total: bridges.length + routePolicies.length + Number(hasSecurity),
    policies_active: (isBridging ? bridges.length : 0) + routePolicies.length + Number(hasSecurity),
    version: createHash('sha256')
      .update(canonicalJson(settingsDocument(settings)))
      .digest('hex')
      .slice(0, 16),
    last_update: changedAt,
    pending_changes: 0,
    errors: [],
    warnings,
  }
}
