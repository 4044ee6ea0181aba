/**
 * Calls that set out here for a function on another node: sent, watched, and moved to another node when they can not have been executed.
 *
 * What a node has for one other node within a turn leaves together, if the way there knows bundles.
 */
import { type DeadlineHandle, DeadlineQueue, type Env, type TraceSpan, TransientMap } from '../base/index.ts'
import { canForward, type HeaderPlace, originHeaders, type Plan, type PlanRequest } from '../fabric/index.ts'
import {
  type BundledRequest,
  type BundledTrace,
  type Command,
  encodeFabricPayload,
  encodeJson,
  type FabricMessage,
  type FabricRpcResponse,
  type FunctionEntry,
  isBundled,
  MpregError,
  metadataOfTraces,
  RawJson,
  RPC_CODES,
  RpcError,
  requestsText,
  withTraceContext,
} from '../wire/index.ts'
import type { RunningCall } from './call.ts'
import type { RemoteFunction } from './executor.ts'
import {
  BUNDLED_CHARACTERS_MAX,
  bundleFrame,
  ENVELOPE_BYTES,
  errorValue,
  frameOf,
  messageOf,
  NO_METADATA,
  NO_TRACES,
} from './fabric-calls.ts'
import type { ForwarderLinks } from './forwarder-links.ts'
import type { Selector } from './registry.ts'
import { selectorOf } from './selector.ts'
import { callSpan, dialSpan } from './spans.ts'
import { TurnGroups } from './turn-groups.ts'

export interface OutgoingCallsDeps extends HeaderPlace {
  readonly env: Env
  readonly links: ForwarderLinks
  /** Another node for a command, besides those tried. */
  place(selector: Selector, tried: ReadonlySet<string>): FunctionEntry | undefined
  /** A neighbour that may have a link to the node, none of `visited`; undefined: there is none. */
  nextHop(nodeId: string, visited: readonly string[]): string | undefined
  /** A neighbour to go through at once, because the node could not be reached itself just now; undefined: it may be tried. */
  detour(nodeId: string): string | undefined
  /** How a message for another cluster goes on. */
  plan(request: PlanRequest): Plan
  /** False: nothing is sent to other nodes or passed on, by the operator's wish. */
  readonly isRoutingEnabled: boolean
  /** Makes a link for a call, unless there is a way around and the node could not be reached lately. */
  connect(nodeId: string, context: 'rpc_remote_execute'): Promise<boolean>
  /** Makes a link, however long that takes. */
  dial(nodeId: string): Promise<boolean>
  /** What became of a call that was sent. */
  onOutcome?: ((outcome: CallOutcome) => void) | undefined
  /** A node would not do what a call asks for, by the rules of its operator. */
  onRefused?: ((refused: RefusedCall) => void) | undefined
}

export interface RefusedCall {
  readonly fun: string
  /** The node it was for. */
  readonly target: string
  readonly reason: string
  /** The target, or a node on the way. */
  readonly by: string
}

export interface CallOutcome {
  /** The request of a client this call is part of. */
  readonly requestId: string
  /** The neighbour it went to. */
  readonly hop: string
  readonly target: string
  readonly cluster: string
  /** Nodes the answer came past, and its own; undefined without one. */
  readonly hopCount: number | undefined
  readonly durationMs: number
  /** Why no answer came; undefined when one did, whatever it says. */
  readonly error: Error | undefined
}

export interface OutgoingCallsSnapshot {
  readonly calls_sent: number
  readonly calls_bundled: number
  readonly calls_answered: number
  readonly calls_moved: number
  /** The link broke, or the node was found dead, before an answer came. */
  readonly calls_lost: number
  readonly calls_cancelled: number
  readonly calls_pending: number
}

export interface OutgoingCalls {
  /** How a function on another node is called. @param isOnly whether no other node will do instead */
  caller(target: FunctionEntry, isOnly?: boolean): RemoteFunction['call']
  isPending(requestId: string): boolean
  /** @param response undefined when it can not be read; @param hops what those on the way report, a JSON list */
  answered(requestId: string, response: PendingAnswer | undefined, path: readonly string[], hops?: string): void
  /** The last link to a node is gone: what was sent over it is lost. */
  linkLost(nodeId: string): void
  /** A node is dead: what it was running is lost. */
  nodeLost(nodeId: string): void
  snapshot(): OutgoingCallsSnapshot
  close(): void
}

/** A call that was sent to a node which then went away: it may or may not have been executed. */
class NodeLostError extends MpregError {
  override readonly name = 'NodeLostError'
  readonly code = 'node_lost'
}

type PendingAnswer = Pick<FabricRpcResponse, 'success' | 'result' | 'error'>

/** What a call on another node has come to. */
type Answer =
  | { readonly value: RawJson }
  /** `isCancelled`: the caller waits no longer, which says nothing of the other side. */
  | { readonly error: Error; readonly isCancelled?: true }
  | { readonly move: 'unsent' | 'not_found'; readonly value: RawJson }

/** A pending call outlives the deadline of its request by so much at most: its end comes from there. */
const PENDING_SLACK_MS = 1_000
const UNSENT = new Error('it could not be sent')
/** Of the error of another node that a span tells. */
const FAILURE_CHARACTERS_MAX = 500
const NO_PEER = 'no_peer_for_next_hop'
const NO_CLUSTERS: readonly string[] = []
const TOPIC_CANCEL = 'mpreg.rpc.cancel'

export function createOutgoingCalls(deps: OutgoingCallsDeps): OutgoingCalls {
  const { clusterId, env, links, nodeId: self } = deps
  const log = env.log.scope('fabric.router')
  const pending = new TransientMap<OutgoingCall>()
  const deadlines = new DeadlineQueue<OutgoingCall>({
    clock: env.clock,
    timers: env.timers,
    onExpire: (call) => call.settle({ error: new NodeLostError(`no answer from ${call.target}`) }),
  })
  const counts = { calls_sent: 0, calls_bundled: 0, calls_answered: 0, calls_moved: 0, calls_lost: 0, calls_cancelled: 0 }
  /** Calls that leave for one node of the own cluster over one neighbour. */
  const groups = new TurnGroups<{ readonly hop: string; readonly target: string }, OutgoingCall>({
    isSame: (a, b) => a.target === b.target && a.hop === b.hop,
    send({ hop, target }, calls) {
      const waiting = calls.filter((call) => call.isPending)
      if (waiting.length < 2) return waiting[0]?.transmit()
      const nowMs = env.clock.monotonic()
      const requests = waiting.map((call) => call.requestAt(nowMs))
      const traces = tracesOf(waiting)
      const headers = originHeaders(deps, env.random.ulid(), {
        target_cluster: clusterId,
        federation_path: NO_CLUSTERS,
        ...(traces.length > 0 && { metadata: metadataOfTraces(traces) }),
      })
      const bundle = {
        kind: 'rpc-requests',
        count: requests.length,
        headers,
        target_node: target,
        reply_to: self,
        calls: requestsText(requests),
      } as const
      if (!links.send(hop, bundleFrame(bundle, undefined))) {
        // What is too much for a link together may fit one by one.
        for (const call of waiting) call.transmit()
        return
      }
      counts.calls_sent += waiting.length
      counts.calls_bundled += waiting.length
    },
  })

  /** Contexts of those that are traced. */
  function tracesOf(calls: readonly OutgoingCall[]): readonly BundledTrace[] {
    return calls.flatMap(({ command, span }, call) =>
      span === undefined ? NO_TRACES : { call, command, metadata: withTraceContext(NO_METADATA, span.context) },
    )
  }

  /** A command on its way to the nodes that may run it, one after another, until one has answered. */
  class OutgoingCall {
    readonly #cmd: Command
    readonly #args: RawJson
    readonly #kwargs: RawJson
    readonly #call: RunningCall
    readonly #resolve: (value: RawJson) => void
    readonly #reject: (error: Error) => void
    readonly #isOnly: boolean
    readonly #abandon = (reason: Error): void => this.#abandoned(reason)
    #tried: Set<string> | undefined
    #deadline: DeadlineHandle<OutgoingCall> | undefined
    #plan: Plan | undefined
    #cluster = ''
    #sentMs = 0
    /** Went by neighbours because there was no link: it may end where nobody knows on. */
    #isAstray = false
    /** It was sent, or is about to be, and waits for its answer. */
    isPending = false
    requestId = ''
    target = ''
    hop = ''
    /** Of the answer: how far it came. */
    hopCount: number | undefined
    /** Of this attempt, if the command is traced. */
    span: TraceSpan | undefined

    constructor(
      cmd: Command,
      args: RawJson,
      kwargs: RawJson,
      call: RunningCall,
      resolve: (value: RawJson) => void,
      reject: (error: Error) => void,
      isOnly: boolean,
    ) {
      this.#cmd = cmd
      this.#args = args
      this.#kwargs = kwargs
      this.#call = call
      this.#resolve = resolve
      this.#reject = reject
      this.#isOnly = isOnly
    }

    /** To the node of this entry, over a link or the way that leads to one. */
    send(entry: FunctionEntry): void {
      const { cluster_id: targetCluster, node_id: target } = entry
      this.target = target
      this.#cluster = targetCluster
      this.span = this.#call.span && callSpan(this.#call.span, this.#cmd, entry)
      if (!deps.isRoutingEnabled) {
        this.#endSpan('fabric_routing_disabled')
        return this.#resolve(errorValue({ error: 'fabric_routing_disabled', command: this.#cmd.fun }))
      }
      const plan = targetCluster === clusterId ? undefined : deps.plan({ targetCluster, visitedNodes: [self] })
      this.#plan = plan
      if (links.isConnected(target)) return this.#sendOver(target)
      if (plan !== undefined && canForward(plan)) return this.#sendOver(plan.next_peer_url)
      const detour = plan === undefined ? deps.detour(target) : undefined
      if (detour !== undefined) return this.#goAround(detour)
      // A link of our own before a detour: one more hop costs more on every call than a dial does once.
      const dial = this.span && dialSpan(this.span, target)
      deps.connect(target, 'rpc_remote_execute').then((isConnected) => {
        dial?.set({ 'mpreg.linked': isConnected })
        dial?.end()
        const hop = isConnected ? target : plan === undefined ? deps.nextHop(target, [self]) : undefined
        if (hop === undefined) this.#move('unsent', this.#forwardFailed(plan?.reason ?? NO_PEER))
        else if (hop === target) this.#sendOver(hop)
        else this.#goAround(hop)
      }, this.#giveUp)
    }

    #goAround(hop: string): void {
      this.#isAstray = true
      this.#sendOver(hop)
    }

    /** For a call that went around and got lost, which nobody can have executed: once more, over a link of our own. False when it did not. */
    triesDirectly(otherwise: RawJson): boolean {
      if (!this.#isAstray) return false
      this.#isAstray = false
      this.#leaveBooks()
      this.#endSpan('lost')
      deps.dial(this.target).then((isConnected) => {
        if (isConnected) this.#sendOver(this.target)
        else this.#resolve(otherwise)
      }, this.#giveUp)
      return true
    }

    #sendOver(hop: string): void {
      const call = this.#call
      const characters = this.#args.text.length + this.#kwargs.text.length
      const bytesMax = links.frameBytesMax(hop)
      if (characters * 3 > bytesMax) {
        const bytes = Buffer.byteLength(this.#args.text) + Buffer.byteLength(this.#kwargs.text) + ENVELOPE_BYTES
        if (bytes > bytesMax) {
          return this.#giveUp(new RangeError(`the arguments have about ${bytes} bytes, more than the link to ${hop} carries; send less`))
        }
      }
      if (call.abortReason !== undefined) return this.#giveUp(call.abortReason)
      const nowMs = env.clock.monotonic()
      if (call.deadlineMs <= nowMs) return this.#giveUp(new NodeLostError('the time of the call was over before it was sent'))
      this.requestId = env.random.ulid()
      this.hop = hop
      if (log.debugOn)
        log.debug(
          `call ${this.#cmd.fun} id=${this.requestId} of=${call.requestId} target=${this.target} cluster=${this.#cluster} next=${hop}`,
        )
      this.#deadline = deadlines.add(this, call.deadlineMs + PENDING_SLACK_MS)
      this.#sentMs = nowMs
      this.isPending = true
      pending.set(this.requestId, this)
      call.onAbort(this.#abandon)
      this.span?.set({ 'mpreg.next_hop': hop })
      const isAlone =
        this.#plan !== undefined ||
        characters >= BUNDLED_CHARACTERS_MAX ||
        !links.has(hop, 'bundles/1') ||
        !isBundled(this.#cmd, call.deadlineMs - nowMs)
      if (isAlone) this.transmit()
      else groups.add(this, this, characters)
    }

    readonly #giveUp = (error: Error): void => {
      this.#endSpan(error.message)
      this.#reject(error)
    }

    #endSpan(failure?: string): void {
      const { span } = this
      if (span === undefined) return
      this.span = undefined
      if (failure !== undefined) span.fail(failure)
      span.end()
    }

    get command(): string {
      return this.#cmd.fun
    }

    requestAt(nowMs: number): BundledRequest {
      const { fun: command, function_id, locs: resources, version_constraint } = this.#cmd
      const deadline_ms = Math.max(0, Math.ceil(this.#call.deadlineMs - nowMs))
      return {
        request_id: this.requestId,
        command,
        args: this.#args,
        kwargs: this.#kwargs,
        resources,
        function_id,
        version_constraint,
        deadline_ms,
      }
    }

    /** By itself. */
    transmit(): void {
      const { deadline_ms, ...request } = this.requestAt(env.clock.monotonic())
      const federation_path = this.#plan?.federation_path ?? NO_CLUSTERS
      const message = messageOf(
        {
          kind: 'rpc-request',
          ...request,
          target_cluster: this.#cluster,
          target_node: this.target,
          reply_to: self,
          federation_path,
          federation_remaining_hops: this.#plan?.remaining_hops ?? null,
        },
        originHeaders(deps, this.requestId, { target_cluster: this.#cluster, federation_path }),
        deadline_ms,
        env.clock.wall(),
      )
      if (links.send(this.hop, frameOf(this.span === undefined ? message : tracedMessage(message, this.span)))) counts.calls_sent++
      else this.unsent()
    }

    unsent(): void {
      this.settle({ move: 'unsent', value: this.#forwardFailed(NO_PEER) })
    }

    #forwardFailed(reason: string): RawJson {
      return errorValue({ error: 'fabric_forward_failed', command: this.#cmd.fun, target_cluster: this.#cluster, reason })
    }

    /** False when it is not waiting. */
    #leaveBooks(): boolean {
      if (!this.isPending) return false
      this.isPending = false
      pending.delete(this.requestId)
      deadlines.remove(this.#deadline as DeadlineHandle<OutgoingCall>)
      this.#call.offAbort(this.#abandon)
      return true
    }

    settle(answer: Answer): void {
      if (!this.#leaveBooks()) return
      if (!('error' in answer) || answer.isCancelled !== true) {
        deps.onOutcome?.({
          requestId: this.#call.requestId,
          hop: this.hop,
          target: this.target,
          cluster: this.#cluster,
          hopCount: this.hopCount,
          durationMs: env.clock.monotonic() - this.#sentMs,
          error: 'error' in answer ? answer.error : 'move' in answer && answer.move === 'unsent' ? UNSENT : undefined,
        })
      }
      if (this.span !== undefined) this.#endSpan('error' in answer ? answer.error.message : 'move' in answer ? answer.move : undefined)
      if ('error' in answer) this.#reject(answer.error)
      else if ('move' in answer) this.#move(answer.move, answer.value)
      else this.#resolve(answer.value)
    }

    /** On to another node, if there is one that was not tried. @param value the answer if there is none */
    #move(why: 'unsent' | 'not_found', value: RawJson): void {
      this.#endSpan(why)
      this.#tried ??= new Set()
      this.#tried.add(this.target)
      const other = this.#isOnly ? undefined : deps.place(selectorOf(this.#cmd), this.#tried)
      if (log.debugOn) log.debug(`call ${this.#cmd.fun} on ${this.target} ${why}; ${other ? `next ${other.node_id}` : 'nobody else'}`)
      if (other === undefined) return this.#resolve(value)
      counts.calls_moved++
      this.send(other)
    }

    #abandoned(reason: Error): void {
      counts.calls_cancelled++
      // The request first, if it is still here.
      groups.flush()
      cancel(this)
      this.settle(isTimeOut(reason) ? { error: reason } : { error: reason, isCancelled: true })
    }
  }

  /** The time of the whole request was up: then the other side is what took too long. */
  function isTimeOut(reason: Error): boolean {
    return reason instanceof RpcError && reason.rpcCode === RPC_CODES.timedOut
  }

  function cancel({ hop, requestId, target }: OutgoingCall): void {
    if (!links.has(hop, 'roles/1')) return
    const payload = encodeFabricPayload({
      kind: 'rpc-cancel',
      request_id: requestId,
      target_node: target,
      reason: 'the caller waits no longer',
    })
    const message: FabricMessage = {
      message_id: `${requestId}:cancel`,
      topic: TOPIC_CANCEL,
      message_type: 'rpc',
      delivery: 'fire_and_forget',
      payload,
      headers: originHeaders(deps, `${requestId}:cancel`),
      timestamp: env.clock.wall(),
    }
    links.send(hop, frameOf(message))
  }

  /** The answer of a traced call. */
  function report(span: TraceSpan, response: PendingAnswer | undefined, path: readonly string[], hops: string | undefined): void {
    if (path.length > 0) span.set({ 'mpreg.path': path })
    if (hops !== undefined) span.reported(hops)
    if (response?.success === false) span.fail(response.error?.text.slice(0, FAILURE_CHARACTERS_MAX) ?? 'fabric_rpc_failed')
  }

  function lose(lost: (call: OutgoingCall) => boolean, why: string): void {
    for (const call of pending.values()) {
      if (!lost(call)) continue
      counts.calls_lost++
      call.settle({ error: new NodeLostError(`${why} before ${call.target} answered; the call may or may not have been executed`) })
    }
  }

  return {
    caller:
      (first, isOnly = false) =>
      (cmd, args, kwargs, call) =>
        new Promise((resolve, reject) => {
          new OutgoingCall(cmd, new RawJson(encodeJson(args)), new RawJson(encodeJson(kwargs)), call, resolve, reject, isOnly).send(first)
        }),

    isPending: (requestId) => pending.get(requestId) !== undefined,

    answered(requestId, response, path, hops) {
      const call = pending.get(requestId)
      if (call === undefined) return
      call.hopCount = path.length > 1 ? path.length - 1 : undefined
      if (call.span !== undefined) report(call.span, response, path, hops)
      if (response === undefined) {
        const details = `${call.target} answered what can not be read`
        call.settle({ error: new RpcError({ code: RPC_CODES.internal, message: 'Internal server error', details }) })
        return
      }
      counts.calls_answered++
      if (response.success) return call.settle({ value: response.result })
      const value = response.error ?? errorValue({ error: 'fabric_rpc_failed', request_id: requestId })
      const { error, error_type, reason, refused_by: by } = (value.parse() ?? {}) as Readonly<Record<string, unknown>>
      // A function that ran, and threw just this, says of which type its error is: it must not run again.
      const isNotFound = error === 'fabric_route_not_found' && error_type === undefined
      if (typeof by === 'string' && typeof reason === 'string' && error_type === undefined) {
        deps.onRefused?.({ fun: call.command, target: call.target, reason, by })
      }
      if (isLost(error) && error_type === undefined && call.triesDirectly(value)) return
      call.settle(isNotFound ? { move: 'not_found', value } : { value })
    },

    linkLost: (nodeId) => lose((call) => call.hop === nodeId, `the link to ${nodeId} broke`),
    nodeLost: (nodeId) => lose((call) => call.target === nodeId, `${nodeId} was found dead`),
    snapshot: () => ({ ...counts, calls_pending: pending.size }),
    close() {
      lose(() => true, 'this node stopped')
      deadlines.close()
    },
  }
}

/** Whether a request ended where no node knew on. */
function isLost(error: unknown): boolean {
  return error === 'fabric_hop_budget_exhausted' || error === 'fabric_route_loop'
}

function tracedMessage(message: FabricMessage, span: TraceSpan): FabricMessage {
  const { headers } = message
  return { ...message, headers: { ...headers, metadata: withTraceContext(headers.metadata, span.context) } }
}
