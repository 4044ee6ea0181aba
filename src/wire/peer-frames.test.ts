/** Frames recorded between nodes of the Python implementation: each is read, written again, and must be the same bytes. */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { catalogDelta } from './catalog.ts'
import {
  decodeFabricMessage,
  decodeFabricPayload,
  decodeGossip,
  encodeFabricMessage,
  encodeFabricPayload,
  encodeGossip,
  encodeJson,
  encodeRpcError,
  encodeRpcResponse,
  encodeServerFrame,
  encodeServerReply,
  RawJson,
  type RpcErrorObject,
  rpcResponseFrame,
  serverFrame,
  sliceAt,
} from './index.ts'
import { frameSchema } from './schema.ts'

const FOLDER = new URL('../../test/vectors/peer-frames/', import.meta.url)
const frames = new Map(
  readdirSync(FOLDER)
    .filter((name) => name.endsWith('.json'))
    .map((name) => [name.replace('.json', ''), readFileSync(new URL(name, FOLDER), 'utf8').trim()]),
)
const named = (pattern: RegExp) => [...frames].filter(([name]) => pattern.test(name))

const NOW = 1
const gossip = /^(catalog-|link-state|route-)/
const fabric = /^(cache|rpc|pubsub)-/
const responses = /^response-/

describe('recorded frames of peers', () => {
  it('are all covered below', () => {
    const rest = [...frames.keys()].filter((name) => !gossip.test(name) && !fabric.test(name) && !responses.test(name))
    expect(rest.toSorted()).toEqual(['goodbye', 'status'])
  })

  it.each(named(gossip))('%s survives reading and writing', (_name, text) => {
    const result = decodeGossip(JSON.parse(text), text, NOW)
    if ('rejected' in result) throw new Error(result.rejected)
    expect(result.dropped).toEqual([])
    expect(encodeGossip(result.message)).toBe(text)
  })

  it.each(named(/^catalog-/))('%s is what the schema of a delta describes', (_name, text) => {
    expect(() => frameSchema(catalogDelta.schema).parse(JSON.parse(text).payload.payload)).not.toThrow()
  })

  it.each(named(fabric))('%s survives reading and writing', (name, text) => {
    const result = decodeFabricMessage(JSON.parse(text), text, NOW)
    if ('rejected' in result) throw new Error(result.rejected)
    expect(encodeFabricMessage(result.message)).toBe(text)
    if (name.startsWith('pubsub-')) return
    const inner = decodeFabricPayload(result.message.payload, NOW)
    if ('rejected' in inner) throw new Error(inner.rejected)
    expect(encodeFabricPayload(inner.payload).text).toBe(result.message.payload.text)
  })

  it.each(named(responses))('%s is the response we write', (_name, text) => {
    const frame = rpcResponseFrame.parse(JSON.parse(text))
    if (frame.error) expect(encodeRpcError(frame.u, frame.error as RpcErrorObject)).toBe(text)
    else if (typeof frame.r === 'string') expect(encodeServerReply(frame.u, frame.r)).toBe(text)
    else {
      const results = Object.entries(frame.r as object).map(([name, value]): [string, string] => [name, encodeJson(value)])
      expect(encodeRpcResponse(frame.u, new Map(results), [], null)).toBe(text)
    }
  })

  it.each(named(/^(goodbye|status)$/))('%s survives reading and writing', (_name, text) => {
    const { u, server } = serverFrame.parse(JSON.parse(text))
    // Metrics are made by their node and read by its peer, never passed on: nothing says which of their zeros are floats but their text.
    const metrics = sliceAt(text, ['server', 'metrics'])
    expect(
      encodeServerFrame(u, server.what === 'STATUS' && metrics !== undefined ? { ...server, metrics: new RawJson(metrics) } : server),
    ).toBe(text)
  })
})
