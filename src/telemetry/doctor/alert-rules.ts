/** Alerts of nodes that nobody has taken notice of: a figure beyond its last limit, whatever drives it there. */
import { commands } from './commands.ts'
import { duration, type Examination } from './examination.ts'
import type { Suspicion } from './finding.ts'
import type { AlertFacts, NodeFacts } from './node-facts.ts'
import { ALERT_LASTING_SECONDS } from './thresholds.ts'

/** Those below tell of what may become a fault. */
const URGENT: ReadonlySet<string> = new Set(['critical', 'emergency'])

/** One finding for a figure of a cluster, whichever of its nodes measured it. What explains it has it among its evidence instead. */
export function lastingAlerts(exam: Examination): Suspicion[] {
  return exam.nodes.flatMap((by) =>
    (by.alerts ?? [])
      .filter(({ severity, since }) => URGENT.has(severity) && by.wall_clock - since >= ALERT_LASTING_SECONDS)
      .map((alert): Suspicion => {
        const { alert_id: id, cluster_id: cluster, message, metric } = alert
        return {
          severity: 'critical',
          code: 'alert_active',
          node: by.node_id,
          subject: `${metric} of cluster ${cluster}`,
          summary: `An alert of node ${by.node_id} lasts: ${message}.`,
          evidence: [alertLine(by, alert)],
          remedy: `Find what drives the figure (mpreg top shows at which node, mpreg trace call where a call spends its time). Once it is known, ${commands.acknowledge(id)} ends the reminders.`,
          command: commands.alerts(by.monitoring_url),
          effects: effectsOf(alert, by.node_id),
        }
      }),
  )
}

/** What may drive a figure there, as effects: what becomes of calls suffers from lost nodes, and processor and memory are the node's own. */
function effectsOf({ cluster_id: cluster, metric }: AlertFacts, by: string): string[] {
  if (metric === 'memory_usage_percent') return []
  if (metric === 'cpu_usage_percent') return [`stalled:${by}`]
  const refused = metric === 'error_rate_percent' || metric === 'health_score' ? [`errors:${by}`] : []
  return [...refused, `stalled:${by}`, `reachability:${cluster}`, `loss:${cluster}`]
}

function alertLine({ node_id: by, wall_clock: now }: NodeFacts, { current_value, metric, since, threshold_value }: AlertFacts): string {
  return `${by}: ${metric} is ${current_value.toFixed(1)}, the limit is ${threshold_value}, since ${duration(now - since)}`
}
