/**
 * Walks over the nodes of a fabric by their monitoring services: asks each for its facts, and goes on to the peers those name. Nodes are
 * asked side by side, each once, and one that does not answer is a result like any other.
 *
 * The token is shown to the nodes the operator named. Others are found through what nodes say, and a node could say anything: they get to
 * see it only on request.
 */
import { type NodeFacts, nodesToAsk, type UnreachableNode } from '../telemetry/index.ts'
import { shapedFacts } from './facts-shape.ts'
import { textAt } from './json-value.ts'
import { createMonitorClient, type MonitorClient, MonitorTimeoutError, MonitorUnreachableError } from './monitor-client.ts'
import { isHttpUrl } from './monitoring-options.ts'
import { CommandFailure } from './outcome.ts'

export interface WalkOptions {
  readonly token: string | undefined
  /** Show the token to nodes that were found, too. */
  readonly sharesToken: boolean
  /** Of one node's answer. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

export interface VisitedNode {
  readonly client: MonitorClient
  readonly facts: NodeFacts
}

export interface FabricWalk {
  /** In the order of their ids. */
  readonly nodes: readonly VisitedNode[]
  readonly unreachable: readonly UnreachableNode[]
  /** Nodes that others know, and whose monitoring service nobody knows. */
  readonly unmonitored: readonly string[]
}

/** Questions under way at once: plenty for a quick walk, and few enough for any limit on open files. */
export const QUESTIONS_MAX = 32
/** Nodes asked at most, so that nodes which invent peers can not keep a walk going. */
const NODES_MAX = 10_000

export async function walkFabric(seeds: readonly string[], options: WalkOptions): Promise<FabricWalk> {
  const visited = new Map<string, VisitedNode>()
  const unreachable: UnreachableNode[] = []
  const unmonitored = new Set<string>()
  /** URLs that were or will be asked. */
  const known = new Set<string>()
  const waiting: { url: string; nodeId: string | null; token: string | undefined }[] = []

  function plan(url: string, nodeId: string | null, token: string | undefined): void {
    const normal = new URL(url).href.replace(/\/+$/, '')
    if (known.has(normal) || known.size >= NODES_MAX) return
    known.add(normal)
    waiting.push({ url: normal, nodeId, token })
  }

  async function visit({ nodeId, token, url }: (typeof waiting)[number]): Promise<void> {
    const client = createMonitorClient({ url, token, timeoutMs: options.timeoutMs })
    const answer = await factsOf(client, options.signal)
    if ('error' in answer) return void unreachable.push({ node_id: nodeId, monitoring_url: url, ...answer })
    const { facts } = answer
    // One node may be known by several URLs.
    if (visited.has(facts.node_id)) return
    visited.set(facts.node_id, { client, facts })
    for (const peer of nodesToAsk([facts], known)) {
      if (isHttpUrl(peer.monitoring_url)) plan(peer.monitoring_url, peer.node_id, options.sharesToken ? options.token : undefined)
    }
    for (const peer of facts.peers) if (!peer.departed && peer.monitoring_url === null) unmonitored.add(peer.node_id)
  }

  async function visitAll(): Promise<void> {
    const busy = new Set<Promise<void>>()
    while (waiting.length > 0 || busy.size > 0) {
      for (const next of waiting.splice(0, QUESTIONS_MAX - busy.size)) {
        const visiting: Promise<void> = visit(next).finally(() => busy.delete(visiting))
        busy.add(visiting)
      }
      await Promise.race(busy)
    }
  }

  for (const url of seeds) plan(url, null, options.token)
  await visitAll()
  const nodes = [...visited.values()].sort((a, b) => (a.facts.node_id < b.facts.node_id ? -1 : 1))
  const named = new Set(unreachable.map(({ node_id }) => node_id))
  return { nodes, unreachable, unmonitored: [...unmonitored].filter((id) => !visited.has(id) && !named.has(id)).sort() }
}

async function factsOf(
  client: MonitorClient,
  signal: AbortSignal | undefined,
): Promise<{ facts: NodeFacts } | Pick<UnreachableNode, 'reason' | 'error'>> {
  try {
    const { body, status } = await client.getJson('/diagnosis', { signal })
    if (status !== 200) {
      const hint = status === 401 || status === 403 ? ' (it wants a token: --token-file; for nodes that were not named, --share-token)' : ''
      return { reason: 'bad_answer', error: `answered ${status}: ${textAt(body, 'message') ?? 'no reason given'}${hint}` }
    }
    const shaped = shapedFacts(body.diagnosis)
    if ('facts' in shaped) return shaped
    const wrong = shaped.missing === '' ? '' : `: ${shaped.missing} is missing, or strange`
    return { reason: 'bad_answer', error: `its answer to /diagnosis holds no facts that this version understands${wrong}` }
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error
    return { reason: reasonOf(error), error: error.message.replace(/^Error: /, '') }
  }
}

function reasonOf(error: CommandFailure): UnreachableNode['reason'] {
  if (error instanceof MonitorTimeoutError) return error.wasConnected ? 'silent' : 'timeout'
  return error instanceof MonitorUnreachableError ? 'refused' : 'bad_answer'
}
