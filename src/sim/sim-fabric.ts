/**
 * A whole fabric in one process and in virtual time: hosts, network, the nodes on them, and the faults one can inflict.
 *
 * The nodes are those of production, {@link createNode}, given a host's Env and network. Nothing happens unless time is driven: `advance`,
 * `until`, and what waits for an answer (`start`, `stop`, `call`) drive it.
 */
import type { Env, Random } from '../base/index.ts'
import { createNode, type Node, type SettingsInput } from '../node/index.ts'
import type { FunctionOptions } from '../rpc/index.ts'
import type { Connection, DialOptions } from '../transport/index.ts'
import type { Conditions } from './conditions.ts'
import { agree, disagreements } from './convergence.ts'
import type { NodeView } from './node-view.ts'
import { watchRealIo } from './real-io.ts'
import { type Incarnation, type LogRecord, SimHost } from './sim-host.ts'
import { createSimNetwork, type SimNetwork, type SimNetworkOptions, type Traffic } from './sim-network.ts'
import { createWorld, type Fault, SimulationFaultError, type World } from './world.ts'

const PORT = 7000
/** Longest a start, a stop or a call may take, virtual ms. */
const PATIENCE_MS = 120_000
/** How often `until` looks, virtual ms. */
const LOOK_MS = 10

/** What the fabric needs of a client; the package's own fits. */
export interface SimClient {
  call(fun: string, ...args: unknown[]): Promise<unknown>
  publish(topic: string, payload: unknown): Promise<void>
  subscribe(
    patterns: string | readonly string[],
    receive: (message: { readonly topic: string; readonly payload: unknown }) => void,
  ): Promise<{ unsubscribe(): Promise<void> }>
  close(): Promise<void>
}

export interface SimClientOptions {
  readonly url: string
  readonly env: Env
}

export interface FabricDeps<C extends SimClient> {
  /** Opens a client over the given network. */
  readonly connect: (dial: (url: string, options: DialOptions) => Promise<Connection>, options: SimClientOptions) => Promise<C>
}

export interface FabricOptions {
  readonly nodes: number
  /** Fixes every decision of the run. */
  readonly seed: number | string
  /** Settings of every node, or of each; they win over those of the simulation (address, peers, log). */
  readonly settings?: SettingsInput | ((index: number) => SettingsInput)
  readonly network?: SimNetworkOptions
  /** Takes the run's log line by line: the same for the same seed, byte for byte. */
  readonly log?: (line: string) => void
  /** Start the nodes at once. Default true. */
  readonly start?: boolean
  /** Throw where time is driven as soon as there is a fault. Default true. */
  readonly throwOnFault?: boolean
}

export interface CrashOptions {
  /** As in a power failure: nobody is told, and nothing answers for the host until it starts again. */
  readonly silent?: boolean
}

// biome-ignore lint/suspicious/noExplicitAny: any function can be registered
type Target = (...args: any[]) => unknown

export interface Fabric<C extends SimClient = SimClient> {
  readonly size: number
  readonly seed: number | string
  /** Virtual milliseconds since the beginning. */
  readonly nowMs: number
  readonly network: SimNetwork
  /** What must never happen, and did. */
  readonly faults: readonly Fault[]
  /** Nodes that are up. */
  readonly live: readonly number[]
  url(index: number): string
  /** A stream of chance of its own for each name, fixed by the seed. */
  random(name: string): Random
  /** Adds a line to the run's log. */
  note(who: string, line: string): void
  /** Adds to {@link faults}. */
  fault(kind: string, who: string, message: string): void
  /** @throws Error when it is down */
  node(index: number): Node
  /** `changing`: it is starting or stopping. */
  state(index: number): 'up' | 'down' | 'changing'
  /** Time, chance and log as the program now on the host has them. Functions that wait use its timers. */
  env(index: number): Env
  /** What the node knows; undefined while it is down. @param isWanted of whose entries the catalog tells; default: of all */
  view(index: number, isWanted?: (nodeId: string) => boolean): NodeView | undefined
  start(index: number): Promise<void>
  /** In good order, with GOODBYE. */
  stop(index: number): Promise<void>
  /** {@link start} for those who drive time themselves. */
  starting(index: number): Promise<void>
  /** {@link stop} for those who drive time themselves. */
  stopping(index: number): Promise<void>
  /** In the middle of whatever it was doing. */
  crash(index: number, options?: CrashOptions): void
  /** Starts it again as a new instance; one that is up crashes first. */
  restart(index: number): Promise<void>
  /** Every group hears only itself; nodes in none form one more. Clients are where their node is. */
  partition(...groups: readonly (readonly number[])[]): void
  /** Nothing from one node arrives at the other. */
  cut(from: number, to: number): void
  /** Ends every partition and cut. */
  heal(): void
  /** A flap: the open connections between two nodes are reset. The number of them. */
  flap(a: number, b: number): number
  /** Conditions from one node to another. */
  conditions(from: number, to: number, conditions: Partial<Conditions>): void
  /** Hangs the node for so long, as SIGSTOP does. */
  stall(index: number, ms: number): void
  /** Moves the node's wall clock. */
  skew(index: number, seconds: number): void
  /** Makes the node's clocks run fast or slow. */
  drift(index: number, partsPerMillion: number): void
  /** Makes a function callable on a node, now and after each of its restarts. @throws RegistrationError */
  register(index: number, name: string, target: Target, options?: FunctionOptions): void
  unregister(index: number, name: string): number
  /** Whether a function of this name was registered here, on any node. */
  isOffered(name: string): boolean
  /** A client on a host of its own beside the node. */
  client(index: number): Promise<C>
  /** {@link client} for those who drive time themselves. */
  opening(index: number): Promise<C>
  /** Calls through a client of the node that is kept for this, and drives time until the answer. */
  call(index: number, fun: string, ...args: unknown[]): Promise<unknown>
  /** Lets time pass. @throws SimulationFaultError */
  advance(ms: number): Promise<void>
  /** Lets time pass until the condition holds; whether it came to hold. Looked at every `everyMs` (10). @throws SimulationFaultError */
  until(condition: () => boolean, limitMs: number, everyMs?: number): Promise<boolean>
  /** Drives time until a promise settles. @throws what it rejects with, or Error after `limitMs` (120 000) */
  settle<T>(promise: Promise<T>, limitMs?: number): Promise<T>
  /** True when all live nodes list one another and hold the same catalog. */
  converged(): boolean
  /** What keeps them from it, in words. */
  disagreements(): string[]
  traffic(index: number): Readonly<Traffic>
  /** Newest log records of the node, those of earlier instances included. */
  records(index: number): readonly LogRecord[]
  /** Ends everything at once. */
  close(): void
  [Symbol.dispose](): void
}

interface Place<C> {
  readonly host: SimHost
  node: Node | undefined
  readonly functions: Map<string, { readonly target: Target; readonly options: FunctionOptions | undefined }>
  /** Hosts of its clients, which share its fate in partitions. */
  readonly clientHosts: SimHost[]
  clientsMade: number
  /** The one for `call`, and the instance of the node it was opened to. */
  client: { readonly of: Incarnation | undefined; readonly instance: Incarnation; readonly opened: Promise<C> } | undefined
}

/** The id of a simulated node. */
export function simUrl(index: number): string {
  return `ws://n${index}:${PORT}`
}

/** Builds the hosts and starts the nodes, one after another. */
export async function createFabric<C extends SimClient>(deps: FabricDeps<C>, options: FabricOptions): Promise<Fabric<C>> {
  const fabric = new RunningFabric(deps, options)
  if (options.start !== false) for (let i = 0; i < options.nodes; i++) await fabric.start(i)
  return fabric
}

class RunningFabric<C extends SimClient> implements Fabric<C> {
  readonly size: number
  readonly seed: number | string
  readonly network: SimNetwork
  readonly #deps: FabricDeps<C>
  readonly #options: FabricOptions
  readonly #world: World
  readonly #places: Place<C>[] = []
  readonly #stopWatching: () => void
  /** One drives time at a time; the next waits. */
  #driving: Promise<unknown> = Promise.resolve()
  #faultsThrown = 0

  constructor(deps: FabricDeps<C>, options: FabricOptions) {
    this.#deps = deps
    this.#options = options
    this.size = options.nodes
    this.seed = options.seed
    this.#world = createWorld({ seed: options.seed, ...(options.log && { log: options.log }) })
    this.network = createSimNetwork(this.#world, { codecSample: codecSample(options.nodes), ...options.network })
    for (let i = 0; i < options.nodes; i++) {
      const host = new SimHost(this.#world, `n${i}`)
      this.network.add(host)
      this.#places.push({ host, node: undefined, functions: new Map(), clientHosts: [], clientsMade: 0, client: undefined })
    }
    this.#stopWatching = watchRealIo()
  }

  get nowMs(): number {
    return this.#world.time.clock.monotonic()
  }

  get faults(): readonly Fault[] {
    return this.#world.faults
  }

  get live(): readonly number[] {
    return this.#places.flatMap((place, index) => (place.node === undefined ? [] : [index]))
  }

  url(index: number): string {
    return simUrl(index)
  }

  random(name: string): Random {
    return this.#world.random(name)
  }

  note(who: string, line: string): void {
    this.#world.note(who, line)
  }

  fault(kind: string, who: string, message: string): void {
    this.#world.fault(kind, who, message)
  }

  node(index: number): Node {
    const { node } = this.#place(index)
    if (node === undefined) throw new Error(`node ${index} is down`)
    return node
  }

  state(index: number): 'up' | 'down' | 'changing' {
    const { host, node } = this.#place(index)
    if (node !== undefined) return 'up'
    return host.incarnation === undefined ? 'down' : 'changing'
  }

  env(index: number): Env {
    const { incarnation } = this.#place(index).host
    if (incarnation === undefined) throw new Error(`node ${index} is down`)
    return incarnation.env
  }

  view(index: number, isWanted?: (nodeId: string) => boolean): NodeView | undefined {
    const { node } = this.#place(index)
    return node?.debugView(isWanted)
  }

  #place(index: number): Place<C> {
    const place = this.#places[index]
    if (place === undefined) throw new RangeError(`there is no node ${index} in a fabric of ${this.size}`)
    return place
  }

  #settings(index: number): SettingsInput {
    const { settings } = this.#options
    return {
      host: this.#place(index).host.name,
      port: PORT,
      name: this.#place(index).host.name,
      peers: index === 0 ? [] : [this.url(0)],
      monitoringEnabled: false,
      logLevel: 'WARNING',
      ...(typeof settings === 'function' ? settings(index) : settings),
      logFormat: 'json',
    }
  }

  start(index: number): Promise<void> {
    return this.settle(this.starting(index))
  }

  async starting(index: number): Promise<void> {
    const place = this.#place(index)
    const incarnation = place.host.boot()
    this.#world.note(place.host.name, `starts, instance ${incarnation.number}`)
    const started = inStep(incarnation, async () => {
      const node = await createNode(this.#settings(index), {
        env: incarnation.env,
        network: this.network.of(incarnation),
        logSink: (record) => incarnation.log(record),
      })
      for (const [name, { options, target }] of place.functions) node.register(name, target, options)
      await node.start()
      return node
    })
    const node = await started
    if (incarnation.alive) place.node = node
  }

  stop(index: number): Promise<void> {
    return this.settle(this.stopping(index))
  }

  async stopping(index: number): Promise<void> {
    const place = this.#place(index)
    const { host, node } = place
    const { incarnation } = host
    if (node === undefined || incarnation === undefined) return
    this.#world.note(host.name, 'stops')
    place.node = undefined
    await inStep(incarnation, () => node.stop())
    // It may have crashed on the way.
    if (host.incarnation === incarnation) this.#end(host, false)
  }

  crash(index: number, options: CrashOptions = {}): void {
    const place = this.#place(index)
    place.node = undefined
    if (place.host.incarnation === undefined) return
    this.#world.note(place.host.name, options.silent ? 'loses power' : 'crashes')
    this.#end(place.host, options.silent ?? false)
  }

  #end(host: SimHost, silent: boolean): void {
    const { incarnation } = host
    if (incarnation === undefined) return
    host.kill()
    if (silent) host.powered = false
    this.network.abandon(incarnation, silent)
  }

  async restart(index: number): Promise<void> {
    this.crash(index)
    await this.start(index)
  }

  partition(...groups: readonly (readonly number[])[]): void {
    this.#world.note('network', `partition ${groups.map((group) => group.map((i) => `n${i}`).join(' ')).join(' | ')}`)
    this.network.partition(groups.map((group) => group.flatMap((i) => [this.#place(i).host, ...this.#place(i).clientHosts])))
  }

  cut(from: number, to: number): void {
    this.#world.note('network', `cut n${from} > n${to}`)
    this.network.cut(this.#place(from).host, this.#place(to).host)
  }

  heal(): void {
    this.#world.note('network', 'heal')
    this.network.heal()
  }

  flap(a: number, b: number): number {
    const broken = this.network.breakConnections(this.#place(a).host, this.#place(b).host)
    this.#world.note('network', `flap n${a} n${b}, ${broken} connections reset`)
    return broken
  }

  conditions(from: number, to: number, conditions: Partial<Conditions>): void {
    this.network.setConditions(this.#place(from).host, this.#place(to).host, conditions)
  }

  stall(index: number, ms: number): void {
    const { host } = this.#place(index)
    if (host.incarnation === undefined) return
    this.#world.note(host.name, `stalls for ${ms} ms`)
    host.stall(ms)
  }

  skew(index: number, seconds: number): void {
    this.#world.note(`n${index}`, `clock moved by ${seconds} s`)
    this.#place(index).host.skew(seconds)
  }

  drift(index: number, partsPerMillion: number): void {
    this.#world.note(`n${index}`, `clock drifts by ${partsPerMillion} ppm`)
    this.#place(index).host.drift(partsPerMillion)
  }

  register(index: number, name: string, target: Target, options?: FunctionOptions): void {
    const place = this.#place(index)
    const { node } = place
    if (node !== undefined) asStep(place.host, () => node.register(name, target, options))
    place.functions.set(name, { target, options })
  }

  unregister(index: number, name: string): number {
    const place = this.#place(index)
    const { node } = place
    const known = place.functions.delete(name) ? 1 : 0
    return node === undefined ? known : (asStep(place.host, () => node.unregister(name)) ?? known)
  }

  isOffered(name: string): boolean {
    return this.#places.some(({ functions }) => functions.has(name))
  }

  client(index: number): Promise<C> {
    return this.settle(this.opening(index))
  }

  opening(index: number): Promise<C> {
    return this.#openClient(index).opened
  }

  #openClient(index: number) {
    const place = this.#place(index)
    const host = new SimHost(this.#world, `c${index}.${place.clientsMade++}`)
    place.clientHosts.push(host)
    host.island = place.host.island
    this.network.add(host)
    const instance = host.boot()
    const { dial } = this.network.of(instance)
    const opened = inStep(instance, () => this.#deps.connect(dial, { url: this.url(index), env: instance.env }))
    return { instance, opened }
  }

  call(index: number, fun: string, ...args: unknown[]): Promise<unknown> {
    const place = this.#place(index)
    const { incarnation } = place.host
    // After a restart, and where no node was, a new client: the old one would have to find out first.
    if (place.client !== undefined && place.client.of !== incarnation) {
      this.#retireClient(place, place.client.instance.host)
      place.client = undefined
    }
    place.client ??= { of: incarnation, ...this.#openClient(index) }
    const { instance, opened } = place.client
    opened.catch(() => {
      place.client = undefined
    })
    return this.settle(opened.then((client) => inStep(instance, () => client.call(fun, ...args))))
  }

  #retireClient(place: Place<C>, host: SimHost): void {
    this.#end(host, false)
    place.clientHosts.splice(place.clientHosts.indexOf(host), 1)
  }

  advance(ms: number): Promise<void> {
    return this.#drive(() => this.#world.time.advance(ms))
  }

  until(condition: () => boolean, limitMs: number, everyMs: number = LOOK_MS): Promise<boolean> {
    return this.#drive(async () => {
      const { clock } = this.#world.time
      const endMs = clock.monotonic() + limitMs
      while (!condition()) {
        const leftMs = endMs - clock.monotonic()
        if (leftMs <= 0 || this.#hasNewFault()) return condition()
        await this.#world.time.advance(Math.min(everyMs, leftMs))
      }
      return true
    })
  }

  async settle<T>(promise: Promise<T>, limitMs: number = PATIENCE_MS): Promise<T> {
    let settled = false
    const settle = () => {
      settled = true
    }
    promise.then(settle, settle)
    const inTime = await this.#drive(() => this.#world.time.runUntil(() => settled || this.#hasNewFault(), limitMs))
    if (!inTime) throw new Error(`not over within ${limitMs / 1000} virtual seconds`)
    return promise
  }

  #hasNewFault(): boolean {
    return this.#options.throwOnFault !== false && this.#world.faults.length > this.#faultsThrown
  }

  async #drive<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#driving.then(work)
    this.#driving = turn.catch(() => {})
    const result = await turn
    if (this.#hasNewFault()) {
      const fault = this.#world.faults[this.#faultsThrown] as Fault
      this.#faultsThrown = this.#world.faults.length
      throw new SimulationFaultError(fault)
    }
    return result
  }

  converged(): boolean {
    const { live } = this
    return agree(this.#views(live), new Set(live.map(simUrl)))
  }

  disagreements(): string[] {
    return disagreements([...this.#views(this.live)])
  }

  *#views(indices: readonly number[]): Generator<NodeView> {
    for (const index of indices) {
      const view = this.view(index)
      if (view !== undefined) yield view
    }
  }

  traffic(index: number): Readonly<Traffic> {
    return { ...(this.network.traffic.get(this.#place(index).host.name) as Traffic) }
  }

  records(index: number): readonly LogRecord[] {
    return this.#place(index).host.records
  }

  close(): void {
    for (const place of this.#places) {
      place.node = undefined
      for (const host of [place.host, ...place.clientHosts]) this.#end(host, true)
    }
    this.#stopWatching()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

/** Has the program on a host do something now, or after its stall: then there is no result yet. @throws what it throws */
function asStep<T>(host: SimHost, work: () => T): T | undefined {
  let result: { readonly value: T } | { readonly error: unknown } | undefined
  host.incarnation?.enter(() => {
    try {
      result = { value: work() }
    } catch (error) {
      result = { error }
    }
  })
  if (result === undefined) return undefined
  if ('error' in result) throw result.error
  return result.value
}

/** Begins asynchronous work as a step of a program. */
function inStep<T>(incarnation: Incarnation, work: () => Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    incarnation.enter(() => {
      work().then(resolve, reject)
    })
  })
}

/** In a large fabric messages are many, and the kinds no more than in a small one. */
function codecSample(nodes: number): number {
  return Math.min(1 / 8, 2 / nodes)
}
