/**
 * What a node tells its neighbours of the members: news by rumor, a bounded number of times and at a pace, and to single neighbours the bad news
 * it holds, so that its subjects, or who knows better, can answer.
 */
import type { Clock, Random } from '../../base/index.ts'
import type { MembershipEvent, SwimMessage } from '../../wire/index.ts'
import type { AlarmHandle, Alarms } from './alarms.ts'
import type { BroadcastQueue } from './broadcast-queue.ts'
import { ARRIVAL_SENDS_MAX, UPDATES_PER_MESSAGE_MAX, VIEW_INTERVAL_MS, VIEW_RECENT_MS, VIEW_UPDATES_PER_MESSAGE } from './constants.ts'
import { isGone, type Member, type Members } from './members.ts'
import type { SwimMessages } from './messages.ts'
import type { OwnState } from './own-state.ts'

export interface NewsDeps {
  readonly clock: Clock
  readonly random: Random
  readonly own: OwnState
  readonly members: Members
  readonly queue: BroadcastQueue<MembershipEvent>
  readonly alarms: Alarms
  readonly messages: SwimMessages
  targets(): readonly string[]
  /** False when there is no link. */
  send(target: string, message: SwimMessage): boolean
}

export interface NewsOptions {
  readonly gossipIntervalMs: number
  readonly gossipFanout: number
  readonly lifeguard: boolean
}

export interface News {
  /** What rides on a message to `target`. */
  updatesFor(target: string): readonly MembershipEvent[]
  tell(target: string, kind: 'news' | 'view', updates: readonly MembershipEvent[]): void
  /** Makes it a rumor. */
  spread(event: MembershipEvent): void
  /** Lets waiting news leave, where there are neighbours again. */
  arm(): void
  /** Of all bad news that `isTold` accepts; `first` comes before it. */
  sendView(peer: string, first?: MembershipEvent, isTold?: (member: Member) => boolean): void
  /** Begins, and goes on with, comparing views with a neighbour now and then. */
  compareViews(): void
  /** Forgets that news is to leave: its alarm was taken away. */
  disarm(): void
  /** Sent so far. */
  readonly sent: { readonly news_sent_total: number; readonly views_sent_total: number }
}

export function createNews(deps: NewsDeps, { gossipFanout, gossipIntervalMs, lifeguard }: NewsOptions): News {
  const { alarms, clock, members, messages, own, queue, random, send, targets } = deps
  const sent = { news_sent_total: 0, views_sent_total: 0 }
  let newsAlarm: AlarmHandle | undefined
  let newsSentMs = Number.NEGATIVE_INFINITY
  let newsSequence = 0

  /** What to tell `target` along the way; first of all what is said against itself (Lifeguard's buddy system). */
  function updatesFor(target: string): readonly MembershipEvent[] {
    const member = members.get(target)
    if (member === undefined || member.state === 'alive') return queue.take(UPDATES_PER_MESSAGE_MAX)
    const { event } = member.why
    // A dead node would not spread it, so that does not count; but it may be less dead than it seems, and needs the news like anybody.
    const news = isGone(member) ? queue.peek(UPDATES_PER_MESSAGE_MAX) : queue.take(UPDATES_PER_MESSAGE_MAX)
    return !lifeguard || news.includes(event) ? news : [event, ...news]
  }

  function tell(target: string, kind: 'news' | 'view', updates: readonly MembershipEvent[]): void {
    if (!send(target, messages.probe(kind, `${kind}-${(newsSequence++).toString(36)}`, target, updates))) return
    if (kind === 'news') sent.news_sent_total++
    else sent.views_sent_total++
  }

  function spread(event: MembershipEvent): void {
    queue.add(event.node_id, event, event.event_type === 'node_joined' ? ARRIVAL_SENDS_MAX : undefined)
    armNews()
  }

  /** The first news of a quiet time leaves at once, the rest at its pace. */
  function armNews(): void {
    if (newsAlarm !== undefined || own.phase !== 'alive' || queue.size === 0) return
    newsAlarm = alarms.set(newsSentMs + gossipIntervalMs - clock.monotonic(), sendNews)
  }

  function sendNews(): void {
    newsAlarm = undefined
    newsSentMs = clock.monotonic()
    const neighbours = targets()
    // Without neighbours the news waits: onConnected arms it again.
    if (neighbours.length === 0) return
    for (const target of random.sample(neighbours, gossipFanout)) {
      if (queue.size === 0) break
      tell(target, 'news', updatesFor(target))
    }
    armNews()
  }

  /** The bad news this node holds, so that its subjects, or who knows better, can answer. */
  function sendView(peer: string, first?: MembershipEvent, isTold: (member: Member) => boolean = () => true): void {
    let part: MembershipEvent[] = first === undefined ? [] : [first]
    for (const member of members.troubled()) {
      if (!isTold(member)) continue
      part.push(member.why.event)
      if (part.length < VIEW_UPDATES_PER_MESSAGE) continue
      tell(peer, 'view', part)
      part = []
    }
    if (part.length > 0) tell(peer, 'view', part)
  }

  /** What rumors missed, a neighbour now and then makes good: the part of push/pull that matters here. */
  function compareViews(): void {
    const [neighbour] = random.sample(targets(), 1)
    const recentMs = clock.monotonic() - VIEW_RECENT_MS
    if (neighbour !== undefined) sendView(neighbour, undefined, ({ state, stateSinceMs }) => state === 'suspect' || stateSinceMs > recentMs)
    alarms.set(VIEW_INTERVAL_MS, compareViews)
  }

  return {
    updatesFor,
    tell,
    spread,
    arm: armNews,
    sendView,
    compareViews,
    disarm() {
      newsAlarm = undefined
    },
    sent,
  }
}
