/**
 * Hostile frames, from a seed: what a broken, careless or malicious client may put on a connection.
 *
 * Every frame is either harmless to the connection (it must be answered or ignored, and the connection must go on) or of a kind that
 * ends the stream (too large a message, broken framing): the generator says which.
 */
import { createVirtualEnv, type Random } from '../../src/base/index.ts'

export interface HostileFrame {
  readonly kind: string
  readonly bytes: Buffer
  /** The connection may be closed because of it. */
  readonly fatal: boolean
}

/** Largest message the node under test accepts; a little more is the "too large" of the fuzzer. */
export const FUZZ_MESSAGE_BYTES_MAX = 256 * 1024

const SEEDS = [
  '{"role":"rpc","cmds":[{"name":"x","fun":"echo","args":["hi",{"k":[1,2.5]}],"kwargs":{},"locs":[],"function_id":null,"version_constraint":">=1.0,<2","target_cluster":null,"routing_topic":null}],"u":"fuzz","return_intermediate_results":false}',
  '{"role":"rpc","cmds":[{"name":"a","fun":"echo","args":[1]},{"name":"b","fun":"echos","args":["a.b","a"]}],"u":"fuzz","include_execution_summary":true,"return_intermediate_results":true,"intermediate_result_callback_topic":"f.t"}',
  '{"role":"pubsub-publish","message":{"topic":"fuzz.a","payload":{"x":1.0},"timestamp":1790000002.5,"message_id":"m1","publisher":"f","headers":{"priority":3}},"u":"fuzz"}',
  '{"role":"pubsub-subscribe","subscription":{"subscription_id":"fuzz-sub","patterns":[{"pattern":"fuzz.#","exact_match":false}],"subscriber":"f","created_at":1.5,"get_backlog":true,"backlog_seconds":5},"u":"fuzz"}',
  '{"role":"pubsub-unsubscribe","subscription_id":"fuzz-sub","u":"fuzz"}',
  '{"role":"server","server":{"what":"STATUS","server_url":"ws://127.0.0.1:1","cluster_id":"default-cluster"},"u":"fuzz"}',
  '{"role":"fabric-message","payload":{"message_id":"x","topic":"t","headers":{"correlation_id":"c"}}}',
  '{"role":"fabric-bundle","payload":{"kind":"rpc-requests","count":1,"headers":{"correlation_id":"c","source_cluster":"default-cluster","target_cluster":"default-cluster","routing_path":["ws://127.0.0.1:1"],"federation_path":[],"hop_budget":5,"priority":"normal","metadata":{}},"target_node":"ws://127.0.0.1:2","reply_to":"ws://127.0.0.1:1","calls":[{"request_id":"r","command":"echo","args":[1.0],"kwargs":{},"resources":[],"function_id":null,"version_constraint":null,"deadline_ms":1000}]}}',
  '{"role":"fabric-gossip","payload":{"message_id":"x","message_type":"rumor","sender_id":"ws://127.0.0.1:1"}}',
] as const

const ODD_VALUES = [
  'null',
  'true',
  '-0',
  '1e999',
  '-1e-999',
  '18446744073709551616',
  `1${'0'.repeat(400)}`,
  '0.1234567890123456789',
  '""',
  '"\\ud800"',
  '"\\u0000"',
  '[]',
  '{}',
  '[[]]',
  '{"__proto__":{"polluted":1}}',
  '{"constructor":{"prototype":{"polluted":1}}}',
  '{"toString":1,"hasOwnProperty":2,"then":3}',
  '{"2":1,"1":2,"0":3}',
]

/** Kinds that a WebSocket peer can send inside well-formed messages. */
export function createFuzzer(seed: number): { next(): HostileFrame; readonly random: Random } {
  const { random } = createVirtualEnv({ seed })
  const seedFrame = () => random.pick(SEEDS) as string
  const kinds: (() => Omit<HostileFrame, 'fatal'> & { fatal?: boolean })[] = [
    () => {
      const text = seedFrame()
      return { kind: 'truncated', bytes: Buffer.from(text.slice(0, random.int(text.length))) }
    },
    () => {
      const bytes = Buffer.from(seedFrame())
      for (let n = 1 + random.int(4); n > 0; n--) bytes[random.int(bytes.length)] = random.int(256)
      return { kind: 'flipped bytes', bytes }
    },
    () => ({ kind: 'odd value', bytes: Buffer.from(replaceValue(seedFrame(), random, random.pick(ODD_VALUES) as string)) }),
    () => ({ kind: 'odd value', bytes: Buffer.from(replaceValue(replaceValue(seedFrame(), random, 'null'), random, '[1]')) }),
    () => {
      const depth = 1 + random.int(20_000)
      const nested = `${'['.repeat(depth)}${']'.repeat(depth)}`
      return { kind: 'deep nesting', bytes: Buffer.from(random.int(2) === 0 ? nested : replaceValue(seedFrame(), random, nested)) }
    },
    () => ({
      kind: 'bad utf-8',
      bytes: Buffer.concat([Buffer.from(seedFrame().slice(0, 40)), Buffer.from([0xff, 0xc0, 0x80, 0xed, 0xa0, 0x80])]),
    }),
    () => ({
      kind: 'prototype keys',
      bytes: Buffer.from(seedFrame().replace('{', '{"__proto__":{"role":"rpc","u":"x"},"constructor":1,')),
    }),
    () => ({ kind: 'unclosed', bytes: Buffer.from('{"a":'.repeat(1 + random.int(5_000))) }),
    () => ({ kind: 'not an object', bytes: Buffer.from(random.pick(ODD_VALUES) as string) }),
    () => ({ kind: 'random bytes', bytes: Buffer.from(random.bytes(random.int(200))) }),
    () => ({ kind: 'empty', bytes: Buffer.alloc(0) }),
    () => ({ kind: 'duplicate keys', bytes: Buffer.from(seedFrame().replace('{', '{"role":"zzz","u":1,')) }),
    () => {
      // The last of a repeated key counts; the others may be anything.
      const key = random.pick(['"args":', '"cmds":', '"message":', '"payload":', '"kwargs":', '"headers":']) as string
      const value = random.pick([...ODD_VALUES, '"{"', '"["', '":{"']) as string
      return { kind: 'repeated key', bytes: Buffer.from(seedFrame().replace(key, `${key}${value},"{":${value},${key}`)) }
    },
    () => ({
      kind: 'many keys',
      bytes: Buffer.from(`{${Array.from({ length: 1 + random.int(500) }, (_, i) => `"k${i}":${i}`).join(',')}}`),
    }),
  ]
  let count = 0
  return {
    random,
    next() {
      count++
      if (count % 499 === 0) return { kind: 'too large', bytes: Buffer.alloc(FUZZ_MESSAGE_BYTES_MAX + 1, 0x20), fatal: true }
      const made = (random.pick(kinds) as (typeof kinds)[number])()
      return { fatal: false, ...made }
    },
  }
}

/** Replaces one JSON value of a valid frame, wherever it stands. */
function replaceValue(text: string, random: Random, value: string): string {
  const spots = [...text.matchAll(/(?<=[:[,])(?:"[^"]*"|-?[\d.]+|null|true|false)(?=[,\]}])/g)]
  const spot = random.pick(spots)
  if (spot === undefined) return text
  return text.slice(0, spot.index) + value + text.slice(spot.index + spot[0].length)
}
