/** What is said of discovery while a node has none of it: switched off, nothing counted. */
import type { Clock } from '../../base/index.ts'
import type { MonitorViews } from '../../monitor/index.ts'

const NO_ENTRIES = { functions: 0, topics: 0, queues: 0, services: 0, caches: 0, cache_profiles: 0, nodes: 0 }

export function discoveryViews(
  clock: Pick<Clock, 'wall'>,
): Required<Pick<MonitorViews, 'discoverySummary' | 'discoveryCache' | 'discoveryPolicy' | 'discoveryLag'>> {
  return {
    discoverySummary: () => ({ enabled: false }),
    discoveryCache() {
      const off = { enabled: false, generated_at: clock.wall(), namespaces: [] }
      return { resolver_cache: { ...off, entry_counts: NO_ENTRIES }, summary_cache: { ...off, entry_counts: { summaries: 0 } } }
    },
    discoveryPolicy: () => ({
      enabled: false,
      generated_at: clock.wall(),
      default_allow: true,
      rule_count: 0,
      rules: [],
      audit_entries: [],
      audit_total: 0,
      access_entries: [],
      access_total: 0,
    }),
    discoveryLag: () => ({ generated_at: clock.wall(), resolver_enabled: false, summary_export_enabled: false }),
  }
}
