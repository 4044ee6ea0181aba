/**
 * Calls between nodes: sends a command to the node that runs it, runs what others send, and passes on what is meant for neither.
 *
 * A call is executed at most once. It is sent again, to another node, only when it can not have been executed: it never left, or the answer
 * says that no such function is there. When the link it went over breaks, or its node is found dead, the caller is told that the outcome is
 * unknown. An answer goes back the way the request came, recorded in its payload; a hop on the way touches headers only.
 */
import { LinkedList, type Tracer, type TraceSpan, TransientMap } from '../base/index.ts'
import { nextHeaders, originHeaders, type Plan } from '../fabric/index.ts'
import {
  type Command,
  commandOf,
  encodeCall,
  type FabricHeaders,
  type FabricMessage,
  type FabricRpcCancel,
  type FabricRpcRequest,
  type FunctionEntry,
  metadataOfHops,
  type OutboundFrame,
  RawJson,
  traceContextIn,
  traceHopsIn,
  withTraceContext,
} from '../wire/index.ts'
import { type Bundles, createBundles } from './bundles.ts'
import type { Caller } from './call.ts'
import type { Executor, RequestSource } from './executor.ts'
import {
  type Answerable,
  answerMessage,
  crossing,
  deadlineOf,
  ENVELOPE_BYTES,
  errorValue,
  type FrameScan,
  failure,
  failureOf,
  frameOf,
  glanceAt,
  type Outcome,
  passedOn,
  type RequestGlance,
  type ResponseGlance,
  wholeRequest,
  wholeResponse,
} from './fabric-calls.ts'
import { createOutgoingCalls, type OutgoingCalls, type OutgoingCallsDeps, type OutgoingCallsSnapshot } from './outgoing-calls.ts'
import { RecentIds } from './recent-ids.ts'
import type { Registry } from './registry.ts'
import { selectorOf } from './selector.ts'
import { executeSpan, forwardSpan } from './spans.ts'

export interface ForwarderDeps extends OutgoingCallsDeps {
  readonly executor: Pick<Executor, 'executeCommand' | 'isStopping'>
  readonly registry: Pick<Registry, 'find'>
  /** Whether requests are passed on to a cluster. */
  allowsCluster(clusterId: string): boolean
  /** Why nothing is done for a request of a cluster; undefined when it is served or passed on. */
  refusalOf(sourceCluster: string | null, command: string): string | undefined
  readonly tracer?: Tracer | undefined
  /** Makes a link for an answer or a call that has no other way. */
  connect(nodeId: string, context: 'rpc_remote_execute' | 'rpc_response_reply_to'): Promise<boolean>
}

export interface ForwarderSnapshot extends OutgoingCallsSnapshot {
  readonly requests_executed: number
  readonly requests_refused: number
  readonly requests_duplicate: number
  readonly relayed: number
  readonly loops: number
  readonly hop_budget_exhausted: number
  readonly replies_undeliverable: number
  readonly malformed: number
  readonly late_answers: number
}

export interface Forwarder extends Pick<OutgoingCalls, 'caller' | 'nodeLost' | 'close'> {
  /** A fabric message of type `rpc`. @param scan of the text it came as; undefined when it came as an object */
  receive(from: string, message: FabricMessage, scan?: FrameScan): void
  /** Calls of this cluster that travel together. @param scan of the text they came as; undefined when they came as an object */
  receiveBundle: Bundles['receive']
  /** The last link to a node is gone: what was sent over it is lost. */
  linkLost(nodeId: string): void
  snapshot(): ForwarderSnapshot
}

/** Requests of other nodes that are remembered, so that a copy is not executed again. */
const REMEMBERED_MAX = 50_000

export function createForwarder(deps: ForwarderDeps): Forwarder {
  const { clusterId, env, links, nodeId: self } = deps
  const log = env.log.scope('fabric.router')
  const outgoing = createOutgoingCalls(deps)
  /** Running requests of other nodes, and how to abort each. */
  const running = new TransientMap<{ readonly origin: string | undefined; readonly abort: (reason: string) => void }>()
  const remembered = new RecentIds(REMEMBERED_MAX)
  /** Requests running for each neighbour. */
  const inFlightOf = new Map<string, LinkedList<object>>()
  const counts = {
    requests_executed: 0,
    requests_refused: 0,
    requests_duplicate: 0,
    relayed: 0,
    loops: 0,
    hop_budget_exhausted: 0,
    replies_undeliverable: 0,
    malformed: 0,
    late_answers: 0,
  }

  function hopTo(target: string, visited: readonly string[]): string | undefined {
    if (target === '' || target === self) return undefined
    return links.isConnected(target) && !visited.includes(target) ? target : deps.nextHop(target, visited)
  }

  // --- what comes in ---

  function receive(from: string, message: FabricMessage, scan?: FrameScan): void {
    const glance = glanceAt(message, scan)
    switch (glance?.kind) {
      case 'rpc-request':
        return request(from, message, glance, scan)
      case 'rpc-response':
        return response(message, glance, scan)
      case 'rpc-cancel':
        return cancelled(message, glance, scan)
      default:
        counts.malformed++
    }
  }

  function request(from: string, message: FabricMessage, glance: RequestGlance, scan: FrameScan): void {
    const { headers } = message
    const { routing_path: visited } = headers
    if (visited.includes(self)) {
      counts.loops++
      return
    }
    if (remembered.has(glance.request_id || message.message_id)) {
      counts.requests_duplicate++
      return
    }
    const { command, target_cluster: targetCluster, target_node: targetNode } = glance
    const refusal = deps.refusalOf(headers.source_cluster, command)
    if (refusal !== undefined) {
      // Not "not found": the caller must not try everybody else who has the function.
      return refuse(headers, glance, {
        error: 'fabric_forward_failed',
        command,
        target_cluster: clusterId,
        reason: refusal,
        refused_by: self,
      })
    }
    const isForeign = targetCluster !== null && targetCluster !== clusterId
    const mine = !isForeign && (targetNode === null || targetNode === self)
    if (!mine && !deps.isRoutingEnabled) return refuse(headers, glance, { error: 'fabric_routing_disabled', command })
    if (!mine && targetNode !== self && targetNode !== null) {
      if (visited.includes(targetNode)) {
        counts.loops++
        return reply(headers, glance, failure(errorValue({ error: 'fabric_route_loop', command })))
      }
      if (isForeign) return cross(targetCluster, message, glance, scan)
      const hop = hopTo(targetNode, visited)
      if (hop !== undefined) return passOn(hop, message, glance, scan)
    }
    const payload = wholeRequest(glance, message, env.clock.wall())
    const remainingMs = deadlineOf(headers)
    if (payload === undefined || remainingMs === undefined) counts.malformed++
    else if (mine) {
      execute(
        from,
        headers,
        payload,
        remainingMs,
        (outcome, after) => reply(after, payload, outcome),
        () => message,
      )
    } else route(message, payload)
  }

  /** Passes on a request for another cluster: of its payload only the account of the way is written anew. */
  function cross(targetCluster: string, message: FabricMessage, glance: RequestGlance, scan: FrameScan): void {
    const { command, target_node: targetNode } = glance
    if (!deps.allowsCluster(targetCluster)) return refuse(message.headers, glance, { error: 'fabric_route_not_found', command })
    const plan = planFor(targetCluster, message.headers, glance)
    const { routing_path: visited } = message.headers
    const isNeighbour = targetNode !== null && links.isConnected(targetNode) && !visited.includes(targetNode)
    const hop = isNeighbour ? targetNode : plan.next_peer_url
    if (hop === null) {
      return refuse(message.headers, glance, {
        error: 'fabric_forward_failed',
        command,
        target_cluster: targetCluster,
        reason: plan.reason,
      })
    }
    const payload = crossing(glance, message, scan, plan.federation_path, plan.remaining_hops)
    passOn(hop, { ...message, payload }, glance, scan)
  }

  function planFor(targetCluster: string, headers: FabricHeaders, glance: RequestGlance): Plan {
    const { federation_path: path, federation_remaining_hops: remaining } = glance
    return deps.plan({
      targetCluster,
      visited: path.length > 0 ? path : headers.federation_path,
      remainingHops: Math.min(deps.hopsMax, headers.hop_budget ?? deps.hopsMax, remaining ?? deps.hopsMax),
      visitedNodes: [...headers.routing_path, self],
    })
  }

  /**
   * Runs a request that is meant for this node; what is not here is looked for elsewhere.
   * @param answer is given the headers as they are after the work
   * @param message of the request alone, should it go on
   */
  function execute(
    from: string,
    headers: FabricHeaders,
    payload: FabricRpcRequest,
    remainingMs: number,
    answer: (outcome: Outcome, headers: FabricHeaders) => void,
    message: () => FabricMessage,
  ): void {
    const { command, request_id: requestId } = payload
    let cmd: Command
    let found: boolean
    try {
      cmd = commandOf(payload)
      found = deps.registry.find(selectorOf(cmd)) !== undefined
    } catch (error) {
      return refuse(headers, payload, failureOf(command, error, undefined))
    }
    // A node that stops runs nothing new: the request goes elsewhere, or back to where others can be tried.
    if (!found || deps.executor.isStopping) return route(message(), payload)
    remembered.add(requestId)
    counts.requests_executed++
    if (log.debugOn) log.debug(`request ${requestId} ${command} runs here from=${from} path=${pathText(headers)}`)
    const context = deps.tracer && traceContextIn(headers.metadata)
    const span = context && executeSpan(deps.tracer as Tracer, context, payload)
    let finished = false
    const done = (outcome: Outcome): void => {
      finished = true
      running.delete(requestId)
      if (span === undefined) return answer(outcome, headers)
      if (outcome.error !== null) span.fail(outcome.error.text)
      answer(outcome, endedHeaders(headers, span))
    }
    const stop = deps.executor.executeCommand(
      cmd,
      requestId,
      remainingMs,
      sourceOf(from, headers),
      {
        succeeded: (resultText) => done({ success: true, result: new RawJson(resultText), error: null }),
        failed: (error, object) => done(failure(errorValue(failureOf(command, error, object)))),
      },
      span,
    )
    if (finished) return
    const abort = (reason: string): void => {
      stop(reason)
      span?.fail(reason)
      span?.end()
    }
    running.set(requestId, { origin: headers.routing_path[0], abort })
  }

  /** Sends a request to where its function is, which is not here. */
  function route(message: FabricMessage, payload: FabricRpcRequest): void {
    const { command, target_node: targetNode, target_cluster: targetCluster } = payload
    let entry: FunctionEntry | undefined
    try {
      const cmd = commandOf(payload)
      entry = deps.place(selectorOf(cmd), new Set([self, ...message.headers.routing_path]))
    } catch (error) {
      return refuse(message.headers, payload, failureOf(command, error, undefined))
    }
    // A request that names a node, and is not for this one, goes there or nowhere.
    if (entry === undefined || (targetNode !== null && targetNode !== self && entry.node_id !== targetNode)) {
      const isForeign = targetCluster !== null && targetCluster !== clusterId
      return refuse(
        message.headers,
        payload,
        isForeign
          ? { error: 'fabric_forward_failed', command, target_cluster: targetCluster, reason: 'no_fabric_path' }
          : { error: 'fabric_route_not_found', command },
      )
    }
    const rewritten = { ...payload, target_node: entry.node_id, target_cluster: entry.cluster_id }
    const encoded = { ...message, payload: encodeCall(rewritten) }
    if (entry.cluster_id !== clusterId) return cross(entry.cluster_id, encoded, rewritten, undefined)
    const hop = hopTo(entry.node_id, message.headers.routing_path)
    if (hop === undefined) return refuse(message.headers, payload, { error: 'fabric_route_not_found', command })
    passOn(hop, encoded, rewritten, undefined)
  }

  /** @param scan of the text the message came as: then only the headers are printed, and the payload if it is another one */
  function passOn(hop: string, message: FabricMessage, request: Answerable, scan: FrameScan): void {
    const context = deps.tracer && traceContextIn(message.headers.metadata)
    const span = context && forwardSpan(deps.tracer as Tracer, context, request.command, message.headers, hop)
    const inbound = span === undefined ? message.headers : endedHeaders(message.headers, span)
    const headers = nextHeaders(deps, inbound)
    if (typeof headers === 'string') {
      const isLoop = headers === 'loop'
      if (isLoop) counts.loops++
      else counts.hop_budget_exhausted++
      const error = isLoop ? 'fabric_route_loop' : 'fabric_hop_budget_exhausted'
      return reply(inbound, request, failure(errorValue({ error, command: request.command })))
    }
    const isSent = links.send(hop, passedOn(message, headers, scan))
    if (log.debugOn)
      log.debug(
        `request ${request.request_id} ${request.command} ${isSent ? 'passed on' : 'not passed on'} next=${hop} path=${pathText(inbound)}`,
      )
    if (isSent) counts.relayed++
    else reply(inbound, request, failure(errorValue({ error: 'fabric_route_not_found', command: request.command })))
  }

  /** Headers of what comes after a piece of work: of the next hop's request, or of the answer. */
  function endedHeaders(headers: FabricHeaders, span: TraceSpan): FabricHeaders {
    span.end()
    return { ...headers, metadata: withTraceContext(headers.metadata, span.context) }
  }

  function cancelled(
    message: FabricMessage,
    { request_id: requestId, target_node: targetNode }: Pick<FabricRpcCancel, 'request_id' | 'target_node'>,
    scan: FrameScan,
  ): void {
    if (targetNode === self) {
      // Only who asked may call it off: the path of both begins with the same node.
      const call = running.get(requestId)
      if (call === undefined || call.origin !== message.headers.routing_path[0]) return
      running.delete(requestId)
      call.abort('the caller waits no longer')
      return
    }
    const hop = targetNode === null ? undefined : hopTo(targetNode, message.headers.routing_path)
    const headers = nextHeaders(deps, message.headers)
    if (hop !== undefined && typeof headers !== 'string' && links.has(hop, 'roles/1')) links.send(hop, passedOn(message, headers, scan))
  }

  // --- answers ---

  function refuse(headers: FabricHeaders, payload: Answerable, error: Readonly<Record<string, unknown>>): void {
    counts.requests_refused++
    if (log.debugOn) log.debug(`request ${payload.request_id} refused path=${pathText(headers)} ${JSON.stringify(error)}`)
    reply(headers, payload, failure(errorValue(error)))
  }

  /** @param headers the request came with */
  function reply(headers: FabricHeaders, request: Answerable, outcome: Outcome): void {
    const { command, reply_to: replyTo, request_id: requestId } = request
    if (replyTo === '') return
    const hops = traceHopsIn(headers.metadata)
    const answer = (given: Outcome): FabricMessage => {
      const payload = encodeCall({
        kind: 'rpc-response',
        request_id: requestId,
        ...given,
        responder: self,
        reply_to: replyTo,
        reply_cluster: headers.source_cluster,
        routing_path: [...headers.routing_path, self],
      })
      return answerMessage(
        payload,
        requestId,
        originHeaders(deps, requestId, {
          target_cluster: headers.source_cluster,
          ...(hops !== undefined && { metadata: metadataOfHops(hops) }),
        }),
        env.clock.wall(),
      )
    }
    const predecessor = headers.routing_path.at(-1)
    const bytesMax = predecessor === undefined ? Number.POSITIVE_INFINITY : links.frameBytesMax(predecessor)
    const { text } = outcome.error ?? outcome.result
    const besides = ENVELOPE_BYTES + 3 * (hops?.length ?? 0)
    // Said at once: an answer that no link takes would leave the caller waiting for its deadline.
    const fits = text.length * 3 + besides < bytesMax || Buffer.byteLength(text) + besides < bytesMax
    const error = `the answer has about ${text.length} bytes, more than the link to ${predecessor} carries (${bytesMax}); ask for less`
    sendBack(answer(fits ? outcome : failure(errorValue({ error, command, error_type: 'MessageTooLargeError' }))), replyTo, predecessor)
  }

  function sendBack(message: FabricMessage, replyTo: string, predecessor: string | undefined): void {
    sendFrameBack(frameOf(message), message.message_id, message.headers.routing_path, replyTo, predecessor)
  }

  /** To the node the request came from, or else by any way to the one that waits. */
  function sendFrameBack(
    frame: OutboundFrame,
    id: string,
    visited: readonly string[],
    replyTo: string,
    predecessor: string | undefined,
  ): void {
    if (predecessor !== undefined && links.isConnected(predecessor) && links.send(predecessor, frame)) return
    const hop = hopTo(replyTo, visited)
    if (hop !== undefined && links.send(hop, frame)) return
    void deps.connect(replyTo, 'rpc_response_reply_to').then((connected) => {
      if (connected && links.send(replyTo, frame)) return
      counts.replies_undeliverable++
      if (log.debugOn) log.debug(`answer to ${replyTo} for ${id} has no way`)
    })
  }

  function response(message: FabricMessage, glance: ResponseGlance, scan: FrameScan): void {
    if (outgoing.isPending(glance.request_id)) {
      const whole = wholeResponse(glance, message, env.clock.wall())
      if (whole === undefined) counts.malformed++
      return outgoing.answered(glance.request_id, whole, glance.routing_path, traceHopsIn(message.headers.metadata))
    }
    const { reply_to: replyTo, routing_path: path } = glance
    if (replyTo === self || replyTo === '') {
      counts.late_answers++
      return
    }
    const headers = nextHeaders(deps, message.headers)
    if (typeof headers === 'string') {
      if (headers === 'loop') counts.loops++
      else counts.hop_budget_exhausted++
      return
    }
    const hops = deps.tracer && traceHopsIn(headers.metadata)
    const told = hops === undefined ? headers : { ...headers, metadata: metadataOfHops((deps.tracer as Tracer).note(hops, 'return')) }
    const place = path.indexOf(self)
    counts.relayed++
    const predecessor = place > 0 ? path[place - 1] : undefined
    sendFrameBack(passedOn(message, told, scan), message.message_id, headers.routing_path, replyTo, predecessor)
  }

  // --- odds and ends ---

  /** What a neighbour has running here, whatever cluster its requests come from; each sees the catalog as its cluster does. */
  function sourceOf(from: string, headers: FabricHeaders): RequestSource {
    let inFlight = inFlightOf.get(from)
    if (inFlight === undefined) {
      inFlight = new LinkedList()
      inFlightOf.set(from, inFlight)
    }
    const viewerCluster = headers.source_cluster ?? clusterId
    const caller: Caller = { connectionId: from, remote: from, viewerCluster, viewerTenant: null, credential: null, isAdmin: false }
    return { caller, inFlight }
  }

  const bundles = createBundles({
    place: deps,
    now: env.clock.wall,
    links,
    tracer: deps.tracer,
    isRoutingEnabled: deps.isRoutingEnabled,
    outgoing,
    remembered,
    counts,
    hopTo,
    request: (from, message, glance) => request(from, message, glance, undefined),
    response: (message, glance) => response(message, glance, undefined),
    execute,
    reply,
  })

  return {
    caller: outgoing.caller,
    receive,
    receiveBundle: bundles.receive,
    linkLost(nodeId) {
      inFlightOf.delete(nodeId)
      outgoing.linkLost(nodeId)
    },
    nodeLost: outgoing.nodeLost,
    snapshot: () => ({ ...outgoing.snapshot(), ...counts }),
    close: outgoing.close,
  }
}

function pathText({ routing_path: path }: FabricHeaders): string {
  return path.join('>')
}
