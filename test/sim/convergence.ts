/** How a fabric comes to agree, and what it costs to stay so: measured in virtual time, the same for the same seed. */
import { connectWith } from '../../src/client/index.ts'
import { createFabric, type Fabric } from '../../src/sim/index.ts'

/** Length of a gossip round, s. */
const ROUND_SECONDS = 1
const SEEDS = 3
/** Links, probes and pace of a fabric that has just come together settle before rest is measured, ms. */
const SETTLE_MS = 30_000
const REST_MS = 60_000
const LIMIT_MS = 120_000

export interface Convergence {
  readonly nodes: number
  /** From the start of all nodes at once until each knows every other and every function. */
  readonly startSeconds: number
  readonly startRounds: number
  /** From a new function on one node until all know it. */
  readonly changeSeconds: number
  /** How often a node received the changed entry, on average over the nodes that had to learn it. */
  readonly changeCopies: number
  /** How often a node received an entry while the fabric came together, on average. */
  readonly startCopies: number
  /** Of a node at rest, sent. */
  readonly messagesPerSecond: number
  readonly bytesPerSecond: number
  readonly linksPerNode: number
}

/** Starts the nodes together, each with a function of its own. */
async function startFabric(nodes: number, seed: number): Promise<Fabric> {
  const fabric = await createFabric(
    { connect: connectWith },
    {
      nodes,
      seed,
      start: false,
      settings: (index) => ({
        gossipInterval: ROUND_SECONDS,
        peers: Array.from({ length: Math.min(SEEDS, nodes) }, (_, i) => i)
          .filter((i) => i !== index)
          .map((i) => `ws://n${i}:7000`),
      }),
    },
  )
  for (let i = 0; i < nodes; i++) {
    fabric.register(i, `own.n${i}`, () => i)
    fabric.starting(i).catch((error: Error) => fabric.fault('start_failed', `n${i}`, error.message))
  }
  return fabric
}

/**
 * @param onPhase called while the fabric is there, at the end of each phase
 * @throws Error when the nodes do not come to agree within two virtual minutes
 */
export async function measureConvergence(nodes: number, seed = 1, onPhase: () => void = () => {}): Promise<Convergence> {
  using fabric = await startFabric(nodes, seed)
  const startMs = await timeUntil(fabric, () => fabric.live.length === nodes && fabric.converged())
  const start = entriesReceived(fabric)
  onPhase()
  await fabric.advance(SETTLE_MS)
  onPhase()

  const before = entriesReceived(fabric)
  const known = functionsKnown(fabric, 0)
  fabric.register(nodes - 1, 'changed', () => 0)
  const changeMs = await timeUntil(fabric, () => fabric.live.every((index) => functionsKnown(fabric, index) > known))
  await fabric.advance(ROUND_SECONDS * 1000)
  const changed = entriesReceived(fabric).received - before.received

  const { bytes, messages } = sent(fabric)
  await fabric.advance(REST_MS)
  const rest = sent(fabric)
  onPhase()
  const perNodeSecond = (nodes * REST_MS) / 1000
  let links = 0
  for (const index of fabric.live) links += fabric.node(index).snapshot().fabric?.peers.links.peers ?? 0
  return {
    nodes,
    startSeconds: startMs / 1000,
    startRounds: startMs / 1000 / ROUND_SECONDS,
    changeSeconds: changeMs / 1000,
    changeCopies: changed / (nodes - 1),
    startCopies: start.received / (start.received - start.duplicate),
    messagesPerSecond: (rest.messages - messages) / perNodeSecond,
    bytesPerSecond: (rest.bytes - bytes) / perNodeSecond,
    linksPerNode: links / nodes,
  }
}

function functionsKnown(fabric: Fabric, index: number): number {
  return fabric.node(index).snapshot().fabric?.catalog.functions ?? 0
}

async function timeUntil(fabric: Fabric, condition: () => boolean): Promise<number> {
  const startMs = fabric.nowMs
  if (!(await fabric.until(condition, LIMIT_MS, 100))) throw new Error(`no agreement: ${fabric.disagreements().slice(0, 3).join('; ')}`)
  return fabric.nowMs - startMs
}

function entriesReceived(fabric: Fabric): { received: number; duplicate: number } {
  let received = 0
  let duplicate = 0
  for (const index of fabric.live) {
    const { entries_duplicate, entries_received } = fabric.node(index).snapshot().fabric?.sync ?? {
      entries_duplicate: 0,
      entries_received: 0,
    }
    received += entries_received
    duplicate += entries_duplicate
  }
  return { received, duplicate }
}

function sent(fabric: Fabric): { messages: number; bytes: number } {
  let messages = 0
  let bytes = 0
  for (let i = 0; i < fabric.size; i++) {
    const { bytesSent, messagesSent } = fabric.traffic(i)
    messages += messagesSent
    bytes += bytesSent
  }
  return { messages, bytes }
}
