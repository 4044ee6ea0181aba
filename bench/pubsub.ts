/** One publisher, ten subscribers, each on a WebSocket connection of its own, all ten subscribed to the same wildcard pattern. */
import type { FanOutOperations } from './fan-out.ts'
import type { BenchOptions } from './options.ts'
import { measurePairs } from './pairs.ts'
import { PAYLOAD } from './payload.ts'
import { startRecordingProxy } from './recording-proxy.ts'
import { Report } from './report.ts'
import { startRole } from './role.ts'
import type { NodeServer } from './roles/node-server.ts'
import type { SubscribersInput } from './roles/node-subscribers.ts'
import type { RawServerInput, RawWsServer } from './roles/raw-ws-server.ts'
import type { RawSubscribersInput } from './roles/raw-ws-subscribers.ts'

const SUBSCRIBERS = 10
const IN_FLIGHT = 16
const WARM_UP_SECONDS = 2

export async function benchPubsub({ runs, seconds }: BenchOptions): Promise<void> {
  const report = new Report('pubsub')
  const server = await startRole<NodeServer>(role('node-server'))
  const { ws } = await server.ask('endpoints', undefined)
  const frames = await recordFrames(ws)
  report.note(
    `publish frame ${frames.publication.length} bytes, notification ${frames.notification.length} bytes, acknowledgement ${frames.answer.length} bytes`,
  )
  const input: SubscribersInput = { url: ws, payload: PAYLOAD, subscribers: SUBSCRIBERS }
  const ours = await startRole<FanOutOperations>(role('node-subscribers'), input)

  const { answer, notification, publication } = frames
  const rawServer = await startRole<RawWsServer>(role('raw-ws-server'), { answer, notification } satisfies RawServerInput)
  const rawInput: RawSubscribersInput = { url: await rawServer.ask('url', undefined), publication, subscribers: SUBSCRIBERS }
  const raw = await startRole<FanOutOperations>(role('raw-ws-subscribers'), rawInput)

  for (const client of [ours, raw]) await client.ask('deliveries', { seconds: WARM_UP_SECONDS, inFlight: IN_FLIGHT })
  const load = { seconds, inFlight: IN_FLIGHT }
  const outcome = await measurePairs(
    runs,
    () => ours.ask('deliveries', load),
    () => raw.ask('deliveries', load),
  )
  report.pair('pubsub10_vs_raw_ws', 'deliveries/s', ['pubsub10_mpreg', 'pubsub10_raw_ws'], outcome, '>= 0.8')

  await Promise.all([ours.stop(), raw.stop()])
  await Promise.all([server.stop(), rawServer.stop()])
  report.print()
}

function role(name: string): URL {
  return new URL(`./roles/${name}.ts`, import.meta.url)
}

interface Frames {
  readonly publication: string
  readonly notification: string
  readonly answer: string
}

/** Publications to one subscriber through the recorder: the frames the bare contender carries. */
async function recordFrames(nodeUrl: string): Promise<Frames> {
  const proxy = await startRecordingProxy(nodeUrl)
  const input: SubscribersInput = { url: proxy.url, payload: PAYLOAD, subscribers: 1 }
  const client = await startRole<FanOutOperations>(role('node-subscribers'), input)
  await client.ask('deliveries', { seconds: 0.01, inFlight: 1 })
  await client.stop()
  await proxy.close()
  return {
    publication: last(proxy.fromClients, 'pubsub-publish'),
    notification: last(proxy.fromServer, 'pubsub-notification'),
    answer: last(proxy.fromServer, 'pubsub-ack'),
  }
}

function last(frames: readonly string[], frameRole: string): string {
  const frame = frames.findLast((text) => text.startsWith(`{"role":"${frameRole}"`))
  if (frame === undefined) throw new Error(`the recorder saw no ${frameRole} frame`)
  return frame
}
