/**
 * The whole catalog, told to a single peer: when it connects, and when nodes are missing from its view.
 *
 * A snapshot is one or several `catalog_update`s that nobody passes on. Requests are collected: whoever asks while one is being prepared gets
 * the same. Peers that sync records get only the entries of nodes that have none.
 */
import type { Env } from '../../base/index.ts'
import type { OutboundObject } from '../../transport/index.ts'
import { type CatalogDelta, textBytes } from '../../wire/index.ts'
import { draftDelta } from '../catalog/delta.ts'
import type { CatalogKind } from '../catalog/kinds.ts'
import { SNAPSHOT_BATCH_MAX, SNAPSHOT_TEXT_MAX } from './constants.ts'
import { splitDelta, withRefreshedTimes } from './delta-shape.ts'
import type { GossipCatalog, GossipDiagnostics, GossipLinks } from './ports.ts'

export interface SnapshotDeps {
  readonly env: Env
  readonly nodeId: string
  readonly nodeName: string
  readonly clusterId: string
  readonly links: GossipLinks
  readonly catalog: GossipCatalog
  readonly diagnostics: GossipDiagnostics
  /** The point-to-point message that carries a delta. `what` becomes part of its id. */
  readonly frame: (delta: CatalogDelta, what: 'snapshot' | 'node-snapshot') => OutboundObject
  /** Bytes that a message adds to the delta it carries. */
  readonly envelopeBytes: () => number
  readonly aliveSince: (nodeId: string) => number | undefined
  /** Catalog updates that wait to be passed on. */
  readonly pendingUpdates: () => number
  readonly onSent: (peer: string, frames: number) => void
}

export interface SnapshotsSnapshot {
  readonly requested: number
  readonly waiting: number
  readonly flushes: number
  readonly peers_served: number
  readonly frames_sent: number
  /** Peers that vanished or could not take all of it. */
  readonly failed: number
  /** Entries left out because no frame could hold them. */
  readonly oversized_entries: number
}

export interface Snapshots {
  /** Tells a peer everything, soon. */
  request(peer: string): void
  cancel(peer: string): void
  /**
   * Tells the nodes of the catalog to the next few peers in turn, while nodes are missing.
   * @param targetHint how many nodes the fabric is thought to have; @param known how many this node knows; both without itself
   */
  tellNodes(targetHint: number, known: number): void
  stop(): void
  snapshot(): SnapshotsSnapshot
}

export function createSnapshots(deps: SnapshotDeps): Snapshots {
  const { env, nodeId, links, catalog, diagnostics } = deps
  const waiting = new Set<string>()
  let cancelFlush: (() => void) | undefined
  let batchIndex = 0
  let cursor = 0
  const counts = { requested: 0, peers_served: 0, frames_sent: 0, failed: 0, oversized_entries: 0 }

  function flush(): void {
    cancelFlush = undefined
    const batch = [...waiting].sort().slice(0, SNAPSHOT_BATCH_MAX)
    if (batch.length === 0) return
    for (const peer of batch) waiting.delete(peer)
    batchIndex++
    tell(batch, 'snapshot')
    if (diagnostics.enabled('catalog_snapshot')) {
      diagnostics.line(
        'catalog_snapshot',
        `[DIAG_CATALOG_SNAPSHOT] action=flush node=${deps.nodeName} batch_index=${batchIndex} peers_in_batch=${batch.length} ` +
          `pending_after_pop=${waiting.size} enqueued_events=${counts.requested} peers_flushed_total=${counts.peers_served}`,
      )
    }
    if (waiting.size > 0) cancelFlush = env.timers.after(0, flush)
  }

  function tell(peers: readonly string[], what: 'snapshot' | 'node-snapshot'): void {
    const now = env.clock.wall()
    const head = { update_id: `${CATALOG_UPDATE_PREFIX[what]}:${env.random.ulid()}`, cluster_id: deps.clusterId, sent_at: now }
    const isTold = (kind: CatalogKind): boolean => what === 'snapshot' || kind === 'nodes'
    function entriesOf(isWanted?: (nodeId: string) => boolean): CatalogDelta | undefined {
      const draft = draftDelta()
      catalog.each(({ kind, entry }) => {
        if (isTold(kind)) draft.add(kind, entry)
      }, isWanted)
      return draft.isEmpty ? undefined : draft.finish(head)
    }
    const whole = lazily(() => {
      const all = entriesOf()
      return all && withRefreshedTimes(all, deps.aliveSince)
    })
    const unversioned = lazily(() => entriesOf((nodeId) => !catalog.isVersioned(nodeId)))
    const envelope = lazily(deps.envelopeBytes)
    const frames = new Map<string, readonly OutboundObject[]>()

    for (const peer of peers) {
      const syncs = links.has(peer, 'sync/1')
      const delta = syncs ? unversioned() : whole()
      if (delta === undefined) continue
      const bytesMax = Math.min(links.frameBytesMax(peer), SNAPSHOT_TEXT_MAX) - envelope()
      const sameAs = `${syncs} ${bytesMax}`
      let parts = frames.get(sameAs)
      if (parts === undefined) {
        parts = framesOf(delta, bytesMax, what)
        frames.set(sameAs, parts)
      }
      serve(peer, parts, delta)
    }
  }

  function framesOf(delta: CatalogDelta, bytesMax: number, what: 'snapshot' | 'node-snapshot'): readonly OutboundObject[] {
    const { parts, oversized } = splitDelta(delta, bytesMax)
    counts.oversized_entries += oversized.length
    for (const { kind, entry, bytes } of oversized) {
      env.log.warn(`an entry of ${kind} of ${entry.node_id} is not told: its ${bytes} bytes do not fit into a frame of ${bytesMax}`)
    }
    return parts.map((part) => deps.frame(part, what))
  }

  function serve(peer: string, frames: readonly OutboundObject[], delta: CatalogDelta): void {
    let sent = 0
    for (const frame of frames) {
      if (!links.send(peer, frame)) break
      sent++
    }
    counts.frames_sent += sent
    if (sent < frames.length) counts.failed++
    else counts.peers_served++
    deps.onSent(peer, sent)
    if (!diagnostics.enabled('catalog_snapshot')) return
    const { functions, topics, queues, caches, cache_profiles, nodes } = delta
    diagnostics.line(
      'catalog_snapshot',
      `[DIAG_CATALOG_SNAPSHOT] action=send node=${deps.nodeName} peer=${peer} functions=${functions.length} topics=${topics.length} ` +
        `queues=${queues.length} caches=${caches.length} cache_profiles=${cache_profiles.length} nodes=${nodes.length} ` +
        `payload_bytes=${frames.slice(0, sent).reduce((sum, frame) => sum + textBytes(frame.text), 0)}`,
    )
  }

  return {
    request(peer) {
      counts.requested++
      waiting.add(peer)
      cancelFlush ??= env.timers.after(0, flush)
    },
    cancel: (peer) => void waiting.delete(peer),
    tellNodes(targetHint, known) {
      const gap = targetHint - known
      const peers = links.connected().filter((peer) => peer !== nodeId)
      if (targetHint <= 0 || gap <= 0 || peers.length === 0) return
      if (deps.pendingUpdates() / peers.length > nodeSnapshotBacklogMax(targetHint, gap)) return
      const batch = Math.min(peers.length, Math.max(1, Math.floor(Math.sqrt(targetHint))))
      const chosen = Array.from({ length: batch }, (_, i) => peers[(cursor + i) % peers.length] as string)
      cursor = (cursor + batch) % peers.length
      tell(chosen, 'node-snapshot')
    },
    stop() {
      cancelFlush?.()
      cancelFlush = undefined
      waiting.clear()
    },
    snapshot: () => ({ ...counts, waiting: waiting.size, flushes: batchIndex }),
  }
}

const CATALOG_UPDATE_PREFIX = { snapshot: 'catalog-snapshot', 'node-snapshot': 'node-snapshot' }

/** Queued catalog updates per peer above which nodes are not told on top of them. */
function nodeSnapshotBacklogMax(targetHint: number, gap: number): number {
  const base = Math.max(2, Math.sqrt(targetHint))
  return base + Math.min(Math.sqrt(gap), base)
}

function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}
