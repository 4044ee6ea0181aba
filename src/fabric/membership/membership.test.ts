import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createVirtualEnv, type VirtualEnv } from '../../base/index.ts'
import { type MembershipEvent, type MembershipEventType, RawJson, type SwimMessage } from '../../wire/index.ts'
import { EVENTS_KEPT, INCARNATION_MAX } from './constants.ts'
import { createMembership } from './membership.ts'
import type { MembershipOptions } from './membership-api.ts'
import { createSwimMessages, type ProbeKind } from './messages.ts'

const SELF = 'ws://self:1'
const B = 'ws://b:1'
const C = 'ws://c:1'
const D = 'ws://d:1'

let serial = 0
function event(type: MembershipEventType, about: string, incarnation = 0, source = C): MembershipEvent {
  return {
    event_id: `e${serial++}`,
    event_type: type,
    node_id: about,
    incarnation,
    timestamp: 1_700_000_000,
    source_node: source,
    reason: 'test',
    metadata: new RawJson('{}'),
  }
}

interface Sent {
  readonly to: string
  readonly message: SwimMessage
}

/** One member whose neighbours are played by the test. */
function lone(options: MembershipOptions = {}, links: string[] = [B, C, D], known: readonly string[] = []) {
  const env = createVirtualEnv({ seed: 11 })
  const { after, every } = env.timers
  let stalled = false
  let waiting: (() => void)[] = []
  const sent: Sent[] = []
  const linked = new Set<string>()
  const roundTrips: { readonly peer: string; readonly ms: number }[] = []
  const membership = createMembership(
    {
      env: { ...env, timers: { after: (ms, fn) => after(ms, () => (stalled ? waiting.push(fn) : fn())), every } },
      nodeId: SELF,
      instanceId: 'own',
      send(to, message) {
        if (!linked.has(to)) return false
        sent.push({ to, message })
        return true
      },
      targets: () => [...linked],
      isKnown: (id) => known.includes(id),
      onRoundTrip: (peer, ms) => roundTrips.push({ peer, ms }),
    },
    options,
  )
  membership.start()
  const connect = (peer: string, instance = `${peer}/1`) => {
    linked.add(peer)
    membership.onConnected(peer, instance)
  }
  for (const peer of links) connect(peer)
  const from = (peer: string) => createSwimMessages(peer, env.clock)
  return {
    env,
    membership,
    sent,
    linked,
    roundTrips,
    connect,
    /** For `ms` nothing of this node runs; then what was due. */
    async standStill(ms: number) {
      stalled = true
      await env.advance(ms)
      stalled = false
      const due = waiting
      waiting = []
      for (const fn of due) fn()
    },
    /** `peer` brings news. */
    hear: (peer: string, updates: readonly MembershipEvent[], kind: ProbeKind = 'news') =>
      membership.receive(peer, from(peer).probe(kind, 'x', SELF, updates)),
    /** The answers of `peer` to all probes it was sent from now on, until the returned function is called. */
    answer(peer: string, message: SwimMessage, updates: readonly MembershipEvent[] = []) {
      membership.receive(peer, from(peer).ack(message.payload.probe_id, SELF, peer, updates))
    },
    from,
    probesOf: (target: string, kind: ProbeKind = 'direct') =>
      sent.filter(({ to, message }) => to === target && message.message_type === 'membership_probe' && message.payload.probe_type === kind),
    told: (target: string) => sent.filter(({ to }) => to === target).flatMap(({ message }) => message.payload.updates ?? []),
    eventTypes: (about: string) =>
      membership
        .events()
        .filter(({ node_id: id }) => id === about)
        .map(({ event_type: type }) => type),
  }
}

const until = (env: VirtualEnv, condition: () => boolean, ms = 10_000) => env.runUntil(condition, ms)

/** B is silent: probed, and found suspect. */
async function suspectB(options: MembershipOptions = {}) {
  const node = lone(options, [B])
  await until(node.env, () => node.membership.stateOf(B) === 'suspect')
  expect(node.membership.stateOf(B)).toBe('suspect')
  return node
}

describe('control plane check 35', () => {
  it('control plane check 35: a failed probe makes an alive node suspect, by one event', async () => {
    const { eventTypes, membership } = await suspectB()
    expect(eventTypes(B)).toEqual(['node_joined', 'node_suspected'])
    expect(membership.members()[1]).toMatchObject({
      node_id: B,
      state: 'suspect',
      probe_failures: 1,
      suspected_by_count: 1,
      suspicion_level: 1 / 3,
      is_available: true,
    })
  })

  it('control plane check 35: the timeout makes a suspect failed', async () => {
    const { env, membership } = await suspectB()
    await env.advance(5_000)
    expect(membership.stateOf(B)).toBe('failed')
    expect(membership.explain(B)?.reason).toMatchObject({ reason: 'suspicion_timeout', source_node: SELF, heard_from: null })
  })

  it('control plane check 35: a second suspecter makes a suspect failed when Lifeguard is off', () => {
    const { hear, membership } = lone({ lifeguard: false })
    hear(C, [event('node_suspected', B, 0, C)])
    expect(membership.stateOf(B)).toBe('suspect')
    hear(D, [event('node_suspected', B, 0, D)])
    expect(membership.stateOf(B)).toBe('failed')
    expect(membership.explain(B)?.reason.reason).toBe('suspicion_consensus')
  })

  it('control plane check 35: success returns a suspect to alive with level 0', async () => {
    const { env, answer, probesOf, membership } = await suspectB()
    const before = probesOf(B).length
    await until(env, () => probesOf(B).length > before)
    answer(B, probesOf(B).at(-1)?.message as SwimMessage)
    expect(membership.members()[1]).toMatchObject({ state: 'alive', suspicion_level: 0, probe_failures: 0 })
    expect(membership.events().at(-1)).toMatchObject({ event_type: 'node_recovered', reason: 'probe_success', node_id: B })
    await env.advance(100)
    expect(membership.stateOf(B)).toBe('alive')
  })

  it('control plane check 35: an event about self at its own incarnation raises it by one and announces node_confirmed', async () => {
    const { env, hear, told, membership } = lone()
    hear(B, [event('node_suspected', SELF, 0)])
    expect(membership.snapshot().membership_info.incarnation).toBe(1)
    expect(membership.snapshot().membership_stats.refutations_sent).toBe(1)
    await env.advance(1_000)
    expect(told(B)).toContainEqual(
      expect.objectContaining({ event_type: 'node_confirmed', node_id: SELF, incarnation: 1, reason: 'refutation' }),
    )
  })
})

describe('claims', () => {
  it('suspect and failed count at equal incarnation, alive only at a higher one', () => {
    const { hear, membership } = lone()
    hear(C, [event('node_suspected', B, 0)])
    expect(membership.stateOf(B)).toBe('suspect')
    hear(C, [event('node_confirmed', B, 0)])
    expect(membership.stateOf(B)).toBe('suspect')
    hear(C, [event('node_failed', B, 0)])
    hear(C, [event('node_suspected', B, 0)])
    expect(membership.stateOf(B)).toBe('failed')
    hear(C, [event('node_confirmed', B, 1)])
    expect(membership.stateOf(B)).toBe('alive')
    hear(C, [event('node_failed', B, 0)])
    expect(membership.stateOf(B)).toBe('alive')
  })

  it('about strangers are believed only when they introduce them, or the catalog knows them', () => {
    const { hear, membership } = lone({}, [B], ['ws://catalog:1'])
    hear(B, [event('node_failed', 'ws://who:1'), event('node_failed', 'ws://catalog:1'), event('node_joined', 'ws://new:1')])
    expect(['ws://who:1', 'ws://catalog:1', 'ws://new:1'].map(membership.stateOf)).toEqual([undefined, 'failed', 'alive'])
    expect(membership.snapshot().updates_heard).toMatchObject({ applied: 2, unknown_node: 1 })
  })

  it('beyond reason are refused', () => {
    const { hear, membership } = lone()
    hear(C, [event('node_failed', B, INCARNATION_MAX + 1), event('node_suspected', SELF, INCARNATION_MAX + 1)])
    hear(C, [{ ...event('node_failed', B, 1), reason: 'x'.repeat(10_000) }])
    expect(membership.stateOf(B)).toBe('alive')
    expect(membership.snapshot().updates_heard.out_of_bounds).toBe(3)
    expect(membership.snapshot().membership_info.incarnation).toBe(0)
  })

  it('lead to the same view in whatever order they come, except that consensus adds verdicts of its own', () => {
    const about = [B, C]
    const claim = fc.record({
      type: fc.constantFrom<MembershipEventType>('node_joined', 'node_confirmed', 'node_suspected', 'node_failed', 'node_left'),
      about: fc.constantFrom(...about),
      incarnation: fc.nat(3),
      source: fc.constantFrom('s1', 's2', 's3'),
    })
    const viewAfter = (events: readonly MembershipEvent[]) => {
      const { hear, membership } = lone({}, about)
      for (const one of events) hear(D, [one])
      return about.map((id) => [membership.stateOf(id), membership.explain(id)?.incarnation])
    }
    fc.assert(
      fc.property(
        fc.array(claim, { maxLength: 12 }).chain((claims) => {
          const events = claims.map(({ type, about: id, incarnation, source }) => event(type, id, incarnation, source))
          return fc.tuple(fc.constant(events), fc.shuffledSubarray(events, { minLength: events.length }))
        }),
        ([events, shuffled]) => {
          expect(viewAfter(shuffled)).toEqual(viewAfter(events))
        },
      ),
      { numRuns: 60 },
    )
  })

  it('are passed on once they are news, and only then', async () => {
    const { env, hear, told, membership } = lone()
    await env.advance(3_000)
    const claim = event('node_suspected', B, 5)
    hear(C, [claim])
    await env.advance(1_000)
    expect(told(D)).toContain(claim)
    const added = membership.snapshot().broadcasts.added_total
    hear(C, [claim])
    hear(D, [claim])
    expect(membership.snapshot().broadcasts.added_total).toBe(added)
  })

  it('are remembered in a bounded number', () => {
    const { hear, membership } = lone()
    for (let i = 1; i <= EVENTS_KEPT; i++) hear(C, [event('node_suspected', B, i), event('node_confirmed', B, i + 1)])
    expect(membership.events()).toHaveLength(EVENTS_KEPT)
    expect(membership.snapshot().recent_events).toBe(EVENTS_KEPT)
  })
})

describe('a probe', () => {
  it('is answered, with news', () => {
    const { sent, hear, membership } = lone()
    hear(B, [], 'direct')
    expect(sent.at(-1)).toMatchObject({
      to: B,
      message: { message_type: 'membership_ack', ttl: 0, payload: { probe_id: 'x', source_node: SELF, target_node: B } },
    })
    expect(membership.snapshot().messages.received_total).toBe(1)
  })

  it('that only brings news is not answered', () => {
    const { sent, hear } = lone()
    const before = sent.length
    hear(B, [], 'news')
    hear(B, [], 'view')
    expect(sent).toHaveLength(before)
  })

  it('tells how long the target took to answer', async () => {
    const { answer, env, probesOf, roundTrips } = lone({}, [B])
    await until(env, () => probesOf(B).length > 0)
    await env.advance(12)
    answer(B, (probesOf(B)[0] as Sent).message)
    expect(roundTrips).toEqual([{ peer: B, ms: 12 }])
  })

  it('goes through k others when the target is silent, and their word counts', async () => {
    const { env, sent, membership, from, roundTrips } = lone({}, [B, C, D, 'ws://e:1', 'ws://f:1'])
    const indirect = () => sent.filter(({ message }) => message.message_type === 'membership_indirect_probe')
    await until(env, () => indirect().length > 0)
    const asked = indirect()
    expect(asked).toHaveLength(3)
    const { to: relay, message } = asked[0] as Sent
    const { probe_id: id, target_node: target } = message.payload
    expect(asked.map(({ to }) => to)).not.toContain(target)
    // Somebody who was not asked has no say.
    const stranger = ['ws://e:1', 'ws://f:1', B, C, D].find((id) => id !== target && !asked.some(({ to }) => to === id)) as string
    membership.receive(stranger, from(stranger).ack(id, SELF, target, []))
    expect(membership.probes()).toEqual([])
    membership.receive(relay, from(relay).ack(id, SELF, target, []))
    expect(membership.probes()).toMatchObject([{ target_node: target, result: 'indirect_success', relays_asked: 3 }])
    expect(roundTrips, 'the way around is not the link').toEqual([])
    expect(membership.stateOf(target)).toBe('alive')
  })

  it('says why it failed', async () => {
    const { env, membership, sent, from } = lone({}, [B, C])
    await until(env, () => sent.some(({ message }) => message.message_type === 'membership_indirect_probe'))
    const ask = sent.find(({ message }) => message.message_type === 'membership_indirect_probe') as Sent
    const target = ask.message.payload.target_node
    membership.receive(ask.to, from(ask.to).nack(ask.message.payload.probe_id, SELF, []))
    await until(env, () => membership.stateOf(target) === 'suspect')
    const why = membership.explain(target)
    expect(why).toMatchObject({
      reason: { reason: 'probe_failure', source_node: SELF, heard_from: null },
      suspected_by: [{ node_id: SELF }],
      linked: true,
      probes: [{ result: 'indirect_failure', relays_asked: 1, nacks: 1 }],
    })
    expect(JSON.parse(why?.reason.event.metadata.text ?? '')).toMatchObject({ waited_ms: 1_000, relays_asked: 1, nacks: 1 })
    // The relay was there, so nothing speaks against this node's own health.
    expect(membership.snapshot().awareness.local_health).toBe(0)
  })

  it('is slower in poor health', async () => {
    const { env, membership } = lone({}, [B])
    await env.advance(20_000)
    const { awareness, probe_stats: stats } = membership.snapshot()
    expect(awareness.local_health).toBeGreaterThan(0)
    expect(stats.probe_cycles).toBeLessThan(15)
  })

  it('does not revive a failed node', async () => {
    const { env, hear, answer, probesOf, told, membership } = lone({}, [B])
    hear(C, [event('node_failed', B, 0)])
    hear(B, [], 'direct')
    await until(env, () => probesOf(B).length > 0)
    answer(B, probesOf(B).at(-1)?.message as SwimMessage)
    expect(membership.stateOf(B)).toBe('failed')
    // It is told, and comes back by its own word.
    expect(told(B)).toContainEqual(expect.objectContaining({ event_type: 'node_failed', node_id: B }))
    hear(B, [event('node_confirmed', B, 1, B)])
    expect(membership.stateOf(B)).toBe('alive')
  })

  it('of another is passed on, and its answer back', () => {
    const { membership, sent, from, probesOf } = lone()
    membership.receive(B, from(B).indirectProbe('p1', SELF, C, []))
    const relayed = probesOf(C, 'relayed').at(-1)?.message as SwimMessage
    membership.receive(C, from(C).ack(relayed.payload.probe_id, SELF, C, []))
    expect(sent.at(-1)).toMatchObject({ to: B, message: { payload: { probe_id: 'p1', source_node: C, target_node: B } } })
    expect(sent.at(-1)?.message.payload).not.toHaveProperty('nack')
  })

  it('of another gets a nack: soon when the target is silent, at once when there is no link to it', async () => {
    const { env, membership, sent, from } = lone()
    membership.receive(B, from(B).indirectProbe('p1', SELF, 'ws://nobody:1', []))
    expect(sent.at(-1)).toMatchObject({ to: B, message: { payload: { probe_id: 'p1', source_node: SELF, nack: true } } })
    membership.receive(B, from(B).indirectProbe('p2', SELF, C, []))
    await env.advance(399)
    const nacks = () => sent.filter(({ message }) => 'nack' in message.payload && message.payload.probe_id === 'p2')
    expect(nacks()).toEqual([])
    await env.advance(1)
    expect(nacks()).toHaveLength(1)
  })

  it('is never passed on to a node that takes no part', () => {
    const { membership, sent, from, linked } = lone()
    linked.add('ws://reference:1')
    membership.judge('ws://reference:1', 'alive', 'linked')
    membership.receive(B, from(B).indirectProbe('p1', SELF, 'ws://reference:1', []))
    expect(sent.filter(({ to }) => to === 'ws://reference:1')).toEqual([])
  })
})

describe('a suspect', () => {
  it('is told first', async () => {
    const { env, sent, membership } = lone()
    let subject = ''
    let before = 0
    membership.observe(({ state, event: { node_id: id } }) => {
      if (state !== 'suspect' || subject !== '') return
      subject = id
      before = sent.length
    })
    await until(env, () => subject !== '')
    expect(sent[before]).toMatchObject({
      to: subject,
      message: { payload: { updates: [{ event_type: 'node_suspected', node_id: subject }] } },
    })
  })

  it('gets less time as others confirm, and the confirmations are passed on', () => {
    const peers = Array.from({ length: 8 }, (_, i) => `ws://p${i}:1`)
    const { hear, membership } = lone({}, peers)
    const subject = peers[0] as string
    const verdictIn = () => Math.round(membership.explain(subject)?.verdict_in_seconds ?? -1)
    hear(C, [event('node_suspected', subject, 0, 's1')])
    expect(verdictIn()).toBe(30)
    hear(C, [event('node_suspected', subject, 0, 's2')])
    expect(verdictIn()).toBe(18)
    hear(C, [event('node_suspected', subject, 0, 's2')])
    expect(verdictIn()).toBe(18)
    hear(C, [event('node_suspected', subject, 0, 's3')])
    hear(C, [event('node_suspected', subject, 0, 's4')])
    expect(verdictIn()).toBe(5)
    const added = membership.snapshot().broadcasts.added_total
    hear(C, [event('node_suspected', subject, 0, 's5')])
    expect(membership.snapshot().broadcasts.added_total).toBe(added)
    expect(membership.explain(subject)?.suspected_by).toHaveLength(5)
  })

  it('does not become one again by an old story that this node has disproved', async () => {
    const { env, hear, answer, probesOf, membership } = lone({}, [B])
    const story = event('node_suspected', B, 0)
    hear(C, [story])
    await until(env, () => probesOf(B).length > 0)
    answer(B, probesOf(B).at(-1)?.message as SwimMessage)
    hear(D, [story])
    expect(membership.stateOf(B)).toBe('alive')
    hear(D, [event('node_suspected', B, 0)])
    expect(membership.stateOf(B)).toBe('suspect')
  })
})

describe('what a rumor missed', () => {
  it('is answered: who tells an accusation that was refuted hears the refutation', () => {
    const { hear, told, membership } = lone()
    hear(B, [event('node_confirmed', B, 1, B)])
    hear(C, [event('node_suspected', B, 0)])
    expect(told(C).map(({ node_id: id, event_type: type, incarnation }) => [id, type, incarnation])).toContainEqual([
      B,
      'node_confirmed',
      1,
    ])
    expect(membership.snapshot().messages.corrections_sent_total).toBe(1)
    hear(C, [event('node_joined', B, 0), event('node_suspected', B, 1)])
    expect(membership.snapshot().messages.corrections_sent_total).toBe(1)
  })

  it('is made good on occasion: a neighbour that takes a departed node for present is told', () => {
    const { hear, told, membership } = lone()
    hear(C, [event('node_left', B, 3)])
    const before = told(D).length
    membership.remind(D, C)
    expect(told(D)).toHaveLength(before)
    membership.remind(D, B)
    expect(told(D).at(-1)).toMatchObject({ node_id: B, event_type: 'node_left', incarnation: 3 })
  })

  it('comes up again: suspects, and who went lately, are told to a neighbour now and then', async () => {
    const { env, hear, probesOf, answer } = lone({}, [D], [B, C])
    const views = () => probesOf(D, 'view').flatMap(({ message }) => message.payload.updates ?? [])
    let answered = 0
    /** D answers, so that there is no news of itself. */
    async function pass(ms: number) {
      for (let passed = 0; passed < ms; passed += 100) {
        await env.advance(100)
        for (const { message } of probesOf(D).slice(answered)) answer(D, message)
        answered = probesOf(D).length
      }
    }
    await pass(10_000)
    expect(views()).toEqual([])
    hear(D, [event('node_failed', B), event('node_suspected', C)])
    await pass(3_000)
    expect(views().map(({ node_id: id }) => id)).toEqual([B, C])
    await pass(60_000)
    const told = views().length
    expect(told).toBeGreaterThan(10)
    await pass(10_000)
    expect(views()).toHaveLength(told)
  })
})

describe('a node that stood still', () => {
  it('does not take what it slept through for silence', async () => {
    const { env, standStill, probesOf, answer, sent, membership, roundTrips } = lone({}, [B])
    await until(env, () => probesOf(B).length > 0)
    await standStill(3_000)
    const count = sent.length
    expect(membership.snapshot()).toMatchObject({ pauses_total: 1, probing: { extended_total: 1, active_probes: 1 } })
    answer(B, probesOf(B)[0]?.message as SwimMessage)
    expect(membership.probes()).toMatchObject([{ result: 'success', extended: true }])
    expect(roundTrips, 'the answer may have lain unread').toEqual([])
    expect(sent).toHaveLength(count)
  })

  it('doubts itself by the length of the pause', async () => {
    const { standStill, membership } = lone({}, [B])
    await standStill(2_500)
    expect(membership.snapshot().awareness.local_health).toBeGreaterThan(2)
    expect(membership.snapshot().pause_longest_ms).toBeGreaterThan(1_500)
  })

  it('puts off a verdict, to read first what may refute it; not for ever', async () => {
    const { env, standStill, hear, membership } = lone({}, [B])
    hear(C, [event('node_suspected', B, 0)])
    await standStill(6_000)
    expect(membership.stateOf(B)).toBe('suspect')
    expect(membership.snapshot().suspicions_extended_total).toBe(1)
    hear(B, [event('node_confirmed', B, 1, B)])
    expect(membership.stateOf(B)).toBe('alive')
    hear(C, [event('node_suspected', B, 1)])
    await standStill(6_000)
    expect(membership.stateOf(B)).toBe('suspect')
    await env.advance(10_000)
    expect(membership.stateOf(B)).toBe('failed')
  })
})

describe('a link', () => {
  it('brings the bad news both ways, so that its subjects can answer', () => {
    const { hear, connect, probesOf } = lone({}, [B, C])
    hear(C, [event('node_suspected', C, 0, B), event('node_left', B, 0)])
    connect(D)
    const view = probesOf(D, 'view').at(-1)?.message.payload.updates
    expect(view?.map(({ node_id: id, event_type: type }) => [id, type])).toEqual([
      [C, 'node_suspected'],
      [B, 'node_left'],
    ])
  })

  it('to another part of the fabric: who failed there is suspected here, and may refute', () => {
    const { hear, membership, told } = lone({}, [B, C])
    hear(D, [event('node_failed', B, 0, 'ws://far:1')], 'view')
    expect(membership.stateOf(B)).toBe('suspect')
    expect(membership.explain(B)?.suspected_by).toMatchObject([{ node_id: 'ws://far:1' }])
    expect(told(B).map(({ event_type: type }) => type)).toContain('node_suspected')
    hear(B, [event('node_confirmed', B, 1, B)])
    expect(membership.stateOf(B)).toBe('alive')
  })

  it('that ends without a word: others are asked, and if they can not reach it either it is suspected', async () => {
    const { env, linked, membership, sent, from } = lone()
    linked.delete(B)
    membership.onLost(B, 'closed')
    const asked = () => sent.filter(({ message }) => message.message_type === 'membership_indirect_probe')
    expect(new Set(asked().map(({ to }) => to))).toEqual(new Set([C, D]))
    membership.receive(C, from(C).ack(asked()[0]?.message.payload.probe_id as string, SELF, B, []))
    await env.advance(600)
    expect(membership.stateOf(B)).toBe('alive')
    linked.add(B)
    membership.onConnected(B, `${B}/1`)
    linked.delete(B)
    membership.onLost(B, 'closed')
    await until(env, () => membership.stateOf(B) === 'suspect')
    expect(membership.explain(B)?.reason.reason).toBe('link_lost')
    linked.add(B)
    membership.onConnected(B, `${B}/1`)
    expect(membership.stateOf(B)).toBe('alive')
    expect(membership.explain(B)?.reason.reason).toBe('link_established')
  })

  it('that ends without a word to several: each finds out for itself, so that they confirm each other', async () => {
    const peers = Array.from({ length: 8 }, (_, i) => `ws://p${i}:1`)
    const { env, linked, membership, hear } = lone({}, [B, ...peers])
    linked.delete(B)
    membership.onLost(B, 'closed')
    hear(C, [event('node_suspected', B)])
    expect(membership.explain(B)?.suspected_by).toHaveLength(1)
    await until(env, () => membership.explain(B)?.suspected_by.length === 2)
    expect(membership.explain(B)?.suspected_by.map(({ node_id: id }) => id)).toEqual([C, SELF])
  })

  it.each(['goodbye', 'dropped', 'departed', 'restarted', 'stopping'] as const)('that ends by %s says nothing about life', async (why) => {
    const { env, linked, membership } = lone({}, [B])
    linked.delete(B)
    membership.onLost(B, why)
    await env.advance(5_000)
    expect(membership.stateOf(B)).toBe('alive')
  })

  it('of a restarted node starts anew: it is alive, and rises above what was said of the process before', () => {
    const { hear, connect, membership, probesOf } = lone({}, [B])
    hear(C, [event('node_failed', B, 7)])
    connect(B, `${B}/2`)
    expect(membership.stateOf(B)).toBe('alive')
    expect(membership.explain(B)).toMatchObject({ incarnation: 7, instance_id: `${B}/2`, reason: { reason: 'restart' } })
    expect(probesOf(B, 'view').at(-1)?.message.payload.updates).toMatchObject([{ node_id: B, event_type: 'node_failed', incarnation: 7 }])
  })

  it('of this node after its own restart: it takes up the incarnation others remember', () => {
    const { hear, membership } = lone()
    hear(B, [event('node_joined', SELF, 4)])
    expect(membership.snapshot().membership_info.incarnation).toBe(4)
    hear(B, [event('node_failed', SELF, 4)], 'view')
    expect(membership.snapshot().membership_info.incarnation).toBe(5)
  })
})

describe('departures', () => {
  it('are announced, and a farewell is heard by all', async () => {
    const { env, membership, told } = lone({}, [C, D])
    membership.left(B, 'gone')
    membership.left(C, 'gone')
    membership.left(C, 'gone')
    expect([membership.stateOf(B), membership.stateOf(C)]).toEqual(['left', 'left'])
    await env.advance(1_000)
    expect(told(D).filter(({ event_type: type, node_id: id }) => type === 'node_left' && id === C)).not.toHaveLength(0)
  })

  it('end everything', async () => {
    const { env, membership, told, sent, hear } = lone()
    membership.stop()
    expect(told(B)).toContainEqual(expect.objectContaining({ event_type: 'node_left', node_id: SELF, reason: 'shutdown' }))
    expect(membership.stateOf(SELF)).toBe('left')
    const count = sent.length
    hear(B, [event('node_suspected', SELF, 0)], 'direct')
    await env.advance(60_000)
    expect(sent).toHaveLength(count)
    expect(env.pendingTimers).toBe(0)
  })
})

describe('evidence from outside', () => {
  it('decides about nodes that take no part in failure detection', () => {
    const { membership } = lone()
    const reference = 'ws://reference:1'
    membership.judge(reference, 'alive', 'linked')
    expect(membership.stateOf(reference)).toBe('alive')
    membership.judge(reference, 'failed', 'silent for 60 s')
    expect(membership.stateOf(reference)).toBe('failed')
    expect(membership.explain(reference)?.reason).toMatchObject({ reason: 'judged', source_node: SELF })
    expect(membership.explain(reference)?.reason.event.metadata.text).toBe('{"detail":"silent for 60 s"}')
    membership.judge(reference, 'alive', 'linked')
    expect(membership.explain(reference)).toMatchObject({ state: 'alive', incarnation: 1 })
  })

  it('is held against the claims of others', () => {
    const { membership, hear } = lone()
    const reference = 'ws://reference:1'
    membership.judge(reference, 'alive', 'linked')
    hear(C, [event('node_failed', reference, 3)])
    expect(membership.explain(reference)).toMatchObject({ state: 'alive', incarnation: 4, reason: { reason: 'vouched' } })
    membership.onLost(reference, 'closed')
    expect(membership.stateOf(reference)).toBe('suspect')
    hear(C, [event('node_failed', reference, 4)])
    expect(membership.stateOf(reference)).toBe('failed')
  })

  it('of death makes a linked neighbour suspect only: it can speak for itself', () => {
    const { membership } = lone()
    membership.judge(B, 'failed', 'no status')
    expect(membership.stateOf(B)).toBe('suspect')
    membership.judge(B, 'alive', 'status')
    expect(membership.stateOf(B)).toBe('alive')
  })
})

describe('the statistics', () => {
  it('have the shape of the protocol, and count what happened', async () => {
    const { membership } = await suspectB()
    expect(membership.snapshot()).toMatchObject({
      membership_info: { node_id: SELF, incarnation: 0, probe_interval: 1, probe_timeout: 0.5, suspicion_timeout: 5 },
      membership_counts: { total_nodes: 2, alive_nodes: 1, suspect_nodes: 1, failed_nodes: 0 },
      membership_stats: {
        protocol_started: 1,
        protocol_stopped: 0,
        announcements_sent: 1,
        departures_sent: 0,
        nodes_joined: 1,
        nodes_suspected: 1,
        nodes_recovered: 0,
        nodes_failed: 0,
        refutations_sent: 0,
      },
      probe_stats: { probe_cycles: 1, probe_successes: 0, probe_failures: 1 },
      active_probes: 0,
      recent_events: 3,
      probe_history_size: 1,
    })
  })

  it('show the own node alive with incarnation 0', () => {
    const { membership } = lone()
    expect(membership.members()[0]).toMatchObject({ node_id: SELF, state: 'alive', incarnation: 0, is_available: true })
  })

  it('count observers that fail, without harm to the others', () => {
    const { membership, hear } = lone()
    const changes: string[] = []
    membership.observe(() => {
      throw new Error('broken')
    })
    const stop = membership.observe(({ event: { node_id: id }, previous, state }) => changes.push(`${id} ${previous} ${state}`))
    hear(C, [event('node_suspected', B, 0)])
    stop()
    hear(C, [event('node_failed', B, 0)])
    expect(changes).toEqual([`${B} alive suspect`])
    expect(membership.snapshot().observer_failures).toBe(2)
  })
})
