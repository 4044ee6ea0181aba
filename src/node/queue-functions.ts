/**
 * Queues as functions, so that any client can use them, whatever its language and without a library of its own. A node that has queues offers
 * them; what is asked about a queue of another node is passed on to it.
 */
import type { Clock } from '../base/index.ts'
import type { Queue } from '../queue/index.ts'
import type { BuiltinName, Call, FunctionOptions, ParameterInit } from '../rpc/index.ts'
import {
  MpregError,
  type QueueConfig,
  type QueueEntry,
  type QueueMessageGuarantee,
  type QueueSendOptions,
  type QueueSendResult,
  RawJson,
} from '../wire/index.ts'
import type { Builtin } from './builtins.ts'
import type { NodeQueues } from './queues-api.ts'

/** No node has a queue of this name. */
class QueueNotFoundError extends MpregError {
  override readonly name = 'QueueNotFoundError'
  readonly code = 'queue_not_found'
}

/** The nodes with the queue can not be reached. */
class QueueUnreachableError extends MpregError {
  override readonly name = 'QueueUnreachableError'
  readonly code = 'queue_unreachable'

  constructor(queue: string, node: string, why: string) {
    super(`queue ${queue} is on ${node}, which can not be asked: ${why}; explain queue ${queue} tells of every node that has it`)
  }
}

/** No node that could make a queue. */
class NoQueueNodeError extends MpregError {
  override readonly name = 'NoQueueNodeError'
  readonly code = 'no_queue_node'
}

export interface QueueFunctionsDeps {
  readonly queues: NodeQueues
  readonly nodeId: () => string
  readonly clusterId: string
  /** Most bytes that an answer to a call may have: what the link to the caller carries. */
  answerBytesMax(call: Call): number
  /** The best node for a queue that is not here; undefined: nobody who can be reached announces it. */
  find(name: string, clusterId?: string): QueueEntry | undefined
  /** What other nodes announce of a queue, whether they can be reached or not. */
  announced(name: string): readonly QueueEntry[]
  /** Why a node can not be reached. */
  nodeProblem(nodeId: string): string | undefined
  /** A node of another cluster that offers a function. */
  nodeWith(fun: string, clusterId: string): string | undefined
  /** Runs a function on another node that has it. */
  runOn(nodeId: string, fun: string, kwargs: Readonly<Record<string, unknown>>, call: Call): Promise<unknown>
  /** Whether a caller may know of a queue; who knows its name may use it all the same. */
  mayList(caller: Call['caller'], queueName: string): boolean
  /** Told of each message that a request enqueued, or did not. */
  onEnqueued(requestId: string, queue: string, result: QueueSendResult, durationMs: number): void
  readonly clock: Pick<Clock, 'monotonic'>
}

/** A consumer waits no longer at a time: connections on the way may not live for ever. */
const WAIT_SECONDS_MAX = 20
/** Left of a request's time when its consumer stops waiting, ms: the answer must get there. */
const ANSWER_MS = 1_000
const MESSAGES_MAX = 1_000
const DEAD_LETTERS_LISTED = 100
const DEFAULT_SUBSCRIBER = 'client'

type Params = Readonly<Record<string, ParameterInit>>

const name: ParameterInit = { type: 'str', doc: 'name of the queue' }
const consumer: ParameterInit = { type: 'str', default: DEFAULT_SUBSCRIBER, doc: 'who consumes; the same when acknowledging' }
const attempt: ParameterInit = { type: 'int | None', default: null, doc: 'the attempt that is meant; null: whichever runs' }
const maxBytes: ParameterInit = { type: 'int | None', default: null, doc: 'of the answer, for links on the way that carry less' }
const localOnly: ParameterInit = { type: 'bool', default: false, doc: 'do not ask another node that has the queue' }
const ownCluster: ParameterInit = { type: 'str | None', default: null, doc: "cluster of the queue; the caller's if left out" }
const optional = (type: string, doc: string, otherwise: unknown = null): ParameterInit =>
  ({ type, default: otherwise, doc }) as ParameterInit

export function queueFunctions(deps: QueueFunctionsDeps): Builtin[] {
  const { queues } = deps

  /**
   * Does something with a queue of this node, or has the node that has it do it.
   * @param cluster where the queue is; undefined: anywhere
   */
  function at<T>(
    queueName: string,
    isLocal: boolean,
    call: Call,
    kwargs: Readonly<Record<string, unknown>>,
    run: (queue: Queue) => T,
    cluster?: string,
  ): T | Promise<unknown> {
    const queue = cluster === undefined || cluster === deps.clusterId ? queues.get(queueName) : undefined
    if (queue !== undefined) return run(queue)
    const entry = isLocal ? undefined : deps.find(queueName, cluster)
    if (entry === undefined) throw missing(queueName, cluster)
    return askNode(entry.node_id, queueName, call, { queue_name: queueName, ...kwargs, local_only: true })
  }

  function missing(queueName: string, cluster: string | undefined): MpregError {
    const known = deps.announced(queueName)
    const [out] = known.filter(({ cluster_id }) => cluster === undefined || cluster_id === cluster)
    const problem = out && deps.nodeProblem(out.node_id)
    if (out !== undefined && problem !== undefined) return new QueueUnreachableError(queueName, out.node_id, problem)
    const [elsewhere] = known
    if (cluster === undefined || elsewhere === undefined) {
      return new QueueNotFoundError(`Queue ${queueName} does not exist; queue_list names those that do`)
    }
    const where = `cluster ${elsewhere.cluster_id}`
    return new QueueNotFoundError(
      `Queue ${queueName} does not exist in cluster ${cluster}, but in ${where}: if that is meant, name it as target_cluster`,
    )
  }

  async function askNode(node: string, queueName: string, call: Call, kwargs: Readonly<Record<string, unknown>>): Promise<unknown> {
    const answer = await deps.runOn(node, call.fun, kwargs, call)
    const why = wayFailure(answer)
    if (why !== undefined) throw new QueueUnreachableError(queueName, node, `no way leads there (${why})`)
    return answer
  }

  /** Of this cluster unless another one is named: nobody ends, or makes, what is another cluster's by an oversight. */
  const clusterFor = (call: Call, named: string | null): string => named ?? call.caller.viewerCluster
  const here = () => ({ node_id: deps.nodeId(), cluster_id: deps.clusterId })

  function create(queueName: string, config: Partial<QueueConfig> | null, isLocal: boolean) {
    const other = isLocal ? undefined : deps.announced(queueName).find(({ cluster_id }) => cluster_id === deps.clusterId)
    if (other !== undefined) {
      return {
        created: false,
        node_id: other.node_id,
        cluster_id: other.cluster_id,
        error_message: `${other.node_id} has a queue of that name`,
      }
    }
    const created = queues.create(queueName, config ?? {})
    const why = queues.get(queueName) === undefined ? 'this node has as many queues as it may' : 'there is a queue of that name'
    return { created, ...here(), error_message: created ? null : why }
  }

  const bytesFor = (call: Call, asked: number | null): number => Math.min(asked ?? Number.POSITIVE_INFINITY, deps.answerBytesMax(call))

  function declare(
    fun: BuiltinName,
    summary: string,
    returns: string,
    params: Params,
    run: Builtin['run'],
    more: FunctionOptions = {},
  ): Builtin {
    return { name: fun, run, options: { params, returns, withCall: true, doc: { summary }, ...more } }
  }

  return [
    declare(
      'queue_create',
      'Makes a queue on this node, unless one of its cluster has a queue of that name.',
      'dict',
      {
        queue_name: name,
        config: optional('dict | None', 'options of the queue; the defaults for those left out'),
        target_cluster: ownCluster,
        local_only: optional('bool', 'whatever other nodes have', false),
      },
      (call: Call, queueName: string, config: Partial<QueueConfig> | null, named: string | null, isLocal: boolean) => {
        const cluster = clusterFor(call, named)
        if (cluster === deps.clusterId) return create(queueName, config, isLocal)
        const node = deps.nodeWith(call.fun, cluster)
        if (node === undefined) {
          throw new NoQueueNodeError(
            `no node of cluster ${cluster} is known here that makes queues; start one with --enable-queue, or name a target_cluster that has some`,
          )
        }
        const kwargs = { queue_name: queueName, config, target_cluster: cluster, local_only: isLocal }
        return askNode(node, queueName, call, kwargs)
      },
    ),
    declare(
      'queue_delete',
      'Ends a queue with all its messages.',
      'dict',
      { queue_name: name, target_cluster: ownCluster, local_only: localOnly },
      (call: Call, queueName: string, named: string | null, isLocal: boolean) => {
        const cluster = clusterFor(call, named)
        return at(queueName, isLocal, call, { target_cluster: cluster }, () => ({ deleted: queues.remove(queueName), ...here() }), cluster)
      },
    ),
    declare(
      'queue_send',
      'Sends a message to a queue, wherever it is.',
      'dict',
      {
        queue_name: name,
        payload: { type: 'Any', doc: 'the message' },
        topic: optional('str | None', 'of the message; the name of the queue if left out'),
        delivery_guarantee: optional('str', 'fire_and_forget, at_least_once, broadcast or quorum', 'at_least_once'),
        options: optional('dict | None', 'priority, delay_seconds, max_retries, headers and others'),
        target_cluster: optional('str | None', 'where the queue is; the best that announces it if left out'),
        message_id: optional('str | None', 'of the message; one that is sent again under its id is taken once in five minutes'),
      },
      (
        call: Call,
        queueName: string,
        payload: unknown,
        topic: string | null,
        guarantee: QueueMessageGuarantee,
        options: QueueSendOptions | RawJson | null,
        cluster: string | null,
        messageId: string | null,
      ) => {
        const startedMs = deps.clock.monotonic()
        const told = (result: QueueSendResult) => {
          deps.onEnqueued(call.requestId, queueName, result, deps.clock.monotonic() - startedMs)
          return result
        }
        // Of a raw function, an object with a number such as 1.0 comes as its text.
        const given = (options instanceof RawJson ? (options.parse() as QueueSendOptions) : options) ?? {}
        if (cluster === null && messageId === null && queues.get(queueName) !== undefined) {
          return told(queues.send(queueName, topic ?? queueName, payload, guarantee, given))
        }
        const init = {
          topic: topic ?? queueName,
          guarantee,
          options: given,
          ...(cluster !== null && { targetCluster: cluster }),
          ...(messageId !== null && { messageId }),
        }
        return queues.sendAnywhere(queueName, payload, init).then(told)
      },
      { raw: true },
    ),
    declare(
      'queue_receive',
      'Takes messages from a queue. They come back unless queue_ack is called before their visibility timeout ends.',
      'list[dict]',
      {
        queue_name: name,
        max_messages: optional('int', `1 to ${MESSAGES_MAX}`, 1),
        wait_seconds: optional('float', `how long to wait for the first, at most ${WAIT_SECONDS_MAX}`, 0),
        subscriber_id: consumer,
        max_bytes: maxBytes,
        local_only: localOnly,
      },
      (call: Call, queueName: string, max: number, wait: number, subscriberId: string, asked: number | null, isLocal: boolean) => {
        const bytesMax = bytesFor(call, asked)
        const kwargs = { max_messages: max, wait_seconds: wait, subscriber_id: subscriberId, max_bytes: bytesMax }
        return at(queueName, isLocal, call, kwargs, (queue) => {
          const waitSeconds = Math.min(wait, WAIT_SECONDS_MAX, Math.max(0, (call.remainingMs() - ANSWER_MS) / 1000))
          const request = { max: Math.min(Math.max(1, max), MESSAGES_MAX), bytesMax, waitSeconds, subscriberId }
          return queue.receive(waitSeconds > 0 ? { ...request, signal: call.signal } : request)
        })
      },
    ),
    declare(
      'queue_ack',
      'Says that a message has been processed.',
      'dict',
      { queue_name: name, message_id: 'str', subscriber_id: consumer, attempt, local_only: localOnly },
      (call: Call, queueName: string, messageId: string, subscriberId: string, which: number | null, isLocal: boolean) =>
        at(queueName, isLocal, call, { message_id: messageId, subscriber_id: subscriberId, attempt: which }, (queue) => ({
          acknowledged: queue.acknowledge(messageId, subscriberId, which ?? undefined),
        })),
    ),
    declare(
      'queue_nack',
      'Gives a message back: for another try, at once or later, or for good.',
      'dict',
      {
        queue_name: name,
        message_id: 'str',
        subscriber_id: consumer,
        attempt,
        requeue: optional('bool', 'false: it becomes a dead letter', true),
        delay_seconds: optional('float | None', 'before it is delivered again; null: as after a timeout'),
        detail: optional('str | None', 'why; a dead letter says it'),
        local_only: localOnly,
      },
      (
        call: Call,
        queueName: string,
        messageId: string,
        subscriberId: string,
        which: number | null,
        requeue: boolean,
        delay: number | null,
        detail: string | null,
        isLocal: boolean,
      ) =>
        at(
          queueName,
          isLocal,
          call,
          { message_id: messageId, subscriber_id: subscriberId, attempt: which, requeue, delay_seconds: delay, detail },
          (queue) => ({
            rejected: queue.reject(messageId, subscriberId, {
              attempt: which ?? undefined,
              requeue,
              delaySeconds: delay === null ? undefined : Math.max(0, delay),
              detail,
            }),
          }),
        ),
    ),
    declare(
      'queue_info',
      'Configuration and counts of a queue.',
      'dict',
      { queue_name: name, local_only: localOnly },
      (call: Call, queueName: string, isLocal: boolean) => at(queueName, isLocal, call, {}, () => queues.info(queueName)),
    ),
    declare(
      'queue_list',
      'Queues of all nodes, as far as this one knows and the caller may.',
      'list[dict]',
      { pattern: optional('str | None', 'only names that match; * and # are wildcards') },
      (call: Call, pattern: string | null) =>
        queues
          .discover(pattern ?? undefined)
          .filter(({ queue_name }) => deps.mayList(call.caller, queue_name))
          .map(({ cluster_id, current_subscribers, delivery_guarantees, health, metadata, node_id, queue_name }) => {
            const problem = deps.nodeProblem(node_id)
            return {
              queue_name,
              cluster_id,
              node_id,
              health: problem === undefined ? health : 'unavailable',
              problem: problem ?? null,
              current_subscribers,
              delivery_guarantees,
              metadata,
            }
          }),
    ),
    declare(
      'queue_dead_letters',
      'Messages that were given up, oldest first, and why.',
      'list[dict]',
      { queue_name: name, limit: optional('int', 'most of them', DEAD_LETTERS_LISTED), max_bytes: maxBytes, local_only: localOnly },
      (call: Call, queueName: string, limit: number, asked: number | null, isLocal: boolean) => {
        const bytesMax = bytesFor(call, asked)
        return at(queueName, isLocal, call, { limit, max_bytes: bytesMax }, (queue) => queue.deadLetters(Math.max(0, limit), bytesMax))
      },
    ),
    declare(
      'queue_redrive',
      'Puts dead letters back into their queue, all of them or one.',
      'dict',
      {
        queue_name: name,
        message_id: optional('str | None', 'of the one; null: all'),
        target_cluster: ownCluster,
        local_only: localOnly,
      },
      (call: Call, queueName: string, messageId: string | null, named: string | null, isLocal: boolean) => {
        const cluster = clusterFor(call, named)
        const kwargs = { message_id: messageId, target_cluster: cluster }
        return at(queueName, isLocal, call, kwargs, (queue) => ({ redriven: queue.redrive(messageId ?? undefined), ...here() }), cluster)
      },
    ),
    declare(
      'queue_route_topic',
      'From now on, publications on matching topics are enqueued.',
      'dict',
      {
        topic_pattern: 'str',
        queue_name: name,
        delivery_guarantee: optional('str', 'of the messages', 'at_least_once'),
        local_only: localOnly,
      },
      (call: Call, pattern: string, queueName: string, guarantee: QueueMessageGuarantee, isLocal: boolean) =>
        at(queueName, isLocal, call, { topic_pattern: pattern, delivery_guarantee: guarantee }, () => ({
          routed: queues.routeTopic(pattern, queueName, guarantee),
        })),
    ),
    declare(
      'queue_unroute_topic',
      'Ends a topic route of a queue.',
      'dict',
      { topic_pattern: 'str', queue_name: name, local_only: localOnly },
      (call: Call, pattern: string, queueName: string, isLocal: boolean) =>
        at(queueName, isLocal, call, { topic_pattern: pattern }, () => ({ unrouted: queues.unrouteTopic(pattern, queueName) })),
    ),
  ]
}

/** What the protocol answers when a call can not go on; undefined for any other answer. */
function wayFailure(answer: unknown): string | undefined {
  const value = answer instanceof RawJson && answer.text.length < FAILURE_CHARACTERS_MAX ? answer.parse() : answer
  if (typeof value !== 'object' || value === null) return undefined
  const { error } = value as { error?: unknown }
  return error === 'fabric_route_not_found' || error === 'fabric_forward_failed' ? error : undefined
}

const FAILURE_CHARACTERS_MAX = 1_000
