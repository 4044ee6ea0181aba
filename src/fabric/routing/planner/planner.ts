/**
 * The next-hop planner: through which node a message for another cluster goes on.
 *
 * Whoever may know a way is asked in turn: link-state, path-vector, the graph of connected clusters, the links themselves. Each is asked only for
 * ways that lead around what the message has visited, over a link that is there. One that has none does not end the planning; what kept its way
 * from being used is remembered, and is the reason given when nobody has a better one. Last comes a guess: a neighbour that may know more.
 *
 * Plans are not kept. Making one takes a microsecond or a few (the protocols keep their paths), and a kept plan would have to be dropped with every
 * change of links, loads and routes.
 */
import { compareCodePoints } from '../../../wire/index.ts'
import type { PathConditions } from '../graph/path-conditions.ts'
import { PATHS_TRIED_MAX, UNLIMITED_HOPS } from './constants.ts'
import { bestPeer } from './peer-choice.ts'
import { type Plan, type PlanReason, type PlanStep, type PlanStepName, type PlanStepOutcome, reasonOf } from './plan.ts'
import type { PlannerPorts } from './ports.ts'

export interface PlanRequest {
  /** Null or empty: none. */
  readonly targetCluster: string | null
  /** Clusters the message has been through, in order; the local one may be the last. */
  readonly visited?: readonly string[]
  /** Null: the default. */
  readonly remainingHops?: number | null
  /** Nodes that have had the message: it is not sent to them again. */
  readonly visitedNodes?: readonly string[]
}

export interface PlannerSnapshot {
  readonly plans_total: number
  readonly by_reason: Readonly<Partial<Record<PlanReason, number>>>
  /** Plans that can be forwarded, by who knew the way. */
  readonly by_step: Readonly<Partial<Record<PlanStepName, number>>>
}

export interface Planner {
  plan(request: PlanRequest): Plan
  /** The plan a message would get now: nothing is counted, and no turn among equal paths is taken. */
  preview(request: PlanRequest): Plan
  snapshot(): PlannerSnapshot
}

export interface PlannerOptions {
  readonly clusterId: string
  /** Hops of a message that does not say how many it has left. */
  readonly hopsMax: number
  /** Whether a neighbour is tried when nobody knows a way. */
  readonly fallbackNeighbor: boolean
}

/** A way found by one of the steps. */
interface Way {
  readonly path: readonly string[]
  readonly nodeId: string
}

/** A path search as a step asks for it. */
type FindPath = (hopsMax: number, conditions: PathConditions) => readonly string[] | undefined

const NONE: readonly string[] = []

/** Whether a message with this plan can be sent on. */
export function canForward(plan: Plan): plan is Plan & { readonly next_peer_url: string } {
  return plan.next_peer_url !== null
}

export function createPlanner(ports: PlannerPorts, { clusterId: local, hopsMax, fallbackNeighbor }: PlannerOptions): Planner {
  const byReason: Partial<Record<PlanReason, number>> = {}
  const byStep: Partial<Record<PlanStepName, number>> = {}
  let plans = 0

  function plan({ targetCluster, visited: given = NONE, remainingHops, visitedNodes = NONE }: PlanRequest, takesTurn: boolean): Plan {
    const target = targetCluster ?? ''
    const budget = Math.trunc(remainingHops ?? hopsMax)
    if (target === '') return failed(target, given, budget, 'no_target_cluster', NONE, [])
    if (target === local) return failed(target, given, budget, 'already_local', NONE, [])
    const visited = given.at(-1) === local ? given.slice(0, -1) : given
    if (visited.includes(local)) return failed(target, visited, budget, 'loop_detected', NONE, [])
    if (!(budget > 0)) return failed(target, visited, budget, 'hop_budget_exhausted', NONE, [])
    return createAttempt(target, visited, budget, visitedNodes, takesTurn).run()
  }

  function failed(
    target_cluster: string,
    federation_path: readonly string[],
    budget: number,
    reason: PlanReason,
    planned_path: readonly string[],
    steps: readonly PlanStep[],
  ): Plan {
    const next_cluster = planned_path[1] ?? null
    const remaining_hops = Math.max(0, budget)
    return { target_cluster, next_cluster, next_peer_url: null, planned_path, federation_path, remaining_hops, reason, steps }
  }

  /** The planning of one message. */
  function createAttempt(target: string, visited: readonly string[], budget: number, visitedNodes: readonly string[], takesTurn: boolean) {
    const avoid = new Set(visited)
    const steps: PlanStep[] = []
    const isFresh = (nodeId: string): boolean => !visitedNodes.includes(nodeId)
    const directPeer = (clusterId: string): string | undefined => bestPeer(ports.connectedPeers(clusterId), isFresh)
    const isLinked = (clusterId: string): boolean => directPeer(clusterId) !== undefined

    function run(): Plan {
      const mode = ports.linkState?.mode
      const way =
        (ports.linkState === undefined ? undefined : viaLinkState(ports.linkState)) ??
        (mode === 'only' ? undefined : (viaPathVector() ?? viaGraph())) ??
        viaPeer()
      if (way !== undefined) return forwarded('ok', way)
      // A target that is next door but has been visited is not found by going elsewhere.
      const guess = steps.at(-1)?.outcome === 'visited' ? undefined : viaFallback()
      if (guess !== undefined) return forwarded('fallback_neighbor', guess)
      const telling = steps.find(({ outcome }) => reasonOf(outcome) !== undefined)
      const reason = (telling && reasonOf(telling.outcome)) ?? 'no_fabric_path'
      return failed(target, visited, budget, reason, telling?.path ?? NONE, steps)
    }

    function forwarded(reason: PlanReason, { path, nodeId }: Way): Plan {
      return {
        target_cluster: target,
        next_cluster: path[1] as string,
        next_peer_url: nodeId,
        planned_path: path,
        federation_path: [...visited, local],
        remaining_hops: budget - 1,
        reason,
        steps,
      }
    }

    function refused(step: PlanStepName, outcome: PlanStepOutcome, path: readonly string[] = NONE): undefined {
      steps.push({ step, outcome, path })
    }

    function chosen(step: PlanStepName, path: readonly string[], nodeId: string): Way {
      steps.push({ step, outcome: 'chosen', path })
      return { path, nodeId }
    }

    /** Over a link of this node, or of another node of the cluster that says it has one: which costs one more hop, to get there. */
    function viaLinkState(linkState: NonNullable<PlannerPorts['linkState']>): Way | undefined {
      const find: FindPath = (hops, conditions) => linkState.findPath(target, hops, conditions, takesTurn)
      const siblingTo = (clusterId: string): string | undefined => {
        const linked = linkState.siblingsLinkedTo(clusterId)
        return linked.length === 0 ? undefined : bestPeer(ports.connectedPeers(local), (id) => linked.includes(id) && isFresh(id))
      }
      const peerTo = (clusterId: string): string | undefined => directPeer(clusterId) ?? siblingTo(clusterId)
      const isReachable = (clusterId: string): boolean => peerTo(clusterId) !== undefined

      const best = find(budget, { avoid, firstHop: isReachable })
      if (best === undefined) return diagnosed('link_state', find, isReachable)
      if (mismatch('link_state', best)) return undefined
      const direct = directPeer(best[1] as string)
      if (direct !== undefined) return chosen('link_state', best, direct)
      // The detour inside the cluster may take the last hop.
      const isTooLong = best.length > budget
      const shorter = isTooLong && budget > 1 ? find(budget - 1, { avoid, firstHop: isReachable }) : undefined
      const path = isTooLong ? (shorter ?? find(budget, { avoid, firstHop: isLinked })) : best
      const nodeId = path && peerTo(path[1] as string)
      if (path === undefined || nodeId === undefined) return refused('link_state', 'over_budget', best)
      return chosen('link_state', path, nodeId)
    }

    function viaPathVector(): Way | undefined {
      let avoidClusters = visited
      let avoidNodes = visitedNodes
      let first: { readonly outcome: PlanStepOutcome; readonly path: readonly string[] } | undefined
      for (let tried = 0; tried < PATHS_TRIED_MAX; tried++) {
        const route = ports.selectRoute(target, avoidClusters, avoidNodes)
        if (route === undefined) break
        const { path, nextHop, hopCount, toldBy, viaNode } = route
        const outcome = faultOf(path, hopCount + Number(viaNode !== undefined))
        const nodeId =
          viaNode === undefined
            ? (teacher(nextHop, toldBy) ?? directPeer(nextHop))
            : bestPeer(ports.connectedPeers(local), (id) => id === viaNode && isFresh(id))
        if (outcome === undefined && nodeId !== undefined) return chosen('path_vector', path, nodeId)
        first ??= { outcome: outcome ?? 'no_peer', path }
        // Another route may do better; one through the same neighbour, or the same sibling, may not.
        if (viaNode !== undefined) avoidNodes = [...avoidNodes, viaNode]
        else if (nextHop !== target) avoidClusters = [...avoidClusters, nextHop]
        else break
      }
      return refused('path_vector', first?.outcome ?? 'no_path', first?.path)
    }

    /** The node that told a route, if a link leads to it. */
    function teacher(clusterId: string, toldBy: string | undefined): string | undefined {
      return bestPeer(ports.connectedPeers(clusterId), (id) => id === toldBy && isFresh(id))
    }

    function faultOf(path: readonly string[], hops: number): PlanStepOutcome | undefined {
      if (path[0] !== local) return 'path_mismatch'
      if (path.length < 2) return 'already_local'
      if (path.some((clusterId) => avoid.has(clusterId))) return 'visited'
      return hops > budget ? 'over_budget' : undefined
    }

    function viaGraph(): Way | undefined {
      const find: FindPath = (hops, conditions) => ports.graph.findOptimalPath(local, target, hops, conditions)
      const path = find(budget, { avoid, firstHop: isLinked })
      if (path === undefined) return diagnosed('graph', find, isLinked)
      if (mismatch('graph', path)) return undefined
      return chosen('graph', path, directPeer(path[1] as string) as string)
    }

    function mismatch(step: PlanStepName, path: readonly string[]): boolean {
      const fault = faultOf(path, path.length - 1)
      if (fault !== undefined) refused(step, fault, path)
      return fault !== undefined
    }

    /** Why a search found nothing: what is wrong with the path it finds when nothing is asked of it. */
    function diagnosed(step: PlanStepName, find: FindPath, isReachable: (clusterId: string) => boolean): undefined {
      const path = find(UNLIMITED_HOPS, {})
      if (path === undefined) return refused(step, 'no_path')
      const fault = faultOf(path, 0)
      if (fault !== undefined) return refused(step, fault, path)
      return refused(step, isReachable(path[1] as string) ? 'over_budget' : 'no_peer', path)
    }

    function viaPeer(): Way | undefined {
      const nodeId = directPeer(target)
      if (nodeId === undefined) return refused('peer', 'not_linked')
      const path = [local, target]
      return avoid.has(target) ? refused('peer', 'visited', path) : chosen('peer', path, nodeId)
    }

    function viaFallback(): Way | undefined {
      if (!fallbackNeighbor) return refused('fallback', 'switched_off')
      let first: { readonly nodeId: string; readonly clusterId: string } | undefined
      for (const neighbor of ports.neighbors()) {
        if (neighbor.clusterId === local || avoid.has(neighbor.clusterId) || !isFresh(neighbor.nodeId)) continue
        if (first === undefined || comesBefore(neighbor, first)) first = neighbor
      }
      if (first !== undefined) return chosen('fallback', [local, first.clusterId], first.nodeId)
      // In a large cluster not every node is linked to one at the border, or hears of its routes; another one may be. It costs a hop.
      const mayAsk = budget > 1 && ports.hasUnlinkedSiblings?.() === true
      const sibling = mayAsk ? bestPeer(ports.connectedPeers(local), isFresh) : undefined
      if (sibling === undefined) return refused('fallback', 'no_neighbor')
      return chosen('fallback', [local, target], sibling)
    }

    return { run }
  }

  return {
    plan(request) {
      const made = plan(request, true)
      plans++
      byReason[made.reason] = (byReason[made.reason] ?? 0) + 1
      const last = made.steps.at(-1)
      if (last?.outcome === 'chosen') byStep[last.step] = (byStep[last.step] ?? 0) + 1
      return made
    },
    preview: (request) => plan(request, false),
    snapshot: () => ({ plans_total: plans, by_reason: { ...byReason }, by_step: { ...byStep } }),
  }
}

function comesBefore(
  a: { readonly nodeId: string; readonly clusterId: string },
  b: { readonly nodeId: string; readonly clusterId: string },
): boolean {
  return (compareCodePoints(a.clusterId, b.clusterId) || compareCodePoints(a.nodeId, b.nodeId)) < 0
}
