/**
 * The members this node knows, itself aside: state, incarnation, and why.
 *
 * Claims about a member are ordered by (incarnation, state), alive < suspect < failed < left. The larger one wins wherever the two meet, so
 * that all nodes come to the same view whatever order the news reaches them in, and only the member itself, which alone raises its
 * incarnation, can call a suspicion off. (SWIM §4.2, but `failed` is no end: a node that was taken for dead can come back.)
 */
import type { MembershipEvent, MembershipEventType } from '../../wire/index.ts'
import type { AlarmHandle } from './alarms.ts'
import { FORGET_AFTER_MS, MEMBERS_MAX } from './constants.ts'
import type { Suspicion } from './suspicion.ts'

export type MemberState = 'alive' | 'suspect' | 'failed' | 'left'

/** Why a member is in its state. */
export interface StateReason {
  /** As the first who said so put it: `probe_failure`, `suspicion_timeout`, `refutation`, ... */
  readonly reason: string
  /** Who first said so. */
  readonly source_node: string
  /** The neighbour it was heard from; null when this node found out by itself. */
  readonly heard_from: string | null
  /** Since when this node holds it so, Unix seconds. */
  readonly since: number
  /** The event that made it so, with its evidence in `metadata`. */
  readonly event: MembershipEvent
}

export interface Member {
  readonly nodeId: string
  state: MemberState
  incarnation: number
  /** The process that was linked last. */
  instanceId: string | undefined
  linked: boolean
  /** A node without `swim/1` can not refute: while this node has evidence that it lives, it does so for it. */
  vouched: boolean
  /** A message of the member itself, or an answer it gave to a relay; monotonic, and Unix seconds. */
  lastSeenMs: number
  lastSeenAt: number
  /** In a row. */
  probeFailures: number
  suspicion: Suspicion | undefined
  suspicionAlarm: AlarmHandle | undefined
  /** Suspicions of this incarnation that an answer to this node has disproved; told again they say nothing new. */
  disproved: { readonly incarnation: number; readonly eventIds: ReadonlySet<string> } | undefined
  why: StateReason
  /** Monotonic. */
  stateSinceMs: number
}

export const CLAIMED_STATE: Readonly<Record<MembershipEventType, MemberState>> = {
  node_joined: 'alive',
  node_confirmed: 'alive',
  node_recovered: 'alive',
  node_suspected: 'suspect',
  node_failed: 'failed',
  node_left: 'left',
}

const RANK: Readonly<Record<MemberState, number>> = { alive: 0, suspect: 1, failed: 2, left: 3 }

/** Whether a claim is newer than what is held. A suspicion of somebody already suspected is not, but may confirm it. */
export function supersedes(
  state: MemberState,
  incarnation: number,
  held: { readonly state: MemberState; readonly incarnation: number },
): boolean {
  return incarnation > held.incarnation || (incarnation === held.incarnation && RANK[state] > RANK[held.state])
}

export interface MembersSnapshot {
  readonly alive: number
  readonly suspect: number
  readonly failed: number
  readonly left: number
  readonly forgotten_total: number
  readonly refused_total: number
}

export interface Members {
  get(nodeId: string): Member | undefined
  /** Undefined when the table is full of members that may not be forgotten. */
  create(nodeId: string, state: MemberState, why: StateReason, nowMs: number): Member | undefined
  /** The one way a state changes. */
  set(member: Member, state: MemberState, incarnation: number, why: StateReason, nowMs: number): void
  all(): IterableIterator<Member>
  /** Suspect, failed or left. */
  troubled(): IterableIterator<Member>
  /** Alive and suspect ones. */
  readonly living: number
  readonly size: number
  /** Forgets who failed or left long ago. */
  sweep(nowMs: number): void
  snapshot(): MembersSnapshot
}

export function createMembers(): Members {
  const members = new Map<string, Member>()
  const troubled = new Set<Member>()
  const counts = { alive: 0, suspect: 0, failed: 0, left: 0 }
  let forgotten = 0
  let refused = 0

  function forget(member: Member): void {
    members.delete(member.nodeId)
    troubled.delete(member)
    counts[member.state]--
    forgotten++
  }

  /** Who has been gone longest makes room; nobody who lives, or is linked. */
  function makeRoom(): boolean {
    for (const member of troubled) {
      if (!forgettable(member)) continue
      forget(member)
      return true
    }
    return false
  }

  return {
    get: (nodeId) => members.get(nodeId),
    create(nodeId, state, why, nowMs) {
      if (members.size >= MEMBERS_MAX && !makeRoom()) {
        refused++
        return undefined
      }
      const member: Member = {
        nodeId,
        state,
        incarnation: why.event.incarnation,
        instanceId: undefined,
        linked: false,
        vouched: false,
        lastSeenMs: nowMs,
        lastSeenAt: why.since,
        probeFailures: 0,
        suspicion: undefined,
        suspicionAlarm: undefined,
        disproved: undefined,
        why,
        stateSinceMs: nowMs,
      }
      members.set(nodeId, member)
      counts[state]++
      if (state !== 'alive') troubled.add(member)
      return member
    },
    set(member, state, incarnation, why, nowMs) {
      counts[member.state]--
      counts[state]++
      // Anew, so that the set stays in the order of the last change.
      troubled.delete(member)
      if (state !== 'alive') troubled.add(member)
      member.state = state
      member.incarnation = incarnation
      member.why = why
      member.stateSinceMs = nowMs
    },
    all: () => members.values(),
    troubled: () => troubled.values(),
    get living() {
      return counts.alive + counts.suspect
    },
    get size() {
      return members.size
    },
    sweep(nowMs) {
      for (const member of troubled) {
        if (forgettable(member) && nowMs - member.stateSinceMs > FORGET_AFTER_MS) forget(member)
      }
    },
    snapshot: () => ({ ...counts, forgotten_total: forgotten, refused_total: refused }),
  }
}

function forgettable({ state, linked }: Member): boolean {
  return !linked && (state === 'failed' || state === 'left')
}

export function isGone({ state }: Member): boolean {
  return state === 'failed' || state === 'left'
}
