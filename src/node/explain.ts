/**
 * Explanations in one form, whatever they are about: a verdict, the reason, since when, every candidate with what speaks for and against it,
 * and where to look next. They read the running node and change nothing.
 */
import type { TopicExplanation } from '../pubsub/index.ts'
import { commands, type ExplainedCandidate, type Explanation, inOrderOfChoice, nearestName } from '../telemetry/index.ts'
import { explainFunction, type FunctionExplainerDeps, type FunctionQuestion } from './explain-function.ts'
import { explainPeer, type PeerExplainerDeps } from './explain-peer.ts'
import { explainQueue, type QueueExplainerDeps } from './explain-queue.ts'
import type { Fabric } from './fabric.ts'

export interface ExplainDeps extends FunctionExplainerDeps, PeerExplainerDeps, QueueExplainerDeps {
  explainTopic(topic: string): TopicExplanation
}

export interface Explainer {
  function(name: string, question?: FunctionQuestion): Explanation
  route(cluster: string, avoid?: readonly string[]): Explanation
  peer(nodeId: string): Explanation
  topic(topic: string): Explanation
  queue(name: string): Explanation
}

export function createExplainer(deps: ExplainDeps): Explainer {
  return {
    function: (name, question) => explainFunction(deps, name, question),
    route: (cluster, avoid = []) => explainRoute(deps, cluster, avoid),
    peer: (nodeId) => explainPeer(deps, nodeId),
    topic: (topic) => explainTopic(deps, topic),
    queue: (name) => explainQueue(deps, name),
  }
}

function explainRoute({ clusterId, fabric, nodeId, refusals }: ExplainDeps, cluster: string, avoid: readonly string[]): Explanation {
  const { candidates, forwarding_plan: plan, selected } = fabric.routing.explain(cluster, avoid)
  const way = plan.steps.at(-1)
  const routes = candidates.map((route): ExplainedCandidate => {
    const { advertiser, filtered_reason, metrics, next_hop, path, score, tiebreakers } = route
    // Another source of ways may have been asked first.
    const isUsed = route === selected && way?.step === 'path_vector' && way.outcome === 'chosen'
    return {
      id: path.hops.join(' > '),
      cluster_id: next_hop,
      qualifies: filtered_reason === null,
      chosen: isUsed,
      reasons: [
        filtered_reason !== null
          ? { code: filtered_reason, text: filtered_reason === 'expired' ? 'has expired' : 'crosses a cluster that is to be avoided' }
          : isUsed
            ? { code: 'chosen', text: `has the best score, ${score}` }
            : { code: 'passed_over', text: `has the score ${score}; lower is better` },
      ],
      facts: { advertiser, score, metrics, tiebreakers, ...(route.via_node !== undefined && { via_node: route.via_node }) },
    }
  })
  // Every source of ways, in the order asked; the one that settled it is the plan's.
  const steps = plan.steps
    .filter(({ step }) => step !== 'path_vector')
    .map(
      ({ outcome, path, step }): ExplainedCandidate => ({
        id: path.length > 0 ? path.join(' > ') : step,
        cluster_id: path[1] ?? null,
        qualifies: outcome === 'chosen',
        chosen: outcome === 'chosen',
        reasons: [{ code: outcome, text: STEP_TEXTS[outcome] ?? outcome }],
        facts: { step },
      }),
    )
  const refused = refusals.of('announcement', cluster).map(
    (refusal): ExplainedCandidate => ({
      id: `announcement of ${cluster}`,
      cluster_id: null,
      qualifies: false,
      chosen: false,
      reasons: [{ code: refusal.reason, text: `was refused: ${refusal.detail}` }],
      facts: { refused_total: refusal.count, first_at: refusal.first_at, last_at: refusal.last_at },
    }),
  )
  const failed = refusals.of('route', cluster).map(({ first_at }) => first_at)
  const isHeardOf = routes.length > 0 || refused.length > 0
  const known = cluster === clusterId || isHeardOf || plan.reason === 'ok' ? undefined : knownClusters(fabric, clusterId)
  if (known?.includes(cluster) === false) return unknownCluster(nodeId, cluster, known, plan.next_peer_url)
  const verdict =
    cluster === clusterId ? 'local' : plan.next_peer_url === null ? 'no_way' : plan.reason === 'fallback_neighbor' ? 'guess' : 'routed'
  return {
    kind: 'route',
    name: cluster,
    verdict,
    reason:
      verdict === 'local'
        ? "it is this node's own cluster"
        : plan.next_peer_url === null
          ? `a message for it can not go on: ${plan.reason}${plan.planned_path.length > 1 ? `, the way known is ${plan.planned_path.join(' > ')}` : ''}`
          : `${plan.planned_path.join(' > ')}, next to ${plan.next_peer_url} (${plan.steps.at(-1)?.step ?? plan.reason})`,
    since: verdict === 'no_way' && failed.length > 0 ? Math.min(...failed) : null,
    candidates: inOrderOfChoice([...routes, ...steps, ...refused]),
    next: [commands.routeTrace(cluster), ...(plan.next_peer_url === null ? ['mpreg doctor'] : [commands.explainPeer(plan.next_peer_url)])],
  }
}

/** Those of nodes, those that ways lead to, and this node's own. */
function knownClusters({ catalog, peers, routing }: Fabric, own: string): string[] {
  const ofNodes = [...catalog.nodes(), ...peers.links()].map(({ cluster_id }) => cluster_id)
  return [...new Set([own, ...ofNodes, ...Object.keys(routing.snapshot().routes.statistics.routes_per_destination)])].sort()
}

/** Clusters named to somebody who asked for another. */
const CLUSTERS_NAMED_MAX = 20

function unknownCluster(self: string, cluster: string, known: readonly string[], guess: string | null): Explanation {
  const nearest = nearestName(cluster, known)
  const more = known.length > CLUSTERS_NAMED_MAX ? ` and ${known.length - CLUSTERS_NAMED_MAX} more` : ''
  const sentences = [
    `no node known here is of cluster '${cluster}', and nobody announces a way to it${nearest === undefined ? '.' : `; did you mean '${nearest}'?`}`,
    `Known clusters: ${known.slice(0, CLUSTERS_NAMED_MAX).join(', ')}${more}`,
  ]
  const hope = guess === null ? '' : `. A message for it would be handed to ${guess}, in the hope that it knows more`
  return {
    kind: 'route',
    name: cluster,
    verdict: 'unknown',
    reason: `${sentences.join(' ')}${hope}`,
    since: null,
    candidates: [],
    next: [nearest === undefined ? commands.clusterMap(self) : commands.explainRoute(nearest)],
  }
}

const STEP_TEXTS: Readonly<Record<string, string>> = {
  chosen: 'knows the way that is taken',
  no_path: 'knows no way',
  visited: 'leads back through a cluster the message has been to',
  no_peer: 'leads to a cluster no usable link leads to',
  over_budget: 'takes more hops than are left',
  path_mismatch: 'does not begin here',
  already_local: 'ends where it begins',
  not_linked: 'no node of the cluster itself is linked',
  no_neighbor: 'no neighbour is left that may know more',
  switched_off: 'is switched off (fabric_route_fallback_neighbor)',
}

function explainTopic({ explainTopic: explain, nodeId, refusals }: ExplainDeps, topic: string): Explanation {
  const { nodes, nodes_total, reason } = explain(topic)
  const served = nodes.filter((node) => node.served)
  const concerned = nodes.filter((node) => node.subscriptions_total > 0)
  const unserved = concerned.filter((node) => !node.served)
  const refused = refusals.of('publication', topic)
  return {
    kind: 'topic',
    name: topic,
    verdict:
      concerned.length === 0
        ? 'no_subscribers'
        : unserved.length === 0
          ? 'delivered'
          : served.length === 0
            ? 'not_delivered'
            : 'delivered_to_some',
    reason:
      concerned.length === 0
        ? `none of ${nodes_total} nodes has a subscription that matches`
        : `${served.length} of ${concerned.length} nodes with a subscription get it (${reason})${unserved.length === 0 ? '' : `; not ${unserved.map((node) => `${node.node_id}: ${node.reason}`).join(', ')}`}`,
    since: refused.length === 0 ? null : Math.min(...refused.map(({ first_at }) => first_at)),
    candidates: inOrderOfChoice(
      nodes.map((node) => ({
        id: node.node_id,
        cluster_id: node.cluster_id,
        qualifies: node.served,
        chosen: node.served,
        reasons: [
          { code: node.reason, text: node.via === null || node.via === node.node_id ? node.reason : `${node.reason} via ${node.via}` },
        ],
        facts: { via: node.via, subscriptions_total: node.subscriptions_total, subscriptions: node.subscriptions },
      })),
    ),
    next: unserved
      .filter((node) => node.node_id !== nodeId)
      .slice(0, 3)
      .map((node) => commands.explainPeer(node.node_id)),
  }
}
