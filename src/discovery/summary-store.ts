/**
 * Summaries that nodes of this and other clusters have published, as far as they are still good.
 *
 * One for each namespace, service, source cluster and scope: several nodes of a cluster say the same, and of what they say the latest
 * counts. Messages are believed as they come; who may publish on these topics is decided where they are published.
 *
 * Clocks of other clusters may be wrong, by hours: a lifetime is counted from when a message comes, less how old it says the summary was when
 * it was published. Among nodes that tell of the same service, the one whose clock is furthest ahead is believed as long as it tells.
 */
import type { Clock } from '../base/index.ts'
import {
  FrameError,
  type Message,
  namespaceMatches,
  readSummaries,
  type Scope,
  type ServiceSummary,
  type SummaryMessage,
} from '../wire/index.ts'
import { SUMMARIES_MAX } from './constants.ts'

export interface SummaryStoreOptions {
  /** Namespaces that are taken, with all below them; none: all. */
  readonly namespaces: readonly string[]
  /** Scopes of messages that are taken; none: all, and messages without one. */
  readonly scopes: readonly Scope[]
  readonly entriesMax?: number
}

export interface SummaryStoreDeps {
  readonly clock: Pick<Clock, 'wall' | 'monotonic'>
  /** Told of a summary that found no room. */
  onFull(summary: ServiceSummary): void
}

export interface SummaryStoreSnapshot {
  readonly entry_counts: { readonly summaries: number }
  readonly stats: {
    readonly messages_applied: number
    readonly messages_skipped: number
    readonly messages_invalid: number
    readonly summaries_applied: number
    readonly summaries_expired: number
    readonly last_message_at?: number
    readonly last_source_cluster?: string
    readonly last_source_node?: string
    readonly last_prune_at?: number
  }
}

/** What became of a message. */
export interface SummaryReception {
  readonly message: SummaryMessage
  /** Summaries of it that were news. */
  readonly applied: number
}

export interface SummaryStore {
  /** Takes in a message of the summary topics; undefined when it can not be read or is not followed. */
  receive(message: Message): SummaryReception | undefined
  /** Live summaries of a scope, and those that have none. */
  list(scope: Scope): ServiceSummary[]
  /** Drops what has expired. */
  prune(): void
  snapshot(): SummaryStoreSnapshot
}

interface Kept {
  readonly summary: ServiceSummary
  /** Monotonic. */
  readonly endsAtMs: number
}

export function createSummaryStore({ clock, onFull }: SummaryStoreDeps, options: SummaryStoreOptions): SummaryStore {
  const { entriesMax = SUMMARIES_MAX, namespaces, scopes } = options
  const entries = new Map<string, Kept>()
  const counters = { messages_applied: 0, messages_skipped: 0, messages_invalid: 0, summaries_applied: 0, summaries_expired: 0 }
  let last: Pick<SummaryStoreSnapshot['stats'], 'last_message_at' | 'last_source_cluster' | 'last_source_node'> = {}
  let lastPruneAt: number | undefined

  const isFollowed = (namespace: string): boolean =>
    namespaces.length === 0 || namespaces.some((followed) => namespaceMatches(followed, namespace))

  function apply(summary: ServiceSummary, publishedAt: number): void {
    const { generated_at, namespace, scope, service_id, source_cluster, ttl_seconds } = summary
    if (ttl_seconds <= 0 || !isFollowed(namespace)) return
    const key = JSON.stringify([namespace, service_id, source_cluster, scope])
    const known = entries.get(key)
    if (known !== undefined && known.summary.generated_at >= generated_at && !isOver(known)) return
    if (known === undefined && entries.size >= entriesMax) return onFull(summary)
    const ageSeconds = Math.max(0, publishedAt - generated_at)
    entries.set(key, { summary, endsAtMs: clock.monotonic() + (ttl_seconds - ageSeconds) * 1000 })
    counters.summaries_applied++
  }

  /** Whether it stands in nobody's way any more. One that was taken back still keeps older copies of itself out. */
  function isOver({ endsAtMs, summary }: Kept): boolean {
    return clock.monotonic() > endsAtMs && summary.endpoint_count > 0
  }

  function live(): ServiceSummary[] {
    const now = clock.monotonic()
    const found: ServiceSummary[] = []
    for (const { endsAtMs, summary } of entries.values()) if (now <= endsAtMs) found.push(summary)
    return found
  }

  return {
    receive(published) {
      let message: SummaryMessage
      try {
        message = readSummaries(published, clock.wall())
      } catch (error) {
        if (!(error instanceof FrameError)) throw error
        counters.messages_invalid++
        return undefined
      }
      const { published_at, scope, source_cluster, source_node, summaries } = message
      const isWanted = scopes.length === 0 || (scope !== undefined && scopes.includes(scope))
      if (!isWanted || !message.namespaces.some(isFollowed)) {
        counters.messages_skipped++
        return undefined
      }
      const before = counters.summaries_applied
      for (const summary of summaries) {
        apply({ ...summary, ...scoped(summary.scope ?? scope), source_cluster: summary.source_cluster ?? source_cluster }, published_at)
      }
      counters.messages_applied++
      last = {
        last_message_at: clock.wall(),
        ...(source_cluster !== '' && { last_source_cluster: source_cluster }),
        ...(source_node !== '' && { last_source_node: source_node }),
      }
      return { message, applied: counters.summaries_applied - before }
    },

    list: (scope) => live().filter((summary) => summary.scope === undefined || summary.scope === scope),

    prune() {
      const now = clock.monotonic()
      lastPruneAt = clock.wall()
      for (const [key, { endsAtMs }] of entries) {
        // Until now one that was taken back has kept older copies of itself out.
        if (now <= endsAtMs) continue
        entries.delete(key)
        counters.summaries_expired++
      }
    },

    snapshot: () => ({
      entry_counts: { summaries: live().length },
      stats: { ...counters, ...last, ...(lastPruneAt !== undefined && { last_prune_at: lastPruneAt }) },
    }),
  }
}

function scoped(scope: Scope | undefined): { readonly scope?: Scope } {
  return scope === undefined ? {} : { scope }
}
