/** Rules of the operator that keep something out which somebody asks for. */
import { commands } from './commands.ts'
import { type Examination, refusalLine } from './examination.ts'
import type { Suspicion } from './finding.ts'

const ROUTE_POLICY_REASONS: ReadonlySet<string> = new Set(['policy', 'neighbor_policy', 'policy_metrics'])

const ADMISSION_REMEDIES: Readonly<Record<string, string>> = {
  function_blocked:
    'Take the function out of security_policy.blocked_functions_cross_federation of that node, or stop calling it from other clusters.',
  function_not_allowed:
    'Add the function to security_policy.allowed_functions_cross_federation of that node, or stop calling it from other clusters.',
  cluster_not_admitted: 'Add the calling cluster to federation_config.allowed_foreign_cluster_ids of that node, or build a bridge to it.',
  rate_limited: 'Raise security_policy.max_cross_federation_requests_per_minute of that node, or have the other cluster call less often.',
}

export function policyFaults(exam: Examination): Suspicion[] {
  return [...refusedClusters(exam), ...unwantedSeeds(exam), ...refusedRequests(exam), ...refusedRoutes(exam), ...refusedPublications(exam)]
}

/** A node of a cluster that is not let in keeps knocking. One finding for each two clusters, not for each two nodes. */
function refusedClusters(exam: Examination): Suspicion[] {
  return exam.refusals('peer').flatMap((refused) => {
    const { by, refusal } = refused
    if (refusal.reason !== 'federation') return []
    return [
      {
        severity: 'warning' as const,
        code: 'policy_blocks_peer' as const,
        node: by.node_id,
        subject: clusters(by.cluster_id, refusal.subject),
        summary: `Node ${by.node_id} of cluster ${by.cluster_id} turns nodes of cluster ${refusal.subject} away: its federation mode is ${by.settings.federation_mode}.`,
        evidence: [refusalLine(refused)],
        remedy: `If the two clusters belong together, set federation_config on ${by.node_id}: explicit_bridging, with a bridge to ${refusal.subject} or it in allowed_foreign_cluster_ids. Else take its address out of the peers of ${refusal.subject}.`,
        command: commands.explainRoute(refusal.subject),
      },
    ]
  })
}

/** A configured peer that the node's own rules, or those of the other side, keep it from being linked to. */
function unwantedSeeds(exam: Examination): Suspicion[] {
  return exam.nodes.flatMap((by) =>
    by.peers.flatMap(({ cluster_id, dial, linked, node_id: nodeId }) => {
      if (linked || dial === null || dial.source !== 'seed') return []
      if (dial.reason !== 'foreign_cluster' && dial.reason !== 'refused') return []
      const cluster = cluster_id ?? exam.clusterOf(nodeId) ?? nodeId
      return [
        {
          severity: 'warning' as const,
          code: 'policy_blocks_peer' as const,
          node: by.node_id,
          subject: clusters(by.cluster_id, cluster),
          summary: `Node ${by.node_id} is configured to link to ${nodeId}, and a rule forbids it.`,
          evidence: [`${by.node_id}: ${dial.reason}: ${dial.last_error || 'no reason given'}`],
          remedy: `Let the two clusters in to each other (federation_config on both sides), or take ${dial.url} out of the peers of ${by.node_id}.`,
          command: commands.explainPeer(nodeId),
        },
      ]
    }),
  )
}

function clusters(a: string, b: string): string {
  return a < b ? `clusters ${a} and ${b}` : `clusters ${b} and ${a}`
}

function refusedRequests(exam: Examination): Suspicion[] {
  return exam.refusals('admission').flatMap((refused) => {
    const { by, refusal } = refused
    const remedy = ADMISSION_REMEDIES[refusal.reason]
    if (remedy === undefined) return []
    return [
      {
        severity: 'warning' as const,
        code: 'policy_blocks_function' as const,
        node: by.node_id,
        subject: refusal.subject,
        summary: `Node ${by.node_id} refuses calls of other clusters for '${refusal.subject}': ${refusal.reason}.`,
        evidence: [refusalLine(refused)],
        remedy,
        command: commands.explainFunction(refusal.subject),
      },
    ]
  })
}

/** A route policy is meant to keep routes out. It is a fault when it leaves no way to a cluster whose nodes this one knows. */
function refusedRoutes(exam: Examination): Suspicion[] {
  return exam.refusals('announcement').flatMap((refused) => {
    const { by, refusal } = refused
    const { reason, subject: cluster } = refusal
    if (!ROUTE_POLICY_REASONS.has(reason)) return []
    const destination = by.routes.destinations.find(({ cluster_id }) => cluster_id === cluster)
    if (destination === undefined || destination.routes > 0 || destination.plan_reason === 'ok') return []
    return [
      {
        severity: 'warning' as const,
        code: 'policy_blocks_route' as const,
        node: by.node_id,
        subject: cluster,
        summary: `Node ${by.node_id} knows no route to cluster ${cluster}, because its route policy refuses those it is offered (${reason}).`,
        evidence: [refusalLine(refused)],
        remedy: `Let the route in: ${reason === 'neighbor_policy' ? 'fabric_route_neighbor_policies' : 'fabric_route_policy'} of ${by.node_id} (allowed_destinations, allowed_advertisers, tags, max_hops), then SIGHUP.`,
        command: commands.explainRoute(cluster),
        causes: [`route:${cluster}`],
      },
    ]
  })
}

function refusedPublications(exam: Examination): Suspicion[] {
  return exam.refusals('publication').map((refused) => {
    const { by, refusal } = refused
    return {
      severity: 'warning' as const,
      code: 'publication_refused' as const,
      node: by.node_id,
      subject: refusal.subject,
      summary: `Node ${by.node_id} refuses publications on '${refusal.subject}': ${refusal.reason}.`,
      evidence: [refusalLine(refused)],
      remedy: 'Publish on another topic, or change the rule that refuses it (pubsub_reserved_topics_protected, or a publish hook).',
      command: commands.explainTopic(refusal.subject),
    }
  })
}
