/**
 * From what was given to the settings a node runs with: checks, defaults, and the rules that concern several settings at once.
 */
import { unknownScopeWarnings } from '../../telemetry/index.ts'
import { checkFields, isObject, showFields } from './kinds.ts'
import { keyIn, Place, SettingsError } from './report.ts'
import { checkAreaPolicy, checkKeyRegistry, securityWarnings } from './routing-rules.ts'
import { type FederationConfig, type Settings, type SettingsInput, type Subsystem, sections, settingFields } from './schema.ts'

export interface ResolveOptions {
  /** Subsystems this node has; settings of another one get a warning. Default: all. */
  readonly subsystems?: ReadonlySet<Subsystem>
}

export interface ResolvedSettings {
  readonly settings: Settings
  /** One line each, to be logged once the log exists. */
  readonly warnings: readonly string[]
}

/**
 * Settings given in code, keys in camelCase.
 *
 * @throws SettingsError naming every problem.
 */
export function resolveSettings(input: SettingsInput = {}, options: ResolveOptions = {}): ResolvedSettings {
  return resolveGiven(input, new Place('code'), options)
}

/** Settings from anywhere. `place` is where they stand in their document, `source` its name in errors and warnings. */
export function resolveGiven(given: unknown, place: Place, options: ResolveOptions, source?: string): ResolvedSettings {
  const checked = isObject(given) ? checkFields(settingFields, given, place) : place.wrongType('an object of settings', given)
  const settings = checked === undefined ? undefined : settle(checked, place)
  const [first, ...others] = place.problems
  if (first !== undefined) throw new SettingsError([first, ...others], { source })
  if (checked === undefined || settings === undefined) throw new Error('settings were refused without a reason')

  const prefix = source === undefined ? '' : `${source}: `
  const warnings = [
    ...place.warnings,
    ...unknownScopeWarnings(settings.logDebugScopes).map((warning) => `${keyIn(place, 'logDebugScopes')}: ${warning}`),
    ...missingSubsystemWarnings(checked, place, options.subsystems),
  ]
  return { settings, warnings: warnings.map((warning) => prefix + warning) }
}

/** The settings as a file would have them, for display: secrets masked, functions left out. */
export function settingsDocument(settings: Settings): Record<string, unknown> {
  return showFields(settingFields, settings)
}

/** The rules that concern several settings. */
function settle(checked: Settings, place: Place): Settings {
  checkCertificate(checked, place)
  checkRouting(checked, place)
  return {
    ...checked,
    federationConfig: settleFederation(checked, placeOf(place, 'federationConfig')),
    dnsMaxTtlSeconds: Math.max(checked.dnsMinTtlSeconds, checked.dnsMaxTtlSeconds),
  }
}

/** A secure listener must never start without a certificate, and half a certificate is a mistake. */
function checkCertificate({ listen, tlsCertFile, tlsKeyFile }: Settings, place: Place): void {
  const cert = keyIn(place, 'tlsCertFile')
  const key = keyIn(place, 'tlsKeyFile')
  const secure = listen.find((url) => /^(wss|tcps):/i.test(url))
  if (tlsCertFile !== null && tlsKeyFile === null) placeOf(place, 'tlsCertFile').badValue(`is of no use without ${key}`)
  else if (tlsCertFile === null && tlsKeyFile !== null) placeOf(place, 'tlsKeyFile').badValue(`is of no use without ${cert}`)
  else if (tlsCertFile === null && secure !== undefined) {
    placeOf(place, 'listen').badValue(`"${secure}" needs a certificate: set ${cert} and ${key}`)
  }
}

/** What a federation demands must be what the node does: a demand that nothing enforces is refused. */
function checkFederationDemands({ federationConfig: config, listen, tlsRequireClientCert }: Settings, place: Place): void {
  const { requireEncryptedConnections, requireMutualAuthentication } = config.securityPolicy
  const named = (at: Place, key: string) => at.field(keyIn(place, key))
  const demand = (key: string) => named(named(place, 'securityPolicy'), key)
  const isSecure = listen.length > 0 && listen.every((url) => /^(wss|tcps):/i.test(url))
  if (requireEncryptedConnections && !isSecure) {
    demand('requireEncryptedConnections').badValue(
      'asks for TLS, but the node listens without: give "wss://" and "tcps://" addresses only in `listen`',
    )
  }
  if (requireMutualAuthentication && !(tlsRequireClientCert && isSecure)) {
    demand('requireMutualAuthentication').badValue(
      'asks for client certificates: set `tls_require_client_cert`, and listen on "wss://" or "tcps://" only',
    )
  }
  const kept = (value: number, otherwise: number, at: Place) => {
    if (value !== otherwise)
      at.badValue(`is always ${otherwise}: links are tried again as long as a peer is known, and watched all the time`)
  }
  kept(config.connectionRetryAttempts, 3, named(place, 'connectionRetryAttempts'))
  for (const [index, bridge] of config.explicitBridges.entries()) {
    const at = named(place, 'explicitBridges').item(index)
    kept(bridge.retryAttempts, 3, named(at, 'retryAttempts'))
    kept(bridge.healthCheckIntervalSeconds, 60, named(at, 'healthCheckIntervalSeconds'))
  }
  kept(config.connectionHealthCheckIntervalSeconds, 120, named(place, 'connectionHealthCheckIntervalSeconds'))
}

function checkRouting(checked: Settings, place: Place): void {
  const { fabricLinkStateArea, fabricLinkStateAreaPolicy, fabricRouteKeyFile, fabricRouteKeyProvider, fabricRouteKeyRegistry } = checked
  checkAreaPolicy(fabricLinkStateAreaPolicy, fabricLinkStateArea, placeOf(place, 'fabricLinkStateAreaPolicy'))
  checkKeyRegistry(fabricRouteKeyRegistry, placeOf(place, 'fabricRouteKeyRegistry'))
  if (fabricRouteKeyFile !== null && fabricRouteKeyProvider !== null) {
    placeOf(place, 'fabricRouteKeyFile').badValue(`can not be given together with ${keyIn(place, 'fabricRouteKeyProvider')}`)
  }
  for (const { key, warning } of securityWarnings(checked, (name) => keyIn(place, name))) placeOf(place, key).warn(warning)
}

function settleFederation(settings: Settings, place: Place): FederationConfig {
  const { clusterId, federationConfig: config } = settings
  checkFederationDemands(settings, place)
  const localClusterId = config.localClusterId || clusterId
  if (config.federationMode === 'strict_isolation' && config.explicitBridges.length + config.allowedForeignClusterIds.length > 0) {
    place.warn('its bridges and allowed clusters have no effect under "strict_isolation", which is the default mode')
  }
  if (localClusterId !== clusterId) place.warn(`its local cluster "${localClusterId}" is not the cluster of the node, "${clusterId}"`)
  const explicitBridges = config.explicitBridges.map((bridge) => {
    const local = bridge.localClusterId || localClusterId
    if (local === bridge.remoteClusterId) place.badValue(`Bridge cannot connect cluster to itself: "${local}"`)
    return { ...bridge, localClusterId: local, bridgeName: bridge.bridgeName || `bridge_${local}_to_${bridge.remoteClusterId}` }
  })
  return { ...config, localClusterId, explicitBridges }
}

/** One line for each subsystem that is not there although a setting of it was changed. */
function missingSubsystemWarnings(checked: Settings, place: Place, present: ReadonlySet<Subsystem> | undefined): string[] {
  if (present === undefined) return []
  const absent = (Object.keys(sections) as Subsystem[]).filter((subsystem) => !present.has(subsystem))
  return absent.flatMap((subsystem) => {
    const keys = changedKeys(checked, subsystem).map((key) => keyIn(place, key))
    return keys.length === 0 ? [] : [`this version has no ${subsystem}; without effect: ${keys.join(', ')}`]
  })
}

/** Settings that ask for something: switching off what is not there anyway is no reason for a warning. */
function changedKeys(checked: Settings, subsystem: Subsystem): (keyof Settings)[] {
  const keys = Object.keys(sections[subsystem].fields) as (keyof Settings)[]
  return keys.filter((key) => checked[key] !== false && JSON.stringify(checked[key]) !== JSON.stringify(settingFields[key].default))
}

function placeOf(place: Place, key: keyof Settings): Place {
  return place.field(keyIn(place, key))
}
