/**
 * A modelled network for the experiments of the Lifeguard paper (arXiv:1707.00788 §V): a full mesh of members on one time line, some of
 * which stand still again and again. While a member stands still nothing of it runs: due timers and arriving messages wait, and when it goes
 * on, timers run first, then messages, as in an event loop. A member that stands still is one that is short of CPU: handling a message takes
 * it a while, so that it may have to stand still again before it has caught up.
 *
 * Synchronous, because the experiment takes tens of millions of steps.
 */
import { createSeededRandom, type Env, heapPop, heapPush, type Random, silentLog } from '../../src/base/index.ts'
import { createMembership } from '../../src/fabric/membership/membership.ts'
import type { Membership, MembershipOptions } from '../../src/fabric/membership/membership-api.ts'
import type { SwimMessage } from '../../src/wire/index.ts'

export interface ModelOptions {
  readonly nodes: number
  readonly seed: number | string
  /** Links each member makes to random others, beside a ring through all; default: a full mesh. */
  readonly chords?: number
  readonly membership: MembershipOptions
}

/** The first `count` members stand still for `stallMs`, run for `runMs`, and so on, all together. */
export interface Stalls {
  readonly count: number
  readonly stallMs: number
  readonly runMs: number
  readonly forMs: number
}

export interface StallOutcome {
  /** Verdicts "failed" on members that never stood still, at any member. */
  readonly falsePositives: number
  /** Of these, at members that never stood still. */
  readonly falsePositivesAtHealthy: number
  readonly messages: number
}

export interface CrashOutcome {
  /** For each crashed member, ms until the first other declared it failed, and until all had. */
  readonly firstMs: readonly number[]
  readonly allMs: readonly number[]
}

const WARM_UP_MS = 15_000
/** Time a member short of CPU takes for a message. */
const MESSAGE_MS = 1
const LATENCY_MS_MIN = 0.5
const LATENCY_MS_SPREAD = 1.5

export function runStalls(options: ModelOptions, stalls: Stalls): StallOutcome {
  const model = createModel(options)
  const healthyFrom = stalls.count
  let falsePositives = 0
  let falsePositivesAtHealthy = 0
  model.members.forEach((member, observer) => {
    member.membership.observe(({ state, event }) => {
      if (state !== 'failed' || model.indexOf(event.node_id) < healthyFrom) return
      falsePositives++
      if (observer >= healthyFrom) falsePositivesAtHealthy++
    })
  })
  model.run(WARM_UP_MS)
  const sentBefore = model.messages
  for (let at = 0; at < stalls.forMs; at += stalls.stallMs + stalls.runMs) {
    for (let i = 0; i < stalls.count; i++) model.stall(i, WARM_UP_MS + at, Math.min(stalls.stallMs, stalls.forMs - at))
  }
  // What was begun during the stalls comes to its end.
  model.run(WARM_UP_MS + stalls.forMs + 30_000)
  return { falsePositives, falsePositivesAtHealthy, messages: model.messages - sentBefore }
}

export function runCrashes(options: ModelOptions, count: number, limitMs = 180_000): CrashOutcome {
  const model = createModel(options)
  const first: number[] = new Array(count).fill(Number.NaN)
  const last: number[] = new Array(count).fill(Number.NaN)
  const waiting: Set<number>[] = Array.from({ length: count }, () => new Set(model.members.keys().filter((i) => i >= count)))
  model.members.forEach((member, observer) => {
    member.membership.observe(({ state, event }) => {
      const subject = model.indexOf(event.node_id)
      if (state !== 'failed' || subject >= count || observer < count) return
      const open = waiting[subject] as Set<number>
      if (Number.isNaN(first[subject])) first[subject] = model.nowMs - WARM_UP_MS
      if (open.delete(observer) && open.size === 0) last[subject] = model.nowMs - WARM_UP_MS
    })
  })
  model.run(WARM_UP_MS)
  for (let i = 0; i < count; i++) model.stall(i, WARM_UP_MS, Number.POSITIVE_INFINITY)
  model.run(WARM_UP_MS + limitMs, () => waiting.every((open) => open.size === 0))
  return { firstMs: first, allMs: last }
}

/**
 * One member of a partial mesh crashes: which part of all pairs know each other before, and when the last member that knew it has it as
 * failed. NaN: never.
 */
export function runPartial(options: ModelOptions): {
  readonly known: number
  readonly detectedMs: number
  readonly falsePositives: number
} {
  const model = createModel(options)
  model.run(WARM_UP_MS)
  let falsePositives = 0
  let pairs = 0
  const waiting = new Set<number>()
  const crashed = (model.members[0] as ModelMember).id
  model.members.forEach((member, observer) => {
    pairs += member.membership.members().length - 1
    if (observer > 0 && member.membership.stateOf(crashed) !== undefined) waiting.add(observer)
    member.membership.observe(({ state, event }) => {
      if (state !== 'failed') return
      if (event.node_id === crashed) waiting.delete(observer)
      else falsePositives++
    })
  })
  model.stall(0, WARM_UP_MS, Number.POSITIVE_INFINITY)
  model.run(WARM_UP_MS + 120_000, () => waiting.size === 0)
  const { length } = model.members
  return { known: pairs / (length * (length - 1)), detectedMs: waiting.size === 0 ? model.nowMs - WARM_UP_MS : Number.NaN, falsePositives }
}

interface Step {
  readonly atMs: number
  readonly order: number
  /** Undefined: cancelled. */
  run: (() => void) | undefined
  readonly member: ModelMember
  readonly isMessage: boolean
}

interface ModelMember {
  readonly id: string
  readonly membership: Membership
  waitingTimers: Step[]
  /** Arrived and not yet handled, from `handled` on. */
  inbox: Step[]
  handled: number
  stalled: boolean
  /** Handles one message every {@link MESSAGE_MS}. */
  slow: boolean
  handling: boolean
}

function createModel({ nodes, seed, chords, membership: options }: ModelOptions) {
  let nowMs = 0
  let order = 0
  let messages = 0
  const heap: Step[] = []
  const latency = createSeededRandom(`${seed}/latency`, () => nowMs)
  const ids = Array.from({ length: nodes }, (_, i) => `ws://n${i}:1`)
  const indexes = new Map(ids.map((id, i) => [id, i]))
  const clock = { wall: () => 1_700_000_000 + nowMs / 1000, monotonic: () => nowMs }
  const members: ModelMember[] = []
  const neighbours = chords === undefined ? fullMesh(ids) : partialMesh(ids, chords, latency)

  function schedule(member: ModelMember, afterMs: number, isMessage: boolean, run: () => void): Step {
    const step = { atMs: nowMs + Math.max(0, afterMs), order: order++, run, member, isMessage }
    heapPush(heap, step, before)
    return step
  }

  function createMember(id: string): ModelMember {
    const others = neighbours.get(id) as readonly string[]
    const env: Env = {
      clock,
      log: silentLog,
      random: createSeededRandom(`${seed}/${id}`, () => nowMs),
      timers: {
        after(ms, fn) {
          const step = schedule(member, ms, false, fn)
          return () => {
            step.run = undefined
          }
        },
        every: () => {
          throw new Error('The model has no periodic timers')
        },
      },
    }
    const send = (target: string, message: SwimMessage): boolean => {
      const receiver = members[indexes.get(target) as number] as ModelMember
      messages++
      schedule(receiver, LATENCY_MS_MIN + latency.next() * LATENCY_MS_SPREAD, true, () => receiver.membership.receive(id, message))
      return true
    }
    const member: ModelMember = {
      id,
      membership: createMembership({ env, nodeId: id, instanceId: id, send, targets: () => others }, options),
      waitingTimers: [],
      inbox: [],
      handled: 0,
      stalled: false,
      slow: false,
      handling: false,
    }
    return member
  }

  function goOn(member: ModelMember): void {
    member.stalled = false
    const due = member.waitingTimers
    member.waitingTimers = []
    for (const step of due) step.run?.()
    handleNext(member)
  }

  function handleNext(member: ModelMember): void {
    if (member.handling || member.stalled) return
    const next = member.inbox[member.handled]
    if (next === undefined) {
      member.inbox = []
      member.handled = 0
      return
    }
    member.handled++
    member.handling = true
    worldSoon(MESSAGE_MS, () => {
      member.handling = false
      // Stood still in the midst of it: then it is handled first thing when it goes on.
      if (member.stalled) member.handled--
      else {
        next.run?.()
        handleNext(member)
      }
    })
  }

  const worldSoon = (afterMs: number, run: () => void) =>
    heapPush(heap, { atMs: nowMs + afterMs, order: order++, run, member: world, isMessage: false }, before)

  for (const id of ids) members.push(createMember(id))
  for (const member of members) {
    member.membership.start()
    for (const other of neighbours.get(member.id) as readonly string[]) member.membership.onConnected(other, 'instance')
  }

  return {
    members,
    indexOf: (id: string): number => indexes.get(id) as number,
    get nowMs() {
      return nowMs
    },
    get messages() {
      return messages
    },
    stall(index: number, fromMs: number, forMs: number): void {
      const member = members[index] as ModelMember
      const at = (ms: number, run: () => void) => heapPush(heap, { atMs: ms, order: order++, run, member: world, isMessage: false }, before)
      at(fromMs, () => {
        member.stalled = true
        member.slow = true
      })
      if (Number.isFinite(forMs)) at(fromMs + forMs, () => goOn(member))
    },
    run(untilMs: number, done: () => boolean = () => false): void {
      for (let steps = 0; ; steps++) {
        const step = heap[0]
        if (step === undefined || step.atMs > untilMs || (steps % 256 === 0 && done())) break
        heapPop(heap, before)
        nowMs = step.atMs
        if (step.run === undefined) continue
        const { member } = step
        if (step.isMessage && member.slow) {
          member.inbox.push(step)
          handleNext(member)
        } else if (member.stalled) member.waitingTimers.push(step)
        else step.run()
      }
      nowMs = Math.max(nowMs, Math.min(untilMs, heap[0]?.atMs ?? untilMs))
    },
  }
}

function fullMesh(ids: readonly string[]): ReadonlyMap<string, readonly string[]> {
  return new Map(ids.map((id) => [id, ids.filter((other) => other !== id)]))
}

function partialMesh(ids: readonly string[], chords: number, random: Random): ReadonlyMap<string, readonly string[]> {
  const links = new Map(ids.map((id) => [id, new Set<string>()]))
  const link = (a: string, b: string): void => {
    if (a === b) return
    links.get(a)?.add(b)
    links.get(b)?.add(a)
  }
  ids.forEach((id, i) => {
    link(id, ids[(i + 1) % ids.length] as string)
    for (const other of random.sample(ids, chords)) link(id, other)
  })
  return new Map(Array.from(links, ([id, others]) => [id, [...others]]))
}

/** Never stands still: who stops and starts the others. */
const world = { stalled: false } as ModelMember

const before = (a: Step, b: Step): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)

/** The value below which `part` of the values lie (nearest rank). NaN (never) counts as largest. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.map((value) => (Number.isNaN(value) ? Number.POSITIVE_INFINITY : value)).sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN
}
