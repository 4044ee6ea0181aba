import { createPrivateKey, sign } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { FrameError } from './errors.ts'
import type { Field } from './fields.ts'
import {
  announcementSigningText,
  linkStateUpdate,
  type RouteAnnouncement,
  type RouteWithdrawal,
  routeAnnouncement,
  routeKeyAnnouncement,
  routeWithdrawal,
  withdrawalSigningText,
} from './routes.ts'

const NOW = 1_767_225_700

function read<T>(field: Field<T>, value: unknown, dropped: FrameError[] = []): T {
  return field.read(value, { text: JSON.stringify(value), now: NOW, dropped }, 0)
}

const proof = { route_tags: ['silver', 'gold'], signature: '', public_key: '', signature_algorithm: 'ed25519' }

const announcement: RouteAnnouncement = {
  destination: { cluster_id: 'zürich-edge' },
  path: { hops: ['lyon', 'zürich-edge'] },
  metrics: { hop_count: 1, latency_ms: 12, bandwidth_mbps: 400, reliability_score: 0.975, cost_score: 0.00001 },
  advertiser: 'lyon',
  advertised_at: 1767225600,
  ttl_seconds: 30,
  epoch: 7,
  ...proof,
}
const withdrawal: RouteWithdrawal = {
  destination: announcement.destination,
  path: announcement.path,
  advertiser: 'lyon',
  withdrawn_at: 1767225600.125,
  epoch: 8,
  ...proof,
}

describe('signing texts', () => {
  const seed = Buffer.from(Array.from({ length: 32 }, (_, i) => i))
  const key = createPrivateKey({
    key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]),
    format: 'der',
    type: 'pkcs8',
  })
  const signature = (text: string) => sign(null, Buffer.from(text, 'ascii'), key).toString('hex')

  it('of an announcement are the same bytes on every node', () => {
    const text = announcementSigningText(announcement)
    expect(text).toBe(
      '{"advertised_at":1767225600.0,"advertiser":"lyon","destination":{"cluster_id":"z\\u00fcrich-edge"},"epoch":7,"metrics":{"bandwidth_mbps":400,"cost_score":1e-05,"hop_count":1,"latency_ms":12.0,"reliability_score":0.975},"path":{"hops":["lyon","z\\u00fcrich-edge"]},"route_tags":["gold","silver"],"ttl_seconds":30.0}',
    )
    expect(signature(text)).toBe(
      'ac77e6ba96661bb146375f9ec514ac96ce5f01bdd588e425024470ae075179b209fa26732bf13e62af4591f5f9abebee1d429686474f0f4fd7c9600d0255b10d',
    )
  })

  it('of a withdrawal too', () => {
    const text = withdrawalSigningText(withdrawal)
    expect(text).toBe(
      '{"advertiser":"lyon","destination":{"cluster_id":"z\\u00fcrich-edge"},"epoch":8,"path":{"hops":["lyon","z\\u00fcrich-edge"]},"route_tags":["gold","silver"],"withdrawn_at":1767225600.125}',
    )
    expect(signature(text)).toBe(
      'a74b707df5698ed2c234a3555b5014be94eea03c64ad7c6f3cda6db3139229acb16aff8fdc325553eace0315958dabe744eb7aaf69a612b27e441b3f72bac607',
    )
  })

  it('do not change on the way: numbers are re-read by the kind of their field', () => {
    const sent = routeAnnouncement.write(announcement)
    expect(announcementSigningText(read(routeAnnouncement, JSON.parse(sent)))).toBe(announcementSigningText(announcement))
    const spelled = JSON.parse(
      sent.replace('"advertised_at":1767225600.0', '"advertised_at":"1767225600"').replace('"epoch":7', '"epoch":7.9'),
    )
    expect(announcementSigningText(read(routeAnnouncement, spelled))).toBe(announcementSigningText(announcement))
  })

  it('keep duplicate tags, sort by code point, and leave the order of hops', () => {
    const tags = ['😀', '\ue000', 'b', 'b', 'a']
    const text = announcementSigningText({ ...announcement, route_tags: tags, path: { hops: ['z', 'a'] } })
    expect(text).toContain('"route_tags":["a","b","b","\\ue000","\\ud83d\\ude00"]')
    expect(text).toContain('"hops":["z","a"]')
  })
})

describe('route announcements', () => {
  it('print floats as floats and integers as integers', () => {
    expect(routeAnnouncement.write(announcement)).toBe(
      '{"destination":{"cluster_id":"zürich-edge"},"path":{"hops":["lyon","zürich-edge"]},"metrics":{"hop_count":1,"latency_ms":12.0,"bandwidth_mbps":400,"reliability_score":0.975,"cost_score":0.00001},"advertiser":"lyon","advertised_at":1767225600.0,"ttl_seconds":30.0,"epoch":7,"route_tags":["silver","gold"],"signature":"","public_key":"","signature_algorithm":"ed25519"}',
    )
  })

  it('fill in what is missing', () => {
    expect(read(routeAnnouncement, { destination: { cluster_id: 'a' }, extra: 1 })).toEqual({
      destination: { cluster_id: 'a' },
      path: { hops: [] },
      metrics: { hop_count: 0, latency_ms: 0, bandwidth_mbps: 0, reliability_score: 1, cost_score: 0 },
      advertiser: '',
      advertised_at: NOW,
      ttl_seconds: 30,
      epoch: 0,
      route_tags: [],
      signature: '',
      public_key: '',
      signature_algorithm: 'ed25519',
    })
  })

  it('tolerate odd spellings', () => {
    const route = read(routeAnnouncement, {
      metrics: { hop_count: '2', latency_ms: 'fast', bandwidth_mbps: 99.9, reliability_score: null },
      path: { hops: [1, 'b'] },
      route_tags: 'gold',
      signature: 'xyz',
      public_key: 'AB',
      ttl_seconds: [],
    })
    expect(route.metrics).toEqual({ hop_count: 2, latency_ms: 0, bandwidth_mbps: 99, reliability_score: 1, cost_score: 0 })
    expect(route.path.hops).toEqual(['1', 'b'])
    expect(route).toMatchObject({ route_tags: [], signature: '', public_key: 'ab', ttl_seconds: 30 })
  })

  it.each([
    ['a null cluster', { destination: { cluster_id: null } }, 'destination.cluster_id must be a string'],
    ['a null hop', { path: { hops: ['a', null] } }, 'path.hops must be a string'],
    ['an epoch beyond 2^53', { epoch: 2 ** 60 }, 'epoch must be an integer of at most 53 bits'],
    ['a number too large for a double', { ttl_seconds: Number.POSITIVE_INFINITY }, 'ttl_seconds must be finite'],
  ])('refuse %s', (_name, value, message) => {
    expect(() => read(routeAnnouncement, value)).toThrow(message)
  })

  it('read what they wrote', () => {
    const number = fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Object.is(value, -0))
    const name = fc.string({ unit: 'grapheme' })
    const hexText = fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('hex'))
    const any: fc.Arbitrary<RouteAnnouncement> = fc.record({
      destination: fc.record({ cluster_id: name }),
      path: fc.record({ hops: fc.array(name) }),
      metrics: fc.record({
        hop_count: fc.maxSafeInteger(),
        latency_ms: number,
        bandwidth_mbps: fc.maxSafeInteger(),
        reliability_score: number,
        cost_score: number,
      }),
      advertiser: name,
      advertised_at: number,
      ttl_seconds: number,
      epoch: fc.maxSafeInteger(),
      route_tags: fc.array(name),
      signature: hexText,
      public_key: hexText,
      signature_algorithm: name,
    })
    fc.assert(
      fc.property(any, (route) => {
        expect(read(routeAnnouncement, JSON.parse(routeAnnouncement.write(route)))).toEqual(route)
      }),
    )
  })
})

describe('withdrawals', () => {
  it('have their own time and no metrics', () => {
    expect(routeWithdrawal.write(withdrawal)).toBe(
      '{"destination":{"cluster_id":"zürich-edge"},"path":{"hops":["lyon","zürich-edge"]},"advertiser":"lyon","withdrawn_at":1767225600.125,"epoch":8,"route_tags":["silver","gold"],"signature":"","public_key":"","signature_algorithm":"ed25519"}',
    )
    expect(read(routeWithdrawal, {}).withdrawn_at).toBe(NOW)
  })
})

describe('link-state updates', () => {
  it('leave the area out when there is none, and skip neighbours that are no objects', () => {
    const dropped: FrameError[] = []
    const update = read(
      linkStateUpdate,
      {
        origin: 'oslo',
        neighbors: [7, { cluster_id: 'moss', latency_ms: 3.5, bandwidth_mbps: null }],
        advertised_at: 1,
        sequence: 5,
        area: null,
      },
      dropped,
    )
    expect(dropped.map((error) => error.message)).toEqual(['neighbors.0 must be an object, not a number'])
    expect(linkStateUpdate.write(update)).toBe(
      '{"origin":"oslo","neighbors":[{"cluster_id":"moss","latency_ms":3.5,"bandwidth_mbps":null,"reliability_score":1.0,"cost_score":0.0}],"advertised_at":1.0,"ttl_seconds":30.0,"sequence":5}',
    )
    expect(linkStateUpdate.write({ ...update, neighbors: [], area: 'metro' })).toContain('"sequence":5,"area":"metro"}')
  })
})

describe('key announcements', () => {
  it('keep the keys that are keys', () => {
    const dropped: FrameError[] = []
    const good = { key_id: 'k', public_key: 'ab'.repeat(32), added_at: 1, expires_at: null }
    const read1 = read(
      routeKeyAnnouncement,
      { cluster_id: 'lyon', keys: [{ ...good, public_key: 'zz' }, good], primary_key_id: 'k', advertised_at: 2, ttl_seconds: 120 },
      dropped,
    )
    expect(dropped.map((error) => error.message)).toEqual(['keys.0.public_key must be 32 bytes in hex'])
    expect(routeKeyAnnouncement.write(read1)).toBe(
      `{"cluster_id":"lyon","keys":[{"key_id":"k","public_key":"${'ab'.repeat(32)}","added_at":1.0,"expires_at":null}],"primary_key_id":"k","advertised_at":2.0,"ttl_seconds":120.0}`,
    )
  })
})
