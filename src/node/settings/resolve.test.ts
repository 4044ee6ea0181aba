import { describe, expect, expectTypeOf, it } from 'vitest'
import { type Fields, isObject } from './kinds.ts'
import { camelCase, Place, SettingsError, snakeCase } from './report.ts'
import { resolveSettings, settingsDocument } from './resolve.ts'
import { type PersistenceConfig, type Settings, type SettingsInput, sections, settingFields } from './schema.ts'

function settingsOf(input: SettingsInput): Settings {
  return resolveSettings(input).settings
}

/** The problems of settings that the compiler would refuse too, as `key: message`. */
function problemsOf(input: unknown): string[] {
  try {
    resolveSettings(input as SettingsInput)
  } catch (error) {
    if (error instanceof SettingsError) return error.problems.map(({ key, message }) => `${key}: ${message}`)
    throw error
  }
  return []
}

describe('settings from code', () => {
  it('have the defaults where nothing is given, also as undefined or null', () => {
    const defaults = settingsOf({})
    expect(defaults).toMatchObject({
      host: '127.0.0.1',
      port: null,
      clusterId: 'default-cluster',
      logLevel: 'INFO',
      gossipInterval: 5,
      rpcRequestTimeoutSeconds: 30,
      discoverySummaryExportScope: 'global',
      dnsZones: ['mpreg'],
      federationConfig: { federationMode: 'strict_isolation', localClusterId: 'default-cluster', explicitBridges: [] },
      persistenceConfig: null,
    })
    expect(settingsOf({ host: undefined, peers: null, logLevel: null })).toEqual(defaults)
    expect(resolveSettings().settings).toEqual(defaults)
  })

  it('can be given again as they came out', () => {
    const settings = settingsOf({ clusterId: 'oslo', resources: ['gpu'], persistenceConfig: { mode: 'sqlite' }, dnsZones: 'a.b.' })
    expect(settingsOf(settings)).toEqual(settings)
  })

  it('have their strict types', () => {
    expectTypeOf<Settings['port']>().toEqualTypeOf<number | null>()
    expectTypeOf<Settings['resources']>().toEqualTypeOf<readonly string[]>()
    expectTypeOf<Settings['logFormat']>().toEqualTypeOf<'text' | 'json'>()
    expectTypeOf<Settings['federationConfig']['explicitBridges'][number]['remoteClusterId']>().toEqualTypeOf<string>()
    expectTypeOf<PersistenceConfig['dataDir']>().toEqualTypeOf<string | null>()
    expectTypeOf<{ resources: 'gpu'; port: undefined; persistenceConfig: { mode: 'sqlite' } }>().toExtend<SettingsInput>()
    expectTypeOf<{ federationConfig: { explicitBridges: { retryAttempts: 1 } } }>().not.toExtend<SettingsInput>()
    expectTypeOf<{ port: string }>().not.toExtend<SettingsInput>()
  })

  it('are refused with every problem named in camelCase', () => {
    expect(problemsOf({ log_level: 'INFO', prot: 1, persistenceConfig: { data_dir: 'x' }, resources: [''] })).toEqual([
      'log_level: unknown setting, did you mean "logLevel"?',
      'prot: unknown setting, did you mean "port"?',
      'resources[0]: must not be blank',
      'persistenceConfig.data_dir: unknown setting, did you mean "dataDir"?',
    ])
    expect(problemsOf('x')).toEqual([': expected an object of settings, got the string "x"'])
  })

  it('are never converted', () => {
    expect(problemsOf({ port: '8080', monitoringEnabled: 1, host: 5, gossipInterval: Number.NaN, dnsZones: [true] })).toEqual([
      'host: expected a string, got the number 5',
      'port: expected an integer from 0 to 65535, got the string "8080"',
      'gossipInterval: expected a number above 0, got the number NaN',
      'dnsZones[0]: expected a string, got the boolean true',
      'monitoringEnabled: expected a boolean, got the number 1',
    ])
  })
})

describe('normalisation', () => {
  it('reads port 0 as "allocate one"', () => {
    expect(settingsOf({ port: 0, dnsUdpPort: 0, monitoringPort: 0 })).toMatchObject({ port: null, dnsUdpPort: null, monitoringPort: null })
  })

  it('takes one item for a list of one, everywhere', () => {
    const lists = Object.entries(settingFields).filter(([, { kind }]) => kind.repeatable === true && kind.fields === undefined)
    expect(lists.length).toBeGreaterThan(10)
    for (const [key, { kind }] of lists) {
      const item = key.endsWith('Scopes') && key !== 'logDebugScopes' ? 'zone' : 'ws://a:1'
      expect([key, kind.check(item, new Place('code'))]).toEqual([key, [item]])
    }
    const credential = { tenantId: ' t1 ', token: 'tok', scheme: ' Bearer ' }
    expect(settingsOf({ discoveryTenantCredentials: credential }).discoveryTenantCredentials).toEqual([
      { tenantId: 't1', token: 'tok', scheme: 'bearer' },
    ])
  })

  it('cleans scopes and zones', () => {
    expect(settingsOf({ discoverySummaryExportScope: '' as never }).discoverySummaryExportScope).toBeNull()
    expect(settingsOf({ discoverySummaryExportScope: null }).discoverySummaryExportScope).toBeNull()
    expect(
      settingsOf({ discoverySummaryResolverScopes: ['cluster', '' as never, ' GLOBAL' as never] }).discoverySummaryResolverScopes,
    ).toEqual(['zone', 'global'])
    expect(problemsOf({ discoverySummaryExportScope: 'planet' })).toEqual([
      'discoverySummaryExportScope: expected one of "local", "zone", "region", "global", got "planet"',
    ])
    expect(settingsOf({ dnsZones: [' .A.b. ', 'a.B', '', '..', 'c'] }).dnsZones).toEqual(['a.b', 'c'])
  })

  it('reads negative audit sizes and rate limits as 0', () => {
    const settings = settingsOf({
      discoveryAccessAuditMaxEntries: -1,
      discoveryRateLimitRequestsPerMinute: -5,
      discoveryRateLimitWindowSeconds: -0.5,
    })
    expect([
      settings.discoveryAccessAuditMaxEntries,
      settings.discoveryRateLimitRequestsPerMinute,
      settings.discoveryRateLimitWindowSeconds,
    ]).toEqual([0, 0, 0])
  })

  it('trims the tenant header; a blank one is none', () => {
    expect(settingsOf({ discoveryTenantHeader: ' X-Tenant ' }).discoveryTenantHeader).toBe('x-tenant')
    expect(settingsOf({ discoveryTenantHeader: ' ' }).discoveryTenantHeader).toBeNull()
  })

  it('takes an unknown link-state or spec mode for the default one, with a warning', () => {
    const { settings, warnings } = resolveSettings({ fabricLinkStateMode: 'Prefer' as never, rpcSpecGossipMode: ' FULL ' as never })
    expect([settings.fabricLinkStateMode, settings.rpcSpecGossipMode]).toEqual(['disabled', 'full'])
    expect(warnings).toEqual(['fabricLinkStateMode: "Prefer" is not one of "disabled", "prefer", "only"; "disabled" is used'])
  })

  it('reads the log level in any case', () => {
    expect(settingsOf({ logLevel: 'debug' as never }).logLevel).toBe('DEBUG')
  })

  it('reads persistence mode off as no persistence', () => {
    expect(settingsOf({ persistenceConfig: { mode: 'off', dataDir: 'x' } }).persistenceConfig).toBeNull()
  })

  it('lets the key provider be called once a second at most', () => {
    expect(settingsOf({ fabricRouteKeyRefreshIntervalSeconds: 0.1 }).fabricRouteKeyRefreshIntervalSeconds).toBe(1)
  })

  it('takes a function for a key provider', () => {
    const refresh = () => {}
    const { fabricRouteKeyProvider } = settingsOf({ fabricRouteKeyProvider: refresh })
    expect(fabricRouteKeyProvider?.refresh).toBe(refresh)
    expect(problemsOf({ fabricRouteKeyProvider: 'x' })).toEqual([
      'fabricRouteKeyProvider: expected an object with the method refresh, got the string "x"',
    ])
  })
})

describe('rules across settings', () => {
  it('refuse a secure listener without certificate, and half a certificate', () => {
    expect(problemsOf({ listen: ['ws://0.0.0.0:1', 'tcps://0.0.0.0:2'] })).toEqual([
      'listen: "tcps://0.0.0.0:2" needs a certificate: set tlsCertFile and tlsKeyFile',
    ])
    expect(problemsOf({ tlsKeyFile: 'key.pem' })).toEqual(['tlsKeyFile: is of no use without tlsCertFile'])
    expect(problemsOf({ listen: 'wss://0.0.0.0:1', tlsCertFile: 'cert.pem', tlsKeyFile: 'key.pem' })).toEqual([])
  })

  it('refuse a bridge from a cluster to itself', () => {
    expect(problemsOf({ clusterId: 'oslo', federationConfig: { explicitBridges: [{ remoteClusterId: 'oslo' }] } })).toEqual([
      'federationConfig: Bridge cannot connect cluster to itself: "oslo"',
    ])
  })

  it('warn about a federation that is written for another cluster', () => {
    expect(resolveSettings({ clusterId: 'oslo', federationConfig: { localClusterId: 'moss' } }).warnings).toEqual([
      'federationConfig: its local cluster "moss" is not the cluster of the node, "oslo"',
    ])
  })

  it('warn about debug scopes that select nothing', () => {
    expect(resolveSettings({ logDebugScopes: ['fabric.gosip', 'peer_dial', 'fabric'] }).warnings).toEqual([
      'logDebugScopes: no component logs under "fabric.gosip", did you mean "fabric.gossip"?',
    ])
  })

  it('warn once for each subsystem that is not there, naming what was changed', () => {
    const subsystems = new Set(['node', 'logging', 'federation', 'pubsub'] as const)
    const input: SettingsInput = {
      clusterId: 'oslo',
      dnsUdpPort: 53,
      dnsGatewayEnabled: true,
      enableDefaultQueue: true,
      cacheCapacityMb: 512,
    }
    expect(resolveSettings(input, { subsystems }).warnings).toEqual([
      'this version has no queue; without effect: enableDefaultQueue',
      'this version has no dns; without effect: dnsGatewayEnabled, dnsUdpPort',
    ])
  })
})

describe('the settings shown to people', () => {
  it('have the keys of a file, masked secrets and no functions', () => {
    const settings = settingsOf({
      authTokens: { ci: 'hunter2' },
      peerApiKey: 'hunter2',
      discoveryTenantCredentials: { tenantId: 't', token: 'hunter2' },
      fabricRouteSigner: { privateKey: 'ab'.repeat(32) },
      onPortAssigned: () => {},
    })
    const shown = settingsDocument(settings)
    expect(JSON.stringify(shown)).not.toMatch(/hunter2|abab/)
    expect(shown).toMatchObject({ auth_tokens: { ci: '***' }, peer_api_key: '***', fabric_route_signer: { private_key: '***' } })
    expect(shown).toMatchObject({ federation_config: { security_policy: { connection_rate_limit_per_cluster: null } } })
    expect(Object.keys(shown)).not.toContain('on_port_assigned')
  })

  it('have a collector without what may be a key, and no password in its URL', () => {
    const shown = settingsDocument(settingsOf({ otlpEndpoint: 'http://collector:4318/v1/traces?key=hunter2' }))
    expect(shown.otlp_endpoint).toBe('http://collector:4318/v1/traces?***')
    const [problem] = problemsOf({ otlpEndpoint: 'http://ada:hunter2@collector:4318' })
    expect(problem).toContain('OTEL_EXPORTER_OTLP_HEADERS')
    expect(problem).not.toContain('hunter2')
  })
})

describe('the schema', () => {
  it('has each setting in exactly one section', () => {
    const keys = Object.values(sections).flatMap(({ fields }) => Object.keys(fields))
    expect(keys.toSorted()).toEqual(Object.keys(settingFields).toSorted())
    expect(new Set(keys).size).toBe(keys.length)
  })

  it('has defaults that its own checks accept and keep', () => {
    const place = new Place('code')
    forEachField(settingFields, (key, { kind, default: value, required }) => {
      if (required || (value === null && kind.nullable !== true)) return
      expect([key, kind.check(value, place)]).toEqual([key, value])
    })
    expect(place.problems).toEqual([])
  })

  it('has keys that survive the way to the file and back, and a help line for each', () => {
    forEachField(settingFields, (key, { help }) => {
      expect(isObject({ [key]: 1 }) && (camelCase(snakeCase(key)) === key || snakeCase(key) === key)).toBe(true)
      expect(help).toMatch(/^[A-Z`].*[.]$/)
      expect(help).not.toContain('|')
    })
  })
})

function forEachField(fields: Fields, visit: (key: string, field: Fields[string]) => void): void {
  for (const [key, field] of Object.entries(fields)) {
    visit(key, field)
    forEachField(field.kind.fields ?? {}, visit)
  }
}
