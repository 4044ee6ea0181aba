/**
 * Bundles of calls between nodes of a cluster: passed on whole where they are on their way, taken apart where they arrive, and where the way on
 * is closed to them. Answers to requests that came together are gathered to go back together.
 */
import type { Tracer } from '../base/index.ts'
import { type HeaderPlace, nextHeaders } from '../fabric/index.ts'
import {
  BUNDLE_CALLS_MAX,
  type BundledRequest,
  type BundledResponse,
  type BundledTrace,
  type BundleScan,
  bundledRequests,
  bundledResponses,
  bundledTracesIn,
  type CallBundle,
  encodeCall,
  type FabricHeaders,
  type FabricMessage,
  type FabricRpcRequest,
  metadataOfHops,
  metadataOfTraces,
  type RawJson,
  type RequestBundle,
  type ResponseBundle,
  traceContextIn,
  traceHopsIn,
  withTraceContext,
} from '../wire/index.ts'
import {
  type Answerable,
  answerMessage,
  BUNDLED_CHARACTERS_MAX,
  type BundledAnswer,
  bundleFrame,
  isReadable,
  messageOf,
  NO_METADATA,
  NO_TRACES,
  type Outcome,
  type RequestGlance,
  type ResponseGlance,
  responseBundle,
} from './fabric-calls.ts'
import type { ForwarderLinks } from './forwarder-links.ts'
import type { OutgoingCalls } from './outgoing-calls.ts'
import type { RecentIds } from './recent-ids.ts'
import { forwardSpan } from './spans.ts'
import { TurnGroups } from './turn-groups.ts'

/** What is done with a call that came in a bundle is what is done with one that came by itself. */
export interface BundlesDeps {
  readonly place: HeaderPlace
  /** Unix seconds. */
  readonly now: () => number
  readonly links: ForwarderLinks
  readonly outgoing: Pick<OutgoingCalls, 'answered' | 'isPending'>
  readonly remembered: RecentIds
  readonly counts: { malformed: number; loops: number; relayed: number; requests_duplicate: number }
  readonly isRoutingEnabled: boolean
  readonly tracer?: Tracer | undefined
  hopTo(target: string, visited: readonly string[]): string | undefined
  request(from: string, message: FabricMessage, glance: RequestGlance): void
  response(message: FabricMessage, glance: ResponseGlance): void
  execute(
    from: string,
    headers: FabricHeaders,
    request: FabricRpcRequest,
    remainingMs: number,
    answer: (outcome: Outcome, headers: FabricHeaders) => void,
    message: () => FabricMessage,
  ): void
  reply(headers: FabricHeaders, request: Answerable, outcome: Outcome): void
}

export interface Bundles {
  /** @param scan of the text it came as; undefined when it came as an object */
  receive(from: string, bundle: CallBundle, scan?: BundleScan): void
}

export function createBundles(deps: BundlesDeps): Bundles {
  const { counts, links, now, outgoing, place, remembered, tracer } = deps
  const { clusterId, nodeId: self } = place

  /** Answers to requests that came together. */
  const answers = new TurnGroups<{ readonly hop: string; readonly headers: FabricHeaders; readonly replyTo: string }, BundledAnswer>({
    isSame: (a, b) => a.headers === b.headers && a.replyTo === b.replyTo,
    send({ headers, hop, replyTo }, items) {
      const sent = items.length > 1 && links.send(hop, bundleFrame(responseBundle(place, headers, replyTo, items), undefined))
      if (!sent) for (const item of items) deps.reply(item.headers, item.request, item.outcome)
    },
  })

  function receive(from: string, bundle: CallBundle, scan?: BundleScan): void {
    const { headers } = bundle
    // Calls between clusters are judged one by one, and so travel.
    const isOwn = headers.source_cluster === clusterId && headers.target_cluster === clusterId
    if (!isOwn || bundle.count > BUNDLE_CALLS_MAX) counts.malformed++
    else if (bundle.kind === 'rpc-responses') responses(bundle, scan)
    else if (headers.routing_path.includes(self)) counts.loops += bundle.count
    else requests(from, bundle, scan)
  }

  function requests(from: string, bundle: RequestBundle, scan: BundleScan | undefined): void {
    const { headers, reply_to: replyTo, target_node: target } = bundle
    const isMine = target === self
    const hop = isMine || !deps.isRoutingEnabled ? undefined : deps.hopTo(target, headers.routing_path)
    if (hop !== undefined && passOn(hop, bundle, scan, (trace) => forwarded(trace, headers, hop))) return
    const each = bundledRequests(bundle, scan)
    if (each === undefined) {
      counts.malformed++
      return
    }
    const predecessor = headers.routing_path.at(-1) as string
    const answersTogether = links.has(predecessor, 'bundles/1')
    const traces = bundledTracesIn(headers.metadata, bundle.count)
    const bare = { ...headers, metadata: NO_METADATA }
    for (let call = 0; call < each.length; call++) {
      const one = each[call] as BundledRequest
      const whole = unbundled(one, target, replyTo)
      const metadata = metadataOf(call, traces)
      const own = metadata === NO_METADATA ? bare : { ...headers, metadata }
      const message = (): FabricMessage => messageOf(whole, own, one.deadline_ms, now())
      if (!isMine) {
        deps.request(from, message(), whole)
        continue
      }
      if (remembered.has(one.request_id)) {
        counts.requests_duplicate++
        continue
      }
      const answer = (outcome: Outcome, after: FabricHeaders): void => {
        const characters = (outcome.error ?? outcome.result).text.length
        if (answersTogether && characters < BUNDLED_CHARACTERS_MAX) {
          answers.add({ hop: predecessor, headers, replyTo }, { request: whole, outcome, headers: after }, characters)
        } else deps.reply(after, whole, outcome)
      }
      deps.execute(from, own, whole, one.deadline_ms, answer, message)
    }
  }

  function unbundled({ deadline_ms: _, ...request }: BundledRequest, target_node: string, reply_to: string): FabricRpcRequest {
    return {
      kind: 'rpc-request',
      ...request,
      target_cluster: clusterId,
      target_node,
      reply_to,
      federation_path: [],
      federation_remaining_hops: null,
    }
  }

  function responses(bundle: ResponseBundle, scan: BundleScan | undefined): void {
    const { headers, reply_to: replyTo, responder, routing_path: path } = bundle
    if (replyTo !== self) {
      const at = path.indexOf(self)
      if (at > 0 && passOn(path[at - 1] as string, bundle, scan, returned)) return
    }
    const each = bundledResponses(bundle, scan)
    if (each === undefined) {
      counts.malformed++
      return
    }
    const traces = bundledTracesIn(headers.metadata, bundle.count)
    for (let call = 0; call < each.length; call++) {
      const one = each[call] as BundledResponse
      const { request_id: requestId } = one
      const metadata = metadataOf(call, traces)
      if (outgoing.isPending(requestId)) {
        outgoing.answered(requestId, isReadable(one) ? one : undefined, path, traceHopsIn(metadata))
        continue
      }
      const whole = { kind: 'rpc-response', ...one, responder, reply_to: replyTo, reply_cluster: clusterId, routing_path: path } as const
      deps.response(answerMessage(encodeCall(whole), requestId, { ...headers, metadata }, now()), whole)
    }
  }

  /**
   * False when this way is closed to bundles: then each goes by itself, and by itself finds out what is wrong.
   * @param contextAfter of a traced call, after this hop
   */
  function passOn(hop: string, bundle: CallBundle, scan: BundleScan | undefined, contextAfter: (trace: BundledTrace) => RawJson): boolean {
    if (!links.isConnected(hop) || !links.has(hop, 'bundles/1')) return false
    const headers = nextHeaders(place, bundle.headers)
    if (typeof headers === 'string') return false
    const traces = tracer === undefined ? NO_TRACES : bundledTracesIn(headers.metadata, bundle.count)
    const told = traces.map((trace) => ({ ...trace, metadata: contextAfter(trace) }))
    const after = told.length === 0 ? headers : { ...headers, metadata: metadataOfTraces(told) }
    if (!links.send(hop, bundleFrame({ ...bundle, headers: after }, scan))) return false
    counts.relayed += bundle.count
    return true
  }

  /** The context of a traced request after this hop. */
  function forwarded({ command, metadata }: BundledTrace, headers: FabricHeaders, hop: string): RawJson {
    const context = traceContextIn(metadata)
    const span = context && forwardSpan(tracer as Tracer, context, command, headers, hop)
    if (span === undefined) return metadata
    span.end()
    return withTraceContext(metadata, span.context)
  }

  /** The reports of a traced answer after this hop. */
  function returned({ metadata }: BundledTrace): RawJson {
    const hops = traceHopsIn(metadata)
    return hops === undefined ? metadata : metadataOfHops((tracer as Tracer).note(hops, 'return'))
  }

  return { receive }
}

function metadataOf(call: number, traces: readonly BundledTrace[]): RawJson {
  return (traces.length === 0 ? undefined : traces.find((trace) => trace.call === call)?.metadata) ?? NO_METADATA
}
