/** Discovery: its rules, and whom they and the limits turned away. */
import { counter, counterBy, entriesOf, gauge, type MetricSection } from './metric.ts'

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
    ],
  },
]
