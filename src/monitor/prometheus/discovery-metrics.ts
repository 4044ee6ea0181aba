/** Discovery: its rules, whom they and the limits turned away, what is exported and followed. */
import { counter, counterBy, entriesOf, gauge, gaugeBy, type MetricSection } from './metric.ts'

export const discoveryMetrics: readonly MetricSection[] = [
  {
    title: 'Discovery',
    metrics: [
      gauge('discovery_policy_rules', 'Namespace rules in force.', ({ figures }) => figures.node.discovery?.policy_rules),
      counterBy('reason', 'discovery_denials', 'Questions and changes that were turned away, by reason.', ({ figures }) =>
        entriesOf(figures.node.discovery?.denials),
      ),
      counter(
        'discovery_rate_limit_keys_evicted',
        'Counters of viewers forgotten while they still counted: discovery_rate_limit_max_keys is too small.',
        ({ figures }) => figures.node.discovery?.rate_limit_keys_evicted,
      ),
      counter(
        'discovery_summaries_exported',
        'Service summaries exported, each as often as it went out.',
        ({ figures }) => figures.node.streams?.exported?.summaries_exported,
      ),
      counter(
        'discovery_summary_hold_downs',
        'Changes of a namespace that were put off by the hold-down time.',
        ({ figures }) => figures.node.streams?.exported?.hold_downs_total,
      ),
      gauge(
        'discovery_summary_last_export_time_seconds',
        'When summaries were last exported, Unix time.',
        ({ figures }) => figures.node.streams?.exported?.last_export_at,
      ),
      gauge(
        'discovery_summaries',
        'Service summaries of other nodes that are kept.',
        ({ figures }) => figures.node.streams?.summaries?.entry_counts.summaries,
      ),
      counterBy('outcome', 'discovery_summary_messages', 'Messages with summaries, by what became of them.', ({ figures }) => {
        const stats = figures.node.streams?.summaries?.stats
        return stats && entriesOf({ applied: stats.messages_applied, skipped: stats.messages_skipped, invalid: stats.messages_invalid })
      }),
      gaugeBy('kind', 'discovery_resolver_entries', "Entries of the resolver's catalog.", ({ figures }) =>
        entriesOf(figures.node.streams?.resolver?.entry_counts),
      ),
      counterBy('outcome', 'discovery_resolver_deltas', 'Changes of the catalog, by whether the resolver follows them.', ({ figures }) => {
        const stats = figures.node.streams?.resolver?.stats
        return stats && entriesOf({ applied: stats.deltas_applied, skipped: stats.deltas_skipped })
      }),
      counterBy(
        'outcome',
        'discovery_query_cache',
        "Questions to the resolver's kept answers: hits, misses, stale answers served, empty answers repeated; and refreshes of stale ones.",
        ({ figures }) => entriesOf(cacheEvents(figures.node.streams?.resolver?.query_cache)),
      ),
    ],
  },
]

const CACHE_EVENTS = ['hits', 'misses', 'stale_serves', 'negative_hits', 'refreshes'] as const

/** Of both kinds of questions together. */
function cacheEvents(counts: Readonly<Record<string, number>> | undefined): Readonly<Record<string, number>> | undefined {
  if (counts === undefined) return undefined
  return Object.fromEntries(CACHE_EVENTS.map((name) => [name, (counts[`catalog_${name}`] ?? 0) + (counts[`cluster_map_${name}`] ?? 0)]))
}
