/** Queues in the node: made if the settings ask for them, announced to the fabric, and offered as functions. */
import type { Env } from '../base/index.ts'
import type { Offer } from '../fabric/index.ts'
import type { Exchange } from '../pubsub/index.ts'
import { createQueues, QUEUES_PRESETS, type Queue, type QueueObserver, type Queues } from '../queue/index.ts'
import type { Call } from '../rpc/index.ts'
import { normalizeScope, QUEUE_MESSAGE_GUARANTEES, type QueueEntry, type QueueHealth } from '../wire/index.ts'
import type { Builtin } from './builtins.ts'
import type { Fabric } from './fabric.ts'
import type { NodeTelemetry } from './monitoring/telemetry.ts'
import { queueFunctions } from './queue-functions.ts'
import type { Reach } from './reach.ts'
import type { Settings } from './settings/index.ts'

export interface NodeQueuesDeps {
  readonly env: Env
  readonly settings: Settings
  readonly nodeId: () => string
  readonly exchange: Exchange
  /** Undefined before the start. */
  fabric(): Fabric | undefined
  reach(): Pick<Reach, 'runOn'> | undefined
  /** Undefined without monitoring. */
  telemetry(): Pick<NodeTelemetry, 'queue' | 'enqueuedByRequest'> | undefined
}

export interface NodeQueues {
  readonly queues: Queues
  readonly builtins: readonly Builtin[]
  /** As they are announced. */
  offers(): Offer<QueueEntry>[]
}

/** Undefined when the settings ask for none. */
export function createNodeQueues(deps: NodeQueuesDeps): NodeQueues | undefined {
  const { env, exchange, fabric, settings, telemetry } = deps
  if (!settings.enableDefaultQueue) return undefined
  const { clusterId } = settings
  const observer: QueueObserver = {
    sent: (queue, message) => telemetry()?.queue?.sent(queue, message),
    acknowledged: (queue, message, processingMs) => telemetry()?.queue?.acknowledged(queue, message, processingMs),
    failed: (queue, message, reason) => telemetry()?.queue?.failed(queue, message, reason),
    routed: (queue, publication, result) => telemetry()?.queue?.routed(queue, publication, result),
  }
  const queues = createQueues({ env, exchange, observer }, QUEUES_PRESETS.reliable)
  const changed = () => fabric()?.announcer.changed('queues')
  queues.observe({ created: changed, removed: changed })
  const labels = { scope: normalizeScope(settings.nodeScope), tags: [...settings.nodeTags].sort() }

  /** Those of this cluster first, then the healthy, then by cluster and node. */
  function find(name: string): QueueEntry | undefined {
    const rank = ({ cluster_id, health }: QueueEntry) => Number(cluster_id !== clusterId) * 2 + Number(health !== 'healthy')
    return fabric()
      ?.catalog.queues(name)
      .filter(({ node_id }) => node_id !== deps.nodeId())
      .sort((a, b) => rank(a) - rank(b) || compare(a.cluster_id, b.cluster_id) || compare(a.node_id, b.node_id))[0]
  }

  return {
    queues,
    builtins: queueFunctions({
      queues,
      nodeId: deps.nodeId,
      clock: env.clock,
      announced: () => fabric()?.catalog.list('queues') ?? [],
      find,
      runOn(entry, fun, kwargs, call: Call) {
        const answer = deps.reach()?.runOn(entry.node_id, fun, kwargs, call)
        return answer ?? Promise.reject(new Error(`node ${entry.node_id}, which has queue ${entry.queue_name}, offers no ${fun}`))
      },
      onEnqueued: (...told) => telemetry()?.enqueuedByRequest(...told),
    }),
    offers: () =>
      queues.list().map((queue) => ({
        queue_name: queue.name,
        delivery_guarantees: QUEUE_MESSAGE_GUARANTEES,
        health: healthOf(queue),
        current_subscribers: queue.subscriptionCount,
        metadata: { queue_type: queue.config.queue_type, max_size: String(queue.config.max_size) },
        ...labels,
      })),
  }
}

const DEGRADED_SHARE = 0.8

/** By how full it is: senders prefer a queue that has room. */
function healthOf(queue: Queue): QueueHealth {
  const share = queue.statistics().current_queue_size / queue.config.max_size
  return share >= 1 ? 'unavailable' : share >= DEGRADED_SHARE ? 'degraded' : 'healthy'
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
