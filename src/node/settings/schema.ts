/**
 * Every setting of a node, declared once: kind, default, one line of help, command-line option.
 *
 * Keys are camelCase here and in code, snake_case of the same in a file. The types {@link Settings} and {@link SettingsInput}, the
 * checks, the options of `mpreg server start` and the settings guide all follow from this table; to add a setting, add a line. A
 * section is a subsystem: a node that was built without it warns about settings that would have no effect.
 */
import { logLevels } from '../../telemetry/index.ts'
import {
  boolean,
  bytes,
  callback,
  type Fields,
  type Given,
  host,
  integer,
  list,
  nullable,
  number,
  oneOf,
  oneOfElse,
  openUrl,
  port,
  type Resolved,
  record,
  refine,
  seconds,
  secret,
  setting,
  string,
  text,
  url,
} from './kinds.ts'
import {
  areaPolicy,
  federation,
  linkCosts,
  namespaceRule,
  notifierConfig,
  optionalScope,
  persistence,
  routeKeyProvider,
  routeKeyRegistry,
  routePolicy,
  routePolicyDirectory,
  routeSecurity,
  routeSigner,
  routeStability,
  scopeList,
  strictIsolation,
  tenantCredential,
} from './structures.ts'

const MIB = 1024 * 1024

/** Told the port that was allocated; may be asynchronous. Its failure is logged and changes nothing. */
export type PortCallback = (port: number) => void | Promise<void>

const nodeUrls = list(url('ws', 'wss', 'tcp', 'tcps'))
const names = list(text())
/** A count, rate or window that is off at 0; a negative value is read as 0. */
const countOrOff = refine(integer(), (value) => Math.max(0, value))
const secondsOrOff = refine(seconds(), (value) => Math.max(0, value))
/** A period that must not be shorter than a second; a smaller value is read as 1. */
const secondsFromOne = refine(seconds(), (value) => Math.max(1, value))

const node = {
  host: setting(host(), '127.0.0.1', 'Address to listen on; with the port it makes the node id `ws://<host>:<port>`.', {
    flag: '--host <address>',
  }),
  port: setting(port(), null, 'Port to listen on; 0 or null: the first free one of 10000 to 16000.', { flag: '--port <number>' }),
  name: setting(string(), 'NO NAME PROVIDED', 'Name shown to people, and publisher of what the node itself publishes.', {
    flag: '--name <name>',
    flagDefault: 'MPREG Server',
  }),
  clusterId: setting(text(), 'default-cluster', 'Cluster the node belongs to.', { flag: '--cluster-id <id>' }),
  resources: setting(names, [], 'What the node offers to commands that ask for resources.', { flag: '--resource <name>' }),
  advertisedUrls: setting(
    nodeUrls,
    [],
    'URLs told to others instead of the node id: behind address translation, or with a wildcard host.',
    {
      flag: '--advertised-url <url>',
    },
  ),
  onPortAssigned: setting(nullable(callback<PortCallback>()), null, 'Called with the port that was allocated.'),
} satisfies Fields

const logging = {
  logLevel: setting(oneOf(logLevels, { anyCase: true }), 'INFO', 'Lines of this level and above are written.'),
  logDebugScopes: setting(list(string()), [], 'Scopes whose DEBUG lines are written although `log_level` is higher.'),
  logFormat: setting(
    oneOf(['text', 'json'], { anyCase: true }),
    'text',
    'Form of a line: for people and existing tools, or one JSON object.',
  ),
} satisfies Fields

const transport = {
  listen: setting(
    nodeUrls,
    [],
    'More addresses to listen on, such as `wss://0.0.0.0:9443` or `tcp://127.0.0.1:9001`; port 0: any free one.',
  ),
  tlsCertFile: setting(
    nullable(text()),
    null,
    'PEM file of the own certificate: identity of `wss` and `tcps` listeners, and towards peers.',
  ),
  tlsKeyFile: setting(nullable(text()), null, 'PEM file of its private key.'),
  tlsCaFile: setting(nullable(text()), null, 'PEM file of certificate authorities trusted besides those of the system.'),
  tlsVerifyPeers: setting(boolean(), true, 'Check certificate and host name of the nodes dialled over TLS.'),
  tlsRequireClientCert: setting(boolean(), false, 'Admit only connections with a valid client certificate to `wss` and `tcps` listeners.'),
  allowedOrigins: setting(names, [], 'Web pages (`https://example.org`) whose scripts may connect, besides those of this machine.'),
  authTokens: setting(
    record(secret()),
    {},
    'Bearer tokens admitted, by the name shown in logs. With any token or key set, others are refused.',
  ),
  apiKeys: setting(record(secret()), {}, 'API keys admitted (`X-API-Key`), by the name shown in logs.'),
  authTokenFile: setting(nullable(text()), null, 'File of more bearer tokens, one `name:token` a line.'),
  peerAuthToken: setting(nullable(secret()), null, 'Bearer token presented to the nodes dialled.'),
  peerApiKey: setting(nullable(secret()), null, 'API key presented to the nodes dialled.'),
  connectionsMax: setting(integer({ min: 1 }), 20_000, 'Connections open at once on one listener; one more is refused.'),
  clientMessageBytesMax: setting(bytes(), 20 * MIB, 'Largest message of a client.'),
  peerMessageBytesMax: setting(bytes(), 20 * MIB, 'Largest message of another node.'),
  streamBytesMax: setting(bytes(), 100 * MIB, 'Largest stream of pieces (TCP).'),
  sendBufferBytesMax: setting(bytes(), 32 * MIB, 'Unsent data of one connection; beyond it the connection is closed as too slow.'),
} satisfies Fields

const peers = {
  peers: setting(nodeUrls, [], 'Nodes to connect to at start and to stay connected to.', { flag: '--peer <url>' }),
  connect: setting(nullable(url('ws', 'wss', 'tcp', 'tcps')), null, 'One more node to connect to at start.', { flag: '--connect <url>' }),
  goodbyeReconnectGraceSeconds: setting(seconds(), 5, 'How long a node that said goodbye is refused; 0 or less: not at all.'),
} satisfies Fields

const gossip = {
  gossipInterval: setting(seconds({ above: 0 }), 5, 'Time between rounds of gossip; most periods of the control plane follow from it.'),
  fabricCatalogTtlSeconds: setting(seconds({ above: 0 }), 120, 'Life of what the node advertises, unless refreshed.'),
  fabricRoutingMaxHops: setting(integer({ min: 1 }), 5, 'Hops a message may take.'),
  cacheRegion: setting(string(), 'local', 'Region of the node: for the cache, and for discovery too.', { flag: '--cache-region <name>' }),
  nodeScope: setting(optionalScope(), 'zone', 'How far the node is visible to discovery queries.'),
  nodeTags: setting(names, [], 'Tags of the node in the catalog.'),
  topicScope: setting(optionalScope(), 'zone', 'How far topics advertised by the node are visible to discovery queries.'),
  topicTags: setting(names, [], 'Tags of these topics in the catalog.'),
  rpcSpecGossipMode: setting(
    oneOfElse(['summary', 'full'], 'summary', { anyCase: true }),
    'summary',
    'What other nodes are told of a function: a summary, or its whole specification.',
  ),
  rpcSpecGossipNamespaces: setting(names, [], 'Namespaces whose whole specifications may travel; empty: all.'),
  rpcSpecGossipMaxBytes: setting(nullable(bytes()), null, 'Larger specifications do not travel; null: any size.'),
} satisfies Fields

const federationSettings = {
  federationConfig: setting(federation, strictIsolation, 'Which other clusters the node talks to; by default none.'),
} satisfies Fields

const routing = {
  fabricRoutingEnabled: setting(boolean(), true, 'Forward between nodes: next-hop planner, publications, Raft messages.'),
  fabricRouteTtlSeconds: setting(seconds({ above: 0 }), 30, "Life of the node's own route announcement."),
  fabricRouteAnnounceIntervalSeconds: setting(seconds({ above: 0 }), 10, 'Time between route announcements.'),
  fabricRoutePolicy: setting(nullable(routePolicy), null, 'Which announced routes are accepted, and how routes are scored.'),
  fabricRouteExportPolicy: setting(nullable(routePolicy), null, 'Which routes are announced; null: all.'),
  fabricRouteNeighborPolicies: setting(nullable(routePolicyDirectory), null, 'Which routes are accepted from each neighbouring cluster.'),
  fabricRouteExportNeighborPolicies: setting(
    nullable(routePolicyDirectory),
    null,
    'Which routes are announced to each neighbouring cluster.',
  ),
  fabricRouteStability: setting(nullable(routeStability), null, 'Damping of routes that come and go; null: off.'),
  fabricRouteTags: setting(names, [], 'Tags on the routes the node announces.'),
  fabricRouteFallbackNeighbor: setting(boolean(), true, 'Without any route, hand the message to a neighbour that may know more.'),
  fabricRouteLinkCosts: setting(linkCosts, {}, 'What is known of the links to neighbouring clusters, by cluster.'),
  fabricRouteSecurityConfig: setting(nullable(routeSecurity), null, 'What is demanded of signatures; null: those present must be right.'),
  fabricRouteSigner: setting(nullable(routeSigner), null, 'Key that signs own announcements; null: unsigned.'),
  fabricRouteKeyRegistry: setting(nullable(routeKeyRegistry), null, 'Public keys known from the start.'),
  fabricRouteKeyFile: setting(
    nullable(text()),
    null,
    'JSON file of more public keys, in the form of `fabric_route_key_registry`; read again when it has changed.',
  ),
  fabricRouteKeyProvider: setting(nullable(routeKeyProvider()), null, 'Refreshes the registry from elsewhere, in place of a file.'),
  fabricRouteKeysPinned: setting(boolean(), true, 'Gossip can not change keys of a cluster that were configured or provided here.'),
  fabricRouteKeyRefreshIntervalSeconds: setting(
    secondsFromOne,
    60,
    'Time between calls of the key provider, or looks at the key file; at least 1.',
  ),
  fabricRouteKeyTtlSeconds: setting(seconds({ above: 0 }), 120, 'Life of a key announcement.'),
  fabricRouteKeyAnnounceIntervalSeconds: setting(seconds({ above: 0 }), 60, 'Time between key announcements.'),
  fabricLinkStateMode: setting(
    oneOfElse(['disabled', 'prefer', 'only'], 'disabled'),
    'disabled',
    'Link-state routes: not computed, used first, or the only ones.',
  ),
  fabricLinkStateTtlSeconds: setting(seconds({ above: 0 }), 30, 'Life of a link-state update.'),
  fabricLinkStateAnnounceIntervalSeconds: setting(seconds({ above: 0 }), 10, 'Time between link-state updates.'),
  fabricLinkStateEcmpPaths: setting(integer({ min: 1 }), 1, 'Equally good paths used in turn.'),
  fabricLinkStateArea: setting(nullable(text()), null, 'Area the node is in, and default area of the policy.'),
  fabricLinkStateAreaPolicy: setting(nullable(areaPolicy), null, 'How several areas exchange link state.'),
} satisfies Fields

const rpc = {
  rpcRequestTimeoutSeconds: setting(seconds({ above: 0 }), 30, 'Longest run of one request, everything it waits for included.'),
  rpcRequestsPerConnectionMax: setting(integer({ min: 1 }), 1000, 'Requests of one connection running at once; one more is refused.'),
  rpcErrorDetailsStack: setting(boolean(), false, 'Put stack traces into the details of errors: for debugging, as they show file paths.'),
  rpcWorkerThreadsMax: setting(
    nullable(integer({ min: 0 })),
    null,
    'Threads for functions registered to run in a worker; null: one fewer than the machine has cores, 0: none.',
  ),
} satisfies Fields

const pubsub = {
  pubsubSubscriptionsPerConnectionMax: setting(integer({ min: 1 }), 1000, 'Subscriptions of one connection; one more is refused.'),
  pubsubBacklogBytesMax: setting(bytes({ min: 0 }), 64 * MIB, 'Publications kept for later subscribers; the oldest go first.'),
  pubsubBacklogRetentionSeconds: setting(seconds({ min: 0 }), 3600, 'How long they are kept.'),
  pubsubBacklogMessagesPerTopicMax: setting(integer({ min: 0 }), 1000, 'How many are kept of one topic.'),
  pubsubReservedTopicsProtected: setting(boolean(), false, 'Refuse publications of clients on topics under `mpreg.`.'),
} satisfies Fields

const cache = {
  enableDefaultCache: setting(boolean(), false, 'Run a cache.', { flag: '--enable-cache' }),
  enableCacheFederation: setting(boolean(), false, 'Share it with other clusters.', { flag: '--enable-cache-federation' }),
  cacheLatitude: setting(number({ min: -90, max: 90 }, 'degrees'), 0, 'Where the node is.', { flag: '--cache-latitude <degrees>' }),
  cacheLongitude: setting(number({ min: -180, max: 180 }, 'degrees'), 0, 'Where the node is.', { flag: '--cache-longitude <degrees>' }),
  cacheCapacityMb: setting(integer({ min: 1 }, 'MiB'), 512, 'Size of the cache.', { flag: '--cache-capacity-mb <number>' }),
} satisfies Fields

const queue = {
  enableDefaultQueue: setting(boolean(), false, 'Have queues on this node.', { flag: '--enable-queue' }),
  queuePreset: setting(
    oneOf(['reliable', 'standard', 'high-throughput']),
    'reliable',
    'How queues are made. `reliable`: long timeouts, and only when asked; `standard` and `high-throughput`: by the first message too.',
  ),
} satisfies Fields

const persistenceSettings = {
  persistenceConfig: setting(
    refine(nullable(persistence), (config) => (config?.mode === 'off' ? null : config)),
    null,
    'Where state outlives the process; null: nowhere.',
  ),
} satisfies Fields

const raft = {
  fabricRaftRequestTimeoutSeconds: setting(seconds({ above: 0 }), 1, 'Longest wait for the answer to a Raft message.'),
} satisfies Fields

const discovery = {
  discoveryResolverMode: setting(boolean(), false, 'Answer queries from a second catalog that follows the stream of deltas.'),
  discoveryResolverNamespaces: setting(names, [], 'Namespaces followed; empty: all.'),
  discoveryResolverSeedOnStart: setting(boolean(), true, 'Start from what the catalog holds already.'),
  discoveryResolverPruneIntervalSeconds: setting(seconds(), 30, 'Time between removals of expired entries; 0 or less: never.'),
  discoveryResolverResyncIntervalSeconds: setting(seconds(), 0, 'Time between full comparisons; 0 or less: never.'),
  discoveryResolverQueryCacheEnabled: setting(boolean(), true, 'Keep answers to queries.'),
  discoveryResolverQueryTtlSeconds: setting(seconds({ min: 0 }), 10, 'How long an answer is fresh.'),
  discoveryResolverQueryStaleSeconds: setting(seconds({ min: 0 }), 20, 'How long it may be served after that, while it is refreshed.'),
  discoveryResolverQueryNegativeTtlSeconds: setting(seconds({ min: 0 }), 5, 'How long an empty answer is fresh.'),
  discoveryResolverQueryCacheMaxEntries: setting(integer({ min: 0 }), 1000, 'Answers kept; 0: none.'),
  discoverySummaryResolverMode: setting(boolean(), false, 'Follow the service summaries of other clusters.'),
  discoverySummaryResolverNamespaces: setting(names, [], 'Namespaces followed; empty: all.'),
  discoverySummaryResolverPruneIntervalSeconds: setting(secondsFromOne, 30, 'Time between removals of expired summaries; at least 1.'),
  discoverySummaryResolverScopes: setting(scopeList(), [], 'Scopes followed; empty: all, and summaries without a scope.'),
  discoveryPolicyEnabled: setting(boolean(), false, 'Apply the namespace rules.'),
  discoveryPolicyDefaultAllow: setting(boolean(), true, 'Whether a namespace without a rule is open.'),
  discoveryPolicyRules: setting(list(namespaceRule), [], 'Who may announce and see which namespace.'),
  discoveryTenantMode: setting(boolean(), false, 'Tell tenants apart.'),
  discoveryTenantAllowRequestOverride: setting(boolean(), true, 'A request may name its tenant when its connection has none.'),
  discoveryTenantDefaultId: setting(nullable(text()), null, 'Tenant of everyone else.'),
  discoveryTenantHeader: setting(
    refine(nullable(string()), (header) => header?.trim().toLowerCase() || null),
    null,
    'Header in which a trusted proxy names the tenant; read only without credentials.',
  ),
  discoveryTenantCredentials: setting(list(tenantCredential), [], 'Tokens of tenants.'),
  discoveryAdminToken: setting(nullable(secret()), null, 'Token demanded for changing policies and DNS entries; null: none demanded.'),
  discoveryAccessAuditMaxEntries: setting(countOrOff, 500, 'Denials remembered.'),
  discoverySummaryExportEnabled: setting(boolean(), false, "Export summaries of the cluster's services."),
  discoverySummaryExportIntervalSeconds: setting(seconds(), 30, 'Time between exports; 0 or less: once, at start.'),
  discoverySummaryExportNamespaces: setting(names, [], 'Namespaces exported; empty: all.'),
  discoverySummaryExportScope: setting(optionalScope(), 'global', 'Scope of the exported summaries; null or blank: none.'),
  discoverySummaryExportIncludeUnscoped: setting(boolean(), true, 'Export them without a scope too.'),
  discoverySummaryExportHoldDownSeconds: setting(seconds({ min: 0 }), 0, 'Shortest time between two changed exports of a namespace.'),
  discoverySummaryExportStoreForwardSeconds: setting(
    seconds({ min: 0 }),
    0,
    'How long exports are kept for later subscribers; 0: not at all.',
  ),
  discoverySummaryExportStoreForwardMaxMessages: setting(integer({ min: 0 }), 100, 'How many are kept.'),
  discoveryRateLimitRequestsPerMinute: setting(
    countOrOff,
    0,
    'Queries of one viewer within the window, by command and namespace; 0: no limit.',
  ),
  discoveryRateLimitWindowSeconds: setting(secondsOrOff, 60, 'The window; 0: no limit.'),
  discoveryRateLimitMaxKeys: setting(integer({ min: 1 }), 2000, 'Counters kept; the ones used longest ago go first.'),
} satisfies Fields

const dns = {
  dnsGatewayEnabled: setting(boolean(), false, 'Answer DNS queries from the catalog.'),
  dnsListenHost: setting(nullable(host()), null, 'Address of the gateway; null: `host`.'),
  dnsUdpPort: setting(port(), null, 'UDP port; 0 or null: any free one.'),
  dnsTcpPort: setting(port(), null, 'TCP port; 0 or null: any free one.'),
  dnsZones: setting(refine(list(string()), dnsNames), ['mpreg'], 'Zones the gateway answers for.'),
  dnsMinTtlSeconds: setting(secondsFromOne, 1, 'Shortest life of an answer; at least 1.'),
  dnsMaxTtlSeconds: setting(seconds(), 60, 'Longest life of an answer; at least the shortest.'),
  dnsAllowExternalNames: setting(boolean(), false, 'Answer for names outside the zones.'),
  dnsViewerClusterId: setting(nullable(text()), null, 'Cluster as which the gateway looks; null: `cluster_id`.'),
  dnsViewerTenantId: setting(nullable(text()), null, 'Tenant as which the gateway looks.'),
} satisfies Fields

const monitoring = {
  monitoringEnabled: setting(boolean(), true, 'Serve health, metrics and topology over HTTP.', { flag: '--monitoring' }),
  monitoringPort: setting(port(), null, 'Its port; 0 or null: the first free one of 50000 to 55000.', {
    flag: '--monitoring-port <number>',
  }),
  monitoringHost: setting(nullable(host()), null, 'Its address; null: `host`.', { flag: '--monitoring-host <address>' }),
  monitoringEnableCors: setting(boolean(), true, 'Let web pages of other origins read it.', { flag: '--monitoring-cors' }),
  monitoringToken: setting(nullable(secret()), null, 'Bearer token that reads and changes; null: none.', {
    flag: '--monitoring-token <token>',
  }),
  monitoringRequireToken: setting(
    boolean(),
    true,
    'Demand the token for everything that changes the node, and beyond this machine for everything; switched off, whoever reaches the port may do both.',
    { flag: '--monitoring-require-token' },
  ),
  alertPreset: setting(oneOf(['default', 'production', 'development']), 'default', 'Thresholds from which alerts fire.'),
  alerting: setting(
    notifierConfig(),
    null,
    'Who is told of alerts: channels, routing rules, escalation policies, templates (see docs/operations.md); null: nobody, alerts are only shown.',
  ),
  onMonitoringPortAssigned: setting(nullable(callback<PortCallback>()), null, 'Called with the port that was allocated.'),
} satisfies Fields

const management = {
  mgmtEnabled: setting(boolean(), false, 'Serve the management API, which changes the node.'),
  mgmtAllowInsecure: setting(boolean(), false, 'Accept credentials over plain HTTP from other machines.'),
} satisfies Fields

const tracing = {
  otlpEndpoint: setting(
    nullable(openUrl('give the collector its key by the environment variable OTEL_EXPORTER_OTLP_HEADERS', 'http', 'https')),
    null,
    'Collector that gets the traces (OTLP over HTTP), such as `http://127.0.0.1:4318`; null: none, though an SDK that the application registered is used.',
    { flag: '--otlp <url>' },
  ),
  tracingSampleRatio: setting(
    number({ min: 0, max: 1 }),
    1,
    'Share of the requests and publications without a trace of their own that begin one; for a busy node 0.01.',
    { flag: '--tracing-sample-ratio <number>' },
  ),
} satisfies Fields

/** The subsystems of a node in the order of the guide, each with its settings. */
export const sections = {
  node: { title: 'Node', fields: node },
  logging: { title: 'Logging', fields: logging },
  transport: { title: 'Connections: listeners, TLS, access, limits', fields: transport },
  peers: { title: 'Peers', fields: peers },
  gossip: { title: 'Catalog and gossip', fields: gossip },
  federation: { title: 'Federation', fields: federationSettings },
  routing: { title: 'Routing', fields: routing },
  rpc: { title: 'Requests', fields: rpc },
  pubsub: { title: 'Publish and subscribe', fields: pubsub },
  queue: { title: 'Queues', fields: queue },
  cache: { title: 'Cache', fields: cache },
  persistence: { title: 'Persistence', fields: persistenceSettings },
  raft: { title: 'Raft', fields: raft },
  discovery: { title: 'Discovery', fields: discovery },
  dns: { title: 'DNS gateway', fields: dns },
  monitoring: { title: 'Monitoring', fields: monitoring },
  management: { title: 'Management', fields: management },
  tracing: { title: 'Tracing', fields: tracing },
} satisfies Record<string, { title: string; fields: Fields }>

export type Subsystem = keyof typeof sections

/** All settings in one. */
export const settingFields = {
  ...node,
  ...logging,
  ...transport,
  ...peers,
  ...gossip,
  ...federationSettings,
  ...routing,
  ...rpc,
  ...pubsub,
  ...queue,
  ...cache,
  ...persistenceSettings,
  ...raft,
  ...discovery,
  ...dns,
  ...monitoring,
  ...management,
  ...tracing,
}

/** A node's settings as it runs with them: complete, checked, normalised. */
export interface Settings extends Resolved<typeof settingFields> {}

/** What code gives to create a node: any part of the settings. Undefined and null mean "the default". */
export interface SettingsInput extends Given<typeof settingFields> {}

export type FederationConfig = Settings['federationConfig']
export type PersistenceConfig = NonNullable<Settings['persistenceConfig']>

/** Zone names without outer blanks and dots, in lower case. */
function dnsNames(given: readonly string[]): readonly string[] {
  const zones = given.map((zone) =>
    zone
      .trim()
      .toLowerCase()
      .replace(/^\.+|\.+$/g, ''),
  )
  return [...new Set(zones.filter((zone) => zone !== ''))]
}
