/** Clusters that cannot be reached, and keys that keep routes from being believed. */
import type { Refusal } from '../refusals.ts'
import { commands } from './commands.ts'
import { duration, type Examination, refusalLine } from './examination.ts'
import type { Suspicion } from './finding.ts'
import type { ClusterKeyFacts, NodeFacts } from './node-facts.ts'
import { effectsOfNoWay } from './reachability.ts'
import { KEY_EXPIRY_NOTICE_SECONDS, SETTLING_SECONDS } from './thresholds.ts'

/** Plans with these reasons go somewhere. */
const FORWARDED: ReadonlySet<string> = new Set(['ok', 'fallback_neighbor', 'already_local'])

export function routeFaults(exam: Examination): Suspicion[] {
  return [...shortBudgets(exam), ...unreachableClusters(exam), ...expiredKeys(exam), ...expiringKeys(exam), ...refusedSignatures(exam)]
}

/** One finding for the setting, however many clusters it keeps out of reach. */
function shortBudgets(exam: Examination): Suspicion[] {
  const needs = exam.nodes.flatMap(({ routes }) =>
    routes.destinations.filter(isOverBudget).map(({ planned_path }) => planned_path.length - 1),
  )
  const needed = Math.max(0, ...needs)
  const refusals = exam.refusals('route').filter(({ refusal }) => refusal.reason === 'hop_budget_exhausted')
  const finding = (node: NodeFacts, evidence: string, refused: boolean): Suspicion => ({
    severity: refused ? 'critical' : 'warning',
    code: 'hop_budget_exhausted',
    node: node.node_id,
    subject: 'fabric_routing_max_hops',
    summary: `Messages end before they arrive: fabric_routing_max_hops is ${node.settings.fabric_routing_max_hops} on ${node.node_id}${needed > 0 ? `, and a way takes ${needed}` : ''}.`,
    evidence: [evidence],
    remedy: `Set fabric_routing_max_hops to ${needed > 0 ? `at least ${needed}` : 'the length of the longest way'} on every node, or build a bridge that makes the way shorter.`,
    command: commands.explainRoute(
      refusals[0]?.refusal.subject ?? node.routes.destinations.find(isOverBudget)?.cluster_id ?? node.cluster_id,
    ),
    causes: node.routes.destinations.filter(isOverBudget).map(({ cluster_id }) => `route:${cluster_id}`),
  })
  const planned = exam.nodes.flatMap((node) =>
    node.routes.destinations
      .filter(isOverBudget)
      .map(({ cluster_id, planned_path }) =>
        finding(
          node,
          `${node.node_id}: the way to ${cluster_id} is ${planned_path.join(' > ')}, ${planned_path.length - 1} hops; allowed are ${node.settings.fabric_routing_max_hops}`,
          false,
        ),
      ),
  )
  return [...planned, ...refusals.map((refused) => finding(refused.by, refusalLine(refused), true))]
}

function isOverBudget({ plan_reason, planned_path }: NodeFacts['routes']['destinations'][number]): boolean {
  return plan_reason === 'hop_budget_exhausted' && planned_path.length > 1
}

function unreachableClusters(exam: Examination): Suspicion[] {
  return exam.nodes.flatMap((by) =>
    by.routes.destinations.flatMap((destination) => {
      const { cluster_id: cluster, nodes, plan_reason: reason } = destination
      if (by.uptime_seconds < SETTLING_SECONDS || nodes === 0 || FORWARDED.has(reason) || reason === 'hop_budget_exhausted') return []
      const refused = exam.refusals('route').filter(({ by: node, refusal }) => node === by && refusal.subject === cluster)
      return [
        {
          severity: refused.length > 0 ? ('critical' as const) : ('warning' as const),
          code: 'cluster_unreachable' as const,
          node: by.node_id,
          subject: cluster,
          summary: `Node ${by.node_id} knows ${nodes} ${nodes === 1 ? 'node' : 'nodes'} of cluster ${cluster} and no way there: ${reason}.`,
          evidence: [`${by.node_id}: ${destination.routes} routes, plan: ${reason}`, ...refused.map(refusalLine)],
          remedy: `Bring a bridge to ${cluster} up, or one to a cluster that leads there; see which of its border nodes is not linked.`,
          command: commands.explainRoute(cluster),
          effects: [`route:${cluster}`, ...effectsOfNoWay(exam, by, destination)],
        },
      ]
    }),
  )
}

/** A node whose clock is off judges keys by it; what it says of them is left out. */
function* keyHolders(exam: Examination): Generator<{ readonly by: NodeFacts; readonly cluster: ClusterKeyFacts }> {
  for (const by of exam.nodes) {
    if (!exam.trustsClock(by.node_id)) continue
    for (const cluster of by.keys?.clusters ?? []) yield { by, cluster }
  }
}

/** A cluster that used to sign and has no valid key left. Of one that nobody knows any more, keys may end. */
function expiredKeys(exam: Examination): Suspicion[] {
  return [...keyHolders(exam)].flatMap(({ by, cluster: { cluster_id: cluster, keys, pinned, standing } }) => {
    if (standing !== 'lapsed') return []
    const isKnown =
      cluster === by.cluster_id ||
      by.routes.destinations.some(({ cluster_id, nodes }) => cluster_id === cluster && nodes > 0) ||
      by.peers.some((peer) => peer.cluster_id === cluster && (peer.linked || peer.listed))
    if (!isKnown && !pinned) return []
    const refused = exam
      .refusals('announcement')
      .filter(({ by: node, refusal }) => node === by && refusal.reason === 'signature' && refusal.subject === cluster)
    const ends = keys.map(({ expires_at }) => expires_at).filter((at) => at !== null)
    const ago = ends.length === 0 ? '' : `, the last ${duration(by.wall_clock - Math.max(...ends))} ago`
    const suspicion: Suspicion = {
      severity: by.settings.require_signatures || refused.length > 0 ? 'critical' : 'warning',
      code: 'route_key_expired',
      node: by.node_id,
      subject: cluster,
      summary: `All route keys of cluster ${cluster} that node ${by.node_id} holds have expired${ago}: it believes no route of that cluster.`,
      evidence: [
        `${by.node_id}: ${keys.map(({ expires_at, key_id }) => `key ${key_id} ended ${expires_at === null ? '' : new Date(expires_at * 1000).toISOString()}`).join(', ') || 'no key is left'}`,
        ...refused.map(refusalLine),
      ],
      remedy: pinned
        ? `Put the current public key of ${cluster} into fabric_route_key_registry or fabric_route_key_file of ${by.node_id}, then SIGHUP.`
        : `Have cluster ${cluster} announce its key again: check fabric_route_signer on its nodes and the links to it.`,
      command: commands.explainRoute(cluster),
      causes: [`signature:${cluster}`, `route:${cluster}`],
    }
    return [suspicion]
  })
}

function expiringKeys(exam: Examination): Suspicion[] {
  return [...keyHolders(exam)].flatMap(({ by, cluster: { cluster_id: cluster, keys, pinned, standing } }) => {
    if (!pinned || standing !== 'active') return []
    const ends = keys.filter(({ active }) => active).map(({ expires_at }) => expires_at ?? Number.POSITIVE_INFINITY)
    if (ends.length === 0) return []
    const left = Math.max(...ends) - by.wall_clock
    if (left > KEY_EXPIRY_NOTICE_SECONDS) return []
    const suspicion: Suspicion = {
      severity: 'warning',
      code: 'route_key_expiring',
      node: by.node_id,
      subject: cluster,
      summary: `The last route key of cluster ${cluster} that node ${by.node_id} holds ends in ${duration(left)}.`,
      evidence: [`${by.node_id}: ends ${new Date((by.wall_clock + left) * 1000).toISOString()}, and there is no successor`],
      remedy: `Give ${by.node_id} the next key of ${cluster} before that (fabric_route_key_registry or fabric_route_key_file, then SIGHUP).`,
      command: commands.explainRoute(cluster),
    }
    return [suspicion]
  })
}

/** What was refused for want of a key is over when there is one again. */
function isAnswered({ keys }: NodeFacts, { detail, subject: cluster }: Refusal): boolean {
  return (
    detail.startsWith('keys_lapsed') &&
    keys?.clusters.some(({ cluster_id, standing }) => cluster_id === cluster && standing === 'active') === true
  )
}

function refusedSignatures(exam: Examination): Suspicion[] {
  return exam.refusals('announcement').flatMap((refused) => {
    const { by, refusal } = refused
    const { subject: cluster } = refusal
    if (refusal.reason !== 'signature' || isAnswered(by, refusal)) return []
    const suspicion: Suspicion = {
      severity: 'critical',
      code: 'route_signature_refused',
      node: by.node_id,
      subject: cluster,
      summary: `Node ${by.node_id} does not believe the routes that cluster ${cluster} tells: their signature is refused.`,
      evidence: [refusalLine(refused)],
      remedy: `Give ${by.node_id} the public key cluster ${cluster} signs with (fabric_route_key_registry), or have ${cluster} sign (fabric_route_signer).`,
      command: commands.explainRoute(cluster),
      causes: [`route:${cluster}`],
      effects: [`signature:${cluster}`],
    }
    return [suspicion]
  })
}
