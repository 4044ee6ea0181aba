/**
 * Settings that are structures: federation, persistence, route and link-state policies, namespace rules, credentials.
 *
 * Records that also travel between nodes (namespace rules, route keys) have the snake_case keys of the wire in code as well.
 */

import { type NotifierConfig, NotifierConfigError, readNotifierConfig } from '../../telemetry/index.ts'
import {
  boolean,
  hex,
  integer,
  isObject,
  type Kind,
  list,
  nullable,
  number,
  object,
  oneOf,
  plugin,
  record,
  refine,
  required,
  seconds,
  secret,
  setting,
  string,
  text,
} from './kinds.ts'
import { type Place, quote } from './report.ts'

const names = list(text())

// Federation: which other clusters this node talks to.

const bridge = object({
  localClusterId: setting(string(), '', 'This side; empty: `cluster_id`.'),
  remoteClusterId: required(text(), 'The other side.'),
  allowedRemoteNodes: setting(names, [], 'Node URLs accepted; empty: every node of the cluster.'),
  connectionTimeoutSeconds: setting(seconds({ above: 0 }), 30, 'Longest wait for a connection over this bridge.'),
  retryAttempts: setting(integer({ min: 0 }), 3, 'Attempts after a failed one.'),
  healthCheckIntervalSeconds: setting(seconds({ above: 0 }), 60, 'Time between health checks of the bridge.'),
  bridgeName: setting(string(), '', 'Name in logs; empty: `bridge_<local>_to_<remote>`.'),
})

const federationSecurity = object({
  requireMutualAuthentication: setting(boolean(), false, 'Accept foreign nodes only with a verified client certificate.'),
  allowedFunctionsCrossFederation: setting(names, [], 'If not empty, the only functions foreign clusters may use.'),
  blockedFunctionsCrossFederation: setting(names, [], 'Functions no foreign cluster may use; wins over the allowed ones.'),
  maxCrossFederationRequestsPerMinute: setting(
    nullable(integer({ min: 0 })),
    null,
    'Requests served for one foreign cluster in a minute; null: any number.',
  ),
  requireEncryptedConnections: setting(boolean(), false, 'Accept and dial foreign nodes only over TLS.'),
  connectionRateLimitPerCluster: setting(
    nullable(integer({ min: 0 })),
    null,
    'Connections accepted from one foreign cluster in a minute; null: any number.',
  ),
})

export const federation = object({
  federationMode: setting(
    oneOf(['strict_isolation', 'explicit_bridging', 'permissive_bridging']),
    'strict_isolation',
    'No foreign cluster, only those listed, or any.',
  ),
  localClusterId: setting(string(), '', 'Own cluster; empty: `cluster_id`.'),
  allowedForeignClusterIds: setting(names, [], 'Clusters admitted under `explicit_bridging` without a bridge of their own.'),
  explicitBridges: setting(list(bridge), [], 'Bridges to other clusters.'),
  crossFederationConnectionTimeoutSeconds: setting(seconds({ above: 0 }), 30, 'Longest wait for a connection to a foreign cluster.'),
  connectionRetryAttempts: setting(integer({ min: 0 }), 3, 'Attempts after a failed one.'),
  connectionHealthCheckIntervalSeconds: setting(seconds({ above: 0 }), 120, 'Time between health checks of foreign connections.'),
  securityPolicy: setting(federationSecurity, defaultsOf(federationSecurity), 'What is demanded of foreign clusters.'),
  logCrossFederationAttempts: setting(boolean(), true, 'Log accepted foreign connections at INFO.'),
  logCrossFederationWarnings: setting(boolean(), false, 'Under `permissive_bridging`, log them at WARNING instead.'),
  logConnectionRejections: setting(boolean(), true, 'Log rejected connections at WARNING.'),
  emitFederationMetrics: setting(boolean(), true, 'Count federation decisions.'),
})

export const strictIsolation = defaultsOf(federation)

// Persistence.

export const persistence = object({
  mode: setting(oneOf(['memory', 'sqlite', 'off']), 'memory', 'Where state is kept; `off` is the same as no `persistence_config`.', {
    flag: '--persistence-mode <mode>',
    flagDefault: 'off',
  }),
  dataDir: setting(nullable(text()), null, "Directory of the database; null: a directory of the user's own state.", {
    flag: '--persistence-dir <directory>',
  }),
  sqliteFilename: setting(text(), 'mpreg.sqlite', 'Database file within `data_dir`.', { flag: '--persistence-sqlite-filename <name>' }),
  sqliteWal: setting(boolean(), true, 'Write-ahead log instead of a rollback journal.'),
  sqliteSynchronous: setting(oneOf(['OFF', 'NORMAL', 'FULL', 'EXTRA'], { anyCase: true }), 'NORMAL', 'When SQLite waits for the disk.'),
  sqliteForeignKeys: setting(boolean(), true, 'Enforce foreign keys.'),
})

// Routing.

export const routePolicy = object({
  weightLatency: setting(number(), 1, 'Score per millisecond of latency; the lowest score wins.'),
  weightHops: setting(number(), 10, 'Score per hop.'),
  weightCost: setting(number(), 1, 'Score per unit of cost.'),
  weightReliability: setting(number(), 50, 'Score for a reliability of 0; none at 1.'),
  weightBandwidth: setting(number(), 0.05, 'Score taken off per Mbit/s.'),
  maxHops: setting(nullable(integer({ min: 1 })), null, 'Longest route accepted; null: any.'),
  allowedAdvertisers: setting(nullable(names), null, 'Clusters whose announcements are accepted; null: all, empty: none.'),
  allowedDestinations: setting(nullable(names), null, 'Clusters routes may lead to; null: all, empty: none.'),
  allowedTags: setting(nullable(names), null, 'A route needs one of these tags; null: no condition, empty: none accepted.'),
  denyTags: setting(nullable(names), null, 'A route with one of these tags is refused; wins over everything else.'),
  deterministicTiebreakers: setting(
    list(oneOf(['hop_count', 'latency_ms', 'reliability_score', 'advertiser'])),
    ['hop_count', 'latency_ms', 'reliability_score', 'advertiser'],
    'Order in which equal scores are compared.',
  ),
})

export const routePolicyDirectory = object({
  defaultPolicy: setting(nullable(routePolicy), null, 'For clusters without an entry; null: no filter.'),
  neighborPolicies: setting(record(routePolicy), {}, 'Policy by neighbouring cluster.'),
})

export const routeStability = object({
  holdDownSeconds: setting(seconds({ min: 0 }), 0, 'After a withdrawal, the same route is refused this long; 0: off.'),
  flapThreshold: setting(integer({ min: 0 }), 0, 'Withdrawals that make a route suppressed; 0: off.'),
  suppressionWindowSeconds: setting(seconds({ min: 0 }), 0, 'Window in which they are counted, and length of the suppression; 0: off.'),
})

export const routeSecurity = object({
  requireSignatures: setting(boolean(), false, 'Refuse unsigned announcements.'),
  allowUnsigned: setting(boolean(), true, 'Accept unsigned announcements; read only while signatures are not required.'),
  signatureAlgorithm: setting(oneOf(['ed25519']), 'ed25519', 'Algorithm of signatures.'),
  allowEmbeddedKeys: setting(boolean(), true, 'Verify with the key inside the message when no key of the cluster is known.'),
})

export const routeSigner = object({
  privateKey: required(hex(32, secret()), 'Ed25519 seed. Its public key is one of the own cluster, listed or not.'),
})

const routeKey = object({
  key_id: setting(nullable(text()), null, 'Null: derived from the public key.'),
  public_key: required(hex(32), 'Ed25519 public key.'),
  added_at: setting(number({ min: 0 }, 'Unix seconds'), 0, 'When it was added.'),
  expires_at: setting(nullable(number({ min: 0 }, 'Unix seconds')), null, 'When it stops being valid; null: never.'),
})

const clusterKeys = object({
  primary_key_id: setting(nullable(text()), null, 'Key tried first; null: the first one.'),
  keys: setting(list(routeKey), [], 'Keys of the cluster; none: nothing it signs is believed.'),
})

export const routeKeyRegistry = object({
  clusters: setting(record(clusterKeys), {}, 'Public keys by cluster.'),
})

/** Refreshes the registry of route keys from elsewhere. It is handed the registry, to write keys as those of the provider. */
export interface RouteKeyProvider {
  refresh(registry: unknown): void | Promise<void>
}

/** The same as a mere function. */
export type RouteKeyRefresh = RouteKeyProvider['refresh']

/** A plug-in, or its one operation as a function. */
export function routeKeyProvider(): Kind<RouteKeyProvider, RouteKeyProvider | RouteKeyRefresh> {
  const wanted: Kind<RouteKeyProvider, RouteKeyProvider | RouteKeyRefresh> = plugin<RouteKeyProvider>('refresh')
  return {
    ...wanted,
    name: 'a function, or an object with the method refresh (in code only)',
    check: (raw, place) => wanted.check(typeof raw === 'function' ? { refresh: raw } : raw, place),
  }
}

/** Who is told of alerts, as the notifier reads it: its keys are those of the file in code, too. */
export function notifierConfig(): Kind<NotifierConfig | null, object> {
  return {
    name: 'an object: channels, routing_rules, escalation_policies, templates',
    nullable: true,
    secret: true,
    check(raw, place) {
      if (raw === null) return null
      if (!isObject(raw)) return place.wrongType('an object', raw, true)
      try {
        return readNotifierConfig(raw)
      } catch (error) {
        if (!(error instanceof NotifierConfigError)) throw error
        for (const { code, message, path } of error.problems) {
          const at = path.reduce((inner: Place, step) => (typeof step === 'number' ? inner.item(step) : inner.field(step)), place)
          at.problem(code, message)
        }
        return undefined
      }
    },
    // Channels hold addresses and keys.
    show: (value) => value && { channels: value.channels.map(({ backend, channel_id }) => ({ channel_id, backend })) },
  }
}

/** What is known of the links to a neighbouring cluster besides what is measured. Names as in the announcements they end up in. */
const linkCost = object({
  latency_ms: setting(nullable(number({ min: 0 }, 'milliseconds')), null, 'One way; null: half of the measured round trip.'),
  bandwidth_mbps: setting(nullable(integer({ min: 1 }, 'Mbit/s')), null, 'Bandwidth; null: unknown.'),
  reliability_score: setting(nullable(number({ min: 0, max: 1 })), null, 'From 0 to 1; null: as measured.'),
  cost_score: setting(number({ min: 0 }), 0, 'Cost; larger is worse.'),
})

export const linkCosts = record(linkCost)

const summaryFilter = object({
  sourceArea: required(text(), 'Area the summary comes from.'),
  targetArea: required(text(), 'Area it goes to.'),
  allowedNeighbors: setting(nullable(names), null, 'Clusters that may be summarised; null: all.'),
  deniedNeighbors: setting(nullable(names), null, 'Clusters that may not; null: none.'),
})

export const areaPolicy = object({
  localAreas: setting(names, [], 'Areas this node is in.'),
  defaultArea: setting(nullable(text()), null, 'Area of neighbours without an entry; null: `fabric_link_state_area`.'),
  allowUnmappedNeighbors: setting(boolean(), true, 'Whether neighbours without an entry take part at all.'),
  neighborAreas: setting(record(names), {}, 'Areas by neighbouring cluster.'),
  areaNeighborFilters: setting(record(names), {}, 'Clusters admitted, by area.'),
  areaHierarchy: setting(record(text()), {}, 'Parent area by area.'),
  summaryFilters: setting(list(summaryFilter), [], 'What is summarised from one area into another.'),
})

// Discovery.

/** Discovery scopes from the narrowest to the widest. */
export const discoveryScopes = ['local', 'zone', 'region', 'global'] as const
export type DiscoveryScope = (typeof discoveryScopes)[number]

type GivenScope = DiscoveryScope | 'cluster'

/** A scope name in any case; `cluster` is an older name of `zone`. Blank becomes null. */
export function optionalScope(): Kind<DiscoveryScope | null, GivenScope | null> {
  const name = `one of ${discoveryScopes.map((scope) => `"${scope}"`).join(', ')}`
  return nullable(
    refine({ ...(string() as Kind<string, GivenScope>), name, choices: discoveryScopes }, (given, place) => {
      const wanted = given.trim().toLowerCase()
      if (wanted === '') return null
      const scope = discoveryScopes.find((known) => known === (wanted === 'cluster' ? 'zone' : wanted))
      return scope ?? place.badValue(`expected ${name}, got ${quote(given)}`)
    }),
  )
}

/** Scopes; blank ones are dropped. */
export function scopeList(): Kind<readonly DiscoveryScope[], GivenScope | null | readonly (GivenScope | null)[]> {
  const scopes = list(optionalScope())
  return { ...refine(scopes, (given) => given.filter((scope) => scope !== null)), show: (value) => value }
}

const cutoverWindow = object({
  starts_at: required(number({ above: 0 }, 'Unix seconds'), 'Start of the window.'),
  ends_at: setting(nullable(number({ above: 0 }, 'Unix seconds')), null, 'End of the window; null: open.'),
  export_scopes: setting(scopeList(), [], 'Scopes exported in the window; empty: those of the rule.'),
  allow_summaries: setting(nullable(boolean()), null, 'Overrides `allow_summaries` of the rule; null: does not.'),
})

export const namespaceRule = object({
  namespace: required(text(), 'Namespace; the rule covers everything below it too.'),
  owners: setting(names, [], 'Clusters that may announce entries here; empty: all.'),
  visibility: setting(names, [], 'Clusters that may see it.'),
  visibility_tenants: setting(names, [], 'Tenants that may see it. With both lists empty everyone may.'),
  export_scopes: setting(scopeList(), [], 'Scopes summaries may be exported to; empty: all.'),
  allow_summaries: setting(boolean(), false, 'Whether summaries are exported.'),
  cutover_windows: setting(list(cutoverWindow), [], 'Times outside of which nothing is exported; empty: always.'),
  policy_version: setting(nullable(string()), null, "The operator's own mark of this version."),
})

export const tenantCredential = object({
  tenantId: required(text(), 'Tenant a connection with this token belongs to.'),
  token: required(secret(), 'The token, exactly.'),
  scheme: setting(
    refine(string(), (scheme) => scheme.trim().toLowerCase() || 'bearer'),
    'bearer',
    '`bearer` or `api-key`.',
  ),
})

function defaultsOf<Value, Input>(kind: Kind<Value, Input>): Value {
  return Object.fromEntries(Object.entries(kind.fields ?? {}).map(([key, field]) => [key, field.default])) as Value
}
