/** The route control of one node: 10,000 destination clusters, each offered by four neighbours; signed and unsigned messages. */
import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import { createRealEnv, macroTurn, silentLog } from '../../src/base/index.ts'
// The benchmark measures the parts of the room, not only its face.
import { createRouteControl, type RouteControl } from '../../src/fabric/routing/path-vector/route-control.ts'
import { announcementSigningText, type RouteAnnouncement } from '../../src/wire/index.ts'
import { settle } from '../memory.ts'
import { serveRole } from '../role.ts'

const NEIGHBORS = ['oslo', 'voss', 'lyon', 'rome']
const DESTINATIONS = 10_000
/** Messages between two looks at the clock. */
const BATCH = 4_000
const SIGNED = 2_000

const privateKey = createPrivateKey({
  key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, 7)]),
  format: 'der',
  type: 'pkcs8',
})
const publicKey = createPublicKey(privateKey)

const operations = {
  /** Selections a second over all destinations in an order that is none. */
  select({ seconds }: { readonly seconds: number }): number {
    const { table } = filled(DESTINATIONS)
    let elapsedMs = 0
    let done = 0
    let at = 0
    while (elapsedMs < seconds * 1000) {
      const began = performance.now()
      for (let i = 0; i < 100_000; i++) {
        at = (at + 7919) % DESTINATIONS
        if (table.select(names[at] as string) === undefined) throw new Error(`no route to ${names[at]}`)
      }
      elapsedMs += performance.now() - began
      done += 100_000
    }
    return (done * 1000) / elapsedMs
  },

  /** Announcements a second, each newer than what the table holds; what they cause to be told is part of it. */
  async applyUnsigned({ seconds }: { readonly seconds: number }): Promise<number> {
    const control = filled(DESTINATIONS)
    let elapsedMs = 0
    let done = 0
    while (elapsedMs < seconds * 1000) {
      const messages = Array.from({ length: BATCH }, () => announcement(at++ % (DESTINATIONS * NEIGHBORS.length)))
      const began = performance.now()
      receiveAll(control, messages)
      await macroTurn()
      elapsedMs += performance.now() - began
      done += BATCH
    }
    return (done * 1000) / elapsedMs
  },

  /** The same with a signature on each, the key at hand. */
  applySigned(): number {
    const control = createControl((message) =>
      verify(
        null,
        Buffer.from(announcementSigningText(message as RouteAnnouncement), 'ascii'),
        publicKey,
        Buffer.from(message.signature, 'hex'),
      )
        ? 'ok'
        : 'signature',
    )
    const messages = Array.from({ length: SIGNED }, (_, i) => signed(announcement(i)))
    const began = performance.now()
    receiveAll(control, messages)
    return (SIGNED * 1000) / (performance.now() - began)
  },

  /** Nothing but the verification of as many signatures over the same bytes. */
  bareVerify(): number {
    const messages = Array.from({ length: SIGNED }, (_, i) => signed(announcement(i)))
    const inputs = messages.map(
      (message) => [Buffer.from(announcementSigningText(message), 'ascii'), Buffer.from(message.signature, 'hex')] as const,
    )
    const began = performance.now()
    for (const [text, signature] of inputs) if (!verify(null, text, publicKey, signature)) throw new Error('a signature does not verify')
    return (SIGNED * 1000) / (performance.now() - began)
  },

  /** Heap held for 1,000 clusters with four routes each, MB: messages as they come from the wire, so that no text is shared. */
  async megabytesHeld(): Promise<number> {
    fill(createControl(), 1_000)
    const before = await bytesHeld()
    const control = createControl()
    fill(control, 1_000)
    const after = await bytesHeld()
    if (control.table.select(names[0] as string) === undefined) throw new Error('unreachable; it keeps the table alive')
    return (after - before) / 1e6
  },
}
export type RouteControlRole = typeof operations

const names = Array.from({ length: DESTINATIONS }, (_, i) => `cluster-${i}`)
let at = 0
let epoch = 0
const controls = new Map<number, RouteControl>()

serveRole(operations)

function filled(destinations: number): RouteControl {
  const control = controls.get(destinations) ?? createControl()
  if (!controls.has(destinations)) {
    fill(control, destinations)
    controls.set(destinations, control)
  }
  return control
}

function fill(control: RouteControl, destinations: number): void {
  for (let i = 0; i < destinations * NEIGHBORS.length; i++) receiveAll(control, [unshared(announcement(i))])
}

function receiveAll(control: RouteControl, messages: readonly RouteAnnouncement[]): void {
  for (const message of messages) {
    const outcome = control.receive(message, `${message.advertiser}.1`)
    if (outcome !== 'accepted') throw new Error(`an announcement was refused: ${outcome}`)
  }
}

/** The i-th of the four for each destination in turn, newer than all before. */
function announcement(i: number): RouteAnnouncement {
  const advertiser = NEIGHBORS[i % NEIGHBORS.length] as string
  const destination = names[Math.floor(i / NEIGHBORS.length) % DESTINATIONS] as string
  return {
    destination: { cluster_id: destination },
    path: { hops: [advertiser, 'transit', destination] },
    metrics: { hop_count: 2, latency_ms: 5 + (i % 7), bandwidth_mbps: 100, reliability_score: 0.99, cost_score: 0 },
    advertiser,
    advertised_at: Date.now() / 1000,
    ttl_seconds: 300,
    epoch: ++epoch,
    route_tags: ['metro'],
    signature: '',
    public_key: '',
    signature_algorithm: 'ed25519',
  }
}

function signed(message: RouteAnnouncement): RouteAnnouncement {
  return { ...message, signature: sign(null, Buffer.from(announcementSigningText(message), 'ascii'), privateKey).toString('hex') }
}

function unshared(message: RouteAnnouncement): RouteAnnouncement {
  return JSON.parse(JSON.stringify(message)) as RouteAnnouncement
}

function createControl(verifyMessage: (message: Parameters<RouteControl['receive']>[0]) => string = () => 'ok'): RouteControl {
  const clusterOf = (nodeId: string): string => nodeId.slice(0, -2)
  return createRouteControl(
    {
      env: createRealEnv({ log: silentLog }),
      neighbors: {
        clusterOf,
        connectedPeers: () => NEIGHBORS.map((clusterId) => ({ nodeId: `${clusterId}.1`, clusterId })),
        linkMetrics: () => ({ latency_ms: 1, bandwidth_mbps: 1000, reliability_score: 1, cost_score: 0 }),
        has: () => true,
      },
      transmitter: { send: () => {} },
      security: { verify: verifyMessage },
    },
    { clusterId: 'moss', nodeId: 'moss.1', routeTtlSeconds: 30, announceIntervalSeconds: 10, shareInside: true },
  )
}

async function bytesHeld(): Promise<number> {
  await settle()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
