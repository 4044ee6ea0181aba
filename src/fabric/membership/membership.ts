/**
 * Who is alive: SWIM failure detection with Lifeguard's refinements, as a state machine over `Env`.
 *
 *     const membership = createMembership({ env, nodeId, send: (target, message) => ..., targets: () => linkedSwimPeers })
 *     membership.observe(({ event, state }) => ...)
 *     membership.start()
 *     // links: onConnected / onLost / left; their messages: receive; nodes without swim/1: judge
 *
 * A node probes the nodes it is linked to, one each interval (probing.ts), so in a partial mesh each is watched by its neighbours. Who does
 * not answer is suspected; a suspicion spreads (news.ts, broadcast-queue.ts) and becomes a verdict (member-changes.ts) unless the suspect refutes
 * it in time (suspicion.ts) by raising its incarnation (hearing.ts; members.ts has the order of claims). Here is what links, probes and the rest
 * of the node set going.
 *
 * Lifeguard (arXiv:1707.00788) makes three additions: local health scales interval and timeout (awareness.ts), a suspicion waits for
 * confirmations, and a suspect is told first. To this a node adds what it can know of itself: a timer that fires late proves that the node
 * stood still, so silence until then proves nothing. `lifeguard: false` gives plain SWIM, with the rule of the Python implementation on top
 * that two suspecters make a verdict (`consensus`).
 *
 * Sources: Das, Gupta, Motivala: SWIM (DSN 2002); Dadgar, Phillips, Currey: Lifeguard (DSN 2018); the push/pull rule "what another takes for
 * dead I only suspect" is memberlist's.
 */
import { BoundedQueue } from '../../base/index.ts'
import type { MembershipEvent, SwimMessage } from '../../wire/index.ts'
import { createAlarms } from './alarms.ts'
import { createAwareness } from './awareness.ts'
import { createBroadcastQueue, retransmitLimit } from './broadcast-queue.ts'
import { EVENTS_KEPT, LATE_PART, LOCAL_HEALTH_MAX, MEMBERS_MAX, PROBES_KEPT, SWEEP_INTERVAL_MS, VIEW_INTERVAL_MS } from './constants.ts'
import { createHearing } from './hearing.ts'
import { createMemberChanges } from './member-changes.ts'
import { createMembers, isGone, type Member } from './members.ts'
import type { MemberSummary, Membership, MembershipDeps, MembershipOptions } from './membership-api.ts'
import { createSwimMessages } from './messages.ts'
import { createNews } from './news.ts'
import type { OwnState } from './own-state.ts'
import { createProbeOrder } from './probe-order.ts'
import { createProbing, type ProbeRecord } from './probing.ts'
import { suspicionBoundsMs, suspicionLevel } from './suspicion.ts'

const MEMBERSHIP_DEFAULTS: Required<Omit<MembershipOptions, 'consensus'>> = {
  probeIntervalMs: 1_000,
  probeTimeoutMs: 500,
  indirectProbes: 3,
  suspicionAlpha: 5,
  suspicionBeta: 6,
  suspicionConfirmations: 3,
  retransmitLambda: 4,
  gossipIntervalMs: 200,
  gossipFanout: 3,
  lifeguard: true,
}

export function createMembership(deps: MembershipDeps, options: MembershipOptions = {}): Membership {
  const settings = { ...MEMBERSHIP_DEFAULTS, ...options }
  const { probeIntervalMs, probeTimeoutMs, lifeguard, consensus = !settings.lifeguard } = settings
  const { env, nodeId, targets } = deps
  const { clock, random } = env
  const log = env.log.scope('fabric.membership')
  const pauseMs = LATE_PART * probeTimeoutMs

  const own: OwnState = { phase: 'joining', incarnation: 0 }
  let ownSince = clock.wall()

  const members = createMembers()
  const events = new BoundedQueue<MembershipEvent>({ capacity: EVENTS_KEPT, whenFull: 'drop-oldest' })
  const probes = new BoundedQueue<ProbeRecord>({ capacity: PROBES_KEPT, whenFull: 'drop-oldest' })
  const stats = {
    protocol_started: 0,
    protocol_stopped: 0,
    announcements_sent: 0,
    departures_sent: 0,
  }
  const probeStats = { probe_cycles: 0, probe_successes: 0, probe_failures: 0 }
  const traffic = {
    sent_total: 0,
    unsent_total: 0,
    received_total: 0,
    misaddressed_total: 0,
  }
  const pauses = { total: 0, longestMs: 0 }

  const awareness = createAwareness({ max: lifeguard ? LOCAL_HEALTH_MAX : 0, probeTimeoutMs })
  const queue = createBroadcastQueue<MembershipEvent>({
    capacity: MEMBERS_MAX,
    transmitLimit: () => retransmitLimit(settings.retransmitLambda, population()),
  })
  const alarms = createAlarms({
    clock,
    timers: env.timers,
    pauseMs,
    onPause: (latenessMs) => {
      pauses.total++
      pauses.longestMs = Math.max(pauses.longestMs, latenessMs)
      awareness.timerLate(latenessMs)
    },
  })
  const order = createProbeOrder(random)
  const messages = createSwimMessages(nodeId, clock)
  const news = createNews(
    { clock, random, own, members, queue, alarms, messages, targets, send },
    { gossipIntervalMs: settings.gossipIntervalMs, gossipFanout: settings.gossipFanout, lifeguard },
  )
  const { sendView, spread, tell, updatesFor } = news
  const changes = createMemberChanges(
    { env, nodeId, own, members, alarms, awareness, news, events, population },
    { ...settings, consensus, pauseMs },
  )
  const { apply, beginSuspicion, confirm, endSuspicion, fail, introduce, makeEvent, recover, suspect, vouch } = changes
  const probing = createProbing(
    {
      env,
      nodeId,
      messages,
      alarms,
      awareness,
      send,
      updatesFor,
      relaysFor,
      answers: (id) => members.get(id)?.linked === true,
      onResult: onProbeResult,
      onAnswer: seen,
    },
    { probeTimeoutMs, indirectProbes: settings.indirectProbes, lifeguard, pauseMs },
  )

  const hearing = createHearing({
    log,
    nodeId,
    own,
    members,
    queue,
    awareness,
    news,
    changes,
    probing,
    events,
    isKnown: deps.isKnown ?? (() => false),
  })

  function population(): number {
    return Math.max(members.living + 1, deps.population?.() ?? 0)
  }

  // Messages.

  function send(target: string, message: SwimMessage): boolean {
    const sent = deps.send(target, message)
    if (sent) traffic.sent_total++
    else traffic.unsent_total++
    return sent
  }

  function relaysFor(target: string, k: number): string[] {
    const relays: string[] = []
    // A few more than needed, because some may be in trouble themselves.
    for (const neighbour of random.sample(targets(), 2 * k + 2)) {
      if (relays.length === k) break
      if (neighbour !== target && (members.get(neighbour)?.state ?? 'alive') === 'alive') relays.push(neighbour)
    }
    return relays
  }

  function seen(sender: string): void {
    const member = members.get(sender)
    if (member === undefined) return
    member.lastSeenMs = clock.monotonic()
    member.lastSeenAt = clock.wall()
  }

  // Probes.

  function probeRound(): void {
    probeStats.probe_cycles++
    order.next(targets, (target) => probing.start(target))
    alarms.set(awareness.scaled(probeIntervalMs), probeRound)
  }

  function onProbeResult(record: ProbeRecord): void {
    probes.push(record)
    deps.onProbe?.(record)
    const { target_node: target, relays_asked: asked, nacks, cause } = record
    if (log.debugOn) {
      log.debug(
        `probe ${record.result} target=${target} cause=${cause} ms=${Math.round(record.duration_ms)} relays=${asked} nacks=${nacks}`,
      )
    }
    const member = members.get(target)
    if (record.result === 'success' || record.result === 'indirect_success') {
      probeStats.probe_successes++
      awareness.probeAnswered()
      // After a pause of this node the answer may have lain unread.
      if (record.result === 'success' && cause === 'round' && !record.extended) deps.onRoundTrip?.(target, record.duration_ms)
      if (member === undefined) return
      member.probeFailures = 0
      // One that failed comes back by its own word only: an old answer must not revive it.
      if (member.state === 'suspect') recover(member, 'probe_success')
      return
    }
    probeStats.probe_failures++
    if (member === undefined || isGone(member)) return
    if (cause === 'round') awareness.probeFailed(asked > 0 && lifeguard ? asked - nacks : undefined)
    member.probeFailures++
    const reason = cause === 'link_lost' ? 'link_lost' : 'probe_failure'
    const evidence = {
      probe_id: record.probe_id,
      result: record.result,
      waited_ms: Math.round(record.duration_ms),
      relays_asked: asked,
      nacks,
      local_health: awareness.score,
    }
    if (member.state === 'alive') suspect(member, reason, evidence)
    else confirm(member, makeEvent('node_suspected', target, member.incarnation, reason, evidence))
  }

  function sweep(): void {
    members.sweep(clock.monotonic())
    alarms.set(SWEEP_INTERVAL_MS, sweep)
  }

  // Links.

  function linkUp(peer: string, instanceId: string): MembershipEvent | undefined {
    const member = members.get(peer)
    if (member === undefined) {
      const event = makeEvent('node_joined', peer, 0, 'link_established', undefined)
      const newcomer = introduce(event, null)
      if (newcomer !== undefined) {
        newcomer.instanceId = instanceId
        newcomer.linked = true
        spread(event)
      }
      return undefined
    }
    const previousInstance = member.instanceId
    member.instanceId = instanceId
    member.linked = true
    member.vouched = false
    seen(peer)
    if (previousInstance !== undefined && previousInstance !== instanceId) {
      // What was said of the process before does not hold for this one; its incarnation does, because others compare with it. The newcomer
      // hears of it as a claim to refute, and thereby rises above.
      probing.abandon(peer)
      apply(member, makeEvent('node_joined', peer, member.incarnation, 'restart', { previous_instance_id: previousInstance }), null)
      return makeEvent('node_failed', peer, member.incarnation, 'restart', { instance_id: previousInstance })
    }
    if (member.state === 'suspect') recover(member, 'link_established')
    return undefined
  }

  function summarize(member: Member): MemberSummary {
    const suspecters = member.suspicion?.suspecters.size ?? 0
    return {
      node_id: member.nodeId,
      state: member.state,
      incarnation: member.incarnation,
      region: deps.regionOf?.(member.nodeId) ?? '',
      last_seen: member.lastSeenAt,
      staleness_seconds: (clock.monotonic() - member.lastSeenMs) / 1000,
      probe_failures: member.probeFailures,
      suspicion_level: suspicionLevel(suspecters),
      suspected_by_count: suspecters,
      is_available: !isGone(member),
    }
  }

  function ownSummary(): MemberSummary {
    return {
      node_id: nodeId,
      state: own.phase,
      incarnation: own.incarnation,
      region: deps.regionOf?.(nodeId) ?? '',
      last_seen: clock.wall(),
      staleness_seconds: 0,
      probe_failures: 0,
      suspicion_level: 0,
      suspected_by_count: 0,
      is_available: own.phase === 'alive',
    }
  }

  return {
    receive(from, message) {
      if (own.phase !== 'alive') return
      traffic.received_total++
      seen(from)
      const { payload } = message
      if (payload.updates !== undefined) {
        const isView = message.message_type === 'membership_probe' && message.payload.probe_type === 'view'
        hearing.hearAll(from, payload.updates, isView)
      }
      switch (message.message_type) {
        case 'membership_probe': {
          const { probe_type: kind, probe_id: id, target_node: target } = message.payload
          if (target !== nodeId) traffic.misaddressed_total++
          else if (kind !== 'news' && kind !== 'view') send(from, messages.ack(id, from, nodeId, updatesFor(from)))
          break
        }
        case 'membership_ack':
          if (message.payload.target_node === nodeId) probing.onAck(from, message.payload)
          else traffic.misaddressed_total++
          break
        case 'membership_indirect_probe':
          probing.onIndirectProbe(from, message.payload)
      }
    },
    onConnected(peer, instanceId) {
      if (peer === nodeId) return
      const first = linkUp(peer, instanceId)
      if (own.phase !== 'alive') return
      order.insert(peer)
      sendView(peer, first)
      news.arm()
    },
    remind(peer, gone) {
      const member = members.get(gone)
      if (own.phase === 'alive' && member !== undefined && isGone(member)) tell(peer, 'news', [member.why.event])
    },
    onLost(peer, why) {
      const member = members.get(peer)
      if (member === undefined) return
      const { linked, vouched } = member
      member.linked = false
      member.vouched = false
      if (own.phase !== 'alive' || why !== 'closed' || isGone(member)) {
        if (why !== 'restarted') probing.abandon(peer)
      } else if (linked) probing.linkLost(peer)
      // Nobody can be asked to probe it; but whoever else has a link to it will answer for it.
      else if (vouched && member.state === 'alive') suspect(member, 'link_lost', { link: why })
    },
    left(gone, instance) {
      if (gone === nodeId) return
      probing.abandon(gone)
      const member = members.get(gone)
      if (member?.state === 'left') return
      const event = makeEvent('node_left', gone, member?.incarnation ?? 0, 'goodbye', { instance_id: instance })
      if (member !== undefined) apply(member, event, null)
      else if (introduce(event, null) === undefined) return
      spread(event)
    },
    judge(about, verdict, detail) {
      if (about === nodeId) return
      const evidence = { detail }
      const member = members.get(about)
      if (verdict === 'alive') {
        if (member === undefined) {
          const event = makeEvent('node_joined', about, 0, 'judged', evidence)
          const newcomer = introduce(event, null)
          if (newcomer === undefined) return
          newcomer.vouched = true
          spread(event)
          return
        }
        seen(about)
        if (member.linked) {
          // It can speak for itself; this is as good as an answer to a probe.
          if (member.state === 'suspect') recover(member, 'judged')
          return
        }
        if (member.state !== 'alive') vouch(member, member.incarnation + 1)
        member.vouched = true
      } else if (member === undefined) {
        const event = makeEvent('node_failed', about, 0, 'judged', evidence)
        if (introduce(event, null) !== undefined) spread(event)
      } else if (member.linked) {
        if (member.state === 'alive') suspect(member, 'judged', evidence)
      } else if (!isGone(member)) fail(member, 'judged', evidence)
      else member.vouched = false
    },
    stateOf: (about) => (about === nodeId ? (own.phase === 'joining' ? undefined : own.phase) : members.get(about)?.state),
    members: () => [ownSummary(), ...Array.from(members.all(), summarize)],
    explain(about) {
      const member = members.get(about)
      if (member === undefined) return undefined
      const { suspicion } = member
      return {
        ...summarize(member),
        reason: member.why,
        linked: member.linked,
        instance_id: member.instanceId ?? null,
        suspected_by: Array.from(suspicion?.suspecters ?? [], ([by, { at }]) => ({ node_id: by, since: at })),
        verdict_in_seconds:
          member.suspicionAlarm === undefined || suspicion === undefined
            ? null
            : Math.max(0, (member.suspicionAlarm.deadlineMs - clock.monotonic()) / 1000),
        events: [...events].filter((event) => event.node_id === about),
        probes: [...probes].filter((probe) => probe.target_node === about),
      }
    },
    events: () => [...events],
    probes: () => [...probes],
    observe: changes.observe,
    start() {
      if (own.phase === 'alive') return
      if (own.phase === 'left') own.incarnation++
      own.phase = 'alive'
      ownSince = clock.wall()
      stats.protocol_started++
      stats.announcements_sent++
      const event = makeEvent('node_joined', nodeId, own.incarnation, 'startup', undefined)
      events.push(event)
      spread(event)
      for (const member of members.troubled()) if (member.state === 'suspect') beginSuspicion(member, member.why.event)
      // A random phase, so that nodes started together do not probe together.
      alarms.set(random.next() * probeIntervalMs, probeRound)
      alarms.set(random.next() * VIEW_INTERVAL_MS, news.compareViews)
      alarms.set(SWEEP_INTERVAL_MS, sweep)
    },
    stop() {
      if (own.phase !== 'alive') return
      own.phase = 'left'
      stats.protocol_stopped++
      stats.departures_sent++
      const event = makeEvent('node_left', nodeId, own.incarnation, 'shutdown', { started_at: ownSince, instance_id: deps.instanceId })
      events.push(event)
      for (const target of targets()) tell(target, 'news', [event])
      probing.clear()
      for (const member of members.all()) endSuspicion(member)
      queue.clear()
      alarms.close()
      news.disarm()
    },
    snapshot() {
      const counts = members.snapshot()
      const self = own.phase === 'alive' ? 1 : 0
      return {
        membership_info: {
          node_id: nodeId,
          incarnation: own.incarnation,
          probe_interval: probeIntervalMs / 1000,
          probe_timeout: probeTimeoutMs / 1000,
          suspicion_timeout: suspicionBoundsMs(population(), probeIntervalMs, settings.suspicionAlpha, 1).minMs / 1000,
        },
        membership_counts: {
          total_nodes: members.size + self,
          alive_nodes: counts.alive + self,
          suspect_nodes: counts.suspect,
          failed_nodes: counts.failed,
        },
        membership_stats: { ...stats, ...changes.counts, refutations_sent: hearing.sent.refutations_sent },
        probe_stats: { ...probeStats },
        active_probes: probing.snapshot().active_probes,
        recent_events: events.length,
        probe_history_size: probes.length,
        lifeguard,
        awareness: awareness.snapshot(),
        members: counts,
        probing: probing.snapshot(),
        broadcasts: queue.snapshot(),
        updates_heard: { ...hearing.heard },
        messages: { ...traffic, ...news.sent, corrections_sent_total: hearing.sent.corrections_sent_total },
        pauses_total: pauses.total,
        pause_longest_ms: pauses.longestMs,
        ...changes.totals,
      }
    },
  }
}
