/**
 * The modelled network: the {@link Network} of every simulated host.
 *
 * It keeps the promises of the socket transports: whole messages, in order, each at most once; limits on both sides; a bounded outbound
 * buffer. Between two hosts lies a path with {@link Conditions}. A path may be cut, in one direction or both: dials then time out, what is in
 * flight waits, and a connection that stays silent breaks when its keep-alive gives up, as a real one does. Cut and healed in time, it goes
 * on as if nothing had happened.
 *
 * A host that crashes has its connections reset by its kernel; one that loses power just stops answering.
 */
import type { Random } from '../base/index.ts'
import {
  AccessDeniedError,
  CLOSE_GOING_AWAY,
  CONNECT_TIMEOUT_MS,
  CONNECTIONS_MAX,
  type Connection,
  DEFAULT_LIMITS,
  type DialOptions,
  type Listener,
  type ListenOptions,
  type Network,
  PING_INTERVAL_MS,
  PONG_TIMEOUT_MS,
  parseDialUrl,
  TransportConnectionError,
  TransportTimeoutError,
} from '../transport/index.ts'
import { type Conditions, crossingMs, GOOD_CONDITIONS } from './conditions.ts'
import { createHandover } from './handover.ts'
import { joinConnections, SimConnection, type Wire } from './sim-connection.ts'
import type { Incarnation, SimHost } from './sim-host.ts'
import type { World } from './world.ts'

/** Time between the retries of a SYN nobody answers, ms, doubling: Linux's TCP_TIMEOUT_INIT. */
const SYN_RETRY_MS = 1000

export interface SimNetworkOptions {
  readonly conditions?: Partial<Conditions>
  /** Part of the messages handed over as objects that are printed and parsed all the same, 0 to 1. Default 1/8; in a fabric of more than 16 nodes 2/nodes. */
  readonly codecSample?: number
  /** Know the size of every message exactly, at the price of printing it. Default false: by the last one printed of its kind. */
  readonly exactBytes?: boolean
}

/** What one host sent and received. */
export interface Traffic {
  messagesSent: number
  messagesReceived: number
  bytesSent: number
  bytesReceived: number
}

/** Sees every message as it is sent. */
export type Tap = (from: SimHost, to: SimHost, body: string | object) => void

export interface SimNetwork {
  /** Makes a host known under its name. */
  add(host: SimHost): void
  /** The network as the program now on a host sees it. */
  of(incarnation: Incarnation): Network
  /** Another name for a host, as DNS or a virtual address gives. */
  alias(name: string, host: SimHost): void
  /** Changes the conditions from one host to another; other messages keep theirs. */
  setConditions(from: SimHost, to: SimHost, conditions: Partial<Conditions>): void
  /** Nothing that `from` sends arrives at `to` any more. */
  cut(from: SimHost, to: SimHost): void
  /** Hosts hear only those of their own island; hosts in none are one more island together. */
  partition(islands: readonly (readonly SimHost[])[]): void
  /** Mends a cut. */
  mend(from: SimHost, to: SimHost): void
  /** Mends every cut and joins all islands; conditions stay. */
  heal(): void
  /** Resets the open connections between two hosts. */
  breakConnections(a: SimHost, b: SimHost): number
  /** Ends what a program had open. `silent`: as in a power failure, without a word to the others. */
  abandon(incarnation: Incarnation, silent: boolean): void
  readonly traffic: ReadonlyMap<string, Readonly<Traffic>>
  readonly connectionsOpen: number
  tap(tap: Tap): void
}

interface BoundListener {
  readonly options: ListenOptions
  readonly owner: Incarnation
  readonly accept: (connection: Connection) => void
  readonly connections: Set<SimConnection>
  total: number
}

export function createSimNetwork(world: World, options: SimNetworkOptions = {}): SimNetwork {
  const { time } = world
  const random: Random = world.random('network')
  const common: Conditions = { ...GOOD_CONDITIONS, ...options.conditions }
  const hosts = new Map<string, SimHost>()
  const listeners = new Map<string, BoundListener>()
  const special = new Map<string, Conditions>()
  const cuts = new Set<string>()
  const open = new Set<SimConnection>()
  const traffic = new Map<string, Traffic>()
  const taps: Tap[] = []
  let connectionsMade = 0
  let nextPort = 30_000

  const handover = createHandover(
    {
      random: world.random('codec'),
      mismatch: (path, frame) => world.fault('codec_mismatch', 'network', `${path} of ${frame.text.slice(0, 300)}`),
    },
    { sample: options.codecSample ?? 1 / 8, exactBytes: options.exactBytes ?? false },
  )

  function isCut(from: SimHost, to: SimHost): boolean {
    return from.island !== to.island || (cuts.size > 0 && cuts.has(pathKey(from, to)))
  }

  function conditionsOf(from: SimHost, to: SimHost): Conditions {
    return special.size === 0 ? common : (special.get(pathKey(from, to)) ?? common)
  }

  function trafficOf(host: SimHost): Traffic {
    let found = traffic.get(host.name)
    if (found === undefined) {
      found = { messagesSent: 0, messagesReceived: 0, bytesSent: 0, bytesReceived: 0 }
      traffic.set(host.name, found)
    }
    return found
  }

  const wire: Wire = {
    time,
    random,
    isCut,
    conditionsOf,
    handover,
    sent(from, to, body, bytes) {
      const counters = trafficOf(from)
      counters.messagesSent++
      counters.bytesSent += bytes
      for (const tap of taps) tap(from, to, body)
    },
    received(to, bytes) {
      const counters = trafficOf(to)
      counters.messagesReceived++
      counters.bytesReceived += bytes
    },
    gone: (connection) => open.delete(connection),
    note: (connection, line) => world.note(connection.owner.host.name, `${connection.id} ${line}`),
  }

  function listen(owner: Incarnation, listenOptions: ListenOptions, accept: BoundListener['accept']): Listener {
    const port = listenOptions.port === 0 ? nextPort++ : listenOptions.port
    const key = `${owner.host.name}:${port}`
    if (!owner.alive) throw new TransportConnectionError(`Cannot listen on ${key}: the program has ended`, { code: 'LISTEN' })
    if (listeners.has(key)) throw new TransportConnectionError(`Cannot listen on ${key}: in use`, { code: 'LISTEN' })
    const bound: BoundListener = { options: listenOptions, owner, accept, connections: new Set(), total: 0 }
    listeners.set(key, bound)
    return {
      protocol: listenOptions.protocol,
      url: `${listenOptions.protocol}://${listenOptions.host}:${port}`,
      port,
      get connections() {
        return bound.connections.size
      },
      get connectionsTotal() {
        return bound.total
      },
      reloadCertificates: async () => false,
      close: () =>
        new Promise((resolve) => {
          if (listeners.get(key) === bound) listeners.delete(key)
          for (const connection of bound.connections) connection.close(CLOSE_GOING_AWAY, 'listener shutdown')
          const wait = () => (bound.connections.size === 0 ? resolve() : owner.env.timers.after(1, wait))
          wait()
        }),
    }
  }

  /** The handshakes step by step: SYN, its answer, and for WebSockets the upgrade; the far side accepts before the near side knows. */
  function dial(owner: Incarnation, url: string, dialOptions: DialOptions): Promise<Connection> {
    const target = parseDialUrl(url)
    const from = owner.host
    const to = /^(localhost|127\.|\[?::1)/i.test(target.host) ? from : hosts.get(target.host)
    const timeoutMs = dialOptions.connectTimeoutMs ?? CONNECT_TIMEOUT_MS
    const { signal } = dialOptions
    return new Promise<Connection>((resolve, reject) => {
      let ended = false
      const end = (settle: () => void) => {
        if (ended) return
        ended = true
        cancelTimeout()
        signal?.removeEventListener('abort', abort)
        settle()
      }
      const fail = (error: Error) => end(() => reject(error))
      const abort = () => fail(signal?.reason as Error)
      const cancelTimeout = owner.env.timers.after(timeoutMs, () =>
        fail(new TransportTimeoutError(`Connection to ${target.host}:${target.port} timed out after ${timeoutMs / 1000} s`)),
      )
      if (signal?.aborted) return abort()
      signal?.addEventListener('abort', abort, { once: true })
      if (to === undefined) {
        owner.env.timers.after(1, () =>
          fail(new TransportConnectionError(`Connection to ${target.host}:${target.port} failed: getaddrinfo ENOTFOUND ${target.host}`)),
        )
        return
      }

      const answer = (settle: () => void) => crossing(to, from, () => owner.enter(() => end(settle)))
      const refuse = (error: Error) => answer(() => reject(error))

      const syn = (retryMs: number): void => {
        if (ended || !owner.alive) return
        if (isCut(from, to) || isCut(to, from) || !to.powered) {
          time.timers.after(retryMs, () => syn(retryMs * 2))
          return
        }
        crossing(from, to, () => {
          if (!listeners.has(`${to.name}:${target.port}`)) {
            refuse(new TransportConnectionError(`Connection to ${target.host}:${target.port} failed: connect ECONNREFUSED`))
          } else if (target.scheme.startsWith('tcp')) arrived()
          else crossing(to, from, () => crossing(from, to, arrived))
        })
      }

      const arrived = (): void => {
        const bound = listeners.get(`${to.name}:${target.port}`)
        if (bound === undefined || !bound.owner.alive) {
          refuse(new TransportConnectionError(`Connection to ${target.host}:${target.port} failed: socket hang up`))
          return
        }
        bound.owner.enter(() => admit(bound))
      }

      const admit = (bound: BoundListener): void => {
        if (ended || !owner.alive) return
        const refusal = doorOf(bound, target.scheme, from, dialOptions, `${target.url.pathname}${target.url.search}`)
        if ('error' in refusal) return refuse(refusal.error)
        const number = ++connectionsMade
        const near = new SimConnection(wire, {
          id: `sim-${number}d`,
          owner,
          kind: dialOptions.kind ?? 'client',
          protocol: target.scheme,
          dialed: true,
          remote: `${target.host}:${target.port}`,
          headers: {},
          identity: { method: 'none' },
          limits: { ...DEFAULT_LIMITS, ...dialOptions.limits },
          silenceMs: (dialOptions.pingIntervalMs ?? PING_INTERVAL_MS) + (dialOptions.pongTimeoutMs ?? PONG_TIMEOUT_MS),
          onGone: () => fail(new TransportConnectionError(`Connection to ${target.host}:${target.port} failed: socket hang up`)),
        })
        const far = new SimConnection(wire, {
          id: `sim-${number}a`,
          owner: bound.owner,
          kind: bound.options.kind ?? 'client',
          protocol: target.scheme,
          dialed: false,
          remote: `${from.name}:${40_000 + (number % 20_000)}`,
          headers: refusal.headers,
          identity: refusal.identity,
          limits: { ...DEFAULT_LIMITS, ...bound.options.limits },
          silenceMs: (bound.options.pingIntervalMs ?? PING_INTERVAL_MS) + (bound.options.pongTimeoutMs ?? PONG_TIMEOUT_MS),
          onGone: () => bound.connections.delete(far),
        })
        joinConnections(near, far)
        bound.connections.add(far)
        bound.total++
        open.add(near)
        open.add(far)
        world.note(from.name, `${near.id} connected to ${to.name}:${target.port}`)
        // The answer goes first, so that nothing the far side sends can overtake it.
        far.answer(() => {
          if (ended || !owner.alive) near.close()
          else owner.enter(() => (ended ? near.close() : end(() => resolve(near))))
        })
        bound.accept(far)
      }

      syn(SYN_RETRY_MS)
    })
  }

  /** Calls `then` after the time one segment takes; never when the path is cut or lost, in which case the dial times out. */
  function crossing(from: SimHost, to: SimHost, then: () => void): void {
    const ms = crossingMs(conditionsOf(from, to), random)
    if (!Number.isFinite(ms)) return
    time.timers.after(ms, () => {
      if (!isCut(from, to)) then()
    })
  }

  /** Re-examines what a change of cuts means for the connections it touches. */
  function pathsChanged(): void {
    for (const connection of open) connection.pathChanged()
  }

  return {
    add(host) {
      hosts.set(host.name, host)
      trafficOf(host)
      host.onStall = () => {
        for (const connection of open) if (connection.peer?.owner.host === host) connection.pathChanged()
      }
    },
    alias(name, host) {
      hosts.set(name, host)
    },
    of: (incarnation) => ({
      listen: async (listenOptions, accept) => listen(incarnation, listenOptions, accept),
      dial: async (url, dialOptions = {}) => dial(incarnation, url, dialOptions),
    }),
    setConditions(from, to, conditions) {
      const key = pathKey(from, to)
      special.set(key, { ...(special.get(key) ?? common), ...conditions })
    },
    cut(from, to) {
      cuts.add(pathKey(from, to))
      pathsChanged()
    },
    mend(from, to) {
      cuts.delete(pathKey(from, to))
      pathsChanged()
    },
    partition(islands) {
      for (const host of hosts.values()) host.island = 0
      islands.forEach((island, index) => {
        for (const host of island) host.island = index + 1
      })
      pathsChanged()
    },
    heal() {
      cuts.clear()
      for (const host of hosts.values()) host.island = 0
      pathsChanged()
    },
    breakConnections(a, b) {
      let broken = 0
      for (const connection of [...open]) {
        if (!connection.dialed || connection.peer === undefined) continue
        const far = connection.peer.owner.host
        const near = connection.owner.host
        if (!((near === a && far === b) || (near === b && far === a))) continue
        connection.reset('connection reset by the network')
        connection.peer.reset('connection reset by the network')
        broken++
      }
      return broken
    },
    abandon(incarnation, silent) {
      for (const [key, bound] of listeners) if (bound.owner === incarnation) listeners.delete(key)
      for (const connection of [...open]) if (connection.owner === incarnation) connection.abandon(silent)
    },
    traffic,
    get connectionsOpen() {
      return open.size / 2
    },
    tap(tap) {
      taps.push(tap)
    },
  }
}

/** What the listener says to a newcomer. */
function doorOf(bound: BoundListener, scheme: string, from: SimHost, dialOptions: DialOptions, path: string) {
  const { options } = bound
  if (options.protocol !== scheme) {
    return { error: new TransportConnectionError(`Connection failed: the listener speaks ${options.protocol}, not ${scheme}`) }
  }
  const headers: Record<string, string> = {}
  if (scheme.startsWith('ws')) {
    if (dialOptions.authToken !== undefined) headers.authorization = `Bearer ${dialOptions.authToken}`
    if (dialOptions.apiKey !== undefined) headers['x-api-key'] = dialOptions.apiKey
  }
  const identity =
    bound.connections.size >= (options.connectionsMax ?? CONNECTIONS_MAX)
      ? ({ status: 503, reason: 'too many connections' } as const)
      : (options.access?.check({ remoteAddress: from.name, headers, path }) ?? ({ method: 'none' } as const))
  if ('status' in identity) return { error: new AccessDeniedError(`Connection failed: answered ${identity.status}`, identity.status) }
  return { identity, headers }
}

function pathKey(from: SimHost, to: SimHost): string {
  return `${from.name}>${to.name}`
}
