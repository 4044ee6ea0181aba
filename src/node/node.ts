/**
 * A node: settings turned into a running process. The only place where the rooms meet.
 *
 * @example
 * const node = await createNode({ port: 7400 })
 * node.register('add', (a: number, b: number) => a + b)
 * await node.start()
 */
import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import { createRealEnv, type Env, realClock } from '../base/index.ts'
import { FunctionConflictError, type ListedPeer } from '../fabric/index.ts'
import { createExchange, createSubscriptionEntries, type Exchange, type TopicExplanation } from '../pubsub/index.ts'
import {
  type Absence,
  type CallMiddleware,
  createExecutor,
  createRegistry,
  describeFunction,
  type Executor,
  type FunctionOptions,
  type Placements,
  type RpcSpec,
} from '../rpc/index.ts'
import {
  createDiagnostics,
  createLog,
  createRefusalLedger,
  createSlowConsumerWatch,
  createStallWatch,
  type Diagnostics,
  type Log,
  logOncePer,
  type NodeFacts,
  type RefusalLedger,
  type SlowConsumerWatch,
  type StallWatch,
} from '../telemetry/index.ts'
import {
  type Connection,
  createSocketNetwork,
  hostForUrl,
  isWildcardHost,
  type Network,
  SlowConsumerError,
  type SocketNetwork,
} from '../transport/index.ts'
import { canonicalJson, type Message } from '../wire/index.ts'
import { createAbsence } from './absence.ts'
import { builtins } from './builtins.ts'
import { type DebugView, debugView } from './debug-view.ts'
import { openDescriptors } from './descriptors.ts'
import { nodeFacts } from './diagnosis.ts'
import { createDiscovery, type Discovery } from './discovery.ts'
import { createDiscoveryStreams, type DiscoveryStreams } from './discovery-streams.ts'
import { createExplainer, type Explainer } from './explain.ts'
import { createFabric, type Fabric, type PeerExplanation } from './fabric.ts'
import { noteNotFound } from './function-reasons.ts'
import { createGoneFunctions, type GoneFunctions } from './gone-functions.ts'
import { createListeners, type Listeners } from './listeners.ts'
import type { PublishMiddleware } from './middleware.ts'
import { createEvidence } from './monitoring/evidence.ts'
import { createMonitoringServer, type MonitoringServer } from './monitoring/monitoring.ts'
import { createNodeTelemetry, type NodeTelemetry } from './monitoring/telemetry.ts'
import { nodeViews } from './monitoring/views.ts'
import type { Node, NodeDeps } from './node-api.ts'
import type { NodeSnapshot } from './node-snapshot.ts'
import { createOffers } from './offers.ts'
import { type CallOptions, createOwnCalls, type OwnCall } from './own-calls.ts'
import { InProcessSubscriber, subscribeInProcess } from './own-subscriptions.ts'
import { createProcessProbe } from './process-probe.ts'
import { createPublications, type Publications } from './publications.ts'
import { createNodeQueues, type QueueSubsystem } from './queues.ts'
import type { NodeQueues } from './queues-api.ts'
import { createReach, type Reach } from './reach.ts'
import type { RouteTrace } from './routing.ts'
import { createFrameCounters, Session, type SessionDeps } from './session.ts'
import {
  loadSettings,
  readRoutingSettings,
  resolveSettings,
  type Settings,
  type SettingsFormat,
  type SettingsInput,
  type Subsystem,
} from './settings/index.ts'
import { softwareVersion } from './software-version.ts'
import { createStderrSink } from './stderr-sink.ts'
import { createNodeTracing, type NodeTracing } from './tracing.ts'
import { createWorkerPool, type WorkerFunction, type WorkerPool } from './worker-pool.ts'

/** Subsystems this version has; settings of any other get one warning. */
const SUBSYSTEMS: ReadonlySet<Subsystem> = new Set<Subsystem>([
  'node',
  'logging',
  'transport',
  'rpc',
  'pubsub',
  'peers',
  'gossip',
  'federation',
  'routing',
  'tracing',
  'monitoring',
  'queue',
  'discovery',
])

/** Different refusals remembered: enough that a flood of one kind does not hide what else is wrong. */
const REFUSALS_KEPT = 1_000

const NOT_STARTED = 'the node has not started: it knows no others yet'

/** How long `stop` waits for requests that are running before it fails them. */
const DRAIN_MS = 500
/** Calls that may wait for a worker thread. */
const WORKER_QUEUE_MAX = 1000
const COMMANDS_PER_REQUEST_MAX = 1000
/** What the results and references of one request may come to: several times the largest message. */
const RESULT_CHARACTERS_MAX = 128 * 1024 * 1024
/** A peer that keeps sending bad frames is named once in this time. */
const BAD_FRAME_LOG_INTERVAL_MS = 10_000

/**
 * Prepares a node; nothing listens until `start`.
 * @throws SettingsError naming every unknown key and wrong value
 */
export async function createNode(input: SettingsInput = {}, deps: NodeDeps = {}): Promise<Node> {
  const { settings, warnings } = resolveSettings(input, { subsystems: SUBSYSTEMS })
  return assemble(settings, warnings, deps)
}

/**
 * The same from a settings file (`.toml`, `.json`); `override` wins over the file.
 * @throws SettingsError naming the file and every problem in it
 */
export async function createNodeFromFile(path: string, override: Partial<Settings> = {}, deps: NodeDeps = {}): Promise<Node> {
  const { settings, warnings } = loadSettings(path, { subsystems: SUBSYSTEMS })
  return assemble({ ...settings, ...override }, warnings, deps)
}

function assemble(settings: Settings, warnings: readonly string[], deps: NodeDeps): Node {
  const log = createLog({
    clock: deps.env?.clock ?? realClock,
    level: settings.logLevel,
    debugScopes: settings.logDebugScopes,
    sink: deps.logSink ?? createStderrSink(),
    format: settings.logFormat,
  })
  const env: Env = deps.env === undefined ? createRealEnv({ log: log.root }) : { ...deps.env, log: log.root }
  const diagnostics = createDiagnostics({ environment: deps.environment ?? process.env, log })
  return new RunningNode(settings, warnings, env, log, diagnostics, deps)
}

/** What looks at the node from the side while it runs. */
interface Watches {
  readonly stalls: StallWatch
  readonly slowConsumers: SlowConsumerWatch
  readonly gone: GoneFunctions
}

class RunningNode implements Node {
  readonly settings: Settings
  readonly instanceId: string
  readonly #env: Env
  readonly #network: Network
  readonly #descriptors: typeof openDescriptors | undefined
  readonly #diagnostics: Diagnostics
  readonly #warnings: readonly string[]
  readonly #absence: Absence
  readonly #registry
  readonly #tracing: NodeTracing
  readonly #executor: Executor
  readonly #exchange: Exchange
  readonly #workers: WorkerPool
  /** Undefined unless the settings ask for queues. */
  readonly #queues: QueueSubsystem | undefined
  readonly #callMiddleware: CallMiddleware[] = []
  readonly #publishMiddleware: PublishMiddleware[] = []
  readonly #counters = createFrameCounters()
  readonly #publications: Publications
  readonly #sessionDeps: SessionDeps
  readonly #sessions = new Set<Session>()
  readonly #listeners: Listeners
  readonly #ownCalls: OwnCall
  readonly #discovery: Discovery
  readonly #streams: DiscoveryStreams
  /** Why things were refused, and since when. */
  readonly #refusals: RefusalLedger
  readonly #log: Log
  /** What is measured, and where it is served; both only with monitoring, and in real time. */
  #telemetry: NodeTelemetry | undefined
  #monitoring: MonitoringServer | undefined
  readonly #isMonitored: boolean
  #monitoringUrl: string | null = null
  /** The settings with what was taken up while running, and when that was. */
  #inForce: { readonly settings: Settings; readonly changedAt: number | undefined }
  /** Running while the node is. */
  #watches: Watches | undefined
  /** Exists from the moment the node's id is known. */
  #fabric: Fabric | undefined
  #reach: Reach | undefined
  #startedMs: number | undefined
  #state: 'created' | 'starting' | 'running' | 'stopping' | 'stopped' = 'created'
  #starting: Promise<void> | undefined
  #stopping: Promise<void> | undefined

  constructor(settings: Settings, warnings: readonly string[], env: Env, log: Log, diagnostics: Diagnostics, deps: NodeDeps) {
    this.settings = settings
    this.#inForce = { settings, changedAt: undefined }
    this.#warnings = warnings
    this.#env = env
    this.#log = log
    const network = deps.network ?? createSocketNetwork({ env })
    this.#network = network
    this.#descriptors = deps.network === undefined ? openDescriptors : undefined
    // On a modelled network many nodes share a process, and nobody could ask over HTTP: nothing of it is measured.
    this.#isMonitored = settings.monitoringEnabled && deps.network === undefined
    this.#diagnostics = diagnostics
    this.#refusals = createRefusalLedger(env.clock, { max: REFUSALS_KEPT })
    this.#listeners = createListeners({ env, network, settings, accept: (connection) => this.#accept(connection) })
    this.instanceId = env.random.ulid()
    this.#tracing = createNodeTracing({ env, settings, nodeId: () => this.url, version: softwareVersion })
    this.#absence = createAbsence({
      refusals: this.#refusals,
      discovery: () => this.#discovery,
      catalog: () => this.#fabric?.catalog,
      gone: () => this.#watches?.gone,
    })
    this.#registry = createRegistry({
      nodeId: () => this.url,
      clusterId: settings.clusterId,
      log: env.log.scope('core.rpc_registry'),
      ...this.#absence,
    })
    this.#discovery = createDiscovery({
      env,
      settings,
      refusals: this.#refusals,
      registry: this.#registry,
      nodeId: () => this.url,
      fabric: () => this.#running(),
      callNode: (...call) => (this.#reach as Reach).callNode(...call),
      exported: (namespace) => this.#streams.exportedOf(namespace),
      resolver: () => this.#streams.resolver,
    })
    this.#executor = createExecutor(
      {
        env,
        registry: this.#registry,
        middleware: this.#callMiddleware,
        remote: { place: (...asked) => this.#place(...asked) },
        tracer: this.#tracing.tracer,
        publishIntermediate: (...record) => this.#publications.record(...record),
        observer: this.#isMonitored
          ? {
              level: (...told) => this.#telemetry?.requests.level(...told),
              ended: (request, durationMs, nowMs, error) => this.#telemetry?.requests.ended(request, durationMs, nowMs, error),
            }
          : undefined,
      },
      {
        deadlineMs: settings.rpcRequestTimeoutSeconds * 1000,
        requestsInFlightMax: settings.rpcRequestsPerConnectionMax,
        commandsMax: COMMANDS_PER_REQUEST_MAX,
        resultCharactersMax: RESULT_CHARACTERS_MAX,
        detailsWithStack: settings.rpcErrorDetailsStack,
      },
    )
    this.#streams = createDiscoveryStreams({
      env,
      settings,
      discovery: this.#discovery,
      diagnostics,
      refusals: this.#refusals,
      nodeId: () => this.url,
      fabric: () => this.#running(),
      isWanted: (topic) => this.#exchange.isWanted(topic),
      publishHere: (message) => void this.#exchange.publish(message),
      publishEverywhere: (message) => this.#publications.notice(message),
      subscribe: (...asked) => this.subscribe(...asked),
      viewerOf: (subscriber) =>
        subscriber instanceof InProcessSubscriber
          ? undefined
          : this.#discovery.viewerOf(subscriber instanceof Session ? subscriber.caller : undefined),
    })
    this.#exchange = createExchange(env, {
      ruled: this.#streams.ruledTopics,
      backlog: {
        bytesMax: settings.pubsubBacklogBytesMax,
        retentionSeconds: settings.pubsubBacklogRetentionSeconds,
        messagesPerTopicMax: settings.pubsubBacklogMessagesPerTopicMax,
      },
      subscriptionsPerOwnerMax: settings.pubsubSubscriptionsPerConnectionMax,
    })
    this.#workers = createWorkerPool({ threadsMax: settings.rpcWorkerThreadsMax, queueMax: WORKER_QUEUE_MAX, log: env.log })
    this.#publications = createPublications({
      env,
      publisher: settings.name,
      exchange: this.#exchange,
      tracer: this.#tracing.tracer,
      middleware: this.#publishMiddleware,
      forwarding: () => this.#reach?.pubsub,
      telemetry: () => this.#telemetry,
      onRefused: (topic, message) => this.#refusals.record('publication', topic, 'topic_refused', message),
      reservedTopicsProtected: settings.pubsubReservedTopicsProtected,
    })
    this.#sessionDeps = {
      log: env.log.scope('server'),
      oncePerPeer: logOncePer({ clock: env.clock, intervalMs: BAD_FRAME_LOG_INTERVAL_MS }),
      executor: this.#executor,
      exchange: this.#exchange,
      publications: this.#publications,
      acceptPeer: (connection) => (this.#fabric as Fabric).acceptPeer(connection),
      viewers: this.#discovery.viewers,
      counters: this.#counters,
      timers: env.timers,
      onClose: (session, info) => {
        this.#sessions.delete(session)
        const { identity, remote } = session.connection
        if (info.error instanceof SlowConsumerError)
          this.#refusals.record('slow_consumer', identity.name ?? remote, 'dropped', info.error.message)
      },
      onSubscribed: (ok) => this.#telemetry?.subscribed(ok),
    }
    this.#queues = createNodeQueues({
      env,
      settings,
      nodeId: () => this.url,
      exchange: this.#exchange,
      discovery: this.#discovery,
      fabric: () => this.#fabric,
      reach: () => this.#reach,
      telemetry: () => this.#telemetry,
    })
    this.#ownCalls = createOwnCalls(this.#executor, env.random, settings.clusterId)
    const own = builtins(() => this.#running().peers.views)
    for (const { name, run, options } of [
      ...own,
      ...this.#discovery.builtins,
      ...this.#streams.builtins,
      ...(this.#queues?.builtins ?? []),
    ])
      this.register(name, run, options)
  }

  get url(): string {
    const { host, advertisedUrls } = this.settings
    if (!isWildcardHost(host)) return `ws://${hostForUrl(host)}:${this.#listeners.port}`
    // A wildcard is no address anybody could dial: the node goes by what it advertises, or by the machine's name.
    return advertisedUrls[0] ?? `ws://${hostname()}:${this.#listeners.port}`
  }

  get endpoints(): readonly string[] {
    return this.#listeners.urls
  }

  register(name: string, target: unknown, options: FunctionOptions = {}): void {
    const fn = describeFunction(name, this.#runnable(target), options, specDigest)
    const conflict = this.#fabric?.catalog.functionConflict(fn.name, fn.functionId)
    if (conflict !== undefined) throw new FunctionConflictError(conflict)
    this.#registry.add(fn)
    this.#fabric?.announcer.changed('functions')
  }

  #place(...[selector, local, caller]: Parameters<Placements['place']>): ReturnType<Placements['place']> {
    const placement = this.#reach?.placements.place(selector, local, caller) ?? { kind: 'local' }
    if (placement.kind === 'none')
      noteNotFound(placement.explanation, selector, {
        gone: this.#watches?.gone,
        refusals: this.#refusals,
        policy: this.#discovery.policy,
      })
    return placement
  }

  #runnable(target: unknown): Parameters<typeof describeFunction>[1] {
    if (typeof target === 'function') return target as (...args: never[]) => unknown
    const worker = target as WorkerFunction
    return { invoke: (args, call) => this.#workers.run(worker, args, call.signal) }
  }

  unregister(name: string, version?: string): number {
    const removed = this.#registry.remove(name, version)
    if (removed > 0) this.#fabric?.announcer.changed('functions')
    return removed
  }

  use(middleware: CallMiddleware): void {
    this.#callMiddleware.push(middleware)
  }

  usePublish(middleware: PublishMiddleware): void {
    this.#publishMiddleware.push(middleware)
  }

  publish(topic: string, payload: unknown, headers?: Readonly<Record<string, unknown>>): number {
    return this.#publications.own(topic, payload, headers)
  }

  subscribe(patterns: readonly string[], receive: (message: Message) => void | Promise<void>): () => void {
    return subscribeInProcess({ env: this.#env, exchange: this.#exchange, subscriber: this.settings.name }, patterns, receive)
  }

  call(fun: string, ...args: readonly unknown[]): Promise<unknown> {
    return this.#ownCalls({}, fun, ...args)
  }

  callWith(options: CallOptions, fun: string, ...args: readonly unknown[]): Promise<unknown> {
    return this.#ownCalls(options, fun, ...args)
  }

  get queues(): NodeQueues | undefined {
    return this.#queues?.queues
  }

  listPeers(): readonly ListedPeer[] {
    return this.#running().peers.views.listPeers()
  }

  explainPeer(nodeId: string): PeerExplanation {
    return this.#running().explainPeer(nodeId)
  }

  explainRoute(cluster: string, avoid: readonly string[] = []): RouteTrace {
    return this.#running().routing.explain(cluster, avoid)
  }

  get explain(): Explainer {
    return createExplainer({
      clock: this.#env.clock,
      nodeId: this.url,
      nodeName: this.settings.name,
      clusterId: this.settings.clusterId,
      fabric: this.#running(),
      refusals: this.#refusals,
      gone: this.#watching().gone,
      discovery: this.#discovery,
      ownLoad: () => this.#sessions.size,
      explainTopic: (topic) => this.explainTopic(topic),
      queues: this.queues,
      findQueue: (name) => this.#reach?.queues.find(name),
    })
  }

  diagnosis(): NodeFacts {
    const { slowConsumers, stalls } = this.#watching()
    return nodeFacts({
      env: this.#env,
      settings: this.settings,
      nodeId: this.url,
      instanceId: this.instanceId,
      version: softwareVersion(),
      fabric: this.#running(),
      registry: this.#registry,
      refusals: this.#refusals,
      stalls,
      slowConsumers,
      alerts: () => this.#telemetry?.alerts.active() ?? [],
      uptimeSeconds: () => this.#uptimeSeconds(),
      monitoringUrl: () => this.#monitoringUrl,
      processUsage: () => {
        const reading = this.#telemetry?.performance.snapshot().process
        return { cpu_percent: reading?.cpu_usage_percent ?? null, rss_bytes: reading?.rss_bytes ?? null }
      },
    })
  }

  get monitoringUrl(): string | null {
    return this.#monitoringUrl
  }

  announceMonitoring(url: string | null): void {
    this.#monitoringUrl = url
  }

  reloadRouting(text: string, format: SettingsFormat, source?: string): readonly string[] {
    const { routing } = this.#running()
    const log = this.#env.log.scope('fabric.route_control')
    const { settings, warnings } = readRoutingSettings(text, format, {
      running: this.#inForce.settings,
      ...(source !== undefined && { source }),
    })
    for (const warning of warnings) log.warn(warning)
    routing.reconfigure(settings)
    this.#inForce = { settings: { ...this.#inForce.settings, ...settings }, changedAt: this.#env.clock.wall() }
    log.info(`routing settings taken up: ${Object.keys(settings).join(', ') || 'none'}`)
    return warnings
  }

  explainTopic(topic: string): TopicExplanation {
    if (this.#reach === undefined) throw new Error(NOT_STARTED)
    return this.#reach.pubsub.explainTopic(topic)
  }

  snapshot(): NodeSnapshot {
    return {
      node_id: this.url,
      cluster_id: this.settings.clusterId,
      instance_id: this.instanceId,
      uptime_seconds: this.#uptimeSeconds(),
      connections: this.#sessions.size,
      connections_total: this.#listeners.connectionsTotal,
      functions: this.#registry.size,
      frames: { ...this.#counters },
      rpc: this.#executor.snapshot(),
      workers: this.#workers.snapshot(),
      pubsub: this.#exchange.snapshot(),
      queues: this.#queues?.queues.snapshot(),
      discovery: this.#discovery.snapshot(),
      streams: this.#streams.snapshot(),
      fabric: this.#fabric?.snapshot(),
      reach: this.#reach?.snapshot(),
      tracing: this.#tracing.snapshot(),
    }
  }

  debugView(isWanted?: (nodeId: string) => boolean): DebugView | undefined {
    if (this.#fabric === undefined) return undefined
    return debugView({ nodeId: this.url, fabric: this.#fabric, registry: this.#registry, executor: this.#executor }, isWanted)
  }

  #uptimeSeconds(): number {
    return this.#startedMs === undefined ? 0 : (this.#env.clock.monotonic() - this.#startedMs) / 1000
  }

  /** @throws Error before the start */
  #watching(): Watches {
    if (this.#watches === undefined) throw new Error(NOT_STARTED)
    return this.#watches
  }

  /** @throws Error before the start */
  #running(): Fabric {
    if (this.#fabric === undefined) throw new Error(NOT_STARTED)
    return this.#fabric
  }

  start(): Promise<void> {
    if (this.#state !== 'created') return Promise.reject(new Error(`a node starts once; this one is ${this.#state}`))
    this.#state = 'starting'
    this.#starting = this.#startUp()
    return this.#starting
  }

  async #startUp(): Promise<void> {
    const log = this.#env.log.scope('server')
    for (const warning of this.#warnings) log.warn(warning)
    try {
      await this.#listeners.claimPort()
      const tracing = this.#tracing.start()
      if (tracing !== undefined) await tracing
      this.#fabric = this.#createFabric()
      this.#streams.follow()
      await this.#listeners.open()
      if (this.#isMonitored) await this.#startMonitoring(this.#fabric)
    } catch (error) {
      await this.#release()
      throw error
    }
    this.#startedMs = this.#env.clock.monotonic()
    this.#state = 'running'
    this.#watch(this.#running())
    if (isWildcardHost(this.settings.host) && this.settings.advertisedUrls.length === 0) {
      log.warn(
        `host ${this.settings.host} is a wildcard; the node goes by the machine's name, ${this.url}. Set advertised_urls if others can not reach that`,
      )
    }
    log.info(
      `node started id=${this.url} name=${this.settings.name.replaceAll(' ', '_')} cluster=${this.settings.clusterId} instance=${this.instanceId} functions=${this.#registry.size}`,
    )
    // Seeds that are down must not keep the node from serving.
    void this.#fabric.start()
    this.#streams.startExport()
  }

  /** Before the fabric starts, so that the first status tells peers where this node can be asked. */
  async #startMonitoring(fabric: Fabric): Promise<void> {
    const telemetry = createNodeTelemetry({
      env: this.#env,
      settings: this.settings,
      nodeId: this.url,
      probe: createProcessProbe(),
      fabric,
      connections: () => this.#sessions.size,
      subscribers: () => this.#exchange.snapshot().active_subscribers,
      requestsInFlight: () => this.#executor.snapshot().requests_in_flight,
      queues: this.#queues?.queues,
      print: (text) => process.stdout.write(text),
    })
    this.#telemetry = telemetry
    telemetry.start()
    this.#monitoring = createMonitoringServer(this.#env, this.settings, this.url, () =>
      nodeViews({
        clock: this.#env.clock,
        settings: this.settings,
        nodeId: this.url,
        version: softwareVersion(),
        fabric,
        telemetry,
        discoveryStatus: this.#streams.status,
        log: this.#log,
        evidence: createEvidence(this.#env.log.scope('fabric.monitoring')),
        explain: {
          function: (...asked) => this.explain.function(...asked),
          route: (...asked) => this.explain.route(...asked),
          peer: (...asked) => this.explain.peer(...asked),
          topic: (...asked) => this.explain.topic(...asked),
          queue: (...asked) => this.explain.queue(...asked),
        },
        settingsInForce: () => this.#inForce.settings,
        settingsChangedAt: () => this.#inForce.changedAt,
        isRunning: () => this.#state === 'running',
        discovery: this.#discovery,
        workers: this.#workers,
        snapshot: () => this.snapshot(),
        diagnosis: () => this.diagnosis(),
        endpoints: () => this.#listeners.endpoints,
        network: () => ('snapshot' in this.#network ? (this.#network as SocketNetwork).snapshot() : undefined),
      }),
    )
    await this.#monitoring.start()
    this.announceMonitoring(this.#monitoring.url)
  }

  #watch({ catalog }: Fabric): void {
    const { sendBufferBytesMax: bufferBytesMax } = this.settings
    const sessions = this.#sessions
    function* outlets() {
      for (const { connection, isPeer } of sessions) yield { outlet: connection, kind: isPeer ? ('peer' as const) : ('client' as const) }
    }
    this.#watches = {
      stalls: createStallWatch(this.#env),
      slowConsumers: createSlowConsumerWatch(this.#env, outlets, { bufferBytesMax }),
      gone: createGoneFunctions(this.#env.clock, catalog),
    }
  }

  #createFabric(): Fabric {
    const subscriptions = createSubscriptionEntries(this.#exchange)
    const fabric = createFabric({
      env: this.#env,
      network: this.#network,
      settings: this.settings,
      nodeId: this.url,
      instanceId: this.instanceId,
      diagnostics: this.#diagnostics,
      offers: createOffers({ nodeId: this.url, settings: this.settings, registry: this.#registry, subscriptions, queues: this.#queues }),
      queueTotals: () => this.#queues?.queues.totals(),
      namespaceDenial: this.#discovery.namespaceDenial,
      refusals: this.#refusals,
      monitoringUrl: () => this.#monitoringUrl,
      descriptors: this.#descriptors,
      activeClients: () => this.#sessions.size,
      onBreaker: (...changed) => this.#telemetry?.breakerChanged(...changed),
      onPeerRefused: () => this.#telemetry?.peerRefused(),
      onMessage: (...received) => this.#reach?.onMessage(...received),
      onBundle: (...received) => this.#reach?.onBundle(...received),
    })
    this.#reach = createReach({
      env: this.#env,
      settings: this.settings,
      nodeId: this.url,
      fabric,
      registry: this.#registry,
      executor: this.#executor,
      tracer: this.#tracing.tracer,
      exchange: this.#exchange,
      queues: this.#queues?.queues,
      refusals: this.#refusals,
      absence: this.#absence,
      activeClients: () => this.#sessions.size,
      onOutcome: this.#isMonitored ? (outcome) => this.#telemetry?.callEnded(outcome) : undefined,
    })
    subscriptions.observe({ added: () => fabric.announcer.changed('topics'), removed: () => fabric.announcer.changed('topics') })
    return fabric
  }

  #accept(connection: Connection): void {
    const session = new Session(connection, this.settings.clusterId, this.#sessionDeps)
    this.#sessions.add(session)
    connection.attach(session)
    if (this.#state === 'stopping') connection.close(1001, 'the node is stopping')
    const { log } = this.#sessionDeps
    if (log.debugOn)
      log.debug(
        `connection opened id=${connection.id} remote=${connection.remote} protocol=${connection.protocol} credential=${connection.identity.name ?? '-'}`,
      )
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#shutDown()
    return this.#stopping
  }

  async #shutDown(): Promise<void> {
    // A start under way comes to its end first; one that failed has cleaned up after itself.
    await this.#starting?.catch(() => {})
    const wasRunning = this.#state === 'running'
    this.#state = 'stopping'
    this.#telemetry?.stopping()
    this.#executor.refuseMore()
    // Whoever waits for a message is sent away, and does not hold up the others.
    this.#queues?.queues.close()
    await this.#drain()
    // While there are links to answer over.
    this.#executor.close()
    if (wasRunning) await this.#fabric?.leave()
    await this.#release()
    if (wasRunning) this.#env.log.scope('server').info(`node stopped id=${this.url}`)
  }

  /** Gives back everything a start took. */
  async #release(): Promise<void> {
    await this.#monitoring?.stop()
    this.#telemetry?.stop()
    this.#watches?.stalls.stop()
    this.#watches?.slowConsumers.stop()
    this.#watches?.gone.stop()
    this.#streams.stop()
    this.#fabric?.stop()
    this.#reach?.close()
    this.#executor.close()
    await this.#listeners.close()
    await this.#workers.close()
    await this.#tracing.stop()
    this.#state = 'stopped'
  }

  /** Lets running requests finish, for a moment. */
  #drain(): Promise<void> {
    const { clock, timers } = this.#env
    const deadline = clock.monotonic() + DRAIN_MS
    return new Promise((resolve) => {
      if (this.#executor.snapshot().requests_in_flight === 0) {
        resolve()
        return
      }
      const cancel = timers.every(10, () => {
        if (this.#executor.snapshot().requests_in_flight > 0 && clock.monotonic() < deadline) return
        cancel()
        resolve()
      })
    })
  }
}

function specDigest(spec: Omit<RpcSpec, 'spec_digest'>): string {
  return createHash('sha256').update(canonicalJson(spec)).digest('hex')
}
