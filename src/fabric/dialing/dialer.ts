/**
 * One dial of one peer: chooses how hard to try, connects, waits until the peer has said who it is, and records what came of it. A peer is
 * dialed once at a time; whoever asks meanwhile gets the same outcome.
 */
import type { Env } from '../../base/index.ts'
import { type Diagnostics, fixed, flag, restOfLine, seconds, word } from '../../telemetry/index.ts'
import type { Connection } from '../../transport/index.ts'
import { type DialRefusal, DialRefused } from '../peers/dial-refused.ts'
import type { Connector } from './connect-attempts.ts'
import { type DialContext, dialPolicy, policyFor } from './dial-policy.ts'
import type { DialStates } from './dial-state.ts'
import { failureText } from './failure-text.ts'
import { dialPressure, type Mesh } from './mesh-size.ts'

export interface DialTarget {
  readonly nodeId: string
  readonly dialUrl: string
  /** Configured by the operator: may turn out to be a node of another name. */
  readonly seed: boolean
  /** Vanished without a goodbye. */
  readonly lost: boolean
}

export type DialOutcome =
  | { readonly kind: 'linked'; readonly nodeId: string }
  /** There is a connection to be had, but no link. */
  | { readonly kind: 'refused'; readonly reason: DialRefusal; readonly error: string }
  /** The node that answered is another one than was dialed. */
  | { readonly kind: 'other_node'; readonly nodeId: string; readonly error: string }
  /** No connection. `cause` is what the last attempt died of. */
  | { readonly kind: 'failed'; readonly error: string; readonly cause: string }
  /** A dial failed just now; another one would not fare better. */
  | { readonly kind: 'held_back'; readonly error: string }
  /** This node is shutting down. */
  | { readonly kind: 'stopped' }

export interface DialerDeps {
  readonly env: Pick<Env, 'clock' | 'log'>
  readonly diagnostics: Pick<Diagnostics, 'enabled' | 'line'>
  readonly connect: Connector
  /** Makes a connection a link once its peer has identified itself. @throws DialRefused */
  adopt(connection: Connection, expectedNodeId: string, context: DialContext): Promise<{ readonly nodeId: string }>
  /** The process behind a node, as far as it is known. */
  instanceOf(nodeId: string): string | undefined
  /** A dial came to nothing. */
  dialFailed(nodeId: string, context: DialContext): void
  readonly states: DialStates
  /** Called when a dial begins (no outcome) and ends. */
  readonly onDial?: (target: DialTarget, outcome: DialOutcome | undefined) => void
}

export interface DialerOptions {
  readonly nodeId: string
  readonly name: string
  readonly gossipIntervalSeconds: number
}

export interface DialerSnapshot {
  readonly running: number
  readonly dials_total: number
  readonly linked_total: number
  readonly failed_total: number
  readonly refused_total: number
  readonly stopped_total: number
}

export interface Dialer {
  /** Never rejects. */
  dial(target: DialTarget, context: DialContext, mesh: Mesh): Promise<DialOutcome>
  isDialing(nodeId: string): boolean
  readonly running: number
  /** Ends running dials; later ones end at once. */
  stop(): void
  snapshot(): DialerSnapshot
}

/** What the peer answers while its own record of a goodbye lives: it passes by itself within seconds. */
const MARKED_DEPARTED = 'Peer is marked departed'

/** Refusals that stand until somebody changes something. */
const LASTING: ReadonlySet<DialRefusal> = new Set<DialRefusal>([
  'refused_by_peer',
  'refused_by_federation',
  'own_id_in_use',
  'invalid_status',
  'self',
])

export function createDialer(deps: DialerDeps, { nodeId: self, name, gossipIntervalSeconds }: DialerOptions): Dialer {
  const { env, diagnostics, states } = deps
  const { clock } = env
  const log = env.log.scope('core.connection')
  const abort = new AbortController()
  const running = new Map<string, Promise<DialOutcome>>()
  const counters = { dials: 0, linked: 0, failed: 0, refused: 0, stopped: 0 }

  async function attempt(target: DialTarget, context: DialContext, mesh: Mesh): Promise<DialOutcome> {
    const { nodeId, dialUrl } = target
    const failures = states.get(nodeId)?.failures ?? 0
    const policy = policyFor(context, dialPolicy('fast', mesh, failures), mesh.connectedRatio, gossipIntervalSeconds)
    reportPolicy(mesh, failures, policy)
    const startMs = clock.monotonic()
    const report = (outcome: string, more: () => string): void => {
      if (!diagnostics.enabled('peer_dial')) return
      const timeout = seconds(policy.timeoutSeconds, 3)
      diagnostics.line(
        'peer_dial',
        `[DIAG_PEER_DIAL] node=${word(self)} name=${word(name)} outcome=${outcome} context=${context} peer=${word(nodeId)} dial=${word(dialUrl)} fast_connect=${flag(true)} targets=${mesh.targets} connected_ratio=${fixed(mesh.connectedRatio, 2)} failures=${failures} retries=${policy.retries} base_delay=${seconds(policy.baseDelaySeconds, 3)} connect_timeout=${timeout} open_timeout=${timeout}${more()}`,
      )
    }
    const duration = (): string => ` duration=${seconds((clock.monotonic() - startMs) / 1000, 3)}`

    counters.dials++
    states.attempted(nodeId)
    report('attempt', () => '')
    if (log.debugOn) {
      const { baseDelaySeconds, retries, timeoutSeconds } = policy
      const figures = `failures=${failures} retries=${retries} back_off=${seconds(baseDelaySeconds, 3)} timeout=${seconds(timeoutSeconds, 3)}`
      log.debug(`dialing peer=${nodeId} dial=${dialUrl} context=${context} ${figures}`)
    }
    const outcome = await reach(target, context, policy)
    settle(target, context, mesh, outcome)
    if (outcome.kind === 'linked') report('success', duration)
    else if (outcome.kind !== 'stopped') report('failure', () => `${duration()} error=${restOfLine(outcome.error)}`)
    return outcome
  }

  async function reach(
    { nodeId, dialUrl, seed }: DialTarget,
    context: DialContext,
    policy: Parameters<Connector>[1],
  ): Promise<DialOutcome> {
    try {
      const connection = await deps.connect(dialUrl, policy, abort.signal)
      const link = await deps.adopt(connection, nodeId, context)
      if (link.nodeId === nodeId || seed) return { kind: 'linked', nodeId: link.nodeId }
      return { kind: 'other_node', nodeId: link.nodeId, error: `${link.nodeId} answered` }
    } catch (error) {
      if (abort.signal.aborted) return { kind: 'stopped' }
      if (!(error instanceof DialRefused)) return failure(error)
      if (error.reason === 'stopping') return { kind: 'stopped' }
      return { kind: 'refused', reason: error.reason, error: failureText(error) }
    }
  }

  function settle(target: DialTarget, context: DialContext, mesh: Mesh, outcome: DialOutcome): void {
    const { nodeId, seed, lost } = target
    switch (outcome.kind) {
      case 'stopped':
        counters.stopped++
        return
      case 'linked':
        counters.linked++
        if (log.debugOn) log.debug(`linked peer=${outcome.nodeId} dial=${target.dialUrl} context=${context}`)
        states.rename(nodeId, outcome.nodeId)
        states.succeeded(outcome.nodeId)
        return
      case 'refused': {
        counters.refused++
        const lasting = LASTING.has(outcome.reason) && !outcome.error.includes(MARKED_DEPARTED)
        const refused = lasting ? { refused: { instanceId: deps.instanceOf(nodeId) ?? '' } } : {}
        const news = states.failed(nodeId, { error: outcome.error, mesh, seed, lost, ...refused })
        if (lasting && news && outcome.reason !== 'self') log.warn(`${outcome.error}; dialed less often until its process changes`)
        deps.dialFailed(nodeId, context)
        return
      }
      default: {
        counters.failed++
        const error = 'cause' in outcome ? `${outcome.error} ${outcome.cause}`.trim() : outcome.error
        states.failed(nodeId, { error, mesh, seed, lost })
        if (log.debugOn) log.debug(`dial failed peer=${nodeId} dial=${target.dialUrl} context=${context}: ${error}`)
        deps.dialFailed(nodeId, context)
      }
    }
  }

  function reportPolicy(mesh: Mesh, failures: number, policy: Parameters<Connector>[1]): void {
    if (!diagnostics.enabled('peer_dial_policy')) return
    diagnostics.line(
      'peer_dial_policy',
      `[DIAG_PEER_DIAL_POLICY] node=${word(self)} mode=fast targets=${mesh.targets} failures=${failures} connected_ratio=${fixed(mesh.connectedRatio, 3)} pressure=${fixed(dialPressure(mesh), 3)} retries=${policy.retries} base_delay=${seconds(policy.baseDelaySeconds, 4)} connect_timeout=${seconds(policy.timeoutSeconds, 4)}`,
    )
  }

  return {
    dial(target, context, mesh) {
      if (abort.signal.aborted) return Promise.resolve({ kind: 'stopped' })
      const { nodeId } = target
      const started = running.get(nodeId)
      if (started !== undefined) return started
      deps.onDial?.(target, undefined)
      const dial = attempt(target, context, mesh).then((outcome) => {
        running.delete(nodeId)
        deps.onDial?.(target, outcome)
        return outcome
      })
      running.set(nodeId, dial)
      return dial
    },
    isDialing: (nodeId) => running.has(nodeId),
    get running() {
      return running.size
    },
    stop: () => abort.abort(),
    snapshot: () => ({
      running: running.size,
      dials_total: counters.dials,
      linked_total: counters.linked,
      failed_total: counters.failed,
      refused_total: counters.refused,
      stopped_total: counters.stopped,
    }),
  }
}

function failure(error: unknown): DialOutcome {
  const cause = error instanceof Error && error.cause !== undefined ? failureText(error.cause) : ''
  return { kind: 'failed', error: failureText(error), cause }
}
