/** What a node offers whoever runs it in their process, and what it needs of the world. */
import type { Env } from '../base/index.ts'
import type { ListedPeer } from '../fabric/index.ts'
import type { TopicExplanation } from '../pubsub/index.ts'
import type { Call, CallMiddleware, FunctionOptions } from '../rpc/index.ts'
import type { LogSink, NodeFacts } from '../telemetry/index.ts'
import type { Network } from '../transport/index.ts'
import type { Message } from '../wire/index.ts'
import type { DebugView } from './debug-view.ts'
import type { Explainer } from './explain.ts'
import type { PeerExplanation } from './fabric.ts'
import type { PublishMiddleware } from './middleware.ts'
import type { NodeSnapshot } from './node-snapshot.ts'
import type { CallOptions } from './own-calls.ts'
import type { NodeQueues } from './queues-api.ts'
import type { RouteTrace } from './routing.ts'
import type { Settings, SettingsFormat } from './settings/index.ts'
import type { WorkerFunction } from './worker-pool.ts'

/** What a node needs of the world; everything has a real default. */
export interface NodeDeps {
  readonly env?: Env
  readonly network?: Network
  readonly logSink?: LogSink
  /** Where the `MPREG_DEBUG_*` switches are read; default: the process's own. */
  readonly environment?: Readonly<Record<string, string | undefined>>
}

export interface Node {
  readonly settings: Settings
  /** ULID of this run. */
  readonly instanceId: string
  /** The node id, `ws://host:port`; known once the port is, at the latest after {@link start}. */
  readonly url: string
  /** URLs of all listeners, with the ports really bound. */
  readonly endpoints: readonly string[]
  /**
   * Makes a function callable. Its parameter names are read off the function unless `options.params` declares them.
   * A function given as `{ module, export }` runs in a worker thread.
   * @throws RegistrationError
   */
  register(name: string, target: ((...args: never[]) => unknown) | WorkerFunction, options?: FunctionOptions): void
  /** The function gets the running call as its first argument: its signal, deadline and caller. */
  register(name: string, target: (call: Call, ...args: never[]) => unknown, options: FunctionOptions & { readonly withCall: true }): void
  /** Removes one version of a function, or all; the number removed. */
  unregister(name: string, version?: string): number
  /** Hooks around every call, in the order added. */
  use(middleware: CallMiddleware): void
  /** Hooks around every publication of a client. */
  usePublish(middleware: PublishMiddleware): void
  /** Publishes on this node; the number of subscriptions that got the message. */
  publish(topic: string, payload: unknown, headers?: Readonly<Record<string, unknown>>): number
  /** In-process subscription; the function returned ends it. */
  subscribe(patterns: readonly string[], receive: (message: Message) => void | Promise<void>): () => void
  /**
   * Calls a function, wherever in the fabric it is, as a client of this node would. Rejects with RpcError; what a function on another
   * node throws is a value, as for clients: `{ error, command, error_type, … }`.
   */
  call(fun: string, ...args: readonly unknown[]): Promise<unknown>
  /** The same, asking for more than a name. */
  callWith(options: CallOptions, fun: string, ...args: readonly unknown[]): Promise<unknown>
  /** The queues of this node; undefined unless `enableDefaultQueue` is set. */
  readonly queues: NodeQueues | undefined
  /** The other nodes that are there, as `list_peers` shows them. */
  listPeers(): readonly ListedPeer[]
  /** Everything this node can say of another: links, how dialling goes, what failure detection holds, why it is not listed. */
  explainPeer(nodeId: string): PeerExplanation
  /** The routes to a cluster, what was held against each, and where a message for it would go now. */
  explainRoute(cluster: string, avoid?: readonly string[]): RouteTrace
  /**
   * Takes up the routing settings of a document (policies, stability, tags, link costs, signatures, keys, areas) while the node runs; those it
   * does not mention stay as they are. A wrong document changes nothing.
   * @param source its name, for errors
   * @returns warnings, which are also logged
   * @throws SettingsError naming every problem and its line
   */
  reloadRouting(text: string, format: SettingsFormat, source?: string): readonly string[]
  /** Explanations of functions, routes, peers, topics and queues in one form, for people and for HTTP. */
  readonly explain: Explainer
  /** Everything the doctor wants to know of this node. */
  diagnosis(): NodeFacts
  /** Where the node can be asked about itself over HTTP; null without monitoring, or before the start. */
  readonly monitoringUrl: string | null
  /** Tells peers by status where this node can be asked. @internal */
  announceMonitoring(url: string | null): void
  /** Who would get a message published on a topic now, by which way, and why others would not. */
  explainTopic(topic: string): TopicExplanation
  snapshot(): NodeSnapshot
  /** What a simulation compares between nodes; undefined before the start. @param isWanted of whose entries the catalog tells @internal */
  debugView(isWanted?: (nodeId: string) => boolean): DebugView | undefined
  /** Listens. @throws TransportError and others, with one line that says what to change */
  start(): Promise<void>
  /** Stops accepting, lets running requests finish for half a second, closes every connection. Idempotent. */
  stop(): Promise<void>
}
