/**
 * What a hop does to a call of 100 KB that is none of its business: new headers put into the text it came in, against parsing and printing
 * it anew. Both end with the bytes a socket takes.
 */
import {
  encodeFabricMessage,
  type FabricHeaders,
  type FabricMessage,
  RawJson,
  scanFabricFrame,
  spliceFabricFrame,
} from '../src/wire/index.ts'
import type { Report } from './report.ts'
import { summarize } from './statistics.ts'

const PAYLOAD_BYTES = 100_000
const ROUNDS = 200
const WARM_UP_ROUNDS = 100
const HOP = 'ws://10.1.0.5:7401'

/** Adds to the report what a middle hop costs, and its ratio to parse and print. */
export function measureSplice(report: Report, runs: number): void {
  const text = callFrame()
  timeOf(() => spliced(text), WARM_UP_ROUNDS)
  timeOf(() => printedAnew(text), WARM_UP_ROUNDS)
  const ours: number[] = []
  const theirs: number[] = []
  for (let i = 0; i < runs; i++) {
    ours.push(timeOf(() => spliced(text), ROUNDS))
    theirs.push(timeOf(() => printedAnew(text), ROUNDS))
  }
  const ratio = summarize(ours.map((value, i) => value / (theirs[i] as number)))
  const outcome = { ours: summarize(ours), theirs: summarize(theirs), ratio }
  report.pair('splice_vs_reencode', 'us', ['hop_spliced_100kb', 'hop_reencoded_100kb'], outcome, '<= 0.25')
}

/** Microseconds a call of `work` takes. */
function timeOf(work: () => number, rounds: number): number {
  const started = performance.now()
  let bytes = 0
  for (let i = 0; i < rounds; i++) bytes += work()
  if (bytes === 0) throw new Error('nothing was written')
  return ((performance.now() - started) * 1000) / rounds
}

function spliced(text: string): number {
  const result = scanFabricFrame(text, 0)
  if ('rejected' in result) throw new Error(result.rejected)
  const { headers } = result.scan.message
  return Buffer.from(spliceFabricFrame(result.scan, passedOn(headers))).length
}

function printedAnew(text: string): number {
  const frame = JSON.parse(text) as { payload: { headers: FabricHeaders } }
  frame.payload.headers = passedOn(frame.payload.headers)
  return Buffer.from(JSON.stringify(frame)).length
}

function passedOn(headers: FabricHeaders): FabricHeaders {
  return { ...headers, routing_path: [...headers.routing_path, HOP] }
}

/** A call as it comes in at a middle hop: 100 KB of records with texts, numbers and nested values, as a table would be sent. */
function callFrame(): string {
  const rows: unknown[] = []
  for (let size = 0; size < PAYLOAD_BYTES; ) {
    const n = rows.length
    const row = { id: n, sku: `item-${n * 7919}`, price: n * 1.25 + 0.5, stock: { berlin: n % 97, oslo: n % 31 }, tags: ['new', 'blue'] }
    rows.push(row)
    size += JSON.stringify(row).length + 1
  }
  const payload = {
    kind: 'rpc-request',
    request_id: '01KW3QJ5K6M7N8P9Q0R1S2T3V4',
    command: 'prices.load',
    args: [rows],
    kwargs: {},
    resources: [],
    function_id: null,
    version_constraint: null,
    target_cluster: 'harbor',
    target_node: 'ws://10.1.0.9:7401',
    reply_to: 'ws://10.1.0.4:7401',
    federation_path: [],
    federation_remaining_hops: null,
  }
  const message: FabricMessage = {
    message_id: payload.request_id,
    topic: 'mpreg.rpc.execute.prices.load',
    message_type: 'rpc',
    delivery: 'at_least_once',
    payload: new RawJson(JSON.stringify(payload)),
    headers: {
      correlation_id: payload.request_id,
      source_cluster: 'harbor',
      target_cluster: 'harbor',
      routing_path: ['ws://10.1.0.4:7401'],
      federation_path: [],
      hop_budget: 5,
      priority: 'normal',
      metadata: new RawJson('{}'),
    },
    timestamp: 1_790_000_010.5,
  }
  // As it would come off a socket: one flat string.
  return Buffer.from(encodeFabricMessage(message)).toString()
}
