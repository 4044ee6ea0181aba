/** Where a queue is, which one a message sent here would go to, and why messages of it were given up. */
import {
  commands,
  type ExplainedCandidate,
  type ExplainedReason,
  type Explanation,
  inOrderOfChoice,
  nearestName,
} from '../telemetry/index.ts'
import type { DeadLetter, QueueEntry } from '../wire/index.ts'
import type { Fabric } from './fabric.ts'
import { nodeProblem } from './node-problem.ts'
import type { NodeQueues } from './queues-api.ts'

export interface QueueExplainerDeps {
  readonly nodeId: string
  readonly clusterId: string
  readonly fabric: Fabric
  /** Of this node; undefined: it has none. */
  readonly queues: NodeQueues | undefined
  /** The best node for a queue besides this one. */
  findQueue(name: string): QueueEntry | undefined
}

export function explainQueue(deps: QueueExplainerDeps, name: string): Explanation {
  const { clusterId, fabric, nodeId, queues } = deps
  const own = queues?.get(name)
  const letters = own?.deadLetters() ?? []
  const best = own === undefined ? deps.findQueue(name) : undefined
  const candidates = fabric.catalog.queues(name).map((entry): ExplainedCandidate => {
    const isHere = entry.node_id === nodeId
    const problem = isHere ? undefined : nodeProblem(fabric, entry.node_id)
    const isAllowed = entry.cluster_id === clusterId || fabric.peers.federationAllows(entry.cluster_id).allowed
    const isChosen = isHere || entry.node_id === best?.node_id
    return {
      id: entry.node_id,
      cluster_id: entry.cluster_id,
      qualifies: isAllowed && problem === undefined,
      chosen: isChosen,
      reasons: [isAllowed && problem !== undefined ? problem : reasonOf(isHere, isAllowed, isChosen)],
      facts: { health: entry.health, current_subscribers: entry.current_subscribers, ...entry.metadata },
    }
  })
  const out = candidates.find(({ reasons }) => reasons[0]?.code.startsWith('node_'))
  const statistics = own?.statistics()
  const counts =
    statistics &&
    `${statistics.current_queue_size} messages wait, ${statistics.current_in_flight_count} are in flight, ${statistics.dead_letters} are dead${deathsText(letters)}`
  const known = queues?.discover().map(({ queue_name }) => queue_name) ?? []
  const nearest = nearestName(name, known)
  return {
    kind: 'queue',
    name,
    verdict:
      own !== undefined
        ? 'local'
        : best !== undefined
          ? 'remote'
          : out !== undefined
            ? 'unreachable'
            : candidates.length > 0
              ? 'not_permitted'
              : 'unknown',
    reason:
      counts !== undefined
        ? `it is on this node: ${counts}`
        : best !== undefined
          ? `a message sent here goes to ${best.node_id} of cluster ${best.cluster_id}, which answers for it`
          : out !== undefined
            ? `${out.id} has it, but ${out.reasons[0]?.text}`
            : candidates.length > 0
              ? 'it is only in clusters to which nothing is sent from here'
              : `no node announces it${nearest === undefined ? '' : `; did you mean '${nearest}'?`}`,
    since: letters[0]?.died_at ?? null,
    candidates: inOrderOfChoice(candidates),
    next:
      own !== undefined || best !== undefined
        ? [commands.queueInfo(name, nodeId), ...(letters.length > 0 ? [commands.queueDeadLetters(name, nodeId)] : [])]
        : [out !== undefined ? commands.explainPeer(out.id) : commands.queueList(nodeId)],
  }
}

function reasonOf(isHere: boolean, isAllowed: boolean, isChosen: boolean): ExplainedReason {
  if (isHere) return { code: 'local', text: 'is this node' }
  if (!isAllowed) return { code: 'cluster_not_allowed', text: 'is in a cluster to which nothing is sent' }
  if (isChosen) return { code: 'chosen', text: 'is of this cluster if any is, is healthy if any is, and comes first by cluster and node' }
  return { code: 'passed_over', text: 'has the queue too' }
}

/** How often each reason, and what was said last. */
function deathsText(letters: readonly DeadLetter[]): string {
  const last = letters.at(-1)
  if (last === undefined) return ''
  const byReason = new Map<string, number>()
  for (const { reason } of letters) byReason.set(reason, (byReason.get(reason) ?? 0) + 1)
  const reasons = [...byReason].map(([reason, count]) => `${count} ${reason}`).join(', ')
  return ` (${reasons}; the latest after ${last.attempts} deliveries${last.detail === null ? '' : `: ${last.detail}`})`
}
