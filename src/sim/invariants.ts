/**
 * What must hold at every moment of a run, whatever the faults: watched from outside, on views of the nodes and on the frames between them.
 *
 * Promises about *when* something is known leave room for what nobody can know: time counts only while the network is calm, without cuts,
 * partitions and stalls.
 */
import { functionKey } from './node-view.ts'
import type { Fabric } from './sim-fabric.ts'
import { simUrl } from './sim-fabric.ts'

/** Calm time after which nobody who was there lists a departed node, ms, where there was word of it or a link broke. */
const GONE_LISTED_MS = { stopped: 3_000, crashed: 8_000 } as const
/**
 * The same for who vanished silently: somebody has to probe it, others to confirm, then the suspicion lasts as long as the size of the fabric
 * asks (5 s a decade of nodes), and the news spreads. Also for those who start after a departure: they may learn of the departed from somebody
 * cut off.
 */
const SILENT_LISTED_MS = { least: 15_000, perDecade: 11_500 }
/**
 * So much longer where the network was cut meanwhile: nodes that lost sight of many doubt themselves (Lifeguard's local health), and probe more
 * slowly until as many of their probes are answered again. Seed 651 of 20 nodes needs one second of it.
 */
const CUT_LISTED_MS = 5_000
/**
 * The same for who vanished before it was well linked, or where few are left: so few can probe it that nobody confirms, and the suspicion takes
 * its full time, or the lease of what it offered ends (30 s by the explorer's settings).
 */
const BRIEF_LISTED_MS = 33_000
/** With no more nodes than this left a suspicion lacks confirmations: one suspects, one may be slow itself, one was started just now. */
const FEW_NODES = 4
/** Up for less, a node has links to little more than its seeds, ms. */
const BRIEF_MS = 5_000
/** Time in which a node's own catalog follows its registry, ms. */
const OWN_ENTRY_MISSING_MS = 3_000
/** Nodes looked at in one check: looking costs more than what a node does meanwhile, and nothing here is decided within a second. */
const NODES_PER_CHECK = 5

export type Departure = keyof typeof GONE_LISTED_MS | 'silent' | 'brief'

export interface Invariants {
  /** The network is disturbed from now on, or for so long. */
  disturbed(forMs?: number): void
  /** No cut or partition is left. */
  calmed(): void
  departed(index: number, how: Departure): void
  returned(index: number): void
  /** Looks at some of the nodes now, at the others in the next calls. */
  check(): void
}

/** Violations become faults of the fabric. */
export function watchInvariants(fabric: Fabric): Invariants {
  const gone = new Map<string, { readonly how: Departure; readonly sinceMs: number; readonly inCut: boolean }>()
  /** Since when a viewer lists a node that is gone: `viewer gone`. */
  const listedSince = new Map<string, number>()
  const missingSince = new Map<string, number>()
  /** When a node was started again. */
  const startedMs = new Map<string, number>()
  let calmFromMs = 0
  let cut = false
  const turns = Math.max(4, Math.ceil(fabric.size / NODES_PER_CHECK))
  let turn = 0
  const listedMaxMs = {
    ...GONE_LISTED_MS,
    silent: Math.max(SILENT_LISTED_MS.least, SILENT_LISTED_MS.perDecade * Math.log10(fabric.size)),
    brief: BRIEF_LISTED_MS,
  }

  watchFrames(fabric)

  function checkListing(viewer: string, peers: readonly string[]): void {
    for (const peer of peers) {
      if (peer === viewer) fabric.fault('self_listed', viewer, 'lists itself among its peers')
      const departure = gone.get(peer)
      const key = `${viewer} ${peer}`
      if (departure === undefined) {
        listedSince.delete(key)
        continue
      }
      const sinceMs = listedSince.get(key) ?? fabric.nowMs
      listedSince.set(key, sinceMs)
      const listedMs = fabric.nowMs - Math.max(sinceMs, calmFromMs)
      const isLater = (startedMs.get(viewer) ?? 0) > departure.sinceMs
      const how = isLater ? 'silent' : departure.how
      const maxMs = listedMaxMs[how === 'silent' && fabric.live.length <= FEW_NODES ? 'brief' : how]
      if (!cut && listedMs > maxMs + (departure.inCut ? CUT_LISTED_MS : 0))
        fabric.fault(
          'departed_listed',
          viewer,
          `still lists ${peer}, which ${departure.how} ${seconds(fabric.nowMs - departure.sinceMs)} ago`,
        )
    }
    for (const id of gone.keys()) if (!peers.includes(id)) listedSince.delete(`${viewer} ${id}`)
  }

  function checkOwnEntries(viewer: string, functions: readonly string[], catalog: ReadonlyMap<string, readonly string[]>): void {
    const own = new Set(catalog.get(viewer))
    for (const name of functions) {
      const key = `${viewer} ${name}`
      if (own.has(functionKey(name))) {
        missingSince.delete(key)
        continue
      }
      const sinceMs = missingSince.get(key) ?? fabric.nowMs
      missingSince.set(key, sinceMs)
      if (fabric.nowMs - Math.max(sinceMs, calmFromMs) > OWN_ENTRY_MISSING_MS)
        fabric.fault('own_entry_lost', viewer, `its function ${name} is missing from its own catalog`)
    }
  }

  return {
    disturbed(forMs) {
      if (forMs === undefined) cut = true
      else calmFromMs = Math.max(calmFromMs, fabric.nowMs + forMs)
    },
    calmed() {
      cut = false
      calmFromMs = Math.max(calmFromMs, fabric.nowMs)
    },
    departed(index, how) {
      // What a cut or a hanging node keeps from being heard was as good as not said.
      const isHeard = !cut && calmFromMs <= fabric.nowMs
      const id = simUrl(index)
      const isBrief = fabric.nowMs - (startedMs.get(id) ?? 0) < BRIEF_MS
      gone.set(id, { how: isHeard && how !== 'silent' ? how : isBrief ? 'brief' : 'silent', sinceMs: fabric.nowMs, inCut: cut })
    },
    returned(index) {
      const id = simUrl(index)
      gone.delete(id)
      startedMs.set(id, fabric.nowMs)
      for (const since of [listedSince, missingSince]) for (const key of since.keys()) if (key.split(' ').includes(id)) since.delete(key)
    },
    check() {
      turn = (turn + 1) % turns
      for (const index of fabric.live) {
        if (index % turns !== turn) continue
        const own = simUrl(index)
        const view = fabric.view(index, (nodeId) => nodeId === own)
        if (view === undefined) continue
        checkListing(view.node_id, view.peers)
        checkOwnEntries(view.node_id, view.functions, view.catalog)
      }
    },
  }
}

interface SeenHeaders {
  readonly routing_path?: readonly string[]
  readonly hop_budget?: number | null
}

/** No message comes by a node twice, none goes further than it may, and no request is answered twice. */
function watchFrames(fabric: Fabric): void {
  /** Answers seen, by client and request; the oldest are forgotten. */
  const answered = new Set<string>()

  fabric.network.tap((from, to, body) => {
    if (to.name.startsWith('c')) {
      const request = typeof body === 'string' ? answerOf(body) : undefined
      if (request === undefined) return
      const key = `${to.name} ${request}`
      if (answered.has(key)) fabric.fault('answered_twice', from.name, `answers ${request} of ${to.name} again`)
      answered.add(key)
      if (answered.size > 10_000) answered.delete(answered.keys().next().value as string)
      return
    }
    const headers = typeof body === 'string' ? headersOfText(body) : headersOf(body)
    const path = headers?.routing_path
    if (path === undefined) return
    if (new Set(path).size < path.length)
      fabric.fault('routing_loop', from.name, `sends a message on its way ${path.join(' > ')} to ${to.name}`)
    const budget = headers?.hop_budget
    if (typeof budget === 'number' && path.length - 1 > budget)
      fabric.fault('hop_budget_exceeded', from.name, `sends a message of ${path.length} hops to ${to.name}; its budget is ${budget}`)
  })
}

/** The request an rpc answer belongs to. Answers end with it, but for null members. */
function answerOf(text: string): string | undefined {
  if (!text.startsWith('{"r":')) return undefined
  const at = text.lastIndexOf('"u":"')
  return at < 0 ? undefined : text.slice(at + 5, text.indexOf('"', at + 5))
}

function headersOf(frame: object): SeenHeaders | undefined {
  const { payload, role } = frame as { role?: unknown; payload?: { headers?: SeenHeaders } }
  return role === 'fabric-message' || role === 'fabric-bundle' ? payload?.headers : undefined
}

function headersOfText(text: string): SeenHeaders | undefined {
  return /^\{"role":"fabric-(?:message|bundle)"/.test(text) ? headersOf(JSON.parse(text) as object) : undefined
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
