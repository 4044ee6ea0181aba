/**
 * Where a command would run and why: every node that has the function, what speaks against each, and the one that is chosen.
 *
 * The question is the one placement decides (rpc/placement.ts), in the same order: own cluster first, then load, then version. Added is what
 * placement leaves to the sending: whether there is a way to the chosen node's cluster.
 */
import { type Clock, compareVersions, parseConstraint, parseVersion } from '../base/index.ts'
import {
  commands,
  duration,
  type ExplainedCandidate,
  type ExplainedReason,
  type Explanation,
  inOrderOfChoice,
  nearestName,
  RECENT_SECONDS,
  type Refusal,
  type RefusalLedger,
  remoteCall,
  wantedSince,
} from '../telemetry/index.ts'
import type { FunctionEntry } from '../wire/index.ts'
import type { Discovery } from './discovery.ts'
import type { Fabric } from './fabric.ts'
import { HOW_GONE, mismatches, refusalsAtCatalog, type Selector, wantedBy } from './function-reasons.ts'
import type { GoneFunctions } from './gone-functions.ts'
import { nodeProblem } from './node-problem.ts'

/** What a command may ask of a function besides its name. */
export interface FunctionQuestion {
  readonly version_constraint?: string | null
  readonly resources?: readonly string[]
  readonly function_id?: string | null
  readonly target_cluster?: string | null
}

export interface FunctionExplainerDeps {
  readonly clock: Clock
  readonly nodeId: string
  readonly clusterId: string
  readonly fabric: Fabric
  readonly refusals: RefusalLedger
  readonly gone: GoneFunctions
  readonly discovery: Pick<Discovery, 'policy' | 'whyHidden' | 'whyNotExported'>
  /** Open connections of this node. */
  ownLoad(): number
}

/** What an unknown load counts as, and how much busier this node may be than another before it lets that one run the command: placement's. */
const LOAD_UNKNOWN = 1000
const LOAD_MARGIN = 100

interface Weighed {
  readonly entry: FunctionEntry
  readonly load: number | undefined
  /** What placement holds against it. */
  readonly faults: readonly ExplainedReason[]
  /** Why a command placed there would not arrive. */
  readonly noWay: ExplainedReason | undefined
}

export function explainFunction(deps: FunctionExplainerDeps, name: string, question: FunctionQuestion = {}): Explanation {
  const selector = selectorOf(name, question)
  if (typeof selector === 'string') return unanswered(name, 'invalid_constraint', selector)
  const weighed = deps.fabric.catalog.functionsNamed(name).map((entry) => weigh(deps, entry, selector))
  if (weighed.length === 0) return absent(deps, name)
  const fitting = weighed.filter(({ faults }) => faults.length === 0)
  const chosen = choose(deps, fitting)
  const candidates = inOrderOfChoice(weighed.map((one) => candidateOf(deps, one, chosen)))
  const base = { kind: 'function' as const, name, candidates, next: nextFor(deps, name, chosen?.one ?? weighed[0]) }
  if (chosen === undefined) {
    const said = weighed.map(
      ({ entry, faults }) => `${entry.identity.version} on ${entry.node_id} ${faults.map(({ text }) => text).join(' and ')}`,
    )
    return {
      ...base,
      verdict: 'no_candidate_qualifies',
      reason: `${weighed.length} known, none qualifies: ${said.join('; ')}`,
      since: refusedSince(deps, selector),
    }
  }
  const { entry, noWay } = chosen.one
  if (noWay !== undefined) {
    return {
      ...base,
      verdict: 'unreachable',
      reason: `${entry.node_id} is chosen (${chosen.why}), and ${noWay.text}`,
      since: stoppedSince(deps, entry.cluster_id),
    }
  }
  const verdict = entry.node_id === deps.nodeId ? 'runs_here' : 'runs_there'
  const reason = `${entry.identity.version} on ${entry.node_id}: ${chosen.why}`
  const refused = lastRefusal(deps, entry)
  if (refused === undefined) return { ...base, verdict, reason, since: null }
  const { code, text } = refusalReason(deps, refused)
  return {
    ...base,
    verdict,
    reason: `${reason}; but such calls ${text}: ${code}`,
    since: null,
    next: ['mpreg doctor', ...base.next],
  }
}

/** What came of calls of the function on its node of late, if they were refused. Its rules may be others by now: only a call can tell. */
function lastRefusal({ clock, refusals }: FunctionExplainerDeps, { identity, node_id: id }: FunctionEntry): Refusal | undefined {
  const [last] = refusals.of('remote_call', remoteCall(identity.name, id))
  return last !== undefined && clock.wall() - last.last_at <= RECENT_SECONDS ? last : undefined
}

function refusalReason({ clock }: FunctionExplainerDeps, { count, detail: by, last_at, reason }: Refusal): ExplainedReason {
  const ago = `${duration(clock.wall() - last_at)} ago`
  return { code: reason, text: `were refused by ${by} ${count === 1 ? `once, ${ago}` : `${count} times, the last ${ago}`}` }
}

/** @returns what is wrong with it, if something is */
function selectorOf(fun: string, question: FunctionQuestion): Selector | string {
  const constraintText = question.version_constraint || null
  try {
    return {
      fun,
      functionId: question.function_id || null,
      constraint: constraintText === null ? null : parseConstraint(constraintText),
      constraintText,
      resources: question.resources ?? [],
      targetCluster: question.target_cluster || null,
    }
  } catch (error) {
    return (error as Error).message
  }
}

function weigh(deps: FunctionExplainerDeps, entry: FunctionEntry, selector: Selector): Weighed {
  const { fabric } = deps
  const { cluster_id: cluster, identity, node_id: id, resources } = entry
  const faults = mismatches({ cluster_id: cluster, function_id: identity.function_id, version: identity.version, resources }, selector)
  // An operator looks at the node's resources and wonders: those of the function count.
  const missing = selector.resources.filter((resource) => !resources.includes(resource))
  const ofNode = missing.filter((resource) => fabric.catalog.node(id)?.resources.includes(resource))
  if (ofNode.length > 0) {
    faults.push({
      code: 'resource_of_node_only',
      text: `has ${quoted(ofNode)} as a resource of the node, which does not count: the function must offer it`,
    })
  }
  if (!fabric.peers.federationAllows(cluster).allowed)
    faults.push({ code: 'policy', text: `is in cluster '${cluster}', to which nothing is sent` })
  const problem = id === deps.nodeId ? undefined : nodeProblem(fabric, id)
  if (problem !== undefined) faults.push(problem)
  return { entry, load: id === deps.nodeId ? deps.ownLoad() : fabric.peers.views.loadScoreOf(id), faults, noWay: wayProblem(deps, cluster) }
}

function wayProblem({ clusterId, fabric }: FunctionExplainerDeps, cluster: string): ExplainedReason | undefined {
  if (cluster === clusterId) return undefined
  const { next_peer_url, planned_path, reason } = fabric.routing.explain(cluster).forwarding_plan
  if (next_peer_url !== null) return undefined
  const path = planned_path.length > 1 ? ` (the way known is ${planned_path.join(' > ')})` : ''
  return { code: reason, text: `a message for cluster '${cluster}' can not go on: ${reason}${path}` }
}

interface Choice {
  readonly one: Weighed
  readonly why: string
}

function choose({ clusterId, nodeId }: FunctionExplainerDeps, fitting: readonly Weighed[]): Choice | undefined {
  const loadOf = ({ load }: Weighed): number => load ?? LOAD_UNKNOWN
  const isForeign = ({ entry }: Weighed): number => Number(entry.cluster_id !== clusterId)
  const version = ({ entry }: Weighed) => parseVersion(entry.identity.version)
  const byVersion = (a: Weighed, b: Weighed): number => compareVersions(version(b), version(a))
  const own = fitting.filter(({ entry }) => entry.node_id === nodeId).sort(byVersion)[0]
  const others = fitting
    .filter(({ entry }) => entry.node_id !== nodeId)
    .sort((a, b) => isForeign(a) - isForeign(b) || loadOf(a) - loadOf(b) || byVersion(a, b))
  const [best, second] = others
  if (own !== undefined && (best === undefined || loadOf(best) + LOAD_MARGIN >= loadOf(own))) {
    return {
      one: own,
      why: best === undefined ? 'this node has it, and no other' : 'this node has it, and is not far busier than the others',
    }
  }
  if (best === undefined) return undefined
  if (own !== undefined) return { one: best, why: `this node has it too, and is over ${LOAD_MARGIN} connections busier` }
  if (second === undefined) return { one: best, why: 'the only one that qualifies' }
  if (isForeign(best) !== isForeign(second)) return { one: best, why: 'it is in the own cluster, which comes before others' }
  if (loadOf(best) !== loadOf(second)) return { one: best, why: `it has the least load (${loadOf(best)}; the next ${loadOf(second)})` }
  if (byVersion(best, second) !== 0) return { one: best, why: 'equal load, and the highest version' }
  return { one: best, why: 'equals take turns; it is the first of them' }
}

function candidateOf(deps: FunctionExplainerDeps, one: Weighed, chosen: Choice | undefined): ExplainedCandidate {
  const { discovery, nodeId } = deps
  const { entry, faults, load, noWay } = one
  const isChosen = chosen?.one === one
  const reasons = [...faults, ...(noWay === undefined ? [] : [noWay])]
  if (reasons.length === 0) {
    reasons.push(
      isChosen && chosen !== undefined
        ? { code: 'chosen', text: chosen.why }
        : { code: 'passed_over', text: 'would do; another comes before it' },
    )
  }
  const refused = lastRefusal(deps, entry)
  if (refused !== undefined) {
    const { code, text } = refusalReason(deps, refused)
    reasons.push({ code, text: `calls of it ${text}` })
  }
  for (const told of [discovery.whyHidden(entry), discovery.whyNotExported(entry)]) if (told !== undefined) reasons.push(told)
  return {
    id: entry.node_id,
    cluster_id: entry.cluster_id,
    qualifies: faults.length === 0 && noWay === undefined,
    chosen: isChosen,
    reasons,
    facts: {
      version: entry.identity.version,
      function_id: entry.identity.function_id,
      resources: entry.resources,
      load: load ?? null,
      this_node: entry.node_id === nodeId,
    },
  }
}

const KEPT_OUT_BY: Readonly<Record<string, string>> = {
  function_blocked: 'federation_config.security_policy',
  function_not_allowed: 'federation_config.security_policy',
  namespace_denied: 'namespace policy',
}

/** Nobody in the catalog has it: kept out, gone, or never heard of. */
function absent({ clock, discovery, fabric, gone, refusals }: FunctionExplainerDeps, name: string): Explanation {
  const keptOut = refusalsAtCatalog(name, { refusals, gone, policy: discovery.policy })
  const [latest] = keptOut
  if (latest !== undefined) {
    const candidates = keptOut.map((refusal) => ({
      id: refusal.detail,
      cluster_id: null,
      qualifies: false,
      chosen: false,
      reasons: [{ code: refusal.reason, text: `is kept out by this node's ${KEPT_OUT_BY[refusal.reason] ?? 'rules'}` }],
      facts: { refused_total: refusal.count, last_at: refusal.last_at },
    }))
    const reason = `it is known (${latest.detail}), and this node's rules keep it out: ${latest.reason}`
    const next = latest.reason === 'namespace_denied' ? [commands.discoveryPolicy, 'mpreg doctor'] : ['mpreg doctor']
    return { kind: 'function', name, verdict: 'blocked', reason, since: latest.first_at, candidates, next }
  }
  const last = gone.of(name)
  if (last !== undefined) {
    const ago = Math.round(clock.wall() - last.at)
    const reason = `it was there until ${ago} s ago: ${last.version} on ${last.node_id} of cluster ${last.cluster_id}, ${HOW_GONE[last.how]}`
    return {
      kind: 'function',
      name,
      verdict: 'gone',
      reason,
      since: last.at,
      candidates: [],
      next: [commands.explainPeer(last.node_id), 'mpreg doctor'],
    }
  }
  const names = [...fabric.catalog.functionNames()]
  // Its lease has ended, and nobody has cleared it away yet: it is gone, and no answer to itself.
  if (names.includes(name)) return unanswered(name, 'gone', 'it was there, and its node has not been heard of since its lease ended')
  const nearest = nearestName(name, names)
  const guess = nearest === undefined ? '' : `; did you mean '${nearest}'?`
  const explanation = unanswered(name, 'unknown', `no node registers '${name}'${guess}`)
  return nearest === undefined ? explanation : { ...explanation, next: [commands.explainFunction(nearest)] }
}

function unanswered(name: string, verdict: string, reason: string): Explanation {
  return { kind: 'function', name, verdict, reason, since: null, candidates: [], next: [] }
}

/** Since when calls that ask for exactly this fail, as far as somebody has called. */
function refusedSince({ refusals }: FunctionExplainerDeps, selector: Selector): number | null {
  const wanted = wantedBy(selector)
  return earliest(refusals.of('call', selector.fun).flatMap((refusal) => wantedSince(refusal, wanted) ?? []))
}

/** Since when messages for the cluster can not go on, as far as there were any. */
function stoppedSince({ refusals }: FunctionExplainerDeps, cluster: string): number | null {
  return earliest(refusals.of('route', cluster).map(({ first_at }) => first_at))
}

function earliest(times: readonly number[]): number | null {
  return times.length === 0 ? null : Math.min(...times)
}

function nextFor({ clusterId, nodeId }: FunctionExplainerDeps, name: string, one: Weighed | undefined): string[] {
  if (one === undefined) return []
  const { cluster_id: cluster, node_id: id } = one.entry
  return [
    ...(cluster === clusterId ? [] : [commands.explainRoute(cluster)]),
    ...(id === nodeId ? [] : [commands.explainPeer(id)]),
    commands.describeFunction(name),
  ]
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join(', ')
}
