/**
 * The explorer: shakes a fabric at random and watches for what must never happen.
 *
 * A run has three acts. *Storm*: clients call, publish and subscribe while nodes crash, leave, return, hang, and the network is cut and
 * mended, as a plan drawn from the seed says; invariants are checked all the while. *Calm*: all cuts are mended, and the nodes must come to
 * agree. *Proof*: now everything has to work. The same seed and plan give the same run, to the last byte of its log.
 */
import type { SettingsInput } from '../node/index.ts'
import { CommandError, inflict, nodesNamed, durationMs as parseDuration } from './commands.ts'
import { type Invariants, watchInvariants } from './invariants.ts'
import { type Failing, minimise } from './minimise.ts'
import { type Action, drawPlan } from './plan.ts'
import { createFabric, type Fabric, type FabricDeps, type SimClient, simUrl } from './sim-fabric.ts'
import { createWorkload, type Workload, type WorkloadCounters } from './workload.ts'
import type { Fault } from './world.ts'

/** How often invariants are checked, virtual ms. */
const CHECK_MS = 500
/** Time the nodes have to agree once all is calm, ms: what vanished in silence stays in catalogs until its lease ends. */
const AGREE_MS = 150_000
/** Time after that in which wrong suspicions are taken back, ms. */
const OBJECTION_MS = 2_000
const STORM_MS = 30_000
const PAUSE_MS = 300
/** Re-runs spent on making a failing plan small. */
const MINIMISE_RUNS_MAX = 80
/** Larger fabrics gossip at half the pace, five times that of the default settings still. */
const LARGE = 50
/** Nodes everybody is told of, so that a fabric does not depend on one. */
const SEEDS = 3

export interface RunOptions {
  readonly seed: number | string
  readonly nodes: number
  /** Clusters the nodes belong to in turn, with bridges in a ring. Default 1. */
  readonly clusters?: number
  /** Default: drawn from the seed. */
  readonly plan?: readonly Action[]
  /** Length of the storm, ms. Default 30 000. */
  readonly stormMs?: number
  readonly settings?: SettingsInput
  readonly log?: (line: string) => void
}

export interface RunResult {
  readonly seed: number | string
  readonly nodes: number
  readonly plan: readonly Action[]
  /** The first thing that must not happen and did. */
  readonly violation: Fault | undefined
  /** Time the nodes took to agree after the storm, ms. */
  readonly agreedAfterMs: number | undefined
  readonly virtualMs: number
  readonly counters: Readonly<WorkloadCounters>
}

/** One run. */
export async function explore<C extends SimClient>(deps: FabricDeps<C>, options: RunOptions): Promise<RunResult> {
  const { clusters = 1, log, nodes, seed } = options
  const fabric = await createFabric(deps, {
    nodes,
    seed,
    start: false,
    throwOnFault: false,
    settings: (index) => ({
      gossipInterval: nodes > LARGE ? 1 : 0.5,
      fabricCatalogTtlSeconds: 30,
      ...membershipOf(index, clusters, nodes),
      ...options.settings,
    }),
    ...(log && { log }),
  })
  const run = new Run(fabric, options)
  const onRejection = (error: unknown) =>
    fabric.fault('unhandled_rejection', 'somebody', error instanceof Error ? error.message : String(error))
  process.on('unhandledRejection', onRejection)
  try {
    await run.storm()
    await run.calm()
    await run.proof()
    return run.result()
  } finally {
    process.off('unhandledRejection', onRejection)
    fabric.close()
  }
}

/** Which cluster a node is in, and whom it is told of: nodes of its own cluster and of those next to it in the ring. */
function membershipOf(index: number, clusters: number, nodes: number): SettingsInput {
  const cluster = index % clusters
  const beside = new Set([(cluster + 1) % clusters, (cluster + clusters - 1) % clusters])
  const seeds = Array.from({ length: Math.min(SEEDS * clusters, nodes) }, (_, i) => i)
  const peers = seeds.filter((i) => i !== index && (i % clusters === cluster || beside.has(i % clusters))).map(simUrl)
  if (clusters === 1) return { peers }
  const others = Array.from({ length: clusters }, (_, i) => i).filter((other) => other !== cluster)
  return {
    peers,
    clusterId: `c${cluster}`,
    federationConfig: {
      federationMode: 'explicit_bridging',
      explicitBridges: others.filter((other) => beside.has(other)).map((other) => ({ remoteClusterId: `c${other}` })),
      allowedForeignClusterIds: others.map((other) => `c${other}`),
    },
  }
}

/** Cuts a failing run down to what still fails with the same kind of violation. */
export function minimiseRun<C extends SimClient>(
  deps: FabricDeps<C>,
  options: RunOptions,
  failed: RunResult,
): Promise<Failing & { readonly runs: number }> {
  const kind = failed.violation?.kind
  const { log: _, ...quiet } = options
  return minimise(
    { plan: failed.plan, nodes: failed.nodes },
    async (candidate) => (await explore(deps, { ...quiet, ...candidate })).violation?.kind === kind,
    MINIMISE_RUNS_MAX,
  )
}

class Run<C extends SimClient> {
  readonly #fabric: Fabric<C>
  readonly #options: RunOptions
  readonly #plan: readonly Action[]
  readonly #workload: Workload
  readonly #invariants: Invariants
  #agreedAfterMs: number | undefined
  #lastStallEndsMs = 0

  constructor(fabric: Fabric<C>, options: RunOptions) {
    this.#fabric = fabric
    this.#options = options
    this.#workload = createWorkload(fabric)
    this.#invariants = watchInvariants(fabric)
    const { nodes, stormMs = STORM_MS } = options
    this.#plan =
      options.plan ?? drawPlan(fabric.random('plan'), { nodes, clusters: options.clusters, durationMs: stormMs, pauseMs: PAUSE_MS })
  }

  get #over(): boolean {
    return this.#fabric.faults.length > 0
  }

  async storm(): Promise<void> {
    const { nodes } = this.#options
    for (let index = 0; index < nodes; index++) {
      this.#workload.offer(index, `own.n${index}`)
      // Only on some: a function that a node has itself it never calls elsewhere.
      if (index % 2 === 0) this.#workload.offer(index, 'shared')
      this.#begin(this.#fabric.starting(index), index)
    }
    const startMs = this.#fabric.nowMs
    for (const { atMs, words } of this.#plan) {
      await this.#advanceTo(startMs + atMs)
      if (this.#over) return
      this.#act(words)
    }
    await this.#advanceTo(startMs + (this.#options.stormMs ?? STORM_MS))
  }

  /** Mends everything and waits until the nodes agree. */
  async calm(): Promise<void> {
    if (this.#over) return
    const fabric = this.#fabric
    fabric.heal()
    this.#invariants.calmed()
    if (fabric.state(0) === 'down') this.#start(0)
    await this.#advanceTo(this.#lastStallEndsMs)
    const fromMs = fabric.nowMs
    const agreed = await this.#waitUntil(() => this.#settled() && fabric.converged(), AGREE_MS)
    if (this.#over) return
    if (agreed) {
      this.#agreedAfterMs = fabric.nowMs - fromMs
      // Who returned in this very moment may be suspected still, for what its predecessor did.
      await this.#advanceTo(fabric.nowMs + OBJECTION_MS)
    } else fabric.fault('not_converged', 'fabric', fabric.disagreements().slice(0, 5).join('; ') || 'a node neither runs nor has stopped')
  }

  async proof(): Promise<void> {
    if (this.#over) return
    await this.#waitUntil(() => this.#workload.open === 0, AGREE_MS)
    if (!this.#over) await this.#workload.proveHealthy(this.#fabric.random('proof'))
  }

  result(): RunResult {
    const { nodes, seed } = this.#options
    return {
      seed,
      nodes,
      plan: this.#plan,
      violation: this.#fabric.faults[0],
      agreedAfterMs: this.#agreedAfterMs,
      virtualMs: this.#fabric.nowMs,
      counters: this.#workload.counters,
    }
  }

  #settled(): boolean {
    for (let index = 0; index < this.#fabric.size; index++) if (this.#fabric.state(index) === 'changing') return false
    return true
  }

  async #advanceTo(atMs: number): Promise<void> {
    const fabric = this.#fabric
    while (fabric.nowMs < atMs && !this.#over) {
      await fabric.advance(Math.min(CHECK_MS, atMs - fabric.nowMs))
      this.#check()
    }
  }

  async #waitUntil(condition: () => boolean, limitMs: number): Promise<boolean> {
    const endMs = this.#fabric.nowMs + limitMs
    while (!condition()) {
      if (this.#over || this.#fabric.nowMs >= endMs) return false
      await this.#advanceTo(this.#fabric.nowMs + CHECK_MS)
    }
    return true
  }

  #check(): void {
    this.#invariants.check()
    this.#workload.check()
  }

  /** Does what a plan says, unless it makes no sense: a plan that was cut down names nodes that are gone, and starts what runs. */
  #act(words: readonly string[]): void {
    const fabric = this.#fabric
    const [verb, ...rest] = words
    const named = nodesNamed(rest)
    if (named.some((index) => index >= fabric.size)) return
    const index = named[0] ?? 0
    switch (verb) {
      case 'call':
        return this.#workload.call(index, rest[1] ?? '')
      case 'subscribe':
        return this.#workload.subscribe(index, rest[1] ?? '')
      case 'publish':
        return this.#workload.publish(index, rest[1] ?? '')
      case 'register':
        return this.#workload.offer(index, rest[1] ?? '')
      case 'unregister':
        return this.#workload.withdraw(index, rest[1] ?? '')
      case 'start':
        if (fabric.state(index) === 'down') this.#start(index)
        return
      case 'stop':
        if (fabric.state(index) !== 'up') return
        this.#invariants.departed(index, 'stopped')
        return this.#begin(fabric.stopping(index), index)
      case 'crash':
        if (fabric.state(index) === 'down') return
        this.#invariants.departed(index, rest[1] === 'silent' ? 'silent' : 'crashed')
        break
      case 'partition':
      case 'cut':
        this.#invariants.disturbed()
        break
      case 'heal':
        this.#invariants.calmed()
        break
      case 'stall':
        if (fabric.state(index) === 'down') return
        this.#lastStallEndsMs = Math.max(this.#lastStallEndsMs, fabric.nowMs + parseDuration(rest[1]))
        this.#invariants.disturbed(parseDuration(rest[1]))
        break
    }
    if (inflict(fabric as unknown as Fabric, words) === undefined) throw new CommandError(`the explorer can not '${words.join(' ')}'`)
  }

  #start(index: number): void {
    this.#invariants.returned(index)
    this.#begin(this.#fabric.starting(index), index)
  }

  /** A start or stop that takes its time while the run goes on. */
  #begin(change: Promise<void>, index: number): void {
    change.catch((error: Error) => this.#fabric.fault('change_failed', `n${index}`, error.message))
  }
}
