/**
 * Keeps this node linked: dials the configured peers at the start, then looks round after round who should be linked and is not.
 *
 *     const dialing = createDialing(deps, options)
 *     await dialing.start()              // the configured peers have been tried
 *     dialing.explain()                  // why each candidate is linked, waiting, or left out
 *     dialing.stop()                     // no dial begins, or succeeds, after it
 *
 * A round does not wait for dials that take longer than the pause until the next one: they go on, and count against its parallelism. So a
 * peer that swallows packets delays neither the others nor the status that every round sends.
 */
import type { Env } from '../../base/index.ts'
import { type Diagnostics, fixed, seconds, word } from '../../telemetry/index.ts'
import type { Connection } from '../../transport/index.ts'
import { type Candidate, type CandidateFacts, createCandidates } from './candidates.ts'
import type { Connector } from './connect-attempts.ts'
import {
  BOOTSTRAP_PAUSE_SECONDS_MIN,
  BOOTSTRAP_SECONDS_MIN,
  FULL_MESH_CANDIDATES_MAX,
  LOST_BACKOFF_SECONDS_MIN,
  LOST_DIALS_PER_ROUND,
  ON_DEMAND_PAUSE_SECONDS,
  STARTUP_PARALLELISM,
} from './constants.ts'
import { lostDelaySeconds, urlSpread } from './dial-backoff.ts'
import { byDialPriority, type DialRank, peerSpread } from './dial-order.ts'
import { dialBudget, dialParallelism, reconcileIntervalSeconds } from './dial-pace.ts'
import type { DialContext } from './dial-policy.ts'
import { createDialStates, type DialStatesSnapshot } from './dial-state.ts'
import { createDialer, type DialerSnapshot, type DialOutcome, type DialTarget } from './dialer.ts'
import { createVerdicts, type DialExplanation, type DialReason } from './explain.ts'
import { desiredConnections, dialPressure, discoveryRatio, explorationSlots, type Mesh, share } from './mesh-size.ts'
import { pause } from './pause.ts'

export interface DialingDeps extends CandidateFacts {
  readonly env: Pick<Env, 'clock' | 'timers' | 'log'>
  readonly diagnostics: Pick<Diagnostics, 'enabled' | 'line'>
  readonly connect: Connector
  /** Makes a connection a link once its peer has identified itself. @throws DialRefused */
  adopt(connection: Connection, expectedNodeId: string, context: DialContext): Promise<{ readonly nodeId: string }>
  linkKinds(nodeId: string): { readonly dialed: boolean; readonly accepted: boolean }
  /** The peer serves every role on a link it dialed, so that one link is enough for the pair. */
  preferAccepted(nodeId: string): boolean
  /** The process behind a node, as far as it is known. */
  instanceOf(nodeId: string): string | undefined
  /** The cluster of a node, as far as it is known. */
  clusterOf?(nodeId: string): string | undefined
  /** Whether a node has functions in the catalog. */
  ownsFunctions(nodeId: string): boolean
  /** Other nodes known: those with functions and with a descriptor in the catalog, and those in the directory. */
  discovered(): { readonly function_catalog: number; readonly node_catalog: number; readonly peer_directory: number }
  pendingCatalogUpdates(): number
  /** Drops departures whose grace period has passed. */
  pruneDepartures(): void
  dialFailed(nodeId: string, context: DialContext): void
  /** End of a round: status and cache profile are due. */
  onRound(): void
}

export interface DialingOptions {
  readonly nodeId: string
  readonly name: string
  readonly gossipIntervalSeconds: number
  /** Configured peers. */
  readonly peers: readonly string[]
  /** One more, dialed after them. */
  readonly connect?: string
}

export interface DialingSnapshot {
  readonly rounds_total: number
  readonly targets: number
  readonly connected: number
  readonly connected_ratio: number
  readonly discovery_ratio: number
  readonly pressure: number
  readonly desired_connections: number
  readonly exploration_slots: number
  readonly due: number
  readonly not_due: number
  readonly selected: number
  readonly parallelism: number
  readonly budget: number
  readonly interval_seconds: number
  /** Candidates by what stands in their way. */
  readonly reasons: Partial<Record<DialReason, number>>
  readonly states: DialStatesSnapshot
  readonly dialer: DialerSnapshot
  readonly seeds: number
  readonly lost: number
  readonly lost_total: number
  readonly lost_expired_total: number
}

export interface Dialing {
  /** Dials the configured peers, then begins the rounds. Resolves when those have been tried, or after a few seconds; never rejects. */
  start(): Promise<void>
  /** At once and for good. */
  stop(): void
  /** Links a node a request needs; at once when it is linked already. Never rejects. */
  dial(nodeId: string, context: DialContext): Promise<DialOutcome>
  /** To be called when a node said goodbye or was removed on its own behalf: it is not looked for, and starts afresh if it returns. */
  left(nodeId: string): void
  explain(): DialExplanation[]
  snapshot(): DialingSnapshot
}

/** One round's numbers, as diagnostics and snapshot show them. */
type Round = Omit<
  DialingSnapshot,
  'rounds_total' | 'reasons' | 'states' | 'dialer' | 'seeds' | 'lost' | 'lost_total' | 'lost_expired_total'
>

export function createDialing(deps: DialingDeps, options: DialingOptions): Dialing {
  const { env, diagnostics } = deps
  const { clock, timers } = env
  const { nodeId: self, name, gossipIntervalSeconds: g } = options
  const seeds = [...new Set(options.connect === undefined ? options.peers : [...options.peers, options.connect])]
  const stopping = new AbortController()
  const verdicts = createVerdicts(clock)
  const states = createDialStates(clock, g)
  const candidates = createCandidates(clock, deps, {
    nodeId: self,
    seeds,
    onLost: (nodeId) => states.hold(nodeId, lostDelaySeconds(LOST_BACKOFF_SECONDS_MIN, urlSpread(nodeId))),
  })
  const dialer = createDialer({ ...deps, states, onDial: noteDial }, options)
  let started = false
  let roundsTotal = 0
  /** Dials of rounds that go on, those of earlier rounds included. */
  let roundDials = 0
  let mesh: Mesh = { targets: Math.max(1, seeds.length), connectedRatio: 0 }
  let last: Round = { ...NO_ROUND, targets: seeds.length, interval_seconds: reconcileIntervalSeconds(seeds.length, 0, g) }
  let loopLineMs = Number.NEGATIVE_INFINITY
  let discoveryLineMs = Number.NEGATIVE_INFINITY
  const spreads = new Map<string, number>()

  /** Whether a candidate needs no dial. In a large fabric any link will do; in a small one reference nodes want one from each side. */
  function linkOf(nodeId: string, anyLink: boolean): 'linked' | 'linked_by_peer' | undefined {
    const { dialed, accepted } = deps.linkKinds(nodeId)
    if (dialed) return 'linked'
    return accepted && (anyLink || deps.preferAccepted(nodeId)) ? 'linked_by_peer' : undefined
  }

  function waiting(nodeId: string): 'backing_off' | 'refused' | undefined {
    const state = states.get(nodeId)
    if (state === undefined || state.nextAttemptMs <= clock.monotonic()) return undefined
    return state.refusedBy === undefined ? 'backing_off' : 'refused'
  }

  /** A new process behind a node that refused is worth a new dial. */
  function noteInstance(nodeId: string): void {
    if (states.get(nodeId)?.refusedBy !== undefined) states.seenInstance(nodeId, deps.instanceOf(nodeId) ?? '')
  }

  function targetOf({ nodeId, dialUrl, source }: Candidate): DialTarget {
    return { nodeId, dialUrl, seed: source === 'seed', lost: source === 'lost' }
  }

  function rankOf({ nodeId, source }: Candidate): DialRank {
    const state = states.get(nodeId)
    const spread = spreads.get(nodeId) ?? peerSpread(self, nodeId)
    spreads.set(nodeId, spread)
    return {
      nodeId,
      seed: source === 'seed',
      everReached: (state?.successesTotal ?? 0) > 0,
      failures: state?.failures ?? 0,
      lastAttemptMs: state?.lastAttemptMs ?? Number.NEGATIVE_INFINITY,
      spread,
    }
  }

  function inOrder(due: readonly Candidate[], connectedRatio: number): Candidate[] {
    const compare = byDialPriority(connectedRatio)
    const ranked = due.map((candidate) => ({ candidate, rank: rankOf(candidate) }))
    return ranked.sort((a, b) => compare(a.rank, b.rank)).map(({ candidate }) => candidate)
  }

  function noteDial({ nodeId }: DialTarget, outcome: DialOutcome | undefined): void {
    if (outcome === undefined) verdicts.update(nodeId, 'dialing')
    else if (outcome.kind === 'linked') verdicts.update(nodeId, 'linked')
    else verdicts.update(nodeId, waiting(nodeId) ?? 'awaiting_turn')
  }

  async function round(): Promise<number> {
    deps.pruneDepartures()
    const { candidates: all, lost, skipped } = candidates.compile()
    const targets = all.length
    const anyLink = targets >= FULL_MESH_CANDIDATES_MAX
    const due: Candidate[] = []
    let connected = 0
    let inDirectory = 0
    let owning = 0
    for (const skip of skipped) verdicts.set(skip, skip.reason, skip.detail)
    for (const candidate of all) {
      const { nodeId } = candidate
      noteInstance(nodeId)
      if (candidate.clusterId !== undefined) inDirectory++
      if (deps.ownsFunctions(nodeId)) owning++
      const link = linkOf(nodeId, anyLink)
      if (link !== undefined) connected++
      const reason = link ?? (dialer.isDialing(nodeId) ? 'dialing' : waiting(nodeId))
      if (reason === undefined) due.push(candidate)
      else verdicts.set(candidate, reason)
    }

    mesh = { targets: Math.max(1, targets), connectedRatio: share(connected, targets) }
    const discovery = discoveryRatio(mesh.targets, inDirectory, owning)
    const slots = explorationSlots(mesh, discovery)
    let desired = Math.min(targets, desiredConnections(mesh, discovery))
    if (due.length > 0 && connected >= desired && slots > 0) desired = Math.min(targets, connected + slots)
    const { cap, dials: parallelism } = dialParallelism(mesh)
    reportParallelism(cap, parallelism)
    const budget = dialBudget(mesh, { parallelism, due: due.length, missing: desired - connected })
    const free = parallelism - roundDials
    const selected = budget === 0 || free < 1 ? [] : inOrder(due, mesh.connectedRatio).slice(0, budget)
    const chosen = new Set(selected)
    const rest: DialReason = connected >= desired ? 'enough_links' : 'awaiting_turn'
    for (const candidate of due) verdicts.set(candidate, chosen.has(candidate) ? 'awaiting_turn' : rest)
    const looked = lostToDial(lost)
    if (free > 0) selected.push(...looked)
    verdicts.endRound()

    const interval = reconcileIntervalSeconds(targets, mesh.connectedRatio, g)
    await dialAll(selected, free, interval)
    if (stopping.signal.aborted) return interval

    forgetVanished([...all, ...lost])
    deps.onRound()
    roundsTotal++
    last = {
      targets,
      connected,
      connected_ratio: mesh.connectedRatio,
      discovery_ratio: discovery,
      pressure: dialPressure(mesh),
      desired_connections: desired,
      exploration_slots: slots,
      due: due.length,
      not_due: targets - connected - due.length,
      selected: selected.length,
      parallelism,
      budget,
      interval_seconds: interval,
    }
    reportRound(last)
    return interval
  }

  function lostToDial(lost: readonly Candidate[]): Candidate[] {
    const due: Candidate[] = []
    for (const candidate of lost) {
      const { nodeId } = candidate
      noteInstance(nodeId)
      const link = linkOf(nodeId, true)
      if (link !== undefined) verdicts.set(candidate, link)
      else if (dialer.isDialing(nodeId)) verdicts.set(candidate, 'dialing')
      else {
        if (waiting(nodeId) === undefined) due.push(candidate)
        verdicts.set(candidate, 'lost')
      }
    }
    return inOrder(due, 0).slice(0, LOST_DIALS_PER_ROUND)
  }

  /** Dials with bounded parallelism; what has not begun when `limitSeconds` have passed is left to the next round. */
  async function dialAll(selected: readonly Candidate[], free: number, limitSeconds: number): Promise<void> {
    if (selected.length === 0) return
    let over = false
    const dials = forEachAtMost(
      selected,
      free,
      () => over || stopping.signal.aborted,
      async (candidate) => {
        roundDials++
        await dialer.dial(targetOf(candidate), 'peer_reconcile', mesh)
        roundDials--
      },
    )
    await atMost(dials, limitSeconds)
    over = true
  }

  /** Waits for a promise, but not longer than this. */
  async function atMost(promise: Promise<unknown>, limitSeconds: number): Promise<void> {
    const settled = new AbortController()
    await Promise.race([promise, pause(timers, 1000 * limitSeconds, settled.signal)])
    settled.abort()
  }

  function forgetVanished(kept: readonly Candidate[]): void {
    const ids = new Set(kept.map(({ nodeId }) => nodeId))
    states.retain((nodeId) => ids.has(nodeId) || dialer.isDialing(nodeId))
    for (const nodeId of spreads.keys()) if (!ids.has(nodeId)) spreads.delete(nodeId)
  }

  async function runRounds(): Promise<void> {
    while (!stopping.signal.aborted) {
      let interval = last.interval_seconds
      try {
        interval = await round()
      } catch (error) {
        env.log.scope('cluster').error('A round of the dial loop failed; the next one comes as planned', error)
      }
      await pause(timers, 1000 * interval, stopping.signal)
    }
  }

  /** Configured peers are retried at a quick pace for a while: the nodes of a cluster are started together, in any order. */
  async function bootstrap(): Promise<void> {
    const endMs = clock.monotonic() + 1000 * bootstrapSeconds
    while (!stopping.signal.aborted && clock.monotonic() < endMs) {
      await dialSeeds(
        (seed) => (linkOf(seed.nodeId, false) ?? waiting(seed.nodeId)) === undefined,
        () => 'bootstrap_seed',
      )
      const interval = reconcileIntervalSeconds(mesh.targets, mesh.connectedRatio, g)
      await pause(timers, 1000 * Math.max(BOOTSTRAP_PAUSE_SECONDS_MIN, interval), stopping.signal)
    }
  }

  const bootstrapSeconds = Math.max(BOOTSTRAP_SECONDS_MIN, g)

  async function dialSeeds(wanted: (seed: DialTarget) => boolean, contextOf: (url: string) => DialContext): Promise<void> {
    const isOver = (): boolean => stopping.signal.aborted
    await forEachAtMost(seeds, STARTUP_PARALLELISM, isOver, async (url) => {
      const target: DialTarget = { nodeId: deps.resolve(url), dialUrl: url, seed: true, lost: false }
      if (target.nodeId !== self && !deps.isDeparted(target.nodeId) && wanted(target)) await dialer.dial(target, contextOf(url), mesh)
    })
  }

  function reportParallelism(cap: number, selected: number): void {
    if (!diagnostics.enabled('peer_dial_policy')) return
    diagnostics.line(
      'peer_dial_policy',
      `[DIAG_PEER_DIAL_POLICY] node=${word(self)} action=parallelism targets=${mesh.targets} connected_ratio=${fixed(mesh.connectedRatio, 3)} pressure=${fixed(dialPressure(mesh), 3)} cap=${cap} selected=${selected}`,
    )
  }

  function reportRound(it: Round): void {
    const now = clock.monotonic()
    const head = `node=${word(self)} name=${word(name)}`
    const ratios = `connected_ratio=${fixed(it.connected_ratio, 2)} discovery_ratio=${fixed(it.discovery_ratio, 2)}`
    const interval = `interval=${seconds(it.interval_seconds, 3)}`
    if (diagnostics.enabled('peer_dial') && (it.selected > 0 || now - loopLineMs >= 1000)) {
      loopLineMs = now
      diagnostics.line(
        'peer_dial',
        `[DIAG_PEER_DIAL] ${head} loop targets=${it.targets} ${ratios} pressure=${fixed(it.pressure, 2)} desired_connected=${it.desired_connections} exploration_slots=${it.exploration_slots} connected=${it.connected} due=${it.due} selected=${it.selected} parallelism=${it.parallelism} budget=${it.budget} not_due=${it.not_due} ${interval}`,
      )
    }
    if (diagnostics.enabled('discovery_loop') && now - discoveryLineMs >= 1000) {
      discoveryLineMs = now
      const known = deps.discovered()
      diagnostics.line(
        'discovery_loop',
        `[DIAG_DISCOVERY_LOOP] ${head} targets=${it.targets} connected=${it.connected} desired=${it.desired_connections} due=${it.due} selected=${it.selected} not_due=${it.not_due} ${ratios} function_catalog_discovered=${known.function_catalog} node_catalog_discovered=${known.node_catalog} peer_directory_discovered=${known.peer_directory} pending_catalog_updates=${deps.pendingCatalogUpdates()} ${interval}`,
      )
    }
  }

  function barredFrom(nodeId: string): DialOutcome | undefined {
    if (deps.resolve(nodeId) === self) return { kind: 'refused', reason: 'self', error: `${nodeId} is this node` }
    if (deps.isDeparted(nodeId)) return { kind: 'refused', reason: 'departed', error: `${nodeId} has said goodbye` }
    // A configured peer is the operator's word.
    const cluster = candidates.isSeed(nodeId) ? undefined : deps.clusterOf?.(nodeId)
    const decision = cluster === undefined ? undefined : deps.federationAllows(cluster, nodeId)
    if (decision?.allowed === false) return { kind: 'refused', reason: 'refused_by_federation', error: decision.message }
    return undefined
  }

  return {
    async start() {
      if (started || stopping.signal.aborted) return
      started = true
      for (const url of seeds) {
        verdicts.set({ nodeId: deps.resolve(url), dialUrl: url, source: 'seed', clusterId: undefined }, 'awaiting_turn')
      }
      verdicts.endRound()
      const tried = dialSeeds(
        (seed) => linkOf(seed.nodeId, false) === undefined,
        (url) => (url === options.connect ? 'startup_connect' : 'startup_seed'),
      )
      // A configured peer that swallows packets may take minutes to fail: the rest does not wait for it.
      await atMost(tried, bootstrapSeconds)
      void runRounds()
      void bootstrap()
    },

    stop() {
      stopping.abort()
      dialer.stop()
    },

    dial(nodeId, context) {
      if (stopping.signal.aborted) return Promise.resolve({ kind: 'stopped' })
      const { dialed, accepted } = deps.linkKinds(nodeId)
      if (dialed || accepted) return Promise.resolve({ kind: 'linked', nodeId })
      const barred = barredFrom(nodeId)
      if (barred !== undefined) return Promise.resolve(barred)
      const state = states.get(nodeId)
      const failedMs = state !== undefined && state.failures > 0 ? state.lastAttemptMs : Number.NEGATIVE_INFINITY
      if (!dialer.isDialing(nodeId) && clock.monotonic() - failedMs < 1000 * ON_DEMAND_PAUSE_SECONDS) {
        return Promise.resolve({ kind: 'held_back', error: state?.lastError ?? '' })
      }
      const target = { nodeId, dialUrl: candidates.dialUrlOf(nodeId), seed: candidates.isSeed(nodeId), lost: false }
      return dialer.dial(target, context, mesh)
    },

    left(nodeId) {
      candidates.left(nodeId)
      states.forget(nodeId)
    },

    explain: () => verdicts.explain(states.get),

    snapshot: () => ({
      ...last,
      rounds_total: roundsTotal,
      reasons: verdicts.counts(),
      states: states.snapshot(),
      dialer: dialer.snapshot(),
      ...candidates.snapshot(),
    }),
  }
}

const NO_ROUND: Round = {
  targets: 0,
  connected: 0,
  connected_ratio: 0,
  discovery_ratio: 0,
  pressure: 0,
  desired_connections: 0,
  exploration_slots: 0,
  due: 0,
  not_due: 0,
  selected: 0,
  parallelism: 0,
  budget: 0,
  interval_seconds: 0,
}

/** Acts on each item, at most `parallel` at once; begins no more once it is over. */
async function forEachAtMost<T>(
  items: readonly T[],
  parallel: number,
  isOver: () => boolean,
  act: (item: T) => Promise<unknown>,
): Promise<void> {
  const waiting = items.values()
  const worker = async (): Promise<void> => {
    for (const item of waiting) {
      if (isOver()) return
      await act(item)
    }
  }
  await Promise.all(Array.from({ length: Math.min(parallel, items.length) }, worker))
}
