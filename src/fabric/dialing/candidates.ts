/**
 * Who could be dialed: the configured peers, the nodes of the directory, and those that vanished without a goodbye. Whoever is left out is
 * left out for a typed reason.
 *
 * A configured peer may be given under another name than its node id (a host name, another interface). Once it has told its id it is
 * that node, so that there is one candidate and one link; a name that leads back to this node is no candidate ever again.
 */
import type { Clock } from '../../base/index.ts'
import { compareCodePoints, type NodeEntry } from '../../wire/index.ts'
import { LOST_KEPT_SECONDS, LOST_MAX } from './constants.ts'
import { dialUrlOf } from './dial-url.ts'

export type CandidateSource = 'seed' | 'directory' | 'lost'

export interface Candidate {
  /** For a configured peer that has not told its id yet: the url as configured. */
  readonly nodeId: string
  readonly dialUrl: string
  readonly source: CandidateSource
  /** Undefined while unknown. */
  readonly clusterId: string | undefined
}

export type SkipReason = 'own_node' | 'departed' | 'foreign_cluster'

export interface Skipped extends Candidate {
  readonly reason: SkipReason
  /** More than the reason tells, such as the rule that settled it; may be empty. */
  readonly detail: string
}

export interface CandidateSet {
  /** Seeds first. Each node once. */
  readonly candidates: readonly Candidate[]
  /** Vanished nodes: dialed now and then, but no part of the fabric's size. */
  readonly lost: readonly Candidate[]
  readonly skipped: readonly Skipped[]
}

/** What candidates are judged by. */
export interface CandidateFacts {
  /** The node id behind a url; this node's own when the url led back to it; the url itself while unknown. */
  resolve(url: string): string
  nodes(): Iterable<NodeFacts>
  isDeparted(nodeId: string): boolean
  federationAllows(clusterId: string, nodeId: string): { readonly allowed: boolean; readonly message: string }
}

export interface Candidates {
  /** To be called every round. */
  compile(): CandidateSet
  /** Where a node is dialed that may be no candidate. */
  dialUrlOf(nodeId: string): string
  isSeed(nodeId: string): boolean
  /** The node went in good order: it is not looked for. */
  left(nodeId: string): void
  snapshot(): { readonly seeds: number; readonly lost: number; readonly lost_total: number; readonly lost_expired_total: number }
}

export interface CandidatesOptions {
  readonly nodeId: string
  /** Urls the operator configured. */
  readonly seeds: readonly string[]
  readonly onLost?: (nodeId: string) => void
}

type NodeFacts = Pick<NodeEntry, 'node_id' | 'cluster_id' | 'transport_endpoints'>

interface Known {
  readonly dialUrl: string
  readonly clusterId: string
  readonly candidate: Candidate
  /** What it was read from: while that is the same, so is this. */
  readonly facts: NodeFacts
}

function knownBy(facts: NodeFacts): Known {
  const { node_id: nodeId, cluster_id: clusterId } = facts
  const dialUrl = dialUrlOf(nodeId, facts.transport_endpoints)
  return { dialUrl, clusterId, candidate: { nodeId, dialUrl, source: 'directory', clusterId }, facts }
}

export function createCandidates(clock: Clock, facts: CandidateFacts, { nodeId: self, seeds, onLost }: CandidatesOptions): Candidates {
  const seedUrls = [...new Set(seeds)].sort(compareCodePoints)
  /** The directory as of the last round. Who is missing from the next one, and did not leave, is lost. */
  let known = new Map<string, Known>()
  /** In the order they were lost. */
  const lost = new Map<string, Known & { readonly expiresAtMs: number }>()
  let lostTotal = 0
  let lostExpired = 0

  function compile(): CandidateSet {
    const chosen = new Map<string, Candidate>()
    const skipped = new Map<string, Skipped>()
    const present = new Map<string, Known>()

    function consider(candidate: Candidate): void {
      const { nodeId, clusterId, source } = candidate
      if (chosen.has(nodeId) || skipped.has(nodeId)) return
      const skip = (reason: SkipReason, detail = ''): void => void skipped.set(nodeId, { ...candidate, reason, detail })
      if (facts.isDeparted(nodeId)) return skip('departed')
      // The operator's word stands above the federation's rules until the peer has told its cluster.
      if (clusterId !== undefined && source !== 'seed') {
        const decision = facts.federationAllows(clusterId, nodeId)
        if (!decision.allowed) return skip('foreign_cluster', decision.message)
      }
      chosen.set(nodeId, candidate)
    }

    for (const node of facts.nodes()) {
      const { node_id: nodeId } = node
      if (nodeId === self) continue
      const before = known.get(nodeId)
      present.set(nodeId, before?.facts === node ? before : knownBy(node))
    }
    for (const url of seedUrls) {
      const nodeId = facts.resolve(url)
      // Under its alias, so that an operator finds the url as configured.
      if (nodeId === self)
        skipped.set(url, { nodeId: url, dialUrl: url, source: 'seed', clusterId: undefined, reason: 'own_node', detail: '' })
      else consider({ nodeId, dialUrl: url, source: 'seed', clusterId: present.get(nodeId)?.clusterId })
    }
    for (const [nodeId, { candidate }] of present) {
      // The url of an earlier life of this node.
      if (facts.resolve(nodeId) === self) skipped.set(nodeId, { ...candidate, reason: 'own_node', detail: '' })
      else consider(candidate)
    }

    noteVanished(present, new Set(seedUrls.map(facts.resolve)))
    const vanished: Candidate[] = []
    const now = clock.monotonic()
    for (const [nodeId, { dialUrl, clusterId, expiresAtMs }] of lost) {
      if (now >= expiresAtMs) {
        lost.delete(nodeId)
        lostExpired++
      } else if (present.has(nodeId) || facts.isDeparted(nodeId)) lost.delete(nodeId)
      else if (!chosen.has(nodeId)) {
        const decision = facts.federationAllows(clusterId, nodeId)
        const candidate: Candidate = { nodeId, dialUrl, source: 'lost', clusterId }
        if (decision.allowed) vanished.push(candidate)
        else skipped.set(nodeId, { ...candidate, reason: 'foreign_cluster', detail: decision.message })
      }
    }
    return { candidates: [...chosen.values()], lost: vanished, skipped: [...skipped.values()] }
  }

  /** Configured peers stay candidates as they are. */
  function noteVanished(present: Map<string, Known>, seedIds: ReadonlySet<string>): void {
    const expiresAtMs = clock.monotonic() + 1000 * LOST_KEPT_SECONDS
    for (const [nodeId, node] of known) {
      if (present.has(nodeId) || seedIds.has(nodeId) || facts.isDeparted(nodeId)) continue
      lost.set(nodeId, { ...node, expiresAtMs })
      lostTotal++
      if (lost.size > LOST_MAX) lost.delete(lost.keys().next().value as string)
      onLost?.(nodeId)
    }
    known = present
  }

  return {
    compile,
    dialUrlOf: (nodeId) =>
      known.get(nodeId)?.dialUrl ?? lost.get(nodeId)?.dialUrl ?? seedUrls.find((url) => facts.resolve(url) === nodeId) ?? nodeId,
    isSeed: (nodeId) => seedUrls.some((url) => facts.resolve(url) === nodeId),
    left(nodeId) {
      known.delete(nodeId)
      lost.delete(nodeId)
    },
    snapshot: () => ({ seeds: seedUrls.length, lost: lost.size, lost_total: lostTotal, lost_expired_total: lostExpired }),
  }
}
