/** Calls of one function with 100 bytes: 64 in flight, and one after another. */
import { freePorts } from './free-port.ts'
import type { LoadOperations } from './load.ts'
import type { MoleculerInput } from './moleculer.ts'
import { startNatsBroker } from './nats.ts'
import type { BenchOptions } from './options.ts'
import { measurePairs } from './pairs.ts'
import { PAYLOAD } from './payload.ts'
import { startRecordingProxy } from './recording-proxy.ts'
import { Report } from './report.ts'
import { type Role, startRole } from './role.ts'
import type { NodeServer } from './roles/node-server.ts'
import type { RawTcpServer } from './roles/raw-tcp-server.ts'
import type { RawClientInput } from './roles/raw-ws-client.ts'
import type { RawServerInput, RawWsServer } from './roles/raw-ws-server.ts'

const IN_FLIGHT = 64
/** Before the first run that counts, seconds of the same load. */
const WARM_UP_SECONDS = 2

/** A client with a server behind it. */
interface Contender {
  readonly name: string
  readonly client: Role<LoadOperations>
  stop(): Promise<void>
}

export async function benchRpc({ runs, seconds }: BenchOptions): Promise<void> {
  const report = new Report('rpc')
  const server = await startRole<NodeServer>(role('node-server'))
  const { ws, tcp } = await server.ask('endpoints', undefined)
  const frames = await recordFrames(ws)
  report.note(`request frame ${frames.request.length} bytes, response frame ${frames.answer.length} bytes, payload ${PAYLOAD.length} bytes`)

  async function compare(ratio: string, target: string, ours: Contender, theirs: Contender): Promise<void> {
    const names = [ours.name, theirs.name] as const
    const load = { seconds, inFlight: IN_FLIGHT }
    for (const { client } of [ours, theirs]) await client.ask('throughput', { ...load, seconds: WARM_UP_SECONDS })
    const outcome = await measurePairs(
      runs,
      () => ours.client.ask('throughput', load),
      () => theirs.client.ask('throughput', load),
    )
    report.pair(ratio, 'calls/s', names, outcome, target)
  }

  const rawWs = await startRaw('raw-ws', frames)
  const overWs = await startOurs('ws_mpreg', ws)
  await compare('rpc_ws_vs_raw_ws', '>= 0.9', overWs, rawWs)

  for (const { client } of [overWs, rawWs]) await client.ask('latency', { seconds: WARM_UP_SECONDS })
  const latency = await measurePairs(
    runs,
    () => overWs.client.ask('latency', { seconds }),
    () => rawWs.client.ask('latency', { seconds }),
  )
  report.pair('rpc_seq_p50_vs_raw_ws', 'us', ['seq_p50_mpreg', 'seq_p50_raw_ws'], latency, '<= 1.25')
  await rawWs.stop()

  const rawTcp = await startRaw('raw-tcp', frames)
  const overTcp = await startOurs('tcp_mpreg', tcp)
  await compare('rpc_tcp_vs_raw_tcp', '>= 0.7', overTcp, rawTcp)
  await Promise.all([rawTcp.stop(), overTcp.stop()])

  const moleculer = await startMoleculer()
  await compare('rpc_ws_vs_moleculer', '>= 1.5', { ...overWs, name: 'ws_mpreg_beside_moleculer' }, moleculer)
  await moleculer.stop()

  const nats = await startNats()
  if (nats === undefined) report.note('nats: skipped: no nats-server')
  else {
    await compare('rpc_ws_vs_nats', '', { ...overWs, name: 'ws_mpreg_beside_nats' }, nats)
    await nats.stop()
  }
  await overWs.stop()
  await server.stop()
  report.print()
}

function role(name: string): URL {
  return new URL(`./roles/${name}.ts`, import.meta.url)
}

/** One real call through the recorder: the frames the bare contenders carry. */
async function recordFrames(nodeUrl: string): Promise<{ readonly request: string; readonly answer: string }> {
  const proxy = await startRecordingProxy(nodeUrl)
  const client = await startRole<LoadOperations>(role('node-client'), { url: proxy.url, payload: PAYLOAD })
  await client.ask('latency', { seconds: 0.01 })
  await client.stop()
  await proxy.close()
  const [request, answer] = [proxy.fromClients.at(-1), proxy.fromServer.at(-1)]
  if (!request?.includes(PAYLOAD) || !answer?.includes(PAYLOAD)) throw new Error('the recorder saw no call')
  return { request, answer }
}

async function startOurs(name: string, url: string): Promise<Contender> {
  const client = await startRole<LoadOperations>(role('node-client'), { url, payload: PAYLOAD })
  return { name, client, stop: () => client.stop() }
}

async function startRaw(kind: 'raw-ws' | 'raw-tcp', frames: { readonly request: string; readonly answer: string }): Promise<Contender> {
  const server = await startRole<RawWsServer | RawTcpServer>(role(`${kind}-server`), { answer: frames.answer } satisfies RawServerInput)
  const input: RawClientInput = { url: await server.ask('url', undefined), request: frames.request }
  const client = await startRole<LoadOperations>(role(`${kind}-client`), input)
  return { name: kind.replace('-', '_'), client, stop: () => stopBoth(client, server) }
}

async function startMoleculer(): Promise<Contender> {
  const [a, b] = (await freePorts(2)) as [number, number]
  const urls = [`127.0.0.1:${a}/server`, `127.0.0.1:${b}/client`]
  const server = await startRole(role('moleculer-server'), { nodeId: 'server', port: a, urls } satisfies MoleculerInput)
  const input: MoleculerInput = { nodeId: 'client', port: b, urls }
  const client = await startRole<LoadOperations>(role('moleculer-client'), { ...input, payload: PAYLOAD })
  return { name: 'moleculer', client, stop: () => stopBoth(client, server) }
}

async function startNats(): Promise<Contender | undefined> {
  const broker = await startNatsBroker()
  if (broker === undefined) return undefined
  const { url } = broker
  const server = await startRole(role('nats-service'), { url })
  const client = await startRole<LoadOperations>(role('nats-client'), { url, payload: PAYLOAD })
  return {
    name: 'nats',
    client,
    async stop() {
      await stopBoth(client, server)
      await broker.stop()
    },
  }
}

/** The client first, so that it never sees its server go. */
async function stopBoth(client: Role<LoadOperations>, server: { stop(): Promise<void> }): Promise<void> {
  await client.stop()
  await server.stop()
}
