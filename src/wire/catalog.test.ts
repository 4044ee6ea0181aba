import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  catalogDelta,
  catalogSnapshot,
  functionEntry,
  nodeEntry,
  normalizeScope,
  queueEntry,
  serviceEntry,
  topicEntry,
  transportEndpoint,
} from './catalog.ts'
import type { FrameError } from './errors.ts'
import type { Field } from './fields.ts'
import { RawJson } from './json.ts'

const NOW = 1_761_000_000.5

function read<T>(field: Field<T>, value: unknown, dropped: FrameError[] = []): T {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return field.read(JSON.parse(text), { text, now: NOW, dropped }, 0)
}

const identity = { name: 'press.start', function_id: 'press.start', version: '2.1.0' }

describe('scopes', () => {
  it.each([
    ['local', 'local'],
    [' Region ', 'region'],
    ['GLOBAL', 'global'],
    ['cluster', 'zone'],
    ['galaxy', 'zone'],
    ['', 'zone'],
    [null, 'zone'],
    [7, 'zone'],
  ])('%o is %s', (value, scope) => {
    expect(normalizeScope(value)).toBe(scope)
  })
})

describe('catalog entries', () => {
  it('take their defaults', () => {
    const shared = { node_id: '', cluster_id: '', scope: 'zone', tags: [], advertised_at: NOW, ttl_seconds: 30 }
    expect(read(functionEntry, { identity, extra: 1 })).toEqual({ identity, resources: [], ...shared })
    expect(read(topicEntry, { subscription_id: 's', scope: 'cluster' })).toEqual({ subscription_id: 's', patterns: [], ...shared })
    expect(read(queueEntry, { queue_name: 'q', advertised_at: null })).toEqual({
      queue_name: 'q',
      delivery_guarantees: [],
      health: 'healthy',
      current_subscribers: 0,
      metadata: {},
      ...shared,
    })
    expect(read(nodeEntry, {})).toEqual({ resources: [], capabilities: [], transport_endpoints: [], ...shared })
  })

  it('write floats as floats, whatever number they hold', () => {
    const entry = read(topicEntry, { subscription_id: 's', patterns: ['b', 'a'], advertised_at: 5, ttl_seconds: 120 })
    expect(topicEntry.write(entry)).toBe(
      '{"subscription_id":"s","node_id":"","cluster_id":"","patterns":["b","a"],"scope":"zone","tags":[],"advertised_at":5.0,"ttl_seconds":120.0}',
    )
  })

  it('normalise sets: one scalar counts, empty members do not, order is by code point', () => {
    expect(read(topicEntry, { subscription_id: 's', tags: 'one' }).tags).toEqual(['one'])
    expect(read(functionEntry, { identity, resources: ['b', '', null, 0, 'a', 'b', 7], tags: ['😀', '\ue000'] })).toMatchObject({
      resources: ['7', 'a', 'b'],
      tags: ['\ue000', '😀'],
    })
  })

  it('write versions with three numbers, and refuse what is none', () => {
    expect(read(functionEntry, { identity: { ...identity, version: 'v2' } }).identity.version).toBe('2.0.0')
    expect(() => read(functionEntry, { identity: { ...identity, version: '2.x' } })).toThrow('identity.version must be a version')
    expect(() => read(functionEntry, { identity: { ...identity, name: undefined } })).toThrow('identity.name is required')
    expect(() => read(functionEntry, { identity: { ...identity, function_id: '' } })).toThrow('identity.function_id must not be empty')
    expect(() => read(functionEntry, {})).toThrow('identity is required')
  })

  it('carry function specs as the text they came in', () => {
    const entry = read(functionEntry, `{"identity":${JSON.stringify(identity)},"rpc_spec":{"default": 1.0},"rpc_summary":null}`)
    expect(entry.rpc_spec).toEqual(new RawJson('{"default": 1.0}'))
    expect(entry).not.toHaveProperty('rpc_summary')
    expect(functionEntry.write(entry)).toContain('"rpc_spec":{"default": 1.0}}')
  })

  it('keep scalars of metadata with their lexemes and turn the rest into text', () => {
    const entry = read(serviceEntry, '{"metadata":{"a":1.0,"b":true,"c":null,"d":[1, 2],"e":"x","__proto__":18446744073709551615}}')
    expect(serviceEntry.write(entry)).toContain('"metadata":{"a":1.0,"b":true,"d":"[1, 2]","e":"x","__proto__":18446744073709551615}')
  })

  it('strip guarantees they do not know, and refuse an unknown health', () => {
    const dropped: FrameError[] = []
    expect(read(queueEntry, { delivery_guarantees: ['quorum', 'psychic', 'exactly_once'] }, dropped).delivery_guarantees).toEqual([
      'quorum',
      'exactly_once',
    ])
    expect(dropped.map((error) => error.where)).toEqual(['delivery_guarantees.1'])
    expect(() => read(queueEntry, { health: 'fine' })).toThrow('health must be one of healthy, degraded, unavailable')
  })

  it('complete and sort the endpoints of a node', () => {
    const entry = read(nodeEntry, {
      transport_endpoints: [
        { endpoint: 'wss://b:2', connection_type: 'internal' },
        { protocol: 'ws', host: 'b', port: 10 },
        { protocol: 'ws', host: 'b', port: 9 },
        { connection_type: 'client', protocol: 'ws', host: 'z', port: 1, endpoint: 'lies' },
        { host: 'nowhere' },
      ],
    })
    expect(entry.transport_endpoints.map((endpoint) => `${endpoint.connection_type} ${endpoint.endpoint}`)).toEqual([
      'client ws://z:1',
      'internal ws://b:9',
      'internal ws://b:10',
      'internal wss://b:2',
    ])
    expect(read(transportEndpoint, { endpoint: 'ws://[::1]:7400' })).toMatchObject({ protocol: 'ws', host: '[::1]', port: 7400 })
  })
})

describe('a catalog delta', () => {
  it('writes every table, empty or not', () => {
    expect(catalogDelta.write(read(catalogDelta, { update_id: 'u', cluster_id: 'c', sent_at: 1 }))).toBe(
      '{"update_id":"u","cluster_id":"c","sent_at":1.0,"functions":[],"function_removals":[],"topics":[],"topic_removals":[],"queues":[],"queue_removals":[],"services":[],"service_removals":[],"caches":[],"cache_removals":[],"cache_profiles":[],"cache_profile_removals":[],"nodes":[],"node_removals":[]}',
    )
    expect(read(catalogDelta, {}).sent_at).toBe(NOW)
  })

  it('holds even when one of its entries does not, and says which', () => {
    const dropped: FrameError[] = []
    const delta = read(
      catalogDelta,
      {
        functions: [{ identity: { name: 'x' } }, { identity }, 'no'],
        caches: [{ role: 'ghost' }, { role: 'sync' }],
        node_removals: [{ node_id: 'n', cluster_id: 'c' }, null],
        topic_removals: ['t', 7],
      },
      dropped,
    )
    expect(delta.functions.map((entry) => entry.identity)).toEqual([identity])
    expect(delta.caches.map((entry) => entry.role)).toEqual(['sync'])
    expect(delta.node_removals).toEqual([{ cluster_id: 'c', node_id: 'n' }])
    expect(delta.topic_removals).toEqual(['t'])
    expect(dropped.map((error) => error.message)).toEqual([
      'functions.0.identity.function_id is required',
      'functions.2 must be an object, not a string',
      'caches.0.role must be one of coordinator, invalidator, replica, sync, monitor',
      'node_removals.1 must be an object, not null',
    ])
  })

  it('reads as itself once it was written', () => {
    fc.assert(
      fc.property(
        fc.record({
          functions: fc.array(fc.jsonValue()),
          services: fc.array(fc.dictionary(fc.constantFrom('name', 'port', 'metadata', 'tags'), fc.jsonValue())),
        }),
        (value) => {
          const written = catalogDelta.write(read(catalogDelta, { sent_at: 1, ...value }))
          const dropped: FrameError[] = []
          expect(catalogDelta.write(read(catalogDelta, written, dropped))).toBe(written)
          expect(dropped).toEqual([])
        },
      ),
    )
  })
})

describe('a catalog snapshot', () => {
  it('holds the seven tables', () => {
    expect(Object.keys(read(catalogSnapshot, {}))).toEqual([
      'generated_at',
      'functions',
      'topics',
      'queues',
      'services',
      'caches',
      'cache_profiles',
      'nodes',
    ])
  })
})
