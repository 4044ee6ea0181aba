/** Queues in the node: made if the settings ask for them, announced to the fabric, and offered as functions. */
import type { Env } from '../base/index.ts'
import type { Offer } from '../fabric/index.ts'
import type { Exchange } from '../pubsub/index.ts'
import { announcedConfig, createQueues, QUEUES_PRESETS, type Queue, type QueueFederation, type QueueObserver } from '../queue/index.ts'
import type { Call } from '../rpc/index.ts'
import { normalizeScope, QUEUE_MESSAGE_GUARANTEES, type QueueEntry, type QueueHealth } from '../wire/index.ts'
import type { Builtin } from './builtins.ts'
import type { Discovery } from './discovery.ts'
import type { Fabric } from './fabric.ts'
import type { NodeTelemetry } from './monitoring/telemetry.ts'
import { nodeProblem } from './node-problem.ts'
import { queueFunctions } from './queue-functions.ts'
import type { NodeQueues } from './queues-api.ts'
import type { Reach } from './reach.ts'
import type { Settings } from './settings/index.ts'

export interface NodeQueuesDeps {
  readonly env: Env
  readonly settings: Settings
  readonly nodeId: () => string
  readonly exchange: Exchange
  readonly discovery: Pick<Discovery, 'policy' | 'viewerOf'>
  /** Undefined before the start. */
  fabric(): Fabric | undefined
  reach(): Pick<Reach, 'queues' | 'runOn'> | undefined
  /** Undefined without monitoring. */
  telemetry(): Pick<NodeTelemetry, 'queue' | 'enqueuedByRequest'> | undefined
}

export interface QueueSubsystem {
  readonly queues: NodeQueues
  readonly builtins: readonly Builtin[]
  /** As they are announced. */
  offers(): Offer<QueueEntry>[]
}

/** Undefined when the settings ask for none. */
export function createNodeQueues(deps: NodeQueuesDeps): QueueSubsystem | undefined {
  const { discovery, env, exchange, fabric, reach, settings, telemetry } = deps
  if (!settings.enableDefaultQueue) return undefined
  const observer: QueueObserver = {
    sent: (queue, message) => telemetry()?.queue?.sent(queue, message),
    acknowledged: (queue, message, processingMs) => telemetry()?.queue?.acknowledged(queue, message, processingMs),
    failed: (queue, message, reason) => telemetry()?.queue?.failed(queue, message, reason),
    routed: (queue, publication, result) => telemetry()?.queue?.routed(queue, publication, result),
  }
  const messageBytesMax = roomWithin(Math.min(settings.clientMessageBytesMax, settings.peerMessageBytesMax))
  const own = createQueues(
    { clusterId: settings.clusterId, env, exchange, observer, messageBytesMax },
    QUEUES_PRESETS[settings.queuePreset],
  )
  const queues: NodeQueues = {
    ...own,
    sendAnywhere: async (...args) => federation().send(...args),
    subscribeAnywhere(init) {
      const { subscribe, unsubscribe } = federation()
      const id = subscribe(init)
      return () => void unsubscribe(id)
    },
    discover: (pattern) => reach()?.queues.discover(pattern) ?? [],
  }
  const changed = () => fabric()?.announcer.changed('queues')
  queues.observe({ created: changed, removed: changed })
  const labels = { scope: normalizeScope(settings.nodeScope), tags: [...settings.nodeTags].sort() }

  /** A caller is a client of this node, or a neighbour that passed the call on. */
  function answerBytesMax({ caller }: Call): number {
    const links = fabric()?.peers.sender
    const isNeighbour = links?.isConnected(caller.connectionId) === true
    return roomWithin(isNeighbour ? links.frameBytesMax(caller.connectionId) : settings.clientMessageBytesMax)
  }

  function problemOf(nodeId: string): string | undefined {
    const running = fabric()
    return running && nodeId !== deps.nodeId() ? nodeProblem(running, nodeId)?.text : undefined
  }

  /** @throws Error before the start */
  function federation(): QueueFederation {
    const running = reach()
    if (running === undefined) throw new Error('the node has not started: it knows no queues of others yet')
    return running.queues
  }

  return {
    queues,
    builtins: queueFunctions({
      queues,
      nodeId: deps.nodeId,
      answerBytesMax,
      clock: env.clock,
      clusterId: settings.clusterId,
      find: (name, cluster) => reach()?.queues.find(name, cluster),
      announced: (name) => reach()?.queues.announced(name) ?? [],
      nodeProblem: problemOf,
      nodeWith: (fun, cluster) =>
        fabric()
          ?.catalog.functionsNamed(fun)
          .find(({ cluster_id, node_id }) => cluster_id === cluster && problemOf(node_id) === undefined)?.node_id,
      runOn(node, fun, kwargs, call: Call) {
        const answer = reach()?.runOn(node, fun, kwargs, call)
        return answer ?? Promise.reject(new Error(`node ${node} offers no ${fun}: start it with --enable-queue`))
      },
      mayList: (caller, queue) => discovery.policy.viewer(queue, discovery.viewerOf(caller)).allowed,
      onEnqueued: (...told) => telemetry()?.enqueuedByRequest(...told),
    }),
    offers: () =>
      queues.list().map((queue) => ({
        queue_name: queue.name,
        delivery_guarantees: QUEUE_MESSAGE_GUARANTEES,
        health: healthOf(queue),
        current_subscribers: queue.subscriptionCount,
        metadata: announcedConfig(queue.config),
        ...labels,
      })),
  }
}

/** Of a frame, for what is around the messages in an answer. */
const ENVELOPE_BYTES = 64 * 1024

function roomWithin(frameBytesMax: number): number {
  return frameBytesMax - Math.min(ENVELOPE_BYTES, frameBytesMax / 4)
}

const DEGRADED_SHARE = 0.8

/** By how full it is: senders prefer a queue that has room. */
function healthOf(queue: Queue): QueueHealth {
  const share = queue.statistics().current_queue_size / queue.config.max_size
  return share >= 1 ? 'unavailable' : share >= DEGRADED_SHARE ? 'degraded' : 'healthy'
}
