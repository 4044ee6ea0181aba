/**
 * A node of the Python implementation, as far as its recorded frames tell: it dials and is dialled, says what was recorded, keeps what it
 * is told, and holds to the recorded rules (a frame over 1 MiB on a link it dialled, or 60 s without a frame, ends the link).
 */
import { readFileSync } from 'node:fs'
import type { Env } from '../../src/base/index.ts'
import type { Connection, Listener, Network } from '../../src/transport/index.ts'

const RECORDED_SELF = 'ws://127.0.0.1:21040'
const RECORDED_OTHER = 'ws://127.0.0.1:21050'
const RECORDED_CLUSTER = 'p2p'
const RECORDED_AT = 1795490050
const DIALED_MESSAGE_BYTES_MAX = 1024 * 1024
const IDLE_MS = 60_000

export type Json = Record<string, unknown>

export interface Heard {
  readonly text: string
  readonly frame: Json
  /** True when it came on a link the peer dialled. */
  readonly onDialed: boolean
}

export interface ScriptedPeerOptions {
  readonly env: Env
  readonly network: Network
  readonly port: number
  readonly clusterId?: string
  readonly instanceId?: string
  /** Answer STATUS on accepted links, close idle links: what the Python implementation does by itself. Default true. */
  readonly alive?: boolean
}

export class ScriptedPeer {
  readonly url: string
  readonly heard: Heard[] = []
  readonly closes: { readonly onDialed: boolean; readonly code: number; readonly why: string }[] = []
  readonly #options: Required<ScriptedPeerOptions>
  #listener: Listener | undefined
  #dialed: Connection | undefined
  #accepted: Connection | undefined
  #other = ''
  #u = 0
  readonly #stops = new Set<() => void>()

  constructor(options: ScriptedPeerOptions) {
    this.#options = { clusterId: RECORDED_CLUSTER, instanceId: '01M85RQSA77PY2JK7JWAH9H1Y3', alive: true, ...options }
    this.url = `ws://127.0.0.1:${options.port}`
  }

  get links(): number {
    return [this.#dialed, this.#accepted].filter((link) => link?.isOpen).length
  }

  async listen(): Promise<void> {
    const { network, port } = this.#options
    this.#listener = await network.listen({ protocol: 'ws', host: '127.0.0.1', port, kind: 'internal' }, (connection) => {
      this.#accepted = connection
      this.#follow(connection, false)
    })
  }

  async dial(url: string): Promise<void> {
    this.#other = url
    this.#dialed = await this.#options.network.dial(url, { kind: 'internal' })
    this.#follow(this.#dialed, true)
  }

  /** A recorded frame as this peer would say it now: its own URL, the other's, the cluster and the time put in. */
  recorded(name: string, other = this.#other): Json {
    const text = readFileSync(new URL(`../vectors/peer-frames/${name}.json`, import.meta.url), 'utf8')
    const own =
      text.includes(`"sender_id":"${RECORDED_OTHER}"`) ||
      text.includes(`"departing_node_url":"${RECORDED_OTHER}"`) ||
      text.includes(`"routing_path":["${RECORDED_OTHER}"],"federation`)
    const [self, peer] = own ? [RECORDED_OTHER, RECORDED_SELF] : [RECORDED_SELF, RECORDED_OTHER]
    const { clusterId, instanceId, env } = this.#options
    const shift = env.clock.wall() - RECORDED_AT
    return walk(
      JSON.parse(text),
      (value) => {
        if (typeof value === 'number' && value > 1.79e9 && value < 1.8e9) return value + shift
        if (typeof value !== 'string') return value
        if (value === RECORDED_CLUSTER) return clusterId
        return value.replaceAll(self, '\0').replaceAll(peer, other).replaceAll('\0', this.url)
      },
      instanceId,
    ) as Json
  }

  /** On the link this peer dialled, or else on the one it accepted. */
  say(frame: Json, on: 'dialed' | 'accepted' = this.#dialed?.isOpen ? 'dialed' : 'accepted'): void {
    const link = on === 'dialed' ? this.#dialed : this.#accepted
    if (link === undefined) throw new Error(`the scripted peer has no ${on} link`)
    link.send(JSON.stringify(frame))
  }

  /** A frame whose numbers are to stay as they are written. */
  sayText(text: string): void {
    const link = this.#dialed?.isOpen ? this.#dialed : this.#accepted
    link?.send(text)
  }

  status(): Json {
    const frame = this.recorded('status')
    return { ...frame, u: `peer-${++this.#u}`, server: { ...(frame.server as Json), instance_id: this.#options.instanceId } }
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops) stop()
    this.#dialed?.close()
    this.#accepted?.close()
    await this.#listener?.close()
  }

  #follow(connection: Connection, onDialed: boolean): void {
    const { env, alive } = this.#options
    let lastFrameMs = env.clock.monotonic()
    if (alive) {
      const stop = env.timers.every(1000, () => {
        if (env.clock.monotonic() - lastFrameMs > IDLE_MS) connection.close(1000, 'idle')
      })
      this.#stops.add(stop)
    }
    connection.attach({
      message: (text) => {
        lastFrameMs = env.clock.monotonic()
        if (onDialed && Buffer.byteLength(text) > DIALED_MESSAGE_BYTES_MAX) return connection.close(1009, 'message too big')
        const frame = JSON.parse(text) as Json
        this.heard.push({ text, frame, onDialed })
        const what = (frame.server as Json | undefined)?.what
        if (alive && !onDialed && what === 'STATUS') {
          const answer = { r: 'STATUS', error: null, u: frame.u, intermediate_results: [], execution_summary: null }
          const first = this.heard.filter((heard) => !heard.onDialed).length === 1
          if (first) connection.send(JSON.stringify(this.status()))
          connection.send(JSON.stringify(answer))
        }
      },
      malformed: () => {},
      close: ({ code, reason }) => this.closes.push({ onDialed, code, why: reason }),
    })
  }
}

function walk(value: unknown, put: (value: unknown) => unknown, instanceId: string): unknown {
  if (Array.isArray(value)) return value.map((element) => walk(element, put, instanceId))
  if (typeof value !== 'object' || value === null) return put(value)
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [put(key) as string, key === 'instance_id' ? instanceId : walk(member, put, instanceId)]),
  )
}
