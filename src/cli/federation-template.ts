/** Templates of the federation configuration: a starting point that is valid but for the ports, which nobody can guess. */
import type { JsonObject } from './json-value.ts'

export const templateNames = ['basic', 'production', 'development'] as const
export type TemplateName = (typeof templateNames)[number]

/** What `generate-config` writes. */
export function federationTemplate(): JsonObject {
  return config({
    health_check_interval: 30,
    resilience: resilience({ failures: 5, successes: 3, timeoutSeconds: 60, attempts: 3, delaySeconds: 1 }),
    clusters: [
      cluster('production-primary', 'Production Primary', 'us-west-2', 1, ['compute', 'storage', 'networking'], 'primary'),
      cluster('production-secondary', 'Production Secondary', 'eu-central-1', 2, ['compute', 'storage'], 'secondary'),
    ],
    alertEndpoints: ['http://alerts.example.net:<port>/api/v1/alerts'],
  })
}

export function namedTemplate(name: TemplateName): JsonObject {
  if (name === 'production') {
    return {
      ...federationTemplate(),
      federation: {
        enabled: true,
        auto_discovery: true,
        health_check_interval: 15,
        // Opens soon and closes carefully: traffic has other clusters to go to.
        resilience: resilience({ failures: 3, successes: 5, timeoutSeconds: 60, attempts: 5, delaySeconds: 0.5 }),
      },
    }
  }
  if (name === 'development') {
    return config({
      health_check_interval: 10,
      // Nodes come and go while one works on them.
      resilience: resilience({ failures: 10, successes: 3, timeoutSeconds: 30, attempts: 3, delaySeconds: 1 }),
      clusters: [local('dev-local', 'Development')],
      alertEndpoints: [],
    })
  }
  return config({
    auto_discovery: false,
    health_check_interval: 5,
    resilience: resilience({ failures: 5, successes: 3, timeoutSeconds: 60, attempts: 3, delaySeconds: 1 }),
    clusters: [local('local', 'Local')],
    alertEndpoints: [],
  })
}

/** What `auto-discovery generate` writes: each kind of back end once. */
export function autoDiscoveryTemplate(): JsonObject {
  return {
    auto_discovery: {
      enabled: true,
      backends: [
        { protocol: 'static_config', config_path: '/etc/mpreg/clusters.json', discovery_interval: 60 },
        {
          protocol: 'consul',
          host: 'localhost',
          port: 8500,
          service_name: 'mpreg-federation',
          datacenter: 'dc1',
          discovery_interval: 30,
        },
        {
          protocol: 'dns_srv',
          domain: 'mpreg.local',
          service: '_mpreg._tcp',
          resolver_host: '127.0.0.1',
          resolver_port: 53,
          use_tcp: false,
          timeout_seconds: 2,
          discovery_interval: 120,
        },
        {
          protocol: 'http_endpoint',
          discovery_url: 'https://discovery.example.com/clusters',
          discovery_interval: 60,
          registration_ttl: 120,
        },
      ],
    },
  }
}

interface ConfigParts {
  readonly auto_discovery?: boolean
  readonly health_check_interval: number
  readonly resilience: JsonObject
  readonly clusters: readonly JsonObject[]
  readonly alertEndpoints: readonly string[]
}

function config({ alertEndpoints, auto_discovery = true, clusters, health_check_interval, resilience }: ConfigParts): JsonObject {
  return {
    version: '1.0',
    federation: { enabled: true, auto_discovery, health_check_interval, resilience },
    clusters,
    monitoring: { enabled: true, metrics_port: 0, alert_endpoints: alertEndpoints },
  }
}

interface Resilience {
  readonly failures: number
  readonly successes: number
  readonly timeoutSeconds: number
  readonly attempts: number
  readonly delaySeconds: number
}

function resilience({ attempts, delaySeconds, failures, successes, timeoutSeconds }: Resilience): JsonObject {
  return {
    circuit_breaker: { failure_threshold: failures, success_threshold: successes, timeout_seconds: timeoutSeconds },
    retry_policy: { max_attempts: attempts, initial_delay_seconds: delaySeconds, backoff_multiplier: 2 },
  }
}

function cluster(id: string, name: string, region: string, priority: number, resources: readonly string[], tier: string): JsonObject {
  return {
    cluster_id: id,
    cluster_name: name,
    region,
    server_url: `ws://${tier}.example.net:<port>`,
    bridge_url: `ws://bridge-${tier}.example.net:<port>`,
    priority,
    resources,
    tags: { environment: 'production', tier },
  }
}

function local(id: string, name: string): JsonObject {
  return {
    cluster_id: id,
    cluster_name: name,
    region: 'local',
    server_url: 'ws://127.0.0.1:10000',
    bridge_url: 'ws://127.0.0.1:11000',
    priority: 1,
    resources: ['compute'],
    tags: { environment: 'development', tier: 'local' },
  }
}
