import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadSettings } from './load.ts'
import { SettingsError } from './report.ts'

let directory: string

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'mpreg-settings-'))
})

afterAll(() => {
  rmSync(directory, { recursive: true })
})

function written(name: string, content: string): string {
  const path = join(directory, name)
  writeFileSync(path, content)
  return path
}

function load(name: string, content: string) {
  return loadSettings(written(name, content))
}

function failure(name: string, content: string): SettingsError {
  const path = written(name, content)
  try {
    loadSettings(path)
  } catch (error) {
    expect(error).toBeInstanceOf(SettingsError)
    const settingsError = error as SettingsError
    expect(settingsError.message).not.toContain('\n')
    return settingsError
  }
  throw new Error(`${name} was accepted`)
}

const complete = `
[mpreg]
host = "127.0.0.1"
port = 0
cluster_id = "edge-1"
resources = ["cpu"]
discovery_policy_enabled = true
[[mpreg.discovery_policy_rules]]
namespace = "svc.private"
visibility = ["edge-1"]
[mpreg.persistence_config]
mode = "sqlite"
data_dir = "state"
`

describe('settings from a file', () => {
  it('rpc check 38: JSON and TOML with [mpreg] load', () => {
    const expected = {
      host: '127.0.0.1',
      port: null,
      clusterId: 'edge-1',
      resources: ['cpu'],
      discoveryPolicyEnabled: true,
      discoveryPolicyRules: [expect.objectContaining({ namespace: 'svc.private', visibility: ['edge-1'], owners: [] })],
      persistenceConfig: expect.objectContaining({ mode: 'sqlite', dataDir: 'state', sqliteFilename: 'mpreg.sqlite', sqliteWal: true }),
    }
    const { settings, warnings } = load('complete.toml', complete)
    expect(settings).toMatchObject(expected)
    expect(warnings).toEqual([])
    const json = {
      host: '127.0.0.1',
      port: 0,
      cluster_id: 'edge-1',
      resources: ['cpu'],
      discovery_policy_enabled: true,
      discovery_policy_rules: { namespace: 'svc.private', visibility: ['edge-1'] },
      persistence_config: { mode: 'sqlite', data_dir: 'state' },
    }
    expect(load('complete.json', JSON.stringify({ mpreg: json })).settings).toEqual(settings)
    expect(load('bare.json', JSON.stringify(json)).settings).toEqual(settings)
    expect(load('short.tml', complete).settings).toEqual(settings)
    expect(load('UPPER.TOML', complete).settings).toEqual(settings)
  })

  it('rpc check 38: resources="gpu" becomes {gpu}', () => {
    expect(load('resources.toml', 'resources = "gpu"').settings.resources).toEqual(['gpu'])
  })

  it('rpc check 38: dns_zones="Mpreg." becomes [mpreg]', () => {
    expect(load('zones.toml', 'dns_zones = "Mpreg."').settings.dnsZones).toEqual(['mpreg'])
  })

  it('rpc check 38: extension .txt is an error', () => {
    expect(failure('settings.txt', '').message).toBe('Unsupported settings file extension: .txt')
  })

  it('rpc check 38: discovery_summary_export_scope="Cluster" becomes zone', () => {
    expect(load('scope.toml', 'discovery_summary_export_scope = "Cluster"').settings.discoverySummaryExportScope).toBe('zone')
  })

  it('rpc check 38: max ttl 0 with min 0.2 become both 1', () => {
    const { settings } = load('ttl.toml', 'dns_min_ttl_seconds = 0.2\ndns_max_ttl_seconds = 0')
    expect([settings.dnsMinTtlSeconds, settings.dnsMaxTtlSeconds]).toEqual([1, 1])
  })

  it('rpc check 38: persistence_config.mode="disk" is an error', () => {
    const error = failure('disk.toml', 'persistence_config.mode = "disk"')
    expect(error).toMatchObject({ code: 'settings_bad_value', key: 'persistence_config.mode' })
    expect(error.message).toMatch(/disk\.toml: persistence_config\.mode: expected one of "memory", "sqlite", "off", got "disk" \(line 1\)$/)
  })

  it('has its federation read into the structure', () => {
    const { settings } = load(
      'federation.toml',
      `
      cluster_id = "oslo"
      [federation_config]
      federation_mode = "explicit_bridging"
      allowed_foreign_cluster_ids = "bergen"
      security_policy.require_encrypted_connections = false
      [[federation_config.explicit_bridges]]
      remote_cluster_id = "moss"
      connection_timeout_seconds = 5
      `,
    )
    expect(settings.federationConfig).toMatchObject({
      federationMode: 'explicit_bridging',
      localClusterId: 'oslo',
      allowedForeignClusterIds: ['bergen'],
      securityPolicy: { requireEncryptedConnections: false, requireMutualAuthentication: false, maxCrossFederationRequestsPerMinute: null },
      explicitBridges: [
        {
          localClusterId: 'oslo',
          remoteClusterId: 'moss',
          bridgeName: 'bridge_oslo_to_moss',
          connectionTimeoutSeconds: 5,
        },
      ],
    })
  })

  it('is warned of bridges that lead nowhere because no mode was chosen', () => {
    const { warnings } = load('isolated.toml', '[federation_config]\nallowed_foreign_cluster_ids = ["bergen"]\n')
    expect(warnings.join()).toMatch(/federation_config.*no effect under "strict_isolation"/)
  })

  it('is refused when its federation demands what nothing would enforce', () => {
    const { problems } = failure(
      'demands.toml',
      `
      [federation_config]
      connection_retry_attempts = 1
      security_policy.require_encrypted_connections = true
      security_policy.require_mutual_authentication = true
      [[federation_config.explicit_bridges]]
      remote_cluster_id = "moss"
      retry_attempts = 5
      `,
    )
    expect(problems.map(({ key, message }) => `${key} ${message.split(/[,:]/, 1)[0]}`)).toEqual([
      'federation_config.security_policy.require_encrypted_connections asks for TLS',
      'federation_config.security_policy.require_mutual_authentication asks for client certificates',
      'federation_config.connection_retry_attempts is always 3',
      'federation_config.explicit_bridges[0].retry_attempts is always 3',
    ])
  })

  it('has route and area policies read into structures', () => {
    const { settings } = load(
      'routes.json',
      JSON.stringify({
        fabric_route_policy: { weight_hops: 10.0, max_hops: 6, allowed_tags: ['metro'], deny_tags: ['lab'] },
        fabric_route_neighbor_policies: {
          default_policy: { deny_tags: ['lab'] },
          neighbor_policies: { oslo: { allowed_destinations: ['oslo', 'bergen'] } },
        },
        fabric_route_stability: { hold_down_seconds: 5.0, flap_threshold: 3, suppression_window_seconds: 60.0 },
        fabric_route_security_config: { require_signatures: true, allow_unsigned: false, signature_algorithm: 'ed25519' },
        fabric_route_signer: { private_key: 'AB'.repeat(32) },
        fabric_route_key_registry: { clusters: { oslo: { primary_key_id: 'k', keys: [{ key_id: 'k', public_key: 'cd'.repeat(32) }] } } },
        fabric_link_state_area_policy: {
          local_areas: ['metro', 'core'],
          default_area: null,
          neighbor_areas: { oslo: ['metro'], 'my_cluster-1': 'core' },
          summary_filters: [{ source_area: 'metro', target_area: 'core', allowed_neighbors: ['oslo'], denied_neighbors: null }],
        },
      }),
    )
    expect(settings).toMatchObject({
      fabricRoutePolicy: { weightLatency: 1, weightReliability: 50, maxHops: 6, allowedTags: ['metro'], allowedAdvertisers: null },
      fabricRouteNeighborPolicies: {
        defaultPolicy: { denyTags: ['lab'] },
        neighborPolicies: { oslo: { allowedDestinations: ['oslo', 'bergen'], denyTags: null } },
      },
      fabricRouteStability: { holdDownSeconds: 5, flapThreshold: 3, suppressionWindowSeconds: 60 },
      fabricRouteSecurityConfig: { requireSignatures: true, allowUnsigned: false, allowEmbeddedKeys: true },
      fabricRouteSigner: { privateKey: 'ab'.repeat(32) },
      fabricRouteKeyRegistry: { clusters: { oslo: { primary_key_id: 'k', keys: [{ public_key: 'cd'.repeat(32), expires_at: null }] } } },
      fabricLinkStateAreaPolicy: {
        defaultArea: null,
        allowUnmappedNeighbors: true,
        neighborAreas: { oslo: ['metro'], 'my_cluster-1': ['core'] },
        summaryFilters: [{ sourceArea: 'metro', deniedNeighbors: null }],
      },
    })
  })
})

describe('a settings file with mistakes', () => {
  it('gets all of them reported together, each with its key', () => {
    const error = failure(
      'many.toml',
      `
      [mpreg]
      log_levl = "INFO"
      logLevel = "INFO"
      port = "8080"
      peers = ["ws://a:1", 7]
      gossip_interval = 0
      [mpreg.federation_config]
      explicit_bridges = [{ retry_attempts = 2.5 }]
      `,
    )
    expect(error.problems).toEqual([
      { code: 'settings_unknown_key', key: 'mpreg.log_levl', message: 'unknown setting, did you mean "log_level"?', line: 3 },
      { code: 'settings_unknown_key', key: 'mpreg.logLevel', message: 'unknown setting, did you mean "log_level"?', line: 4 },
      { code: 'settings_wrong_type', key: 'mpreg.port', message: 'expected an integer from 0 to 65535, got the string "8080"', line: 5 },
      { code: 'settings_wrong_type', key: 'mpreg.peers[1]', message: 'expected a string, got the number 7', line: 6 },
      { code: 'settings_bad_value', key: 'mpreg.gossip_interval', message: 'expected a number above 0, got 0', line: 7 },
      {
        code: 'settings_missing_key',
        key: 'mpreg.federation_config.explicit_bridges[0].remote_cluster_id',
        message: 'is required: a string',
        line: 9,
      },
      {
        code: 'settings_wrong_type',
        key: 'mpreg.federation_config.explicit_bridges[0].retry_attempts',
        message: 'expected an integer of at least 0, got the number 2.5',
        line: 9,
      },
    ])
    expect(error.message).toContain('many.toml: mpreg.log_levl: unknown setting, did you mean "log_level"? (line 3); mpreg.logLevel: ')
  })

  it('is refused when it is not an object, is not there, or can not be parsed', () => {
    expect(failure('list.json', '[]')).toMatchObject({ code: 'settings_wrong_type', key: '' })
    expect(failure('table.json', '{"mpreg": 5}')).toMatchObject({ code: 'settings_wrong_type', key: 'mpreg' })
    expect(failure('broken.json', '{"host": ').message).toMatch(
      /broken\.json: Invalid JSON document: expected a value \(line 1, column 10\)$/,
    )
    expect(failure('broken.toml', 'host = "a"\nport = = 1').message).toMatch(/broken\.toml: .*line 2, column \d+/)
    expect(() => loadSettings(join(directory, 'absent.toml'))).toThrow(expect.objectContaining({ code: 'settings_unreadable' }))
  })

  it('can not hold code', () => {
    expect(failure('callback.json', '{"on_port_assigned": "print"}')).toMatchObject({ code: 'settings_code_only', key: 'on_port_assigned' })
    expect(failure('provider.json', '{"fabric_route_key_provider": {}}')).toMatchObject({ code: 'settings_code_only' })
  })

  it('never has a secret quoted', () => {
    const error = failure(
      'secret.json',
      JSON.stringify({ auth_tokens: { ci: 123456 }, fabric_route_signer: { private_key: 'hunter2' }, peer_auth_token: ['hunter2'] }),
    )
    expect(error.problems).toHaveLength(3)
    expect(error.message).not.toMatch(/hunter2|123456/)
  })

  it('never has a secret quoted that stands where a structure belongs, or beside a mistake of syntax', () => {
    const misplaced = { fabric_route_signer: 'hunter2', auth_tokens: 'hunter2', discovery_tenant_credentials: ['hunter2'] }
    expect(failure('misplaced.json', JSON.stringify(misplaced)).problems.map(({ key, message }) => `${key} ${message}`)).toEqual([
      'auth_tokens expected an object (under each name a string (secret)), got a string',
      'fabric_route_signer expected an object, got a string',
      'discovery_tenant_credentials[0] expected an object, got a string',
    ])
    for (const [name, content] of [
      ['syntax.json', '{"peer_auth_token": hunter2}'],
      ['syntax.toml', 'peer_auth_token = hunter2'],
    ] as const) {
      const error = failure(name, content)
      expect(inspect(error)).not.toContain('hunter2')
    }
  })

  it('can not smuggle in prototypes', () => {
    expect(failure('proto.json', '{"__proto__": {"host": "evil"}}')).toMatchObject({ code: 'settings_unknown_key' })
    expect(failure('proto.toml', '__proto__.host = "evil"')).toMatchObject({ code: 'settings_syntax' })
  })

  it('is warned about what stands beside the table', () => {
    const path = written('beside.toml', 'host = "0.0.0.0"\ntitle = "x"\n[mpreg]\nport = 1')
    const { settings, warnings } = loadSettings(path)
    expect(settings).toMatchObject({ host: '127.0.0.1', port: 1 })
    expect(warnings).toEqual([`${path}: ignored, because they stand outside the table mpreg: host`])
  })
})
