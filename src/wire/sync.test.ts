import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RawJson } from './json.ts'
import { decodeSync, encodeSync, SYNC_ITEMS_MAX, type SyncMessage, type SyncState, textBytes, versionedBytes } from './sync.ts'

const NOW = 1_761_000_000.5

function decode(payload: unknown) {
  const text = typeof payload === 'string' ? payload : JSON.stringify({ role: 'fabric-sync', payload })
  return decodeSync(JSON.parse(text), text, NOW)
}

function roundTrip(message: SyncMessage): SyncMessage {
  const result = decode(encodeSync(message))
  if ('rejected' in result) throw new Error(result.rejected)
  expect(result.dropped).toEqual([])
  return result.message
}

const shared = { node_id: 'ws://a:1', cluster_id: 'c', scope: 'zone' as const, tags: [], advertised_at: 100, ttl_seconds: 120 }
const press = {
  ...shared,
  identity: { name: 'press', function_id: 'f1', version: '1.0.0' },
  resources: [],
  rpc_spec: new RawJson('{"limit":18446744073709551615}'),
}

const state: SyncState = {
  node_id: 'ws://a:1',
  cluster_id: 'c',
  instance_id: 'i',
  epoch: 1_761_000_000_000,
  version: 9,
  beat: 4,
  age_ms: 12,
  since: 3,
  whole: 12,
  entries: [
    { kind: 'functions', version: 8, entry: press },
    { kind: 'topics', version: 9, entry: { ...shared, subscription_id: 's', patterns: ['a.#'] } },
  ],
  removals: [
    { kind: 'functions', version: 7, key: { cluster_id: 'c', node_id: 'ws://a:1', identity: press.identity, resources: [] } },
    { kind: 'topics', version: 5, key: 'old' },
  ],
}

describe('fabric-sync', () => {
  it('prints stamps as short arrays', () => {
    const have: SyncMessage = { kind: 'have', items: [{ node_id: 'a', epoch: 5, version: 4, beat: 3, age_ms: 250 }] }
    expect(encodeSync(have)).toBe('{"role":"fabric-sync","payload":{"kind":"have","items":[["a",5,4,3,250]]}}')
  })

  it.each<SyncMessage>([
    { kind: 'have', items: [{ node_id: 'a', epoch: 5, version: 4, beat: 3, age_ms: 0 }] },
    { kind: 'want', owners: [{ node_id: 'a', epoch: 5, since: 0 }] },
    { kind: 'state', owners: [state] },
    { kind: 'digest', hash: 'ff', count: 3, overdue: [{ node_id: 'a', epoch: 5, version: 4, beat: 3, age_ms: 70_000 }] },
    { kind: 'buckets', hashes: ['0', 'a'] },
    { kind: 'items', buckets: [1, 63], items: [] },
  ])('brings $kind across unchanged, numbers beyond doubles included', (message) => {
    expect(roundTrip(message)).toEqual(message)
  })

  it.each<[payload: unknown, reason: string]>([
    [undefined, 'kind is missing'],
    [null, 'kind is missing'],
    [{ kind: 'toString' }, 'unknown kind "toString"'],
    [{ kind: 7 }, 'unknown kind 7'],
    [{ kind: 'have', items: 'many' }, 'payload.items must be an array, not a string'],
    [{ kind: 'digest' }, 'payload.hash is required'],
    [{ kind: 'have', items: new Array(SYNC_ITEMS_MAX + 1).fill(0) }, '50001 list elements are more than 50000'],
    [
      { kind: 'state', owners: [{ node_id: 'a', entries: { functions: new Array(SYNC_ITEMS_MAX).fill([1, {}]) } }] },
      '50001 list elements are more than 50000',
    ],
  ])('rejects %#: %s', (payload, reason) => {
    expect(decode(payload)).toEqual({ rejected: reason })
  })

  it('leaves out what can not be read, and says where it was', () => {
    const owner = {
      node_id: 'a',
      epoch: 1,
      version: 2,
      beat: 0,
      entries: {
        functions: [
          [2, {}],
          [2, press],
        ],
        topics: [['x']],
      },
    }
    const result = decode({ kind: 'state', owners: [owner, { node_id: '' }] })
    if ('rejected' in result || result.message.kind !== 'state') throw new Error('rejected')
    expect(result.message.owners.map(({ entries }) => entries.length)).toEqual([1])
    expect(result.dropped.map(({ message }) => message)).toEqual([
      'payload.owners.0.entries.functions.0.entry.identity is required',
      'payload.owners.0.entries.topics.0.version must be a number, not a string',
      'payload.owners.1.node_id must not be empty',
    ])
  })

  it('estimates lengths that are never too small', () => {
    const text = encodeSync({ kind: 'state', owners: [state] })
    const bare = encodeSync({ kind: 'state', owners: [{ ...state, entries: [], removals: [] }] })
    const sum = [...state.entries, ...state.removals].reduce((total, element) => total + versionedBytes(element), 0)
    expect(bare.length + sum).toBeGreaterThanOrEqual(text.length)
  })

  it('measures texts in bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(textBytes(text)).toBe(Buffer.byteLength(text))
      }),
    )
  })

  it('answers every JSON value with a message or a reason, and never throws', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('have', 'want', 'state', 'digest', 'buckets', 'items'),
        fc.dictionary(fc.string(), fc.json()),
        (kind, rest) => {
          const members = Object.entries(rest).map(([key, value]) => `${JSON.stringify(key)}:${value}`)
          const result = decode(`{"payload":{${[`"kind":"${kind}"`, ...members].join(',')}}}`)
          expect('rejected' in result || result.message.kind === kind).toBe(true)
        },
      ),
    )
  })
})

describe('counters', () => {
  it('beyond what receivers can raise and keep are refused', () => {
    const have = (epoch: number, version: number) => decode({ kind: 'have', items: [['ws://a:1', epoch, version, 1, 0]] })
    expect(have(2 ** 48, 2 ** 48)).toMatchObject({ dropped: [], message: { items: [{ epoch: 2 ** 48 }] } })
    for (const result of [have(2 ** 48 + 1, 1), have(1, 2 ** 53 - 1)]) {
      expect(result).toMatchObject({ message: { items: [] }, dropped: [{ message: expect.stringContaining('must be at most') }] })
    }
  })
})
