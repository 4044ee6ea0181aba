/** What is said of discovery. What a node has none of is switched off, with nothing counted. */
import type { Clock } from '../../base/index.ts'
import type { MonitorViews } from '../../monitor/index.ts'
import type { Discovery } from '../discovery.ts'

const NO_ENTRIES = { functions: 0, topics: 0, queues: 0, services: 0, caches: 0, cache_profiles: 0, nodes: 0 }

export function discoveryViews(
  clock: Pick<Clock, 'wall'>,
  discovery: Discovery,
): Required<Pick<MonitorViews, 'discoverySummary' | 'discoveryCache' | 'discoveryPolicy' | 'discoveryLag'>> {
  return {
    discoverySummary: () => ({ enabled: false }),
    discoveryCache() {
      const off = { enabled: false, generated_at: clock.wall(), namespaces: [] }
      return { resolver_cache: { ...off, entry_counts: NO_ENTRIES }, summary_cache: { ...off, entry_counts: { summaries: 0 } } }
    },
    discoveryPolicy: discovery.namespaces.report,
    discoveryLag: () => ({ generated_at: clock.wall(), resolver_enabled: false, summary_export_enabled: false }),
  }
}
