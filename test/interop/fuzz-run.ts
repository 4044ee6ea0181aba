/** Throws the fuzzer's frames at a live node over one protocol while a neighbour keeps calling, and reports what happened. */

import { connect as connectTcp, type Socket } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { WebSocket } from 'ws'
import { createRealEnv, silentLog } from '../../src/base/index.ts'
import { createNode, type Node, type NodeSnapshot } from '../../src/node/index.ts'
import { type Connection, createSocketNetwork } from '../../src/transport/index.ts'
import { createFuzzer, FUZZ_MESSAGE_BYTES_MAX } from './fuzzer.ts'

export interface FuzzReport {
  readonly framesSent: number
  /** Connections that ended although every frame on them was harmless. */
  readonly unexpectedCloses: readonly string[]
  /** Connections that ended because of a frame that may end one. */
  readonly expectedCloses: number
  readonly neighbourCalls: number
  readonly neighbourFailures: number
  readonly heapGrowthBytes: number
  readonly polluted: boolean
  readonly node: NodeSnapshot
}

/** Frames between two liveness probes of the attacked connection. */
const BATCH = 50
const PROBE = '{"role":"rpc","u":"probe","cmds":[{"name":"x","fun":"echo","args":["alive"]}]}'

/** The attacker's side: sends bytes as messages, tells when the probe's answer or the end arrives. */
interface Attacker {
  send(bytes: Buffer): void
  /** Resolves true when the probe is answered, false when the connection ends first. */
  probe(): Promise<boolean>
  close(): void
}

export async function fuzz(protocol: 'ws' | 'tcp', frames: number, seed: number): Promise<FuzzReport> {
  const node = await createNode({
    listen: ['tcp://127.0.0.1:0'],
    monitoringEnabled: false,
    logLevel: 'CRITICAL',
    clientMessageBytesMax: FUZZ_MESSAGE_BYTES_MAX,
    peerMessageBytesMax: FUZZ_MESSAGE_BYTES_MAX,
    pubsubBacklogBytesMax: 1_000_000,
  })
  await node.start()
  const url = node.endpoints.find((endpoint) => endpoint.startsWith(`${protocol}:`)) as string
  const attack = protocol === 'ws' ? attackWebSocket : attackTcp
  const neighbour = await startNeighbour(url)
  const fuzzer = createFuzzer(seed)
  const unexpectedCloses: string[] = []
  let refusedBefore = 0
  let expectedCloses = 0
  let attacker = await attack(url)
  let heapAfterWarmUp = 0
  for (let sent = 0; sent < frames; ) {
    let fatal = false
    const kinds: string[] = []
    for (let n = 0; n < BATCH && sent < frames && !fatal; n++, sent++) {
      const frame = fuzzer.next()
      kinds.push(frame.kind)
      fatal = frame.fatal
      attacker.send(frame.bytes)
    }
    if (!(await attacker.probe())) {
      // A status that says it is of another cluster, or of this very node, is refused and the connection ends: the protocol wants it so.
      const refused = refusals(node)
      if (fatal || refused > refusedBefore) expectedCloses++
      else unexpectedCloses.push(`before frame ${sent} of seed ${seed}: ${kinds.join(', ')}`)
      refusedBefore = refused
      attacker = await attack(url)
    }
    if (heapAfterWarmUp === 0 && sent >= frames / 4) heapAfterWarmUp = heapUsed()
  }
  attacker.close()
  const neighbourCounts = await neighbour.stop()
  const heapGrowthBytes = heapUsed() - heapAfterWarmUp
  const snapshot = node.snapshot()
  await node.stop()
  return {
    framesSent: frames,
    unexpectedCloses,
    expectedCloses,
    ...neighbourCounts,
    heapGrowthBytes,
    polluted: 'polluted' in {},
    node: snapshot,
  }
}

function refusals(node: Node): number {
  return Object.values(node.snapshot().fabric?.peers.refused ?? {}).reduce((sum, count) => sum + count, 0)
}

async function startNeighbour(url: string) {
  const network = createSocketNetwork({ env: createRealEnv({ log: silentLog }) })
  const connection: Connection = await network.dial(url)
  let neighbourCalls = 0
  let neighbourFailures = 0
  let stopped: (() => void) | undefined
  const call = () =>
    connection.send(`{"role":"rpc","u":"n${neighbourCalls}","cmds":[{"name":"x","fun":"echo","args":[${neighbourCalls}]}]}`)
  connection.attach({
    message(text) {
      if (!text.startsWith(`{"r":{"x":${neighbourCalls}},"error":null,"u":"n${neighbourCalls}"`)) neighbourFailures++
      neighbourCalls++
      if (stopped === undefined) setImmediate(call)
      else stopped()
    },
    malformed: () => neighbourFailures++,
    close: (info) => {
      if (info.code !== 1000) neighbourFailures++
    },
  })
  call()
  return {
    async stop() {
      await new Promise<void>((resolve) => {
        stopped = resolve
      })
      connection.close()
      return { neighbourCalls, neighbourFailures }
    },
  }
}

async function attackWebSocket(url: string): Promise<Attacker> {
  const ws = new WebSocket(url, { perMessageDeflate: false })
  const probes = createProbes()
  ws.on('message', (data: Buffer) => probes.see(data))
  ws.on('close', () => probes.end())
  ws.on('error', () => {})
  await new Promise((resolve) => ws.once('open', resolve))
  return {
    send: (bytes) => ws.readyState === WebSocket.OPEN && ws.send(bytes, { binary: true }),
    probe() {
      if (ws.readyState === WebSocket.OPEN) ws.send(PROBE)
      return probes.next()
    },
    close: () => ws.close(),
  }
}

async function attackTcp(url: string): Promise<Attacker> {
  const { hostname, port } = new URL(url)
  const socket: Socket = connectTcp(Number(port), hostname)
  const probes = createProbes()
  socket.on('data', (data: Buffer) => probes.see(data))
  socket.on('close', () => probes.end())
  socket.on('error', () => {})
  await new Promise((resolve) => socket.once('connect', resolve))
  const send = (bytes: Buffer) => {
    const header = Buffer.alloc(4)
    header.writeUInt32BE(bytes.length)
    if (!socket.destroyed) socket.write(Buffer.concat([header, bytes]))
  }
  return {
    send,
    probe() {
      send(Buffer.from(PROBE))
      return probes.next()
    },
    close: () => socket.destroy(),
  }
}

function createProbes() {
  let ended = false
  let waiting: ((alive: boolean) => void) | undefined
  let tail = ''
  const settle = (alive: boolean) => {
    waiting?.(alive)
    waiting = undefined
  }
  return {
    see(data: Buffer) {
      // An answer may be split over two chunks; its mark is shorter than what is kept.
      tail += data.toString('latin1')
      const isAlive = tail.includes('"x":"alive"')
      tail = isAlive ? '' : tail.slice(-64)
      if (isAlive) settle(true)
    },
    end() {
      ended = true
      settle(false)
    },
    next: () =>
      new Promise<boolean>((resolve) => {
        if (ended) resolve(false)
        else waiting = resolve
      }),
  }
}

function heapUsed(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  return process.memoryUsage().heapUsed
}
