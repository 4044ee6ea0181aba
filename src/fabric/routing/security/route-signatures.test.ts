import { describe, expect, it } from 'vitest'
import { createSeededRandom, createVirtualEnv } from '../../../base/index.ts'
import {
  announcementSigningText,
  type RouteAnnouncement,
  type RouteWithdrawal,
  routeAnnouncement,
  withdrawalSigningText,
} from '../../../wire/index.ts'
import { isWithdrawal, type RouteMessage } from '../path-vector/ports.ts'
import { sampleAnnouncement, sampleWithdrawal } from '../path-vector/route-samples.ts'
import { sampleCrypto, samplePublicKey, sampleSeed } from './crypto-sample.ts'
import { createKeyRegistry } from './key-registry.ts'
import { createRouteSignatures, signingText } from './route-signatures.ts'
import { DEFAULT_ROUTE_SECURITY, type RouteSecurityConfig } from './security-config.ts'

/** Signs with seed 1; `registered` are the known keys of lyon. */
function setUp(config: Partial<RouteSecurityConfig> = {}, registered: readonly number[] = []) {
  const env = createVirtualEnv({ seed: 1, startWall: 100 })
  const registry = createKeyRegistry({ clock: env.clock, crypto: sampleCrypto }, { pinning: false })
  for (const byte of registered) registry.as('configured').register('lyon', { public_key: samplePublicKey(byte) })
  const signatures = createRouteSignatures(
    { crypto: sampleCrypto, keys: registry },
    { config: { ...DEFAULT_ROUTE_SECURITY, ...config }, seed: sampleSeed(1) },
  )
  return { env, registry, signatures }
}

const announcement: RouteAnnouncement = sampleAnnouncement('lyon oslo', {
  tags: ['silver', 'gold'],
  metrics: { latency_ms: 12, cost_score: 0.00001 },
})
const withdrawal: RouteWithdrawal = sampleWithdrawal('lyon oslo', { tags: ['silver', 'gold'] })
const both: readonly (readonly [string, RouteMessage])[] = [
  ['announcement', announcement],
  ['withdrawal', withdrawal],
]

describe('routing check 19: the recorded vector', () => {
  const seed = Array.from({ length: 32 }, (_, i) => i.toString(16).padStart(2, '0')).join('')
  const { sign } = createRouteSignatures({ crypto: sampleCrypto, keys: null }, { config: null, seed })
  const recorded: RouteAnnouncement = {
    destination: { cluster_id: 'zürich-edge' },
    path: { hops: ['lyon', 'zürich-edge'] },
    metrics: { hop_count: 1, latency_ms: 12, bandwidth_mbps: 400, reliability_score: 0.975, cost_score: 0.00001 },
    advertiser: 'lyon',
    advertised_at: 1767225600,
    ttl_seconds: 30,
    epoch: 7,
    route_tags: ['silver', 'gold'],
    signature: '',
    public_key: '',
    signature_algorithm: 'ed25519',
  }
  const { destination, path, advertiser, route_tags, signature, public_key, signature_algorithm } = recorded
  const gone = {
    destination,
    path,
    advertiser,
    withdrawn_at: 1767225600.125,
    epoch: 8,
    route_tags,
    signature,
    public_key,
    signature_algorithm,
  }
  const publicKey = '03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8'

  it('is signed byte for byte, and verifies', () => {
    expect(signingText(recorded)).toBe(
      '{"advertised_at":1767225600.0,"advertiser":"lyon","destination":{"cluster_id":"z\\u00fcrich-edge"},"epoch":7,"metrics":{"bandwidth_mbps":400,"cost_score":1e-05,"hop_count":1,"latency_ms":12.0,"reliability_score":0.975},"path":{"hops":["lyon","z\\u00fcrich-edge"]},"route_tags":["gold","silver"],"ttl_seconds":30.0}',
    )
    expect(sign(recorded)).toEqual({
      ...recorded,
      public_key: publicKey,
      signature:
        'ac77e6ba96661bb146375f9ec514ac96ce5f01bdd588e425024470ae075179b209fa26732bf13e62af4591f5f9abebee1d429686474f0f4fd7c9600d0255b10d',
    })
    expect(setUp({ requireSignatures: true }).signatures.verify(sign(recorded))).toBe('ok')
  })

  it('of a withdrawal too', () => {
    expect(signingText(gone)).toBe(
      '{"advertiser":"lyon","destination":{"cluster_id":"z\\u00fcrich-edge"},"epoch":8,"path":{"hops":["lyon","z\\u00fcrich-edge"]},"route_tags":["gold","silver"],"withdrawn_at":1767225600.125}',
    )
    expect(sign(gone)).toEqual({
      ...gone,
      public_key: publicKey,
      signature:
        'a74b707df5698ed2c234a3555b5014be94eea03c64ad7c6f3cda6db3139229acb16aff8fdc325553eace0315958dabe744eb7aaf69a612b27e441b3f72bac607',
    })
    expect(setUp({ requireSignatures: true }).signatures.verify(sign(gone))).toBe('ok')
  })
})

describe.each(both)('routing check 20: an %s', (_kind, message) => {
  const signed = setUp().signatures.sign(message)
  const forged = { ...signed, epoch: 99 }

  it.each([
    { requireSignatures: false, allowUnsigned: true, unsigned: 'ok' },
    { requireSignatures: false, allowUnsigned: false, unsigned: 'unsigned' },
    { requireSignatures: true, allowUnsigned: true, unsigned: 'unsigned' },
    { requireSignatures: true, allowUnsigned: false, unsigned: 'unsigned' },
  ])('with require $requireSignatures, allow unsigned $allowUnsigned', ({ unsigned, ...config }) => {
    const { signatures } = setUp(config)
    expect([signatures.verify(message), signatures.verify(signed), signatures.verify(forged)]).toEqual([unsigned, 'ok', 'bad_signature'])
    expect(signatures.snapshot()).toMatchObject({
      verified_total: 1,
      unsigned_accepted_total: unsigned === 'ok' ? 1 : 0,
      refused_total: { bad_signature: 1, ...(unsigned !== 'ok' && { unsigned: 1 }) },
    })
  })
})

describe('routing check 21: what a signature covers', () => {
  it('is every field that is signed: one change of a metric and it fails', () => {
    const { signatures } = setUp()
    const signed = signatures.sign(announcement)
    for (const metric of Object.keys(announcement.metrics)) {
      const metrics = { ...signed.metrics, [metric]: 3 }
      expect([metric, signatures.verify({ ...signed, metrics })]).toEqual([metric, 'bad_signature'])
    }
  })

  it('is not how a number was spelled on the way', () => {
    const { signatures } = setUp({ requireSignatures: true })
    const text = routeAnnouncement.write(signatures.sign(announcement))
    const respelled = text.replace('"ttl_seconds":30.0', '"ttl_seconds":30').replace('"latency_ms":12.0', '"latency_ms":12')
    expect(respelled).not.toBe(text)
    const received = routeAnnouncement.read(JSON.parse(respelled), { text: respelled, now: 100, dropped: [] }, 0)
    expect(signatures.verify(received)).toBe('ok')
  })

  it('is not the order of tags', () => {
    const { signatures } = setUp()
    const signed = signatures.sign(announcement)
    expect(signed.route_tags).toEqual(['silver', 'gold'])
    expect(signatures.verify({ ...signed, route_tags: ['gold', 'silver'] })).toBe('ok')
    expect(signatures.verify({ ...signed, route_tags: ['gold', 'gold', 'silver'] })).toBe('bad_signature')
  })

  it.each([
    ['a key of 3 bytes', { public_key: 'abcdef' }],
    ['a key of 33 bytes', { public_key: 'ab'.repeat(33) }],
    ['a signature of 3 bytes', { signature: 'abcdef' }],
    ['a signature that is no hex', { signature: 'x'.repeat(128) }],
  ])('can not be told from %s: not verified, and no exception', (_name, change) => {
    const { signatures } = setUp()
    expect(signatures.verify({ ...signatures.sign(announcement), ...change })).toBe('bad_signature')
  })

  it.each([
    ['an epoch beyond 2^53', { epoch: 2 ** 60 }],
    ['a fraction of an epoch', { epoch: 0.5 }],
    ['an endless life', { ttl_seconds: Number.POSITIVE_INFINITY }],
    ['a time that is no number', { advertised_at: Number.NaN }],
    ['a latency that is no number', { metrics: { ...announcement.metrics, latency_ms: Number.NaN } }],
    ['hops beyond 2^53', { metrics: { ...announcement.metrics, hop_count: 2 ** 60 } }],
  ])('has no form for %s', (_name, change) => {
    const { signatures } = setUp()
    expect(signatures.verify({ ...signatures.sign(announcement), ...change })).toBe('malformed')
  })
})

describe('whose key counts', () => {
  it('is the registered one where there is one: the key inside a message then means nothing', () => {
    const { signatures } = setUp({}, [2])
    expect(signatures.verify(signatures.sign(announcement))).toBe('bad_signature')
    signatures.setSeed(sampleSeed(2))
    expect(signatures.verify(signatures.sign(announcement))).toBe('ok')
    expect(signatures.verify({ ...signatures.sign(announcement), public_key: '' })).toBe('ok')
    expect(signatures.verify({ ...signatures.sign(announcement), public_key: samplePublicKey(1) })).toBe('ok')
  })

  it('is any of the registered ones', () => {
    const { signatures } = setUp({}, [3, 2, 1, 4])
    expect(signatures.verify(signatures.sign(announcement))).toBe('ok')
    expect(signatures.snapshot().embedded_key_total).toBe(0)
  })

  it('is the one inside the message where none is known, unless that is switched off', () => {
    const lenient = setUp().signatures
    expect(lenient.verify(lenient.sign(announcement))).toBe('ok')
    expect(lenient.verify({ ...lenient.sign(announcement), public_key: '' })).toBe('no_key')
    expect(lenient.snapshot().embedded_key_total).toBe(1)
    const strict = setUp({ allowEmbeddedKeys: false }).signatures
    expect(strict.verify(strict.sign(announcement))).toBe('no_key')
  })

  it('is never the one inside the message for a cluster whose keys have all ended', async () => {
    const { env, registry, signatures } = setUp()
    registry.as('gossip').register('lyon', { public_key: samplePublicKey(1), expires_at: 110 })
    const signed = signatures.sign(announcement)
    expect(signatures.verify(signed)).toBe('ok')
    await env.advance(10_000)
    expect(signatures.verify(signed)).toBe('keys_lapsed')
    registry.purge()
    expect(signatures.verify(signed)).toBe('keys_lapsed')
  })

  it('is the one inside the message where there is no registry at all', () => {
    const { signatures } = setUp({}, [2])
    signatures.setKeys(null)
    expect(signatures.verify(signatures.sign(announcement))).toBe('ok')
  })
})

describe('the signer', () => {
  it('leaves messages as they are without a key', () => {
    const { signatures } = setUp()
    signatures.setSeed(null)
    expect(signatures.sign(announcement)).toBe(announcement)
    expect(signatures.snapshot()).toMatchObject({ public_key: null, signed_total: 0 })
  })

  it('replaces the signature a message came with', () => {
    const { signatures } = setUp()
    const relayed = { ...signatures.sign(announcement), advertiser: 'moss' }
    expect(signatures.sign(relayed)).toEqual(signatures.sign({ ...announcement, advertiser: 'moss' }))
  })

  it('keeps its key when it is given a wrong one', () => {
    const { signatures } = setUp()
    expect(() => signatures.setSeed('abc')).toThrow()
    expect(signatures.snapshot().public_key).toBe(samplePublicKey(1))
  })

  it('refuses other algorithms', () => {
    const { signatures } = setUp()
    expect(signatures.verify({ ...signatures.sign(announcement), signature_algorithm: 'rsa' })).toBe('wrong_algorithm')
  })
})

describe('mutated messages', () => {
  const mutants = 10_000

  it(`are never accepted: ${mutants} of them, with and without registered keys`, () => {
    const random = createSeededRandom('mutants', () => 0)
    const registered = setUp({ requireSignatures: true }, [1]).signatures
    const embedded = setUp({ requireSignatures: true }).signatures
    const signed = both.map(([, message]) => registered.sign(message))
    const accepted: RouteMessage[] = []
    let tried = 0
    while (tried < mutants) {
      const original = random.pick(signed) as RouteMessage
      const mutant = mutate(original, random)
      const verifier = tried % 2 === 0 ? registered : embedded
      const sameKey = verifier === registered || mutant.public_key === original.public_key
      if (mutant.signature === '' || (sameKey && sameMeaning(original, mutant))) continue
      tried++
      if (verifier.verify(mutant) === 'ok') accepted.push(mutant)
    }
    expect(accepted).toEqual([])
  })
})

type Random = ReturnType<typeof createSeededRandom>

/** The message with one of its values changed a little: text by one character, a number by a little or much, a list by one element. */
function mutate(message: RouteMessage, random: Random): RouteMessage {
  const copy = JSON.parse(JSON.stringify(message)) as Record<string, unknown>
  const places: [Record<string, unknown>, string][] = []
  collect(copy, places)
  const [holder, key] = random.pick(places) ?? [copy, 'epoch']
  holder[key] = changed(holder[key], key, random)
  return copy as unknown as RouteMessage
}

function collect(holder: Record<string, unknown>, places: [Record<string, unknown>, string][]): void {
  for (const [key, value] of Object.entries(holder)) {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) collect(value as Record<string, unknown>, places)
    else places.push([holder, key])
  }
}

function changed(value: unknown, key: string, random: Random): unknown {
  if (typeof value === 'number') return random.pick([value + 1, -value, value * (1 + 2 ** -50), 0, value + random.next(), 2 ** 60]) ?? 0
  if (Array.isArray(value)) {
    const list = value as string[]
    const at = random.int(list.length)
    return random.pick([list.toReversed(), [...list, 'x'], list.slice(1), list.with(at, text(list[at] ?? '', random)), [...list, ...list]])
  }
  const hex = key === 'signature' || key === 'public_key'
  return text(value as string, random, hex ? '0123456789abcdef' : 'abcdefghij zü\\"')
}

function text(value: string, random: Random, alphabet = 'abcdefghij zü\\"'): string {
  const at = random.int(value.length)
  const letter = alphabet[random.int(alphabet.length)] ?? 'a'
  return random.pick([value.slice(0, at) + letter + value.slice(at + 1), value.slice(0, at) + value.slice(at + 1), value + letter]) ?? ''
}

/** Whether nothing that counts was changed: a signature does not cover the order of tags, nor the key it came with. */
function sameMeaning(a: RouteMessage, b: RouteMessage): boolean {
  return a.signature === b.signature && a.signature_algorithm === b.signature_algorithm && plainText(a) === plainText(b)
}

function plainText(message: RouteMessage): string {
  try {
    return isWithdrawal(message) ? withdrawalSigningText(message) : announcementSigningText(message)
  } catch {
    return ''
  }
}
