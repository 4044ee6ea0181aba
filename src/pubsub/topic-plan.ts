/**
 * Which nodes a topic concerns, by what the catalog knows.
 *
 * A plan is kept until the catalog changes in any way, and for a second at most, since entries also end by themselves. It says who should
 * get a message, not how: links come and go without the catalog noticing, so the way is looked for with every message.
 */
import type { Clock } from '../base/index.ts'
import type { TopicEntry } from '../wire/index.ts'
import { nodeToken } from './node-token.ts'
import { servedText } from './served-nodes.ts'

/** What a plan comes to, in the words of the protocol. */
export type PlanReason = 'no_subscribers' | 'local_only' | 'remote_only' | 'local_and_remote'

export interface TopicTarget {
  readonly nodeId: string
  readonly clusterId: string
  readonly token: string
}

export interface TopicPlan {
  readonly reason: PlanReason
  /** Other nodes with a subscriber, by id. */
  readonly targets: readonly TopicTarget[]
  /** Token of the own node when it has a subscriber. */
  readonly ownToken: string | undefined
  /** Every node with a subscriber, the own one included, as {@link servedText}. */
  readonly everyone: string
}

/** What forwarding asks of the catalog. */
export interface TopicCatalog {
  /** Live subscriptions of all nodes that match. */
  matchTopics(topic: string): readonly TopicEntry[]
  /** Rises with every change. */
  readonly generation: number
  /** Nodes that are known at all. */
  nodes(): Iterable<{ readonly node_id: string; readonly cluster_id: string }>
}

export interface TopicPlansDeps {
  readonly clock: Pick<Clock, 'monotonic'>
  readonly nodeId: string
  readonly catalog: TopicCatalog
  readonly allowsCluster: (clusterId: string) => boolean
}

export interface TopicPlans {
  for(topic: string): TopicPlan
  snapshot(): { readonly plans_kept: number; readonly plans_made: number }
}

const PLANS_MAX = 4096
const PLAN_AGE_MAX_MS = 1_000

export function createTopicPlans({ clock, nodeId, catalog, allowsCluster }: TopicPlansDeps): TopicPlans {
  const plans = new Map<string, TopicPlan>()
  let generation = catalog.generation
  let sinceMs = clock.monotonic()
  let made = 0

  function make(topic: string): TopicPlan {
    made++
    const remote = new Map<string, TopicTarget>()
    let local = false
    for (const { node_id, cluster_id } of catalog.matchTopics(topic)) {
      if (node_id === nodeId) local = true
      else if (!remote.has(node_id) && allowsCluster(cluster_id)) {
        remote.set(node_id, { nodeId: node_id, clusterId: cluster_id, token: nodeToken(node_id) })
      }
    }
    const targets = [...remote.values()].sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1))
    const ownToken = local ? nodeToken(nodeId) : undefined
    const tokens = targets.map(({ token }) => token)
    return {
      reason: reasonOf(local, targets.length > 0),
      targets,
      ownToken,
      everyone: servedText(ownToken === undefined ? tokens : [...tokens, ownToken]),
    }
  }

  return {
    for(topic) {
      const nowMs = clock.monotonic()
      if (generation !== catalog.generation || nowMs - sinceMs >= PLAN_AGE_MAX_MS) {
        plans.clear()
        generation = catalog.generation
        sinceMs = nowMs
      }
      const known = plans.get(topic)
      if (known !== undefined) return known
      if (plans.size >= PLANS_MAX) plans.clear()
      const plan = make(topic)
      plans.set(topic, plan)
      return plan
    },
    snapshot: () => ({ plans_kept: plans.size, plans_made: made }),
  }
}

export function reasonOf(local: boolean, remote: boolean): PlanReason {
  if (local) return remote ? 'local_and_remote' : 'local_only'
  return remote ? 'remote_only' : 'no_subscribers'
}
