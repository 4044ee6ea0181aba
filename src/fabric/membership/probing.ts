/**
 * One probe from question to result (SWIM §3.1): ask the target; if it is silent for a timeout, let k others ask it; if they get no answer
 * within another timeout either, it failed. A relay that gets none says so (`nack`, Lifeguard), which tells a dead target from deafness of
 * the asker. The same machine answers for the other side: it relays the probes of others.
 */
import type { Env } from '../../base/index.ts'
import type { MembershipAck, MembershipEvent, MembershipIndirectProbe, SwimMessage } from '../../wire/index.ts'
import type { AlarmHandle, Alarms } from './alarms.ts'
import type { Awareness } from './awareness.ts'
import { NACK_PART, PROBES_ACTIVE_MAX, RELAY_TIMEOUTS_MAX, RELAYS_ACTIVE_MAX } from './constants.ts'
import type { SwimMessages } from './messages.ts'

/** `timeout`: silence, and nobody there to ask further. `failure`: the link was gone, and nobody there to ask. */
export type ProbeResult = 'success' | 'failure' | 'timeout' | 'indirect_success' | 'indirect_failure'

/** `round`: its turn had come. `link_lost`: its link ended without a word. */
export type ProbeCause = 'round' | 'link_lost'

/** A finished probe, as kept for the operator. */
export interface ProbeRecord {
  readonly probe_id: string
  readonly target_node: string
  readonly cause: ProbeCause
  readonly result: ProbeResult
  /** Unix seconds. */
  readonly started_at: number
  readonly duration_ms: number
  readonly relays_asked: number
  readonly nacks: number
  /** This node stood still when the time was up, and waited once more. */
  readonly extended: boolean
}

export interface ProbingSnapshot {
  readonly active_probes: number
  readonly active_relays: number
  readonly skipped_total: number
  readonly extended_total: number
  readonly relayed_total: number
  readonly relays_refused_total: number
  readonly nacks_sent_total: number
  readonly nacks_received_total: number
  readonly acks_unexpected_total: number
}

export interface Probing {
  /** False when there is no link to it, or too much under way. A target that is being probed is not probed twice. */
  start(target: string): boolean
  /** The link to it ended: only others can still reach it. */
  linkLost(target: string): void
  /** Ends the probe of a target whose fate is known by other means. */
  abandon(target: string): void
  onAck(from: string, ack: MembershipAck): void
  onIndirectProbe(from: string, ask: MembershipIndirectProbe): void
  /** Forgets everything under way. */
  clear(): void
  snapshot(): ProbingSnapshot
}

export interface ProbingDeps {
  readonly env: Pick<Env, 'clock' | 'random'>
  readonly nodeId: string
  readonly messages: SwimMessages
  readonly alarms: Alarms
  readonly awareness: Awareness
  send(target: string, message: SwimMessage): boolean
  /** News to carry along to `target`. */
  updatesFor(target: string): readonly MembershipEvent[]
  /** Up to `k` living neighbours that could ask `target`. */
  relaysFor(target: string, k: number): readonly string[]
  /** Whether there is a link to it, and it would answer: a node without `swim/1` must not be sent a probe. */
  answers(target: string): boolean
  onResult(record: ProbeRecord): void
  /** An answer of `target` itself came through this node. */
  onAnswer(target: string): void
}

export interface ProbingOptions {
  readonly probeTimeoutMs: number
  readonly indirectProbes: number
  readonly lifeguard: boolean
  /** Lateness of a timer from which on its silence means nothing. */
  readonly pauseMs: number
}

interface Probe {
  readonly id: string
  readonly target: string
  readonly cause: ProbeCause
  readonly startedMs: number
  readonly startedAt: number
  /** Undefined while only the target was asked. */
  relays: Set<string> | undefined
  readonly nackedBy: Set<string>
  extended: boolean
  alarm: AlarmHandle | undefined
}

interface Relay {
  readonly asker: string
  readonly askerProbeId: string
  readonly target: string
  alarm: AlarmHandle
}

export function createProbing(deps: ProbingDeps, options: ProbingOptions): Probing {
  const { env, nodeId, messages, alarms, awareness, send } = deps
  const { probeTimeoutMs, indirectProbes, lifeguard, pauseMs } = options
  const { clock } = env
  const idPrefix = env.random.int(36 ** 6).toString(36)
  let sequence = 0
  const probes = new Map<string, Probe>()
  const probeOf = new Map<string, Probe>()
  const relays = new Map<string, Relay>()
  const counters = { skipped: 0, extended: 0, relayed: 0, relaysRefused: 0, nacksSent: 0, nacksReceived: 0, acksUnexpected: 0 }

  const nextId = (): string => `${idPrefix}-${(sequence++).toString(36)}`

  function open(target: string, cause: ProbeCause): Probe {
    const probe: Probe = {
      id: nextId(),
      target,
      cause,
      startedMs: clock.monotonic(),
      startedAt: clock.wall(),
      relays: undefined,
      nackedBy: new Set(),
      extended: false,
      alarm: undefined,
    }
    probes.set(probe.id, probe)
    probeOf.set(target, probe)
    return probe
  }

  function close(probe: Probe): void {
    alarms.cancel(probe.alarm)
    probes.delete(probe.id)
    probeOf.delete(probe.target)
  }

  function wait(probe: Probe): void {
    probe.alarm = alarms.set(awareness.scaled(probeTimeoutMs), (latenessMs) => onSilence(probe, latenessMs))
  }

  function onSilence(probe: Probe, latenessMs: number): void {
    if (lifeguard && latenessMs > pauseMs && !probe.extended) {
      // The answer may lie unread in this process.
      probe.extended = true
      counters.extended++
      wait(probe)
    } else if (probe.relays === undefined) askOthers(probe)
    else finish(probe, 'indirect_failure')
  }

  function askOthers(probe: Probe): void {
    const asked = new Set<string>()
    for (const relay of deps.relaysFor(probe.target, indirectProbes)) {
      if (send(relay, messages.indirectProbe(probe.id, relay, probe.target, deps.updatesFor(relay)))) asked.add(relay)
    }
    if (asked.size === 0) return finish(probe, probe.cause === 'link_lost' ? 'failure' : 'timeout')
    probe.relays = asked
    wait(probe)
  }

  function finish(probe: Probe, result: ProbeResult): void {
    close(probe)
    deps.onResult({
      probe_id: probe.id,
      target_node: probe.target,
      cause: probe.cause,
      result,
      started_at: probe.startedAt,
      duration_ms: clock.monotonic() - probe.startedMs,
      relays_asked: probe.relays?.size ?? 0,
      nacks: probe.nackedBy.size,
      extended: probe.extended,
    })
  }

  function endRelay(id: string, relay: Relay): void {
    alarms.cancel(relay.alarm)
    relays.delete(id)
  }

  function sendNack({ asker, askerProbeId }: Pick<Relay, 'asker' | 'askerProbeId'>): void {
    if (!lifeguard) return
    counters.nacksSent++
    send(asker, messages.nack(askerProbeId, asker, deps.updatesFor(asker)))
  }

  function armNack(id: string, relay: Relay, extended: boolean): AlarmHandle {
    return alarms.set(NACK_PART * probeTimeoutMs, (latenessMs) => {
      if (lifeguard && latenessMs > pauseMs && !extended) {
        relay.alarm = armNack(id, relay, true)
        return
      }
      sendNack(relay)
      relay.alarm = alarms.set((RELAY_TIMEOUTS_MAX - NACK_PART) * probeTimeoutMs, () => relays.delete(id))
    })
  }

  return {
    start(target) {
      if (probes.size >= PROBES_ACTIVE_MAX || probeOf.has(target)) {
        counters.skipped++
        return false
      }
      const probe = open(target, 'round')
      if (!send(target, messages.probe('direct', probe.id, target, deps.updatesFor(target)))) {
        close(probe)
        return false
      }
      wait(probe)
      return true
    },
    linkLost(target) {
      const probe = probeOf.get(target)
      if (probe === undefined) {
        if (probes.size < PROBES_ACTIVE_MAX) askOthers(open(target, 'link_lost'))
        else counters.skipped++
      } else if (probe.relays === undefined) {
        alarms.cancel(probe.alarm)
        askOthers(probe)
      }
    },
    abandon(target) {
      const probe = probeOf.get(target)
      if (probe !== undefined) close(probe)
    },
    onAck(from, ack) {
      const probe = probes.get(ack.probe_id)
      if (probe !== undefined) {
        if (ack.nack === true && probe.relays?.has(from)) {
          counters.nacksReceived++
          probe.nackedBy.add(from)
        } else if (ack.nack !== true && ack.source_node === probe.target && (from === probe.target || probe.relays?.has(from))) {
          deps.onAnswer(probe.target)
          finish(probe, from === probe.target ? 'success' : 'indirect_success')
        } else counters.acksUnexpected++
        return
      }
      const relay = relays.get(ack.probe_id)
      if (relay === undefined || from !== relay.target || ack.nack === true) {
        counters.acksUnexpected++
        return
      }
      endRelay(ack.probe_id, relay)
      deps.onAnswer(relay.target)
      send(relay.asker, messages.ack(relay.askerProbeId, relay.asker, relay.target, deps.updatesFor(relay.asker)))
    },
    onIndirectProbe(from, ask) {
      if (ask.target_node === nodeId) {
        send(from, messages.ack(ask.probe_id, from, nodeId, deps.updatesFor(from)))
        return
      }
      const id = nextId()
      const full = relays.size >= RELAYS_ACTIVE_MAX
      const asked = ask.target_node
      if (full || !deps.answers(asked) || !send(asked, messages.probe('relayed', id, asked, deps.updatesFor(asked)))) {
        if (full) counters.relaysRefused++
        sendNack({ asker: from, askerProbeId: ask.probe_id })
        return
      }
      counters.relayed++
      const relay = { asker: from, askerProbeId: ask.probe_id, target: asked } as Relay
      relay.alarm = armNack(id, relay, false)
      relays.set(id, relay)
    },
    clear() {
      for (const probe of probes.values()) close(probe)
      for (const [id, relay] of relays) endRelay(id, relay)
    },
    snapshot: () => ({
      active_probes: probes.size,
      active_relays: relays.size,
      skipped_total: counters.skipped,
      extended_total: counters.extended,
      relayed_total: counters.relayed,
      relays_refused_total: counters.relaysRefused,
      nacks_sent_total: counters.nacksSent,
      nacks_received_total: counters.nacksReceived,
      acks_unexpected_total: counters.acksUnexpected,
    }),
  }
}
