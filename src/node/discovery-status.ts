/**
 * What is shown of discovery's streams and stores, over HTTP and by `resolver_cache_stats`. A part that is switched off is shown with its
 * settings and zeros.
 */
import type { Clock } from '../base/index.ts'
import type { ResolverSnapshot, SummaryExport, SummaryStore } from '../discovery/index.ts'
import type { DiscoveryLag, EntryCounts, ResolverCacheStatus, SummaryCacheStatus, SummaryExportStatus } from '../wire/index.ts'
import type { Settings } from './settings/index.ts'

export interface DiscoveryStatusDeps {
  readonly clock: Pick<Clock, 'wall'>
  readonly settings: Settings
  /** Undefined unless the node runs as one. */
  resolver(): ResolverSnapshot | undefined
  /** Undefined unless the node follows summaries. */
  readonly store: Pick<SummaryStore, 'snapshot'> | undefined
  readonly exporter: Pick<SummaryExport, 'snapshot'>
}

/** Parts that there are, though they may be off. */
type Present<T> = Extract<T, { readonly generated_at: number }>

export interface DiscoveryStatus {
  resolver(): Present<ResolverCacheStatus>
  summaryCache(): SummaryCacheStatus
  summaryExport(): SummaryExportStatus
  lag(): DiscoveryLag
}

const NO_ENTRIES: EntryCounts = { functions: 0, topics: 0, queues: 0, services: 0, caches: 0, cache_profiles: 0, nodes: 0 }

export function discoveryStatus({ clock, exporter, resolver, settings, store }: DiscoveryStatusDeps): DiscoveryStatus {
  return {
    resolver() {
      const snapshot = resolver()
      const { discoveryResolverMode: enabled, discoveryResolverNamespaces: namespaces } = settings
      const shown = { enabled, generated_at: clock.wall(), namespaces: enabled ? namespaces : [] }
      if (snapshot === undefined) return { ...shown, entry_counts: NO_ENTRIES }
      const { entry_counts, query_cache, stats } = snapshot
      const { deltas_applied, deltas_skipped, ...last } = stats
      return {
        ...shown,
        entry_counts,
        // Deltas come from the catalog in this very process, and typed: none can be invalid.
        stats: { deltas_applied, deltas_skipped, deltas_invalid: 0, ...last },
        ...(query_cache && { query_cache }),
      }
    },

    summaryCache() {
      const { discoverySummaryResolverMode: enabled, discoverySummaryResolverNamespaces: namespaces } = settings
      const shown = { enabled, generated_at: clock.wall(), namespaces: enabled ? namespaces : [] }
      return store === undefined ? { ...shown, entry_counts: { summaries: 0 } } : { ...shown, ...store.snapshot() }
    },

    summaryExport: () => ({
      enabled: settings.discoverySummaryExportEnabled,
      generated_at: clock.wall(),
      interval_seconds: settings.discoverySummaryExportIntervalSeconds,
      export_scope: settings.discoverySummaryExportScope,
      hold_down_seconds: settings.discoverySummaryExportHoldDownSeconds,
      store_forward_seconds: settings.discoverySummaryExportStoreForwardSeconds,
      store_forward_max_messages: settings.discoverySummaryExportStoreForwardMaxMessages,
      configured_namespaces: settings.discoverySummaryExportNamespaces,
      ...exporter.snapshot(),
    }),

    lag() {
      const now = clock.wall()
      const { last_delta_at: deltaAt = null, last_seed_at: seedAt = null } = resolver()?.stats ?? {}
      const { last_export_at: exportAt } = exporter.snapshot()
      return {
        generated_at: now,
        resolver_enabled: settings.discoveryResolverMode,
        summary_export_enabled: settings.discoverySummaryExportEnabled,
        ...(deltaAt !== null && { last_delta_at: deltaAt, delta_lag_seconds: now - deltaAt }),
        ...(seedAt !== null && { last_seed_at: seedAt }),
        ...(exportAt !== undefined && { last_summary_export_at: exportAt, summary_export_lag_seconds: now - exportAt }),
      }
    },
  }
}
