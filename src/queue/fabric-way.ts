/**
 * How messages about queues travel: which neighbour comes next, and what the frames look like. A message is for a cluster; if it is for one node
 * of it, its metadata name the node. Nodes of the Python implementation ignore that, and take what is for their cluster.
 */
import type { Env, LogScope } from '../base/index.ts'
import { type HeaderPlace, nextHeaders, originHeaders } from '../fabric/index.ts'
import type { ForwardingLinks } from '../pubsub/index.ts'
import {
  encodeFabricMessage,
  encodeFabricPayload,
  type FabricHeaders,
  type FabricMessage,
  type FabricScan,
  OutboundFrame,
  type QueueAck,
  type QueueRequest,
  type QueueSubscribe,
  type QueueUnsubscribe,
  quoted,
  RawJson,
  spliceFabricHeaders,
} from '../wire/index.ts'

export interface FabricWayDeps extends HeaderPlace {
  readonly env: Pick<Env, 'clock'>
  readonly log: LogScope
  readonly links: ForwardingLinks
  /** The neighbour that leads to a node, or to any of a cluster, none of `visited`; undefined: there is none. */
  nextHop(target: string, visited: readonly string[], cluster: string): string | undefined
  /** Whether messages may go to a cluster. */
  allowsCluster(clusterId: string): boolean
}

/** Where a message is to get. */
export interface Destination {
  readonly cluster: string
  /** Undefined: any node of it. */
  readonly node: string | undefined
}

export interface SendMore {
  readonly via?: string
  readonly acknowledges?: true
}

export type QueuePayload = QueueRequest | QueueAck | QueueSubscribe | QueueUnsubscribe

export interface FabricWay {
  /**
   * Sends a message that sets out here.
   * @param more.via tried where there is no link to the node; more.acknowledges whoever is told here says what becomes of deliveries
   * @returns the neighbour it went to; undefined when it did not leave
   */
  send(payload: QueuePayload, topic: string, id: string, to: Destination, more?: SendMore): string | undefined
  /** Sends on a message that came in; false when it stops here. */
  pass(from: string, message: FabricMessage, scan: FabricScan | undefined, to: Destination): boolean
  readonly counts: { readonly passed_on: number; readonly stopped: number }
}

export function createFabricWay(deps: FabricWayDeps): FabricWay {
  const { clusterId, env, links, log } = deps
  const counts = { passed_on: 0, stopped: 0 }

  function hopTo({ cluster, node }: Destination, visited: readonly string[]): string | undefined {
    if (cluster !== clusterId && !deps.allowsCluster(cluster)) return undefined
    if (node !== undefined && links.isConnected(node) && !visited.includes(node)) return node
    return deps.nextHop(node ?? '', visited, cluster)
  }

  return {
    counts,

    send(payload, topic, id, to, { acknowledges, via } = {}) {
      const { cluster, node } = to
      const metadata = metadataFor(node, acknowledges)
      const headers = originHeaders(deps, id, { target_cluster: cluster, ...(metadata && { metadata }) })
      const message: FabricMessage = {
        message_id: id,
        topic,
        message_type: 'queue',
        delivery: 'at_least_once',
        payload: encodeFabricPayload(payload),
        headers,
        timestamp: env.clock.wall(),
      }
      const isLinked = node !== undefined && links.isConnected(node)
      const hop = !isLinked && via !== undefined && links.isConnected(via) ? via : hopTo(to, headers.routing_path)
      return hop !== undefined && links.send(hop, frameOf(message, undefined)) ? hop : undefined
    },

    pass(from, message, scan, to) {
      const headers = nextHeaders(deps, message.headers)
      const why = typeof headers === 'string' ? headers : passTo(headers)
      if (why === undefined) counts.passed_on++
      else counts.stopped++
      if (log.debugOn) {
        log.debug(
          `${why === undefined ? 'passed on' : `stopped reason=${why}`} topic=${message.topic} id=${message.message_id} from=${from}`,
        )
      }
      return why === undefined

      function passTo(next: FabricHeaders): string | undefined {
        const metadata = metadataFor(to.node)
        const onward = metadata === undefined || targetNodeOf(next) === to.node ? next : { ...next, metadata }
        const hop = hopTo(to, [...next.routing_path, from])
        if (hop === undefined) return 'no_way'
        return links.send(hop, frameOf({ ...message, headers: onward }, scan)) ? undefined : 'not_sent'
      }
    },
  }
}

/** The node a message is for; undefined: any of its cluster. */
export function targetNodeOf({ metadata }: FabricHeaders): string | undefined {
  if (!metadata.text.includes(TARGET)) return undefined
  const { target_node } = JSON.parse(metadata.text) as { target_node?: unknown }
  return typeof target_node === 'string' ? target_node : undefined
}

const TARGET = '"target_node"'

/** Whether the node that subscribes says what becomes of deliveries; those of the Python implementation do not. */
export function acknowledgesIn({ metadata }: FabricHeaders): boolean {
  return metadata.text.includes(ACKNOWLEDGES)
}

const ACKNOWLEDGES = '"acknowledges":true'

function metadataFor(node: string | undefined, acknowledges?: true): RawJson | undefined {
  if (node === undefined) return undefined
  return new RawJson(`{${TARGET}:${quoted(node)}${acknowledges === true ? `,${ACKNOWLEDGES}` : ''}}`)
}

/** @param scan of the text the message came as: then only its headers are printed anew */
function frameOf(message: FabricMessage, scan: FabricScan | undefined): OutboundFrame {
  const value = { role: 'fabric-message', payload: message } as const
  return new OutboundFrame<object>(value, () =>
    scan === undefined ? encodeFabricMessage(message) : spliceFabricHeaders(scan, message.headers),
  )
}
