/** What a node offers to the fabric, as catalog entries without owner and time: those are the announcer's. */
import type { Offers } from '../fabric/index.ts'
import type { SubscriptionEntries } from '../pubsub/index.ts'
import { type RegisteredFunction, type Registry, sharesSpec, summaryOf } from '../rpc/index.ts'
import { compareCodePoints, encodeJson, normalizeScope, RawJson, type TransportEndpoint } from '../wire/index.ts'
import type { QueueSubsystem } from './queues.ts'
import type { Settings } from './settings/index.ts'

export interface OffersDeps {
  readonly nodeId: string
  readonly settings: Settings
  readonly registry: Pick<Registry, 'list'>
  readonly subscriptions: Pick<SubscriptionEntries, 'list'>
  /** Undefined: the node has no queues, and no such capability. */
  readonly queues: Pick<QueueSubsystem, 'offers'> | undefined
}

export function createOffers({ nodeId, queues, registry, settings, subscriptions }: OffersDeps): Offers {
  /** Entries are compared with what was announced: a function's is built once. */
  const offered = new WeakMap<RegisteredFunction, ReturnType<typeof functionOffer>>()
  const topicLabels = { scope: normalizeScope(settings.topicScope), tags: [...settings.topicTags].sort() }

  return {
    functions: () =>
      registry.list().map((fn) => {
        let offer = offered.get(fn)
        if (offer === undefined) {
          offer = functionOffer(fn, settings)
          offered.set(fn, offer)
        }
        return offer
      }),
    node: () => ({
      scope: normalizeScope(settings.nodeScope),
      resources: [...new Set(settings.resources)].sort(),
      capabilities: queues === undefined ? ['rpc'] : ['queue', 'rpc'],
      transport_endpoints: transportEndpoints(nodeId, settings.advertisedUrls),
      tags: [...settings.nodeTags].sort(),
      ...(settings.cacheRegion === '' ? {} : { region: settings.cacheRegion }),
    }),
    topics: () => subscriptions.list().map((subscription) => ({ ...subscription, ...topicLabels })),
    queues: () => queues?.offers() ?? [],
    services: () => [],
  }
}

function functionOffer({ resources, scope, spec, tags }: RegisteredFunction, settings: Settings) {
  const policy = {
    mode: settings.rpcSpecGossipMode,
    namespaces: settings.rpcSpecGossipNamespaces,
    bytesMax: settings.rpcSpecGossipMaxBytes,
  }
  return {
    identity: spec.identity,
    resources: [...resources].sort(),
    scope: normalizeScope(scope),
    tags,
    rpc_summary: new RawJson(encodeJson(summaryOf(spec))),
    ...(sharesSpec(policy, spec) ? { rpc_spec: new RawJson(encodeJson(spec)) } : {}),
    spec_digest: spec.spec_digest,
  }
}

/** The node id and every other URL it goes by; what has no scheme, host or port is left out. */
function transportEndpoints(nodeId: string, advertisedUrls: readonly string[]): TransportEndpoint[] {
  const endpoints: TransportEndpoint[] = []
  for (const url of new Set([nodeId, ...advertisedUrls])) {
    const match = /^([a-z]+):\/\/(.+):(\d+)/i.exec(url)
    if (match === null) continue
    const [endpoint, protocol = '', host = '', port] = match
    endpoints.push({ connection_type: 'internal', protocol: protocol.toLowerCase(), host, port: Number(port), endpoint })
  }
  return endpoints.sort((a, b) => compareCodePoints(a.protocol, b.protocol) || compareCodePoints(a.host, b.host) || a.port - b.port)
}
