/**
 * Calls between nodes: sends a command to the node that runs it, runs what others send, and passes on what is meant for neither.
 *
 * A call is executed at most once. It is sent again, to another node, only when it can not have been executed: it never left, or the answer
 * says that no such function is there. When the link it went over breaks, or its node is found dead, the caller is told that the outcome is
 * unknown. An answer goes back the way the request came, recorded in its payload; a hop on the way touches headers only.
 */
import { type DeadlineHandle, DeadlineQueue, type Env, LinkedList, TransientMap } from '../base/index.ts'
import { canForward, type HeaderPlace, nextHeaders, originHeaders, type Plan, type PlanRequest } from '../fabric/index.ts'
import {
  type Command,
  commandOf,
  encodeCall,
  encodeFabricPayload,
  encodeJson,
  type FabricHeaders,
  type FabricMessage,
  type FabricRpcCancel,
  type FabricRpcRequest,
  type FabricRpcResponse,
  type FunctionEntry,
  MpregError,
  type OutboundFrame,
  RawJson,
  RPC_CODES,
  RpcError,
} from '../wire/index.ts'
import type { Caller, RunningCall } from './call.ts'
import type { Executor, RemoteFunction, RequestSource } from './executor.ts'
import {
  type Answerable,
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
import { RecentIds } from './recent-ids.ts'
import type { Registry, Selector } from './registry.ts'
import { selectorOf } from './selector.ts'

/** The links, as far as calls need them. */
export interface ForwarderLinks {
  isConnected(nodeId: string): boolean
  send(nodeId: string, frame: OutboundFrame): boolean
  has(nodeId: string, extension: 'roles/1'): boolean
  /** Bytes a frame towards the node should stay below. */
  frameBytesMax(nodeId: string): number
}

export interface ForwarderDeps extends HeaderPlace {
  readonly env: Env
  readonly links: ForwarderLinks
  readonly executor: Pick<Executor, 'executeCommand' | 'isStopping'>
  readonly registry: Pick<Registry, 'find'>
  /** Another node for a command, besides those tried. */
  place(selector: Selector, tried: ReadonlySet<string>): FunctionEntry | undefined
  /** A neighbour that may have a link to the node, none of `visited`; undefined: there is none. */
  nextHop(nodeId: string, visited: readonly string[]): string | undefined
  /** How a message for another cluster goes on. */
  plan(request: PlanRequest): Plan
  /** False: nothing is sent to other nodes or passed on, by the operator's wish. */
  readonly isRoutingEnabled: boolean
  /** Whether requests are passed on to a cluster. */
  allowsCluster(clusterId: string): boolean
  /** Why nothing is done for a request of a cluster; undefined when it is served or passed on. */
  refusalOf(sourceCluster: string | null, command: string): string | undefined
  /** Makes a link for an answer or a call that has no other way. */
  connect(nodeId: string, context: 'rpc_remote_execute' | 'rpc_response_reply_to'): Promise<boolean>
}

export interface ForwarderSnapshot {
  readonly calls_sent: number
  readonly calls_answered: number
  readonly calls_moved: number
  /** The link broke, or the node was found dead, before an answer came. */
  readonly calls_lost: number
  readonly calls_cancelled: number
  readonly calls_pending: number
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

export interface Forwarder {
  /** How a function on another node is called. */
  caller(target: FunctionEntry): RemoteFunction['call']
  /** A fabric message of type `rpc`. @param scan of the text it came as; undefined when it came as an object */
  receive(from: string, message: FabricMessage, scan?: FrameScan): void
  /** The last link to a node is gone: what was sent over it is lost. */
  linkLost(nodeId: string): void
  /** A node is dead: what it was running is lost. */
  nodeLost(nodeId: string): void
  snapshot(): ForwarderSnapshot
  close(): void
}

/** A call that was sent to a node which then went away: it may or may not have been executed. */
class NodeLostError extends MpregError {
  override readonly name = 'NodeLostError'
  readonly code = 'node_lost'
}

/** What a call on another node has come to. */
type Answer = { readonly value: RawJson } | { readonly error: Error } | { readonly move: 'unsent' | 'not_found'; readonly value: RawJson }

interface Pending {
  readonly requestId: string
  readonly target: string
  readonly hop: string
  settle(answer: Answer): void
}

/** Requests of other nodes that are remembered, so that a copy is not executed again. */
const REMEMBERED_MAX = 50_000
/** A pending call outlives the deadline of its request by so much at most: its end comes from there. */
const PENDING_SLACK_MS = 1_000
const NO_PEER = 'no_peer_for_next_hop'
const NO_CLUSTERS: readonly string[] = []
const TOPIC_RESPONSE = 'mpreg.rpc.response'
const TOPIC_CANCEL = 'mpreg.rpc.cancel'

export function createForwarder(deps: ForwarderDeps): Forwarder {
  const { clusterId, env, links, nodeId: self } = deps
  const log = env.log.scope('fabric.router')
  const pending = new TransientMap<Pending>()
  const deadlines = new DeadlineQueue<Pending>({
    clock: env.clock,
    timers: env.timers,
    onExpire: (call) => call.settle({ error: new NodeLostError(`no answer from ${call.target}`) }),
  })
  /** Running requests of other nodes, and how to abort each. */
  const running = new TransientMap<{ readonly origin: string | undefined; readonly abort: (reason: string) => void }>()
  const remembered = new RecentIds(REMEMBERED_MAX)
  /** Requests running for each neighbour. */
  const inFlightOf = new Map<string, LinkedList<object>>()
  const counts = {
    calls_sent: 0,
    calls_answered: 0,
    calls_moved: 0,
    calls_lost: 0,
    calls_cancelled: 0,
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

  // --- calls that set out here ---

  function caller(first: FunctionEntry): RemoteFunction['call'] {
    return (cmd, args, kwargs, call) =>
      new Promise((resolve, reject) => {
        new OutgoingCall(cmd, encodeJson(args), encodeJson(kwargs), call, resolve, reject).send(first)
      })
  }

  /** A command on its way to the nodes that may run it, one after another, until one has answered. */
  class OutgoingCall implements Pending {
    readonly #cmd: Command
    readonly #argsText: string
    readonly #kwargsText: string
    readonly #call: RunningCall
    readonly #resolve: (value: RawJson) => void
    readonly #reject: (error: Error) => void
    readonly #abandon = (reason: Error): void => this.#abandoned(reason)
    #tried: Set<string> | undefined
    #deadline: DeadlineHandle<Pending> | undefined
    requestId = ''
    target = ''
    hop = ''

    constructor(
      cmd: Command,
      argsText: string,
      kwargsText: string,
      call: RunningCall,
      resolve: (value: RawJson) => void,
      reject: (error: Error) => void,
    ) {
      this.#cmd = cmd
      this.#argsText = argsText
      this.#kwargsText = kwargsText
      this.#call = call
      this.#resolve = resolve
      this.#reject = reject
    }

    /** To the node of this entry, over a link or the way that leads to one. */
    send(entry: FunctionEntry): void {
      const { cluster_id: targetCluster, node_id: target } = entry
      this.target = target
      if (!deps.isRoutingEnabled) return this.#resolve(errorValue({ error: 'fabric_routing_disabled', command: this.#cmd.fun }))
      const plan = targetCluster === clusterId ? undefined : deps.plan({ targetCluster, visitedNodes: [self] })
      if (links.isConnected(target)) return this.#sendOver(target, entry, plan)
      if (plan !== undefined && canForward(plan)) return this.#sendOver(plan.next_peer_url, entry, plan)
      // A link of our own before a detour: one more hop costs more on every call than a dial does once.
      deps.connect(target, 'rpc_remote_execute').then((isConnected) => {
        const hop = isConnected ? target : plan === undefined ? deps.nextHop(target, [self]) : undefined
        if (hop === undefined) this.#move('unsent', this.#unsent(entry, plan?.reason ?? NO_PEER))
        else this.#sendOver(hop, entry, plan)
      }, this.#reject)
    }

    #sendOver(hop: string, entry: FunctionEntry, plan: Plan | undefined): void {
      const call = this.#call
      const { fun, function_id, locs, version_constraint } = this.#cmd
      const bytes = this.#bytesIfTooLarge(links.frameBytesMax(hop))
      if (bytes !== undefined) {
        return this.#reject(
          new RangeError(`the arguments have about ${bytes} bytes, more than the link to ${hop} carries; send less`),
        )
      }
      if (call.abortReason !== undefined) return this.#reject(call.abortReason)
      const remainingMs = call.remainingMs()
      if (remainingMs <= 0) return this.#reject(new NodeLostError('the time of the call was over before it was sent'))

      const requestId = env.random.ulid()
      const { cluster_id: targetCluster, node_id: target } = entry
      const federation_path = plan?.federation_path ?? NO_CLUSTERS
      const message: FabricMessage = {
        message_id: requestId,
        topic: `mpreg.rpc.execute.${fun}`,
        message_type: 'rpc',
        delivery: 'at_least_once',
        payload: encodeCall({
          kind: 'rpc-request',
          request_id: requestId,
          command: fun,
          args: new RawJson(this.#argsText),
          kwargs: new RawJson(this.#kwargsText),
          resources: locs,
          function_id,
          version_constraint,
          target_cluster: targetCluster,
          target_node: target,
          reply_to: self,
          federation_path,
          federation_remaining_hops: plan?.remaining_hops ?? null,
        }),
        headers: originHeaders(deps, requestId, {
          target_cluster: targetCluster,
          federation_path,
          metadata: new RawJson(`{"deadline_ms":${Math.ceil(remainingMs)}}`),
        }),
        timestamp: env.clock.wall(),
      }
      this.requestId = requestId
      this.hop = hop
      this.#deadline = deadlines.add(this, call.deadlineMs + PENDING_SLACK_MS)
      pending.set(requestId, this)
      call.onAbort(this.#abandon)
      if (links.send(hop, frameOf(message))) counts.calls_sent++
      else this.settle({ move: 'unsent', value: this.#unsent(entry, NO_PEER) })
    }

    #bytesIfTooLarge(bytesMax: number): number | undefined {
      if ((this.#argsText.length + this.#kwargsText.length) * 3 <= bytesMax) return undefined
      const bytes = Buffer.byteLength(this.#argsText) + Buffer.byteLength(this.#kwargsText) + ENVELOPE_BYTES
      return bytes > bytesMax ? bytes : undefined
    }

    #unsent({ cluster_id }: FunctionEntry, reason: string): RawJson {
      return errorValue({ error: 'fabric_forward_failed', command: this.#cmd.fun, target_cluster: cluster_id, reason })
    }

    settle(answer: Answer): void {
      if (!pending.delete(this.requestId)) return
      deadlines.remove(this.#deadline as DeadlineHandle<Pending>)
      this.#call.offAbort(this.#abandon)
      if ('error' in answer) this.#reject(answer.error)
      else if ('move' in answer) this.#move(answer.move, answer.value)
      else this.#resolve(answer.value)
    }

    /** On to another node, if there is one that was not tried. @param value the answer if there is none */
    #move(why: 'unsent' | 'not_found', value: RawJson): void {
      this.#tried ??= new Set()
      this.#tried.add(this.target)
      const other = deps.place(selectorOf(this.#cmd), this.#tried)
      if (log.debugOn) log.debug(`call ${this.#cmd.fun} on ${this.target} ${why}; ${other ? `next ${other.node_id}` : 'nobody else'}`)
      if (other === undefined) return this.#resolve(value)
      counts.calls_moved++
      this.send(other)
    }

    #abandoned(reason: Error): void {
      counts.calls_cancelled++
      cancel(this)
      this.settle({ error: reason })
    }
  }

  function cancel({ hop, requestId, target }: Pending): void {
    if (!links.has(hop, 'roles/1')) return
    links.send(
      hop,
      frameOf({
        message_id: `${requestId}:cancel`,
        topic: TOPIC_CANCEL,
        message_type: 'rpc',
        delivery: 'fire_and_forget',
        payload: encodeFabricPayload({
          kind: 'rpc-cancel',
          request_id: requestId,
          target_node: target,
          reason: 'the caller waits no longer',
        }),
        headers: originHeaders(deps, `${requestId}:cancel`),
        timestamp: env.clock.wall(),
      }),
    )
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
      return refuse(message, glance, { error: 'fabric_forward_failed', command, target_cluster: clusterId, reason: refusal })
    }
    const isForeign = targetCluster !== null && targetCluster !== clusterId
    const mine = !isForeign && (targetNode === null || targetNode === self)
    if (!mine && !deps.isRoutingEnabled) return refuse(message, glance, { error: 'fabric_routing_disabled', command })
    if (!mine && targetNode !== self && targetNode !== null) {
      if (visited.includes(targetNode)) {
        counts.loops++
        return reply(message, glance, failure(errorValue({ error: 'fabric_route_loop', command })))
      }
      if (isForeign) return cross(targetCluster, message, glance, scan)
      const hop = hopTo(targetNode, visited)
      if (hop !== undefined) return passOn(hop, message, glance, scan)
    }
    const payload = wholeRequest(glance, message, env.clock.wall())
    if (payload === undefined) counts.malformed++
    else if (mine) execute(from, message, payload)
    else route(message, payload)
  }

  /** Passes on a request for another cluster: of its payload only the account of the way is written anew. */
  function cross(targetCluster: string, message: FabricMessage, glance: RequestGlance, scan: FrameScan): void {
    const { command, target_node: targetNode } = glance
    if (!deps.allowsCluster(targetCluster)) return refuse(message, glance, { error: 'fabric_route_not_found', command })
    const plan = planFor(targetCluster, message.headers, glance)
    const { routing_path: visited } = message.headers
    const isNeighbour = targetNode !== null && links.isConnected(targetNode) && !visited.includes(targetNode)
    const hop = isNeighbour ? targetNode : plan.next_peer_url
    if (hop === null) {
      return refuse(message, glance, { error: 'fabric_forward_failed', command, target_cluster: targetCluster, reason: plan.reason })
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

  /** Runs a request that is meant for this node; what is not here is looked for elsewhere. */
  function execute(from: string, message: FabricMessage, payload: FabricRpcRequest): void {
    let cmd: Command
    let found: boolean
    try {
      cmd = commandOf(payload)
      found = deps.registry.find(selectorOf(cmd)) !== undefined
    } catch (error) {
      return refuse(message, payload, failureOf(payload.command, error, undefined))
    }
    // A node that stops runs nothing new: the request goes elsewhere, or back to where others can be tried.
    if (!found || deps.executor.isStopping) return route(message, payload)
    remembered.add(payload.request_id)
    counts.requests_executed++
    const remainingMs = deadlineOf(message.headers)
    const done = () => running.delete(payload.request_id)
    let finished = false
    const abort = deps.executor.executeCommand(cmd, payload.request_id, remainingMs, sourceOf(from, message.headers), {
      succeeded(resultText) {
        finished = true
        done()
        reply(message, payload, { success: true, result: new RawJson(resultText), error: null })
      },
      failed(error, object) {
        finished = true
        done()
        reply(message, payload, failure(errorValue(failureOf(payload.command, error, object))))
      },
    })
    if (!finished) running.set(payload.request_id, { origin: message.headers.routing_path[0], abort })
  }

  /** Sends a request to where its function is, which is not here. */
  function route(message: FabricMessage, payload: FabricRpcRequest): void {
    const { command, target_node: targetNode, target_cluster: targetCluster } = payload
    let entry: FunctionEntry | undefined
    try {
      const cmd = commandOf(payload)
      entry = deps.place(selectorOf(cmd), new Set([self, ...message.headers.routing_path]))
    } catch (error) {
      return refuse(message, payload, failureOf(command, error, undefined))
    }
    // A request that names a node, and is not for this one, goes there or nowhere.
    if (entry === undefined || (targetNode !== null && targetNode !== self && entry.node_id !== targetNode)) {
      const isForeign = targetCluster !== null && targetCluster !== clusterId
      return refuse(
        message,
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
    if (hop === undefined) return refuse(message, payload, { error: 'fabric_route_not_found', command })
    passOn(hop, encoded, rewritten, undefined)
  }

  /** @param scan of the text the message came as: then only the headers are printed, and the payload if it is another one */
  function passOn(hop: string, message: FabricMessage, request: Answerable, scan: FrameScan): void {
    const headers = nextHeaders(deps, message.headers)
    if (typeof headers === 'string') {
      const isLoop = headers === 'loop'
      if (isLoop) counts.loops++
      else counts.hop_budget_exhausted++
      const error = isLoop ? 'fabric_route_loop' : 'fabric_hop_budget_exhausted'
      return reply(message, request, failure(errorValue({ error, command: request.command })))
    }
    if (links.send(hop, passedOn(message, headers, scan))) counts.relayed++
    else reply(message, request, failure(errorValue({ error: 'fabric_route_not_found', command: request.command })))
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

  function refuse(message: FabricMessage, payload: Answerable, error: Readonly<Record<string, unknown>>): void {
    counts.requests_refused++
    reply(message, payload, failure(errorValue(error)))
  }

  function reply({ headers }: FabricMessage, request: Answerable, outcome: Outcome): void {
    const { command, reply_to: replyTo, request_id: requestId } = request
    if (replyTo === '') return
    const answer = (given: Outcome): FabricMessage => ({
      message_id: requestId,
      topic: TOPIC_RESPONSE,
      message_type: 'rpc',
      delivery: 'at_least_once',
      payload: encodeCall({
        kind: 'rpc-response',
        request_id: requestId,
        ...given,
        responder: self,
        reply_to: replyTo,
        reply_cluster: headers.source_cluster,
        routing_path: [...headers.routing_path, self],
      }),
      headers: originHeaders(deps, requestId, { target_cluster: headers.source_cluster }),
      timestamp: env.clock.wall(),
    })
    const predecessor = headers.routing_path.at(-1)
    const bytesMax = predecessor === undefined ? Number.POSITIVE_INFINITY : links.frameBytesMax(predecessor)
    const { text } = outcome.error ?? outcome.result
    // Said at once: an answer that no link takes would leave the caller waiting for its deadline.
    const fits = text.length * 3 + ENVELOPE_BYTES < bytesMax || Buffer.byteLength(text) + ENVELOPE_BYTES < bytesMax
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
    const waiting = pending.get(glance.request_id)
    if (waiting !== undefined) return answered(waiting, wholeResponse(glance, message, env.clock.wall()))
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
    const place = path.indexOf(self)
    counts.relayed++
    const predecessor = place > 0 ? path[place - 1] : undefined
    sendFrameBack(passedOn(message, headers, scan), message.message_id, headers.routing_path, replyTo, predecessor)
  }

  function answered(waiting: Pending, payload: FabricRpcResponse | undefined): void {
    if (payload === undefined) {
      counts.malformed++
      waiting.settle({
        error: new RpcError({
          code: RPC_CODES.internal,
          message: 'Internal server error',
          details: `${waiting.target} answered what can not be read`,
        }),
      })
      return
    }
    counts.calls_answered++
    if (payload.success) return waiting.settle({ value: payload.result })
    const value = payload.error ?? errorValue({ error: 'fabric_rpc_failed', request_id: waiting.requestId })
    const { error, error_type } = (value.parse() ?? {}) as { readonly error?: unknown; readonly error_type?: unknown }
    // A function that ran, and threw just this, says of which type its error is: it must not run again.
    const isNotFound = error === 'fabric_route_not_found' && error_type === undefined
    waiting.settle(isNotFound ? { move: 'not_found', value } : { value })
  }

  function lose(lost: (call: Pending) => boolean, why: string): void {
    for (const call of pending.values()) {
      if (!lost(call)) continue
      counts.calls_lost++
      call.settle({ error: new NodeLostError(`${why} before ${call.target} answered; the call may or may not have been executed`) })
    }
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
    const caller: Caller = { connectionId: from, remote: from, viewerCluster, viewerTenant: null, credential: null }
    return { caller, inFlight }
  }

  return {
    caller,
    receive,
    linkLost(nodeId) {
      inFlightOf.delete(nodeId)
      lose((call) => call.hop === nodeId, `the link to ${nodeId} broke`)
    },
    nodeLost: (nodeId) => lose((call) => call.target === nodeId, `${nodeId} was found dead`),
    snapshot: () => ({ ...counts, calls_pending: pending.size }),
    close() {
      lose(() => true, 'this node stopped')
      deadlines.close()
    },
  }
}
