import { describe, expect, it } from 'vitest'
import { SettingsError } from './report.ts'
import { resolveSettings, settingsDocument } from './resolve.ts'
import { type RoutingSettingsOptions, readRouteKeys, readRoutingSettings } from './routing-settings.ts'
import type { Settings } from './schema.ts'

const PUBLIC = 'cd'.repeat(32)
const PRIVATE = 'ab'.repeat(32)

/** Every object-valued routing setting, in the form of a file. */
const everything = {
  fabric_route_policy: {
    weight_latency: 2,
    weight_hops: 10.5,
    weight_cost: 3,
    weight_reliability: 40,
    weight_bandwidth: 0.1,
    max_hops: 6,
    allowed_advertisers: ['oslo'],
    allowed_destinations: [],
    allowed_tags: ['metro'],
    deny_tags: ['lab'],
    deterministic_tiebreakers: ['advertiser', 'hop_count'],
  },
  fabric_route_export_policy: { deny_tags: ['lab'] },
  fabric_route_neighbor_policies: {
    default_policy: { deny_tags: ['lab'] },
    neighbor_policies: { oslo: { allowed_destinations: ['oslo', 'bergen'] }, 'a.b c': { max_hops: 2 } },
  },
  fabric_route_export_neighbor_policies: { default_policy: { allowed_destinations: [] }, neighbor_policies: { oslo: {} } },
  fabric_route_stability: { hold_down_seconds: 5, flap_threshold: 3, suppression_window_seconds: 60 },
  fabric_route_tags: ['metro', 'gold'],
  fabric_route_link_costs: { oslo: { bandwidth_mbps: 800, cost_score: 1.5 }, bergen: { latency_ms: 7, reliability_score: 0.98 } },
  fabric_route_security_config: {
    require_signatures: true,
    allow_unsigned: false,
    signature_algorithm: 'ed25519',
    allow_embedded_keys: false,
  },
  fabric_route_signer: { private_key: PRIVATE },
  fabric_route_key_registry: {
    clusters: { oslo: { primary_key_id: 'k', keys: [{ key_id: 'k', public_key: PUBLIC, added_at: 1767225600, expires_at: 1767225700 }] } },
  },
  fabric_route_keys_pinned: false,
  fabric_link_state_area_policy: {
    local_areas: ['metro', 'core'],
    default_area: 'metro',
    allow_unmapped_neighbors: false,
    neighbor_areas: { oslo: ['metro'] },
    area_neighbor_filters: { core: ['oslo'] },
    area_hierarchy: { metro: 'core' },
    summary_filters: [{ source_area: 'metro', target_area: 'core', allowed_neighbors: ['oslo'], denied_neighbors: ['moss'] }],
  },
}

function failure(text: string, format: 'json' | 'toml' = 'toml', options: RoutingSettingsOptions = {}): SettingsError {
  try {
    readRoutingSettings(text, format, options)
  } catch (error) {
    if (error instanceof SettingsError) return error
    throw error
  }
  throw new Error('it was accepted')
}

function messages(text: string, options?: RoutingSettingsOptions): string[] {
  return failure(text, 'toml', options).message.split('; ')
}

describe('routing settings from a document', () => {
  it('are those that were given, and read the same as in the settings of a node', () => {
    const { settings, warnings } = readRoutingSettings(JSON.stringify(everything, null, 2), 'json')
    expect(warnings).toEqual([])
    expect(Object.keys(settings)).toHaveLength(Object.keys(everything).length)
    expect(settings.fabricRoutePolicy).toMatchObject({ weightHops: 10.5, maxHops: 6, allowedDestinations: [], allowedTags: ['metro'] })
    expect(settings.fabricRouteLinkCosts).toEqual({
      oslo: { latency_ms: null, bandwidth_mbps: 800, reliability_score: null, cost_score: 1.5 },
      bergen: { latency_ms: 7, bandwidth_mbps: null, reliability_score: 0.98, cost_score: 0 },
    })
    expect(resolveSettings(settings).settings).toMatchObject(settings)
  })

  it('are the same in TOML', () => {
    const toml = `
      fabric_route_tags = "metro"
      [mpreg.fabric_route_policy]
      weight_hops = 10.5
      allowed_tags = "metro"
      [mpreg.fabric_route_neighbor_policies]
      default_policy = { deny_tags = ["lab"] }
      [mpreg.fabric_route_neighbor_policies.neighbor_policies."a.b c"]
      max_hops = 2
      [mpreg.fabric_link_state_area_policy]
      local_areas = ["metro", "core"]
      area_hierarchy.metro = "core"
      [[mpreg.fabric_link_state_area_policy.summary_filters]]
      source_area = "metro"
      target_area = "core"`
    const { settings, warnings } = readRoutingSettings(toml, 'toml', { source: 'routes.toml' })
    expect(settings).toMatchObject({
      fabricRoutePolicy: { weightHops: 10.5, allowedTags: ['metro'] },
      fabricRouteNeighborPolicies: { defaultPolicy: { denyTags: ['lab'] }, neighborPolicies: { 'a.b c': { maxHops: 2 } } },
      fabricLinkStateAreaPolicy: {
        localAreas: ['metro', 'core'],
        areaHierarchy: { metro: 'core' },
        summaryFilters: [{ sourceArea: 'metro' }],
      },
    })
    expect(settings).not.toHaveProperty('fabricRouteTags')
    expect(warnings).toEqual(['routes.toml: ignored, because they stand outside the table mpreg: fabric_route_tags'])
  })

  it('come back the same from what is shown of them, secrets aside', () => {
    const { settings } = readRoutingSettings(JSON.stringify(everything), 'json')
    const shown = settingsDocument(resolveSettings(settings).settings)
    expect(JSON.stringify(shown)).not.toContain(PRIVATE)
    expect(shown.fabric_route_signer).toEqual({ private_key: '***' })
    const kept = Object.fromEntries(Object.keys(everything).map((key) => [key, shown[key]]))
    const again = readRoutingSettings(JSON.stringify({ ...kept, fabric_route_signer: everything.fabric_route_signer }), 'json')
    expect(again.settings).toEqual(settings)
  })

  it('leave out what is not mentioned, and clear what is null or listed to be cleared', () => {
    expect(readRoutingSettings('{}', 'json').settings).toEqual({})
    const nulls = readRoutingSettings('{"fabric_route_policy": null, "fabric_route_tags": null, "fabric_route_signer": null}', 'json')
    const cleared = readRoutingSettings('clear = ["fabric_route_policy", "fabric_route_tags", "fabric_route_signer"]', 'toml')
    expect(nulls.settings).toEqual({ fabricRoutePolicy: null, fabricRouteTags: [], fabricRouteSigner: null })
    expect(cleared.settings).toEqual(nulls.settings)
  })

  it('may stand in the settings file of the node, whose other settings are left alone', () => {
    const { settings, warnings } = readRoutingSettings('port = 1\nhost = "a"\nfabric_route_tags = ["x"]', 'toml')
    expect(settings).toEqual({ fabricRouteTags: ['x'] })
    expect(warnings).toEqual(['left as they are, because they can not be changed while the node runs: port, host'])
  })

  it('of the node itself is warned of only where it has changed', () => {
    const federation = { federation_mode: 'explicit_bridging', explicit_bridges: [{ remote_cluster_id: 'moss' }] }
    const running = resolveSettings({
      port: 7400,
      clusterId: 'oslo',
      federationConfig: { federationMode: 'explicit_bridging', explicitBridges: [{ remoteClusterId: 'moss' }] },
    }).settings
    const reread = (settings: object) => readRoutingSettings(JSON.stringify(settings), 'json', { running }).warnings
    expect(reread({ port: 7400, cluster_id: 'oslo', federation_config: federation })).toEqual([])
    expect(reread({ port: 7401, federation_config: { ...federation, allowed_foreign_cluster_ids: ['bergen'] } })).toEqual([
      'left as they are, because they can not be changed while the node runs: port, federation_config',
    ])
  })
})

describe('routing settings with mistakes', () => {
  it('are refused whole: what, where and in which line', () => {
    const text = `fabric_route_tags = ["gold"]

[fabric_route_policy]
weight_hops = "ten"
max_hop = 3

[fabric_route_neighbor_policies.neighbor_policies.oslo]
max_hops = 0
deterministic_tiebreakers = ["hop_count", "luck"]

[fabric_route_security_config]
signature_algorithm = "rsa"

[fabric_route_stability]
flap_threshold = -1

[[fabric_route_key_registry.clusters.oslo.keys]]
public_key = "abc"
[[fabric_route_key_registry.clusters.oslo.keys]]
key_id = "k"

[fabric_route_link_costs.oslo]
reliability_score = 2
bandwidth_mbps = 0.5
cost = 1`
    const error = failure(text, 'toml', { source: 'routes.toml' })
    expect(error.message.startsWith('routes.toml: ')).toBe(true)
    expect(error.problems.map(({ key, line, message }) => `${line} ${key}: ${message}`)).toEqual([
      '5 fabric_route_policy.max_hop: unknown setting, did you mean "max_hops"?',
      '4 fabric_route_policy.weight_hops: expected a number, got the string "ten"',
      '8 fabric_route_neighbor_policies.neighbor_policies.oslo.max_hops: expected an integer of at least 1, got 0',
      '9 fabric_route_neighbor_policies.neighbor_policies.oslo.deterministic_tiebreakers[1]: expected one of "hop_count", "latency_ms", "reliability_score", "advertiser", got "luck"',
      '15 fabric_route_stability.flap_threshold: expected an integer of at least 0, got -1',
      '25 fabric_route_link_costs.oslo.cost: unknown setting',
      '24 fabric_route_link_costs.oslo.bandwidth_mbps: expected an integer of at least 1, got the number 0.5',
      '23 fabric_route_link_costs.oslo.reliability_score: expected a number from 0 to 1, got 2',
      '12 fabric_route_security_config.signature_algorithm: expected one of "ed25519", got "rsa"',
      '18 fabric_route_key_registry.clusters.oslo.keys[0].public_key: expected 64 hexadecimal digits',
      '19 fabric_route_key_registry.clusters.oslo.keys[1].public_key: is required: 64 hexadecimal digits',
    ])
  })

  it('are refused in JSON with the line too', () => {
    const text = JSON.stringify({ fabric_route_policy: { max_hops: 6, deny_tag: ['lab'] } }, null, 2)
    expect(failure(text, 'json').problems).toEqual([
      {
        code: 'settings_unknown_key',
        key: 'fabric_route_policy.deny_tag',
        message: 'unknown setting, did you mean "deny_tags"?',
        line: 4,
      },
    ])
    expect(failure('{"fabric_route_tags": ["a" "b"]}', 'json').message).toBe(
      'Invalid JSON document: expected "," or "]" (line 1, column 28)',
    )
    expect(failure('[]', 'json').message).toBe('expected an object of settings, got a list')
  })

  it('never have a private key quoted', () => {
    for (const signer of [PRIVATE, { private_key: PRIVATE.slice(1) }, { private_key: [PRIVATE] }, [PRIVATE]]) {
      expect(failure(JSON.stringify({ fabric_route_signer: signer }), 'json').message).not.toContain('abab')
    }
  })

  it('are told what they meant', () => {
    expect(messages('fabric_route_polcy = 1')).toEqual([
      'fabric_route_polcy: unknown setting, did you mean "fabric_route_policy"? (line 1)',
    ])
    expect(messages('clear = ["port"]')[0]).toMatch(/^clear\[0\]: expected one of "fabric_route_policy", .*, got "port" \(line 1\)$/)
    expect(messages('clear = "fabric_route_tags"\nfabric_route_tags = []')).toEqual([
      'fabric_route_tags: is given and cleared at once, do one of the two (line 2)',
    ])
  })
})

describe('the areas of a policy', () => {
  const policy = (body: string) => `[fabric_link_state_area_policy]\nlocal_areas = ["metro", "core"]\n${body}`

  it('must not be above themselves', () => {
    const at = 'fabric_link_state_area_policy.area_hierarchy'
    expect(messages(policy('area_hierarchy.metro = "metro"'))).toEqual([
      `${at}.metro: is above itself: metro < metro (one of these parents must go) (line 3)`,
    ])
    expect(
      failure(policy('area_hierarchy.a = "b"\narea_hierarchy.b = "c"\narea_hierarchy.c = "a"\narea_hierarchy.d = "a"')).problems,
    ).toEqual([
      { code: 'settings_bad_value', key: `${at}.a`, line: 3, message: 'is above itself: a < b < c < a (one of these parents must go)' },
    ])
    expect(readRoutingSettings(policy('area_hierarchy = { a = "b", b = "c", d = "c" }'), 'toml').settings).toHaveProperty(
      'fabricLinkStateAreaPolicy',
    )
  })

  it('must exist where a filter names them', () => {
    expect(messages(policy('area_neighbor_filters.metor = ["oslo"]'))).toEqual([
      'fabric_link_state_area_policy.area_neighbor_filters.metor: there is no area "metor", did you mean "metro"? (areas: core, metro) (line 3)',
    ])
    expect(messages(policy('[[fabric_link_state_area_policy.summary_filters]]\nsource_area = "metro"\ntarget_area = "elsewhere"'))).toEqual(
      ['fabric_link_state_area_policy.summary_filters[0].target_area: there is no area "elsewhere" (areas: core, metro) (line 5)'],
    )
    expect(messages('[fabric_link_state_area_policy]\narea_neighbor_filters.x = []')).toEqual([
      'fabric_link_state_area_policy.area_neighbor_filters.x: there is no area "x", nor any other: name it in local_areas, neighbor_areas or area_hierarchy (line 2)',
    ])
  })

  it.each([
    ['a neighbour', 'neighbor_areas.oslo = ["x"]', {}],
    ['the hierarchy', 'area_hierarchy.metro = "x"', {}],
    ['the default', 'default_area = "x"', {}],
    ['the node', '', { running: resolveSettings({ fabricLinkStateArea: 'x' }).settings }],
  ])('exist when %s has them', (_name, body, options) => {
    expect(() => readRoutingSettings(policy(`${body}\narea_neighbor_filters.x = ["oslo"]`), 'toml', options)).not.toThrow()
  })

  it('may be that of the document', () => {
    expect(() => readRoutingSettings(`fabric_link_state_area = "x"\n${policy('area_neighbor_filters.x = ["oslo"]')}`, 'toml')).not.toThrow()
  })

  it('are summarised by one filter for each pair, and not into themselves', () => {
    const filter = (source: string, target: string) =>
      `[[fabric_link_state_area_policy.summary_filters]]\nsource_area = "${source}"\ntarget_area = "${target}"\n`
    const at = 'fabric_link_state_area_policy.summary_filters'
    expect(messages(policy(filter('metro', 'core') + filter('metro', 'core') + filter('core', 'core')))).toEqual([
      `${at}[1]: there is a filter from "metro" to "core" already, make it one (line 6)`,
      `${at}[2]: an area is not summarised into itself: "core" (line 9)`,
    ])
  })

  it('are checked in the settings of a node as well', () => {
    const fabricLinkStateAreaPolicy = { areaHierarchy: { a: 'a' } }
    expect(() => resolveSettings({ fabricLinkStateAreaPolicy })).toThrow(
      'fabricLinkStateAreaPolicy.areaHierarchy.a: is above itself: a < a',
    )
  })
})

describe('registered keys', () => {
  const registry = (oslo: unknown) => JSON.stringify({ fabric_route_key_registry: { clusters: { oslo } } })
  const at = 'fabric_route_key_registry.clusters.oslo'

  it.each([
    [
      'an id twice',
      {
        keys: [
          { key_id: 'k', public_key: PUBLIC },
          { key_id: 'k', public_key: PRIVATE },
        ],
      },
      `${at}.keys[1].key_id: "k" is the id of another key of the cluster (line 1)`,
    ],
    [
      'a primary that is not there',
      { primary_key_id: 'x', keys: [{ key_id: 'k', public_key: PUBLIC }] },
      `${at}.primary_key_id: no key of the cluster has the id "x" (keys: k) (line 1)`,
    ],
    [
      'an end before the beginning',
      { keys: [{ public_key: PUBLIC, added_at: 10, expires_at: 10 }] },
      `${at}.keys[0].expires_at: is not after added_at, 10 (line 1)`,
    ],
  ])('are refused with %s', (_name, oslo, message) => {
    expect(failure(registry(oslo), 'json').message).toBe(message)
  })

  it('may have a primary by the id that follows from its key', () => {
    const oslo = { primary_key_id: 'route_key_56475aa75463474c', keys: [{ public_key: PUBLIC }] }
    expect(() => readRoutingSettings(registry(oslo), 'json')).not.toThrow()
  })

  it('are read from a file of their own', () => {
    const document = everything.fabric_route_key_registry
    expect(readRouteKeys(JSON.stringify(document))).toEqual(document)
    expect(() => readRouteKeys('{\n"clusters": {"oslo": {"keys": [\n{"public_key": "ab"}]}}}', 'keys.json')).toThrow(
      'keys.json: clusters.oslo.keys[0].public_key: expected 64 hexadecimal digits (line 3)',
    )
    expect(() => readRouteKeys('{"oslo": {}}')).toThrow('oslo: unknown setting')
    expect(() => readRouteKeys('{')).toThrow('Invalid JSON document: expected a key in double quotes, or "}" (line 1, column 2)')
  })
})

describe('settings that do not do what they seem to', () => {
  const warningsOf = (input: Parameters<typeof resolveSettings>[0]) => resolveSettings(input).warnings

  it('are pointed out', () => {
    expect(
      warningsOf({ fabricRouteSecurityConfig: { requireSignatures: true, allowEmbeddedKeys: false }, fabricRouteKeyProvider: () => {} }),
    ).toEqual([
      'fabricRouteSecurityConfig: signatures are required, but without fabricRouteSigner the own announcements have none',
      'fabricRouteSecurityConfig: without fabricRouteKeyRegistry no key is ever known, so every signed announcement is refused',
      'fabricRouteKeyProvider: is never asked without fabricRouteKeyRegistry',
    ])
    const sound = {
      fabricRouteSecurityConfig: { requireSignatures: true, allowEmbeddedKeys: false },
      fabricRouteSigner: { privateKey: PRIVATE },
      fabricRouteKeyFile: 'keys.json',
    }
    expect(warningsOf(sound)).toEqual([])
    expect(() => resolveSettings({ ...sound, fabricRouteKeyProvider: () => {} })).toThrow(
      'fabricRouteKeyFile: can not be given together with fabricRouteKeyProvider',
    )
  })

  it('do not include the defaults, which pin the keys of the operator', () => {
    const { settings, warnings } = resolveSettings()
    expect(warnings).toEqual([])
    expect(settings satisfies Settings).toMatchObject({ fabricRouteKeysPinned: true, fabricRouteLinkCosts: {}, fabricRouteKeyFile: null })
  })
})
