/**
 * Sync: how nodes keep their catalogs equal by comparing and fetching records instead of flooding updates.
 *
 * Every node owns one record; its stamp (epoch, version, beat) names its state. News of stamps spread as rumors to a few peers at random, and
 * whoever lacks what a stamp promises fetches it once (lazy push: Karp et al., Randomized Rumor Spreading, FOCS 2000; Plumtree, SRDS 2007).
 * What chance misses is found by comparing digests with one peer after the other (anti-entropy: Demers et al., PODC 1987). A change costs
 * each node O(log N) messages and arrives about once; equal catalogs cost a digest per interval.
 *
 *     const sync = createSync({ env, nodeId, links, catalog }, { intervalSeconds: 5, leaseSeconds: 120 })
 *     sync.start()
 *     sync.onConnected(peer)                 // once the peer's STATUS was seen
 *     sync.receive(peer, message)            // whatever its link brings
 */
import type { Cancel, Env } from '../../base/index.ts'
import type { OutboundObject } from '../../transport/index.ts'
import {
  decodeSync,
  SYNC_MESSAGE_KINDS,
  type SyncMessage,
  type SyncMessageKind,
  type SyncMessageOf,
  type SyncStamp,
  type SyncState,
  type SyncWish,
} from '../../wire/index.ts'
import type { OwnerStamp, OwnerUpdate } from '../catalog/owner-record.ts'
import { createIntake } from '../intake.ts'
import { FLUSH_INTERVAL_MS, OVERDUE_MAX, ROUND_MS_MAX, STAMPS_PER_MESSAGE_MAX } from './constants.ts'
import { BUCKETS, type CatalogDigest, Digester } from './digest.ts'
import { chooseTargets, fanoutOf } from './fanout.ts'
import type { SyncCatalog, SyncLinks } from './ports.ts'
import { createRequests } from './requests.ts'
import { createRumors } from './rumors.ts'
import { stateFrames, syncFrame } from './state-frames.ts'

export interface SyncDeps {
  readonly env: Env
  readonly nodeId: string
  readonly links: SyncLinks
  readonly catalog: SyncCatalog
  /** A peer still holds the record of a node that is gone here. */
  readonly onUnwanted?: (peer: string, owner: string) => void
}

export interface SyncOptions {
  /** Seconds between two comparisons with a peer. */
  readonly intervalSeconds: number
  /** Seconds a record lives after its owner's last sign of life; what has lived half of that is asked after. */
  readonly leaseSeconds: number
}

export interface Sync {
  /** A message a link brought; ignored once stopped. Never throws. @param dropped what could not be read of it and was left out */
  receive(from: string, message: SyncMessage): void
  /** The same for a frame that is still to be read; one that can not be read is counted and skipped. */
  receiveFrame(from: string, frame: { readonly payload?: unknown }, text: string): void
  /** To be called once it is known what the peer can do. */
  onConnected(peer: string): void
  onLost(peer: string): void
  start(): void
  stop(): void
  snapshot(): SyncSnapshot
}

export interface SyncSnapshot {
  readonly messages_sent: Readonly<Record<SyncMessageKind, number>>
  readonly messages_received: Readonly<Record<SyncMessageKind, number>>
  /** Sum of upper estimates; what is not printed is not measured. */
  readonly bytes_sent_estimate: number
  readonly entries_sent: number
  readonly entries_received: number
  /** Of those, what was here already. */
  readonly entries_duplicate: number
  readonly records_received: number
  readonly rounds: number
  readonly flushes: number
  /** Comparisons that showed a difference. */
  readonly digests_different: number
  readonly digests_equal: number
  /** Records asked for and awaited. */
  readonly in_flight: number
  readonly request_timeouts: number
  /** Records whose news waits to be told. */
  readonly rumors_waiting: number
  /** Times this node raised its epoch because somebody held a record of it that it did not write. */
  readonly refutations: number
  readonly gaps: number
  readonly stamps_unwanted: number
  readonly not_delivered: number
  readonly rate_limited: number
  readonly unreadable_messages: number
  readonly unreadable_entries: number
  readonly handler_errors: number
  /** Targets of one piece of news. */
  readonly fanout: number
}

/** Characters of a stamp besides its node id. */
const STAMP_BYTES = 48

export function createSync(deps: SyncDeps, options: SyncOptions): Sync {
  const { env, nodeId, links, catalog } = deps
  const log = env.log.scope('fabric.sync')
  const intake = createIntake<SyncMessage>({ env, log, noun: 'sync', decode: decodeSync, accept })
  const roundMs = Math.min(options.intervalSeconds * 1000, ROUND_MS_MAX)
  const overdueMs = (options.leaseSeconds * 1000) / 2
  const rumors = createRumors()
  const requests = createRequests(env, ({ nodeId: owner, peer, epoch }) => send(peer, { kind: 'want', owners: [wishFor(owner, epoch)] }))
  const cancels: Cancel[] = []
  let cancelFlush: Cancel | undefined
  let started = false
  let stopped = false
  let lastFlushMs = Number.NEGATIVE_INFINITY
  let fanout = fanoutOf(1)
  /** Of the catalog and the own record as they are; undefined after a change. */
  let digest: CatalogDigest | undefined
  let digestOwn: OwnerStamp | undefined
  const digester = new Digester()
  /** Peers whose turn to compare has not come yet in this tour of all of them. */
  let tour: string[] = []

  /** The state of the own record that the others were told. */
  let toldOwn: OwnerStamp | undefined
  let epochToldAtMs = Number.NEGATIVE_INFINITY

  const zeroes = (): Record<SyncMessageKind, number> =>
    Object.fromEntries(SYNC_MESSAGE_KINDS.map((kind) => [kind, 0])) as Record<SyncMessageKind, number>
  const sentByKind = zeroes()
  const receivedByKind = zeroes()
  const counts = {
    bytes_sent_estimate: 0,
    entries_sent: 0,
    entries_received: 0,
    entries_duplicate: 0,
    records_received: 0,
    rounds: 0,
    flushes: 0,
    digests_different: 0,
    digests_equal: 0,
    refutations: 0,
    gaps: 0,
    stamps_unwanted: 0,
    not_delivered: 0,
    handler_errors: 0,
  }

  const syncPeers = (): readonly string[] => links.connectedWith('sync/1')

  // Receiving

  function accept(from: string, message: SyncMessage): void {
    receivedByKind[message.kind]++
    const epochBefore = catalog.local.epoch
    try {
      switch (message.kind) {
        case 'have':
          hear(from, message.items, false)
          break
        case 'want':
          serve(from, message.owners)
          break
        case 'state':
          take(from, message.owners)
          break
        case 'digest':
          compareDigest(from, message)
          break
        case 'buckets':
          compareBuckets(from, message.hashes)
          break
        case 'items':
          compareItems(from, message)
          break
      }
    } catch (error) {
      counts.handler_errors++
      intake.complain(`handler ${message.kind}`, from, `a ${message.kind} of ${from} could not be handled`, error)
    }
    if (catalog.local.epoch !== epochBefore) {
      counts.refutations++
      intake.complain('refuted', from, `${from} holds a record of this node that this process did not write: it is replaced`)
    }
    tellSoonIfChanged()
  }

  /** Judges stamps a peer has, asks for what is missing here, and tells it what it has an older state of, if it `compares`. */
  function hear(from: string, stamps: readonly SyncStamp[], compares: boolean): void {
    const wishes: SyncWish[] = []
    const news: OwnerStamp[] = []
    for (const stamp of stamps) {
      const { node_id: owner, epoch, beat, age_ms } = stamp
      switch (catalog.judge(stamp, age_ms)) {
        case 'content':
          catalog.heardBeat(owner, epoch, beat, age_ms)
          if (requests.wanted(stamp, from)) wishes.push(wishFor(owner, epoch))
          break
        case 'beat':
          if (catalog.heardBeat(owner, epoch, beat, age_ms)) rumors.note(owner, from, false)
          break
        case 'known':
          rumors.knownTo(owner, from)
          if (compares) {
            const ours = catalog.counterStamp(stamp)
            if (ours !== undefined && isNewer(ours, stamp)) news.push(ours)
          }
          break
        case 'stale': {
          // A rumor that comes late needs no answer; an owner's earlier life does.
          const ours = catalog.counterStamp(stamp)
          if (ours !== undefined && (compares || epoch < ours.epoch)) news.push(ours)
          break
        }
        case 'unwanted':
          counts.stamps_unwanted++
          if (owner !== from) deps.onUnwanted?.(from, owner)
          else {
            const ours = catalog.counterStamp(stamp)
            if (ours !== undefined) news.push(ours)
          }
          break
      }
    }
    want(from, wishes)
    tellStamps(from, news)
  }

  function want(peer: string, wishes: readonly SyncWish[]): void {
    for (let at = 0; at < wishes.length; at += STAMPS_PER_MESSAGE_MAX) {
      const owners = wishes.slice(at, at + STAMPS_PER_MESSAGE_MAX)
      if (!send(peer, { kind: 'want', owners })) for (const { node_id } of owners) requests.fail(node_id)
    }
  }

  function wishFor(owner: string, epoch: number): SyncWish {
    const held = catalog.ownerStamp(owner)
    return { node_id: owner, epoch, since: held?.epoch === epoch ? held.version : 0 }
  }

  function serve(from: string, wishes: readonly SyncWish[]): void {
    const asked = new Map(wishes.map((wish) => [wish.node_id, wish]))
    const updates: OwnerUpdate[] = []
    for (const { node_id: owner, epoch, since } of asked.values()) {
      const update = catalog.ownerState(owner, since > 0 ? { epoch, version: since } : undefined)
      if (update !== undefined) updates.push(update)
    }
    if (log.debugOn) log.debug(`records asked for peer=${from} wanted=${asked.size} told=${updates.length}`)
    sendStates([from], updates)
  }

  function take(from: string, states: readonly SyncState[]): void {
    const wishes: SyncWish[] = []
    for (const state of states) {
      const { node_id: owner, epoch, version } = state
      const held = catalog.ownerStamp(owner)
      countEntries(state, held)
      const { refused } = catalog.applyOwner(state as OwnerUpdate, { kind: 'sync', from })
      if (log.debugOn) {
        const why = refused.length === 0 ? '' : ` refused=${refused.map(({ reason }) => reason).join(',')}`
        log.debug(`record received owner=${owner} from=${from} epoch=${epoch} version=${version} held=${held?.version ?? '-'}${why}`)
      }
      if (owner === nodeId) continue
      if (refused.some(({ kind, reason }) => kind === 'owner' && reason === 'gap')) {
        counts.gaps++
        if (requests.wanted({ node_id: owner, epoch, version, beat: state.beat }, from)) wishes.push(wishFor(owner, epoch))
        continue
      }
      const now = catalog.ownerStamp(owner)
      requests.arrived(owner, from, now?.epoch ?? epoch, now?.version ?? version)
      if (now === undefined) continue
      const isUnfinished = state.whole !== undefined && version < state.whole
      if (held?.epoch !== now.epoch || held.version !== now.version) {
        if (!isUnfinished) rumors.note(owner, from, true)
      } else if (now.beat > held.beat) rumors.note(owner, from, false)
      else rumors.knownTo(owner, from)
    }
    want(from, wishes)
  }

  function countEntries({ epoch, entries, removals }: SyncState, held: OwnerStamp | undefined): void {
    counts.records_received++
    counts.entries_received += entries.length + removals.length
    if (held === undefined || epoch > held.epoch) return
    for (const { version } of entries) if (epoch < held.epoch || version <= held.version) counts.entries_duplicate++
    for (const { version } of removals) if (epoch < held.epoch || version <= held.version) counts.entries_duplicate++
  }

  // Comparing

  function currentDigest(): CatalogDigest {
    const own = catalog.ownerStamp(nodeId)
    if (own?.epoch !== digestOwn?.epoch || own?.version !== digestOwn?.version) digest = undefined
    digestOwn = own
    digest ??= digester.digest(catalog.eachStamp)
    return digest
  }

  function sendDigest(peer: string): boolean {
    const { hash, count } = currentDigest()
    return send(peer, { kind: 'digest', hash, count, overdue: overdueStamps() })
  }

  function overdueStamps(): SyncStamp[] {
    const overdue: SyncStamp[] = []
    catalog.eachStamp((stamp) => {
      if (overdue.length === OVERDUE_MAX || stamp.node_id === nodeId) return
      if (ageMsOf(stamp) > overdueMs) overdue.push(withAge(stamp))
    })
    return overdue
  }

  function compareDigest(from: string, { hash, count, overdue }: SyncMessageOf<'digest'>): void {
    hear(from, overdue, true)
    const own = currentDigest()
    if (own.hash === hash && own.count === count) {
      counts.digests_equal++
      return
    }
    counts.digests_different++
    if (log.debugOn) log.debug(`catalogs differ peer=${from} owners=${own.count} theirs=${count}: compared by buckets`)
    send(from, { kind: 'buckets', hashes: own.buckets })
  }

  function compareBuckets(from: string, hashes: readonly string[]): void {
    if (hashes.length !== BUCKETS) return
    const own = currentDigest().buckets
    const members: SyncStamp[][] = own.map(() => [])
    catalog.eachStamp((stamp) => {
      const bucket = digester.bucketOf(stamp.node_id)
      if (own[bucket] !== hashes[bucket]) members[bucket]?.push(withAge(stamp))
    })
    let buckets: number[] = []
    let items: SyncStamp[] = []
    own.forEach((hash, bucket) => {
      if (hash === hashes[bucket]) return
      buckets.push(bucket)
      items.push(...(members[bucket] as SyncStamp[]))
      if (items.length < STAMPS_PER_MESSAGE_MAX) return
      send(from, { kind: 'items', buckets, items })
      buckets = []
      items = []
    })
    if (buckets.length > 0) send(from, { kind: 'items', buckets, items })
  }

  function compareItems(from: string, { buckets, items }: SyncMessageOf<'items'>): void {
    hear(from, items, true)
    const differing = new Set(buckets)
    const listed = new Set(items.map(({ node_id }) => node_id))
    const missing: OwnerStamp[] = []
    catalog.eachStamp((stamp) => {
      const { node_id, epoch, version, beat } = stamp
      const isMissing = differing.has(digester.bucketOf(node_id)) && !listed.has(node_id) && node_id !== from
      if (isMissing) missing.push({ node_id, epoch, version, beat })
    })
    tellStamps(from, missing)
  }

  // Telling

  function tellSoonIfChanged(): void {
    if (!started) return
    if (rumors.hasUrgent || ownNews() !== undefined) scheduleFlush()
  }

  function scheduleFlush(): void {
    cancelFlush ??= env.timers.after(Math.max(0, lastFlushMs + FLUSH_INTERVAL_MS - env.clock.monotonic()), flush)
  }

  /** The own record's stamp when its content is not told yet. Who is made to raise its epoch again and again does not flood the fabric. */
  function ownNews(): OwnerStamp | undefined {
    const stamp = catalog.ownerStamp(nodeId)
    if (stamp === undefined) return undefined
    if (stamp.epoch === toldOwn?.epoch) return stamp.version > toldOwn.version ? stamp : undefined
    return env.clock.monotonic() - epochToldAtMs >= ROUND_MS_MAX ? stamp : undefined
  }

  function flush(): void {
    cancelFlush?.()
    cancelFlush = undefined
    lastFlushMs = env.clock.monotonic()
    counts.flushes++
    const peers = syncPeers()
    const targets = chooseTargets(peers, fanout, (peer) => links.clusterOf(peer), env.random)
    const waiting = rumors.take()
    const own = ownNews()
    if (own !== undefined) {
      waiting.delete(nodeId)
      tellOwn(own, targets)
    }
    if (waiting.size === 0 || targets.length === 0) return
    const stamps: { readonly stamp: SyncStamp; readonly knownTo: ReadonlySet<string> }[] = []
    for (const [owner, knownTo] of waiting) {
      const stamp = catalog.ownerStamp(owner)
      if (stamp !== undefined) stamps.push({ stamp: withAge(stamp), knownTo })
    }
    for (const target of targets) {
      const items = stamps.filter(({ stamp, knownTo }) => stamp.node_id !== target && !knownTo.has(target)).map(({ stamp }) => stamp)
      sendHave(target, items)
    }
  }

  /** Nobody can have the news of this node itself yet: they are brought, not announced. */
  function tellOwn(stamp: OwnerStamp, targets: readonly string[]): void {
    const update = catalog.ownerState(nodeId, toldOwn)
    if (stamp.epoch !== toldOwn?.epoch) epochToldAtMs = env.clock.monotonic()
    toldOwn = stamp
    if (update !== undefined) sendStates(targets, [update])
  }

  function tellStamps(peer: string, stamps: readonly OwnerStamp[]): void {
    if (stamps.length > 0) sendHave(peer, stamps.map(withAge))
  }

  function sendHave(peer: string, items: readonly SyncStamp[]): void {
    for (let at = 0; at < items.length; at += STAMPS_PER_MESSAGE_MAX) {
      send(peer, { kind: 'have', items: items.slice(at, at + STAMPS_PER_MESSAGE_MAX) })
    }
  }

  function sendStates(peers: readonly string[], updates: readonly OwnerUpdate[]): void {
    if (updates.length === 0) return
    const framesFor = new Map<number, ReturnType<typeof stateFrames>>()
    for (const peer of peers) {
      const bytesMax = links.frameBytesMax(peer)
      let frames = framesFor.get(bytesMax)
      if (frames === undefined) {
        frames = stateFrames(updates, bytesMax)
        framesFor.set(bytesMax, frames)
      }
      for (const { frame, bytes } of frames) {
        if (!transmit(peer, 'state', frame, bytes)) break
        const { payload } = frame.value
        if (payload.kind !== 'state') continue
        for (const { entries, removals } of payload.owners) counts.entries_sent += entries.length + removals.length
      }
    }
  }

  function send(peer: string, message: SyncMessage): boolean {
    return transmit(peer, message.kind, syncFrame(message), estimatedBytes(message))
  }

  function transmit(peer: string, kind: SyncMessageKind, frame: OutboundObject, bytes: number): boolean {
    if (!links.send(peer, frame)) {
      counts.not_delivered++
      return false
    }
    sentByKind[kind]++
    counts.bytes_sent_estimate += bytes
    return true
  }

  function withAge(stamp: OwnerStamp): SyncStamp {
    const { node_id, epoch, version, beat } = stamp
    return { node_id, epoch, version, beat, age_ms: ageMsOf(stamp) }
  }

  function ageMsOf({ node_id }: OwnerStamp): number {
    return Math.round(catalog.beatAgeMs(node_id) ?? 0)
  }

  // Rounds

  function round(): void {
    counts.rounds++
    fanout = fanoutOf(currentDigest().count)
    const own = catalog.ownerStamp(nodeId)
    if (own !== undefined && toldOwn?.epoch === own.epoch && own.beat > toldOwn.beat) {
      toldOwn = { ...toldOwn, beat: own.beat }
      rumors.note(nodeId, undefined, false)
    }
    if (rumors.size > 0 || ownNews() !== undefined) flush()
  }

  function compareWithNext(): void {
    for (;;) {
      const peer = tour.shift()
      if (peer === undefined) break
      if (links.isConnected(peer) && sendDigest(peer)) return
    }
    const peers = syncPeers()
    tour = env.random.sample(peers, peers.length)
    const peer = tour.shift()
    if (peer !== undefined) sendDigest(peer)
  }

  /** One side is enough; the other compares with its next turn, should the first not have been able to. */
  function meet(peer: string): void {
    if (nodeId < peer) sendDigest(peer)
    else tour = [peer, ...tour.filter((known) => known !== peer)]
  }

  catalog.observe(({ source }) => {
    digest = undefined
    if (source.kind === 'local') tellSoonIfChanged()
  })

  return {
    receive(from, message) {
      if (!stopped) intake.receive(from, message)
    },
    receiveFrame(from, frame, text) {
      if (!stopped) intake.receiveFrame(from, frame, text)
    },
    onConnected(peer) {
      if (started && links.has(peer, 'sync/1')) meet(peer)
    },
    onLost(peer) {
      requests.lost(peer)
    },
    start() {
      if (started) return
      started = true
      stopped = false
      // Not all nodes of a fabric at the same moments.
      const phaseMs = env.random.next() * roundMs
      cancels.push(
        env.timers.after(phaseMs, () => {
          round()
          cancels.push(env.timers.every(roundMs, round))
        }),
        env.timers.after(env.random.next() * options.intervalSeconds * 1000, () => {
          compareWithNext()
          cancels.push(env.timers.every(options.intervalSeconds * 1000, compareWithNext))
        }),
      )
      for (const peer of syncPeers()) meet(peer)
      tellSoonIfChanged()
    },
    stop() {
      started = false
      stopped = true
      for (const cancel of cancels) cancel()
      cancels.length = 0
      cancelFlush?.()
      cancelFlush = undefined
      requests.clear()
      rumors.clear()
    },
    snapshot: () => ({
      messages_sent: { ...sentByKind },
      messages_received: { ...receivedByKind },
      ...counts,
      ...intake.counts,
      in_flight: requests.size,
      request_timeouts: requests.timeouts,
      rumors_waiting: rumors.size,
      fanout,
    }),
  }
}

function isNewer(ours: OwnerStamp, theirs: OwnerStamp): boolean {
  if (ours.epoch !== theirs.epoch) return ours.epoch > theirs.epoch
  return ours.version === theirs.version ? ours.beat > theirs.beat : ours.version > theirs.version
}

function estimatedBytes(message: SyncMessage): number {
  switch (message.kind) {
    case 'have':
      return stampBytes(message.items)
    case 'want':
      return stampBytes(message.owners)
    case 'digest':
      return stampBytes(message.overdue) + 2 * STAMP_BYTES
    case 'buckets':
      return BUCKETS * 19
    case 'items':
      return stampBytes(message.items) + message.buckets.length * 3
    case 'state':
      return 0
  }
}

function stampBytes(stamps: readonly { readonly node_id: string }[]): number {
  return stamps.reduce((sum, { node_id }) => sum + node_id.length + STAMP_BYTES, STAMP_BYTES)
}
