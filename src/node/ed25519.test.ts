import { describe, expect, it } from 'vitest'
import { createEd25519 } from './ed25519.ts'

const SEED = Array.from({ length: 32 }, (_, i) => i.toString(16).padStart(2, '0')).join('')
const PUBLIC = '03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8'
const TEXT =
  '{"advertised_at":1767225600.0,"advertiser":"lyon","destination":{"cluster_id":"z\\u00fcrich-edge"},"epoch":7,"metrics":{"bandwidth_mbps":400,"cost_score":1e-05,"hop_count":1,"latency_ms":12.0,"reliability_score":0.975},"path":{"hops":["lyon","z\\u00fcrich-edge"]},"route_tags":["gold","silver"],"ttl_seconds":30.0}'
const SIGNATURE =
  'ac77e6ba96661bb146375f9ec514ac96ce5f01bdd588e425024470ae075179b209fa26732bf13e62af4591f5f9abebee1d429686474f0f4fd7c9600d0255b10d'

describe('Ed25519', () => {
  it('routing check 19: makes the recorded key and signature', () => {
    const crypto = createEd25519()
    expect(crypto.ed25519PublicKey(SEED)).toBe(PUBLIC)
    expect(crypto.ed25519Sign(SEED, TEXT)).toBe(SIGNATURE)
    expect(crypto.ed25519Verify(PUBLIC, SIGNATURE, TEXT)).toBe(true)
    expect(crypto.ed25519Verify(PUBLIC, SIGNATURE, `${TEXT} `)).toBe(false)
    expect(crypto.sha256Hex(Buffer.from(PUBLIC, 'hex')).slice(0, 16)).toBe('56475aa75463474c')
  })

  it('agrees with the first test of RFC 8032', () => {
    const crypto = createEd25519()
    const seed = '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60'
    expect(crypto.ed25519PublicKey(seed)).toBe('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a')
    expect(crypto.ed25519Sign(seed, '')).toBe(
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    )
  })

  it('takes hex in either case', () => {
    const crypto = createEd25519()
    expect(crypto.ed25519Sign(SEED.toUpperCase(), TEXT)).toBe(SIGNATURE)
    expect(crypto.ed25519Verify(PUBLIC.toUpperCase(), SIGNATURE.toUpperCase(), TEXT)).toBe(true)
  })

  it.each([
    ['no key', '', SIGNATURE],
    ['a key of 3 bytes', 'abcdef', SIGNATURE],
    ['a key of 33 bytes', `${PUBLIC}00`, SIGNATURE],
    ['a key that is no hex', 'z'.repeat(64), SIGNATURE],
    ['a key with a line break', `${PUBLIC}\n`, SIGNATURE],
    ['a key that is no point of the curve', 'ff'.repeat(32), SIGNATURE],
    ['no signature', PUBLIC, ''],
    ['a signature of 63 bytes', PUBLIC, SIGNATURE.slice(2)],
    ['a signature that is no hex', PUBLIC, 'z'.repeat(128)],
    ['a signature with something after it', PUBLIC, `${SIGNATURE}zz`],
    ['a signature of ones', PUBLIC, 'ff'.repeat(64)],
  ])('routing check 21: does not verify %s, and does not throw', (_name, key, signature) => {
    expect(createEd25519().ed25519Verify(key, signature, TEXT)).toBe(false)
  })

  it('refuses a wrong seed without quoting it', () => {
    const crypto = createEd25519()
    for (const seed of ['', 'abcd', `${SEED}00`, 'hunter2'.repeat(10)]) {
      expect(() => crypto.ed25519Sign(seed, TEXT)).toThrow(TypeError)
      expect(() => crypto.ed25519PublicKey(seed)).toThrow(/^an Ed25519 seed is 32 bytes in hex: 64 digits$/)
    }
  })

  it('works on when more keys are in use than it keeps', () => {
    const crypto = createEd25519({ keyObjectsMax: 2 })
    const seeds = Array.from({ length: 5 }, (_, i) => `0${i}`.repeat(32))
    for (let round = 0; round < 2; round++) {
      for (const seed of seeds) {
        expect(crypto.ed25519Verify(crypto.ed25519PublicKey(seed), crypto.ed25519Sign(seed, TEXT), TEXT)).toBe(true)
      }
    }
  })
})
