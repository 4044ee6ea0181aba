/**
 * Gossip: typed messages that every node passes on once, so that news reaches nodes it has no link to.
 *
 * It is how nodes of the Python implementation keep their catalogs, and nodes that sync records keep theirs equal by {@link createSync sync}
 * instead. So towards a peer that syncs, an update tells only entries of nodes without a versioned record; towards all others it tells
 * everything, and this node also tells them what it learned by sync, again and again while the owner lives.
 *
 *     const gossip = createGossip({ env, nodeId, ..., links, catalog, diagnostics }, { intervalSeconds: 5, ... })
 *     gossip.handle('link_state_update', (message, from) => (isNews(message.payload, from) ? undefined : 'keep'))
 *     gossip.start()
 *     gossip.publishCatalog(delta)           // at once to every peer
 *     gossip.receive(peer, message)          // whatever a link brings
 */
import type { Env } from '../../base/index.ts'
import type { OutboundObject } from '../../transport/index.ts'
import {
  type CatalogDelta,
  catalogDelta,
  decodeGossip,
  encodeGossip,
  type GossipMessage,
  type GossipType,
  isSwimMessage,
  type SwimMessage,
  textBytes,
} from '../../wire/index.ts'
import { deltaSize, draftDelta } from '../catalog/delta.ts'
import { createIntake } from '../intake.ts'
import {
  GOSSIP_TTL,
  HOLDERS_MAX,
  MAINTENANCE_INTERVAL_MS,
  MESSAGES_REMEMBERED_MAX,
  OUTBOX_MAX,
  STATE_POLL_INTERVAL_MS,
  UPDATE_TEXT_MAX,
} from './constants.ts'
import { ownersPart, splitDelta, withRefreshedTimes } from './delta-shape.ts'
import { createFabricClock } from './fabric-clock.ts'
import { createForwardFilter, type ForwardFilterSnapshot } from './forward-filter.ts'
import { adaptiveMaxHops } from './hops.ts'
import { canTravel, gossipFrame, isControl, newMessage, prepareCopy } from './message.ts'
import { type Audience, createOutbox, type Outgoing } from './outbox.ts'
import type { GossipCatalog, GossipDiagnostics, GossipHandler, GossipLinks } from './ports.ts'
import { createScheduler, dequeueBudget, type SchedulerSnapshot } from './scheduler.ts'
import { createKnownNodes, createSharedState, type StateProvider } from './shared-state.ts'
import { createSnapshots, type SnapshotsSnapshot } from './snapshots.ts'
import { createTargetChooser, type GossipStrategy } from './strategies.ts'

export interface GossipDeps {
  readonly env: Env
  readonly nodeId: string
  /** The node's name in diagnostic lines. */
  readonly nodeName: string
  readonly clusterId: string
  readonly links: GossipLinks
  readonly catalog: GossipCatalog
  readonly diagnostics: GossipDiagnostics
  /** Messages of failure detection, which are for this node and nobody else. */
  onSwim(from: string, message: SwimMessage): void
}

export interface GossipOptions {
  /** Seconds between cycles; adapts to the load. */
  readonly intervalSeconds: number
  /** Peers told of a message that is not for all of them. */
  readonly fanout: number
  readonly strategy: GossipStrategy
  /** Hops of an update in a small fabric. */
  readonly maxHops: number
  /** Seconds an entry of the catalog lives unless refreshed. */
  readonly catalogTtlSeconds: number
}

export interface PublishOptions {
  /** The message id; default: one of this node that nobody else uses. */
  readonly id?: string
  readonly ttl?: number
  readonly maxHops?: number
}

type PayloadOf<T extends GossipType> = Extract<GossipMessage, { message_type: T }>['payload']

export interface Gossip {
  /** A message a link brought; ignored once stopped. Never throws. @param dropped what could not be read of it and was left out */
  receive(from: string, message: GossipMessage): void
  /** The same for a frame that is still to be read; one that can not be read is counted and skipped. */
  receiveFrame(from: string, frame: { readonly payload?: unknown }, text: string): void
  /** Creates a message and spreads it with the next cycle. */
  publish<T extends GossipType>(type: T, payload: PayloadOf<T>, options?: PublishOptions): void
  /** Creates a message and sends it at once to these neighbours, and to no others. */
  tell<T extends GossipType>(type: T, payload: PayloadOf<T>, peers: readonly string[]): void
  /** Spreads a change of the catalog that this node made or found out, at once. It must have been applied here already. */
  publishCatalog(delta: CatalogDelta): void
  /** Tells a few peers in turn which nodes there are, while nodes are missing. Both numbers without this node. */
  sendNodeSnapshots(targetHint: number, known: number): void
  /** What is done with new messages of a type; one handler per type. Throwing is logged and harms nobody. */
  handle<T extends GossipType>(type: T, handler: GossipHandler<T>): void
  /** Polled every minute; the result spreads as a `state_update`. Returns how to end it. */
  provideState(key: string, provider: StateProvider): () => void
  /** JSON text of the value last received under a key. */
  state(key: string): string | undefined
  onConnected(peer: string): void
  onLost(peer: string): void
  /** A node left for good: what is remembered of it goes. */
  forget(nodeId: string): void
  /** Catalog updates that wait to be passed on. */
  readonly pendingCatalogUpdates: number
  start(): void
  stop(): void
  statistics(): GossipStatistics
  snapshot(): GossipSnapshot
}

/** The protocol's own statistics. */
export interface GossipStatistics {
  readonly protocol_info: {
    readonly node_id: string
    readonly gossip_strategy: string
    readonly gossip_interval: number
    readonly fanout: number
  }
  readonly protocol_stats: {
    /** Messages passed on or sent, however many peers got them. */
    readonly messages_sent: number
    readonly messages_received: number
    readonly messages_filtered: number
    readonly gossip_cycles: number
    /** Snapshots told to peers. */
    readonly anti_entropy_runs: number
    /** Received updates that changed the catalog. */
    readonly convergence_events: number
    readonly broadcast_messages: number
    readonly unicast_messages: number
    readonly protocol_started: number
    readonly protocol_stopped: number
    /** Copies: one for each peer a message went to. */
    readonly total_messages_sent: number
    readonly messages_created: number
  }
  readonly scheduler_stats: SchedulerSnapshot
  readonly filter_stats: ForwardFilterSnapshot
  readonly state_info: {
    readonly known_nodes: number
    readonly pending_messages: number
    readonly recent_messages: number
    readonly state_cache_size: number
  }
  readonly convergence_status: {
    readonly node_id: string
    readonly known_nodes: number
    readonly pending_messages: number
    readonly recent_messages: number
    readonly state_cache_size: number
    readonly vector_clock: Readonly<Record<string, number>>
    readonly last_gossip_time: number
    readonly gossip_cycles: number
  }
}

export interface GossipSnapshot extends GossipStatistics {
  readonly received_by_type: Readonly<Record<string, number>>
  readonly duplicates_received: number
  readonly rate_limited: number
  readonly unreadable_messages: number
  readonly unreadable_entries: number
  readonly handler_errors: number
  readonly not_delivered: number
  readonly outbox_refused: number
  readonly bridged_updates: number
  readonly oversized_entries: number
  readonly snapshots: SnapshotsSnapshot
}

interface Remembered {
  readonly untilMs: number
  readonly holders: Set<string>
}

/** Pauses before the second and third attempt to tell a local update. */
const RETRY_PAUSES_MS = [20, 40]
const NOBODY: ReadonlySet<string> = new Set()

export function createGossip(deps: GossipDeps, options: GossipOptions): Gossip {
  const { env, nodeId, clusterId, links, catalog } = deps
  const log = env.log.scope('fabric.gossip')
  const intake = createIntake<GossipMessage>({ env, log, noun: 'gossip', decode: decodeGossip, accept })
  const clock = createFabricClock(nodeId)
  const filter = createForwardFilter(nodeId)
  const outbox = createOutbox(OUTBOX_MAX)
  const scheduler = createScheduler(
    { clock: env.clock, nodeId, diagnostics: deps.diagnostics },
    { interval: options.intervalSeconds, fanout: options.fanout, strategy: options.strategy },
  )
  const shared = createSharedState(nodeId)
  const nodes = createKnownNodes(env.clock)
  const chooser = createTargetChooser(options.strategy, env.random, (peer) => {
    const told = nodes.factsOf(peer)
    return { region: catalog.node(peer)?.region || told.region, distance: links.roundTripMs(peer) ?? told.distance }
  })
  const handlers = new Map<GossipType, GossipHandler<never>>()
  const remembered = new Map<string, Remembered>()
  const cancels = new Set<() => void>()
  /** A number that a process started later, however soon, does not give out again. */
  let sequence = Math.floor(env.clock.wall() * 1000)
  let cancelTurn: (() => void) | undefined
  let started = false
  let stopped = false

  const receivedByType: Record<string, number> = {}
  const counts = {
    sent: 0,
    received: 0,
    created: 0,
    copies: 0,
    broadcast: 0,
    unicast: 0,
    converged: 0,
    started: 0,
    stopped: 0,
    duplicates_received: 0,
    handler_errors: 0,
    not_delivered: 0,
    outbox_refused: 0,
    bridged_updates: 0,
    oversized_entries: 0,
  }

  const snapshots = createSnapshots({
    env: { ...env, log },
    nodeId,
    nodeName: deps.nodeName,
    clusterId,
    links,
    catalog,
    diagnostics: deps.diagnostics,
    frame(delta, what) {
      counts.sent++
      return gossipFrame(create('catalog_update', delta, { ttl: 0, maxHops: 0, id: `${nodeId}:${what}:${env.random.ulid()}` }))
    },
    envelopeBytes,
    aliveSince,
    pendingUpdates: () => outbox.catalogUpdates,
    onSent(_peer, frames) {
      counts.unicast += frames
      counts.copies += frames
    },
  })

  function create<T extends GossipType>(
    type: T,
    payload: PayloadOf<T>,
    { ttl, maxHops, id = `${nodeId}:${env.random.ulid()}` }: { ttl: number; maxHops: number; id?: string },
  ): GossipMessage {
    counts.created++
    if (log.debugOn) log.debug(`created ${type} id=${id} ttl=${ttl} max_hops=${maxHops}`)
    return newMessage({
      type,
      payload,
      messageId: id,
      creator: nodeId,
      clock: clock.current,
      sequence: sequence++,
      ttl,
      maxHops,
      now: env.clock.wall(),
    })
  }

  /** What a message weighs besides its payload, with some room for the way it goes. */
  function envelopeBytes(): number {
    const nothing = draftDelta().finish({ update_id: '', cluster_id: '', sent_at: 0 })
    const bare = newMessage({
      type: 'catalog_update',
      payload: nothing,
      messageId: `${nodeId}:node-snapshot:${'0'.repeat(26)}`,
      creator: nodeId,
      clock: clock.current,
      sequence,
      ttl: 0,
      maxHops: 0,
      now: env.clock.wall(),
    })
    return textBytes(encodeGossip(bare)) - textBytes(catalogDelta.write(nothing)) + 256
  }

  /**
   * Unix seconds of the last sign of life of a versioned owner, cut to quarters of the lifetime: several nodes that tell of the same owner then
   * give the same time, and who hears it from all of them passes it on once.
   */
  function aliveSince(owner: string): number | undefined {
    const ageMs = catalog.beatAgeMs(owner)
    if (ageMs === undefined) return undefined
    const step = options.catalogTtlSeconds / 4
    return Math.floor((env.clock.wall() - ageMs / 1000) / step) * step
  }

  // Receiving

  function accept(from: string, message: GossipMessage): void {
    if (isSwimMessage(message)) {
      deps.onSwim(from, message)
      return
    }
    counts.received++
    receivedByType[message.message_type] = (receivedByType[message.message_type] ?? 0) + 1
    const known = remembered.get(message.message_id)
    if (known !== undefined) {
      counts.duplicates_received++
      if (log.debugOn) log.debug(`${received(message, from)} filtered=known_id`)
      if (known.holders.size < HOLDERS_MAX) known.holders.add(from)
      return
    }
    clock.merge(message.vector_clock)
    const holders = remember(message, from)
    const worthPassingOn = dispatch(from, message)
    const travels = worthPassingOn && canTravel(message, env.clock.wall())
    if (log.debugOn)
      log.debug(`${received(message, from)} ${travels ? 'to be passed on' : `kept=${worthPassingOn ? 'expired' : 'nothing_new'}`}`)
    if (travels) enqueue({ message, holders, audience: 'unversioned' })
  }

  function remember(message: GossipMessage, from: string): Set<string> {
    const holders = new Set([from, message.sender_id, ...message.propagation_path.slice(0, HOLDERS_MAX)])
    // The creator's clock may be wrong: nothing is remembered longer than a message lives by its own account.
    const lifeSeconds = Math.min(message.expires_at - message.created_at, message.expires_at - env.clock.wall())
    const untilMs = env.clock.monotonic() + Math.max(lifeSeconds, MAINTENANCE_INTERVAL_MS / 1000) * 1000
    if (remembered.size >= MESSAGES_REMEMBERED_MAX) remembered.delete(remembered.keys().next().value as string)
    remembered.set(message.message_id, { untilMs, holders })
    return holders
  }

  /** Returns whether others should hear of it. */
  function dispatch(from: string, message: GossipMessage): boolean {
    try {
      switch (message.message_type) {
        case 'catalog_update': {
          const { changed } = catalog.applyDelta(message.payload, message.payload.sent_at, { kind: 'gossip', from })
          if (changed) counts.converged++
          handlers.get('catalog_update')?.(message as never, from)
          return changed
        }
        case 'state_update':
          shared.accept(message.payload)
          break
        case 'membership_update':
          nodes.update(message.payload)
          break
        case 'heartbeat':
          nodes.heartbeat(message.payload)
          break
        case 'config_update':
          if (log.debugOn) log.debug(`config update of ${message.payload.source_node}: ${message.payload.config_key}`)
          break
      }
      return handlers.get(message.message_type)?.(message as never, from) !== 'keep'
    } catch (error) {
      counts.handler_errors++
      intake.complain(`handler ${message.message_type}`, from, `a ${message.message_type} of ${from} could not be handled`, error)
      return message.message_type !== 'catalog_update'
    }
  }

  // Sending

  function enqueue(item: Outgoing): void {
    const before = outbox.length
    if (!outbox.put(item)) {
      counts.outbox_refused++
      return
    }
    scheduler.updatePending(before, outbox.length)
    if (item.message.message_type === 'catalog_update') scheduler.hurry()
    if (started) armTurn(0)
  }

  function publishCatalog(delta: CatalogDelta, audience: Audience): void {
    // Peers that sync are told of unversioned owners only. Without a link the message waits, and nobody knows for whom.
    const isForSyncPeers = links.connected().length > 0 && !hasReferencePeer()
    const told = isForSyncPeers ? ownersPart(delta, (owner) => !catalog.isVersioned(owner)) : delta
    if (told === undefined || deltaSize(told) === 0) return
    const { parts, oversized } = splitDelta(withRefreshedTimes(told, aliveSince), UPDATE_TEXT_MAX)
    counts.oversized_entries += oversized.length
    for (const { kind, entry, bytes } of oversized) {
      log.warn(`an entry of ${kind} of ${entry.node_id} is not spread: its ${bytes} bytes do not fit into a frame of ${UPDATE_TEXT_MAX}`)
    }
    for (const part of parts) {
      const maxHops = adaptiveMaxHops(options.maxHops, links.connected().length)
      const message = create('catalog_update', part, { ttl: GOSSIP_TTL, maxHops })
      const item: Outgoing = { message, holders: remember(message, nodeId), audience }
      tellAtOnce(item, 0)
    }
  }

  /** Hands a local update to every peer; what does not leave is tried again a few times, and then waits for the next cycle. */
  function tellAtOnce(item: Outgoing, attempt: number): void {
    const peers = links.connected()
    const missed = transmit(item, peers)
    if (peers.length > 0 && missed.length === 0) return
    const attempts = Math.max(1, Math.min(3, Math.floor(Math.sqrt(peers.length))))
    const pauseMs = RETRY_PAUSES_MS[attempt]
    if (attempt + 1 < attempts && pauseMs !== undefined) later(pauseMs, () => tellAtOnce(item, attempt + 1))
    else enqueue(item)
  }

  /** Sends copies to those `peers` that lack the message; returns those that could not be reached. */
  function transmit(item: Outgoing, peers: readonly string[]): string[] {
    const { message, holders, audience } = item
    const passed = new Set([...message.seen_by, ...message.propagation_path])
    const copy = prepareCopy(message, nodeId, message.hop_count === 0 ? NOBODY : holders)
    let frame: OutboundObject | undefined
    let filtered: OutboundObject | null | undefined
    const missed: string[] = []
    let reached = 0

    for (const peer of peers) {
      if (peer === nodeId || holders.has(peer) || passed.has(peer)) continue
      const syncs = links.has(peer, 'sync/1')
      if (syncs && audience === 'reference') continue
      let out: OutboundObject | null
      if (syncs && copy.message_type === 'catalog_update') {
        if (filtered === undefined) filtered = unversionedCopy(copy)
        out = filtered
      } else {
        frame ??= gossipFrame(copy)
        out = frame
      }
      if (out === null) continue
      if (links.send(peer, out)) {
        reached++
        holders.add(peer)
      } else {
        counts.not_delivered++
        if (links.isConnected(peer)) missed.push(peer)
      }
    }
    counts.copies += reached
    if (log.debugOn) {
      log.debug(`sent ${message.message_type} id=${message.message_id} hop=${message.hop_count} copies=${reached} missed=${missed.length}`)
    }
    if (reached > 0) counts.sent++
    if (reached > 1) counts.broadcast++
    else counts.unicast += reached
    return missed
  }

  function unversionedCopy(copy: Extract<GossipMessage, { message_type: 'catalog_update' }>): OutboundObject | null {
    const payload = ownersPart(copy.payload, (owner) => !catalog.isVersioned(owner))
    if (payload === undefined) return null
    return gossipFrame(payload === copy.payload ? copy : { ...copy, payload })
  }

  // Cycles

  function armTurn(ms: number): void {
    cancelTurn?.()
    cancelTurn = env.timers.after(ms, turn)
  }

  function turn(): void {
    cancelTurn = undefined
    if (scheduler.shouldGossip(outbox.length)) cycle()
    armTurn(scheduler.nextInterval(outbox.length) * 1000)
  }

  function cycle(): void {
    const peers = links.connected()
    if (peers.length === 0) return
    const before = outbox.length
    const batch = outbox.take(dequeueBudget(peers.length, before))
    const targets = batch.some(({ message }) => isControl(message)) ? peers : chooser.choose(peers, options.fanout)
    const copiesBefore = counts.copies
    const now = env.clock.wall()
    for (const item of batch) {
      const decision = filter.decide(item.message, now)
      if (decision === 'forward') transmit(item, targets)
      else if (log.debugOn) log.debug(`not forwarded ${item.message.message_type} id=${item.message.message_id} filtered=${decision}`)
    }
    const copies = counts.copies - copiesBefore
    if (log.debugOn)
      log.debug(`cycle peers=${peers.length} targets=${targets.length} messages=${batch.length} copies=${copies} queue=${outbox.length}`)
    scheduler.recordCycle(copies, before, outbox.length)
  }

  function later(ms: number, run: () => void): void {
    const cancel = env.timers.after(ms, () => {
      cancels.delete(cancel)
      run()
    })
    cancels.add(cancel)
  }

  function maintain(): void {
    const nowMs = env.clock.monotonic()
    for (const [id, { untilMs }] of remembered) if (nowMs > untilMs) remembered.delete(id)
    outbox.dropExpired(env.clock.wall())
    clock.prune((known) => catalog.node(known) !== undefined || links.isConnected(known))
  }

  function pollState(): void {
    const updates = shared.poll(env.clock.wall(), (key, error) => {
      counts.handler_errors++
      intake.complain('state', key, `the provider of state "${key}" failed`, error)
    })
    for (const update of updates) {
      clock.increment()
      publish('state_update', update)
    }
  }

  function publish<T extends GossipType>(type: T, payload: PayloadOf<T>, { id, ttl = GOSSIP_TTL, maxHops }: PublishOptions = {}): void {
    const message = create(type, payload, {
      ttl,
      ...(id !== undefined && { id }),
      maxHops: maxHops ?? adaptiveMaxHops(options.maxHops, links.connected().length),
    })
    enqueue({ message, holders: remember(message, nodeId), audience: 'unversioned' })
  }

  function tell<T extends GossipType>(type: T, payload: PayloadOf<T>, peers: readonly string[]): void {
    const message = create(type, payload, { ttl: GOSSIP_TTL, maxHops: options.maxHops })
    transmit({ message, holders: remember(message, nodeId), audience: 'unversioned' }, peers)
  }

  // The bridge to peers that do not sync

  function hasReferencePeer(): boolean {
    return links.connectedWith('sync/1').length < links.connected().length
  }

  /** Entries live on at those peers only if they are told again. */
  function retellVersioned(): void {
    if (!hasReferencePeer()) return
    const draft = draftDelta()
    catalog.each(({ kind, entry }) => {
      if (entry.node_id !== nodeId && catalog.isVersioned(entry.node_id)) draft.add(kind, entry)
    })
    bridge(draft.finish({ update_id: env.random.ulid(), cluster_id: clusterId, sent_at: env.clock.wall() }))
  }

  function bridge(delta: CatalogDelta): void {
    if (deltaSize(delta) === 0) return
    counts.bridged_updates++
    publishCatalog(delta, 'reference')
  }

  catalog.observe(({ delta, source }) => {
    if (source.kind === 'sync' && started && hasReferencePeer()) bridge(delta)
  })

  function statistics(): GossipStatistics {
    const schedule = scheduler.snapshot(outbox.length)
    const filtering = filter.snapshot()
    const state_info = {
      known_nodes: nodes.size,
      pending_messages: outbox.length,
      recent_messages: remembered.size,
      state_cache_size: shared.size,
    }
    return {
      protocol_info: {
        node_id: nodeId,
        gossip_strategy: options.strategy,
        gossip_interval: options.intervalSeconds,
        fanout: options.fanout,
      },
      protocol_stats: {
        messages_sent: counts.sent,
        messages_received: counts.received,
        messages_filtered: filtering.filtered_count,
        gossip_cycles: schedule.gossip_cycles,
        anti_entropy_runs: snapshots.snapshot().peers_served,
        convergence_events: counts.converged,
        broadcast_messages: counts.broadcast,
        unicast_messages: counts.unicast,
        protocol_started: counts.started,
        protocol_stopped: counts.stopped,
        total_messages_sent: counts.copies,
        messages_created: counts.created,
      },
      scheduler_stats: schedule,
      filter_stats: filtering,
      state_info,
      convergence_status: {
        node_id: nodeId,
        ...state_info,
        vector_clock: clock.current,
        last_gossip_time: schedule.last_gossip_time,
        gossip_cycles: schedule.gossip_cycles,
      },
    }
  }

  return {
    receive(from, message) {
      if (!stopped) intake.receive(from, message)
    },
    receiveFrame(from, frame, text) {
      if (!stopped) intake.receiveFrame(from, frame, text)
    },
    publish,
    tell,
    publishCatalog: (delta) => publishCatalog(delta, 'unversioned'),
    sendNodeSnapshots: (targetHint, known) => snapshots.tellNodes(targetHint, known),
    handle(type, handler) {
      handlers.set(type, handler as unknown as GossipHandler<never>)
    },
    provideState: (key, provider) => shared.provide(key, provider),
    state: (key) => shared.get(key)?.text,
    onConnected(peer) {
      snapshots.request(peer)
      if (started && outbox.length > 0) armTurn(0)
    },
    onLost(peer) {
      snapshots.cancel(peer)
      chooser.forget(peer)
    },
    forget(known) {
      clock.forget(known)
      nodes.forget(known)
    },
    get pendingCatalogUpdates() {
      return outbox.catalogUpdates
    },
    start() {
      if (started) return
      started = true
      stopped = false
      counts.started++
      cancels.add(env.timers.every(MAINTENANCE_INTERVAL_MS, maintain))
      cancels.add(env.timers.every(STATE_POLL_INTERVAL_MS, pollState))
      cancels.add(env.timers.every((options.catalogTtlSeconds / 4) * 1000, retellVersioned))
      armTurn(0)
    },
    stop() {
      if (!started) return
      started = false
      stopped = true
      counts.stopped++
      for (const cancel of cancels) cancel()
      cancels.clear()
      cancelTurn?.()
      cancelTurn = undefined
      snapshots.stop()
    },
    statistics,
    snapshot: () => ({
      ...statistics(),
      received_by_type: { ...receivedByType },
      duplicates_received: counts.duplicates_received,
      ...intake.counts,
      handler_errors: counts.handler_errors,
      not_delivered: counts.not_delivered,
      outbox_refused: counts.outbox_refused,
      bridged_updates: counts.bridged_updates,
      oversized_entries: counts.oversized_entries,
      snapshots: snapshots.snapshot(),
    }),
  }
}

function received({ hop_count, message_id, message_type }: GossipMessage, from: string): string {
  return `received ${message_type} id=${message_id} from=${from} hop=${hop_count}`
}
