import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { blake2s } from './blake2s.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const hex = (digest: Uint8Array) => Buffer.from(digest).toString('hex')

describe('BLAKE2s', () => {
  it('hashes the example of RFC 7693, appendix B', () => {
    expect(hex(blake2s(bytes('abc')))).toBe('508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982')
  })

  it('reproduces the unkeyed half of the self test of RFC 7693, appendix E', () => {
    // Digests of the RFC's sequence generator, as CPython's hashlib.blake2s prints them.
    expect(SELF_TEST.map(([outBytes, inBytes]) => hex(blake2s(sequence(inBytes), outBytes)))).toEqual(
      SELF_TEST.map(([, , digest]) => digest),
    )
  })

  it('takes the length of the digest as a parameter: a short one is no prefix of the long one', () => {
    expect(hex(blake2s(bytes('abc'), 8))).toBe('972e9d2cd6de6402')
    expect(hex(blake2s(bytes('abc'))).startsWith(hex(blake2s(bytes('abc'), 8)))).toBe(false)
  })

  it('agrees with OpenSSL for any input, across block borders', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (input) => {
        expect(hex(blake2s(input))).toBe(createHash('blake2s256').update(input).digest('hex'))
      }),
    )
    for (const length of [0, 1, 63, 64, 65, 127, 128, 129, 4096]) {
      const input = sequence(length)
      expect(hex(blake2s(input))).toBe(createHash('blake2s256').update(input).digest('hex'))
    }
  })

  it.each([0, 33, 1.5, Number.NaN])('refuses a digest of %d bytes', (outBytes) => {
    expect(() => blake2s(bytes('abc'), outBytes)).toThrow(RangeError)
  })
})

/** The deterministic sequence of the RFC's self test (a Fibonacci generator), seeded with the length. */
function sequence(length: number): Uint8Array {
  let a = Math.imul(0xdead4bad, length) >>> 0
  let b = 1
  return Uint8Array.from({ length }, () => {
    const t = (a + b) >>> 0
    a = b
    b = t
    return t >>> 24
  })
}

/** Bytes of digest, bytes of input, digest. */
const SELF_TEST: readonly (readonly [number, number, string])[] = [
  [16, 0, '64550d6ffe2c0a01a14aba1eade0200c'],
  [16, 3, '138e6934bb72ee30cf62400e460577bd'],
  [16, 64, '96962ad757fbdfb0f5bc569285452baf'],
  [16, 65, '1197c335c6e0c5fc7cb35bc3511c296c'],
  [16, 255, 'a5f5dec639690c1b27c319b4ff134e43'],
  [16, 1024, 'adb2aaa3d98e0e27514d70d6d87e9135'],
  [20, 0, '354c9c33f735962418bdacb9479873429c34916f'],
  [20, 3, 'd9a8e91ba528738f4fb4d3d3a585d8b6782321a3'],
  [20, 64, '760b995aabc3ab3008f01bc980da040a5264c537'],
  [20, 65, 'cce5848f6ef6d5e2a80be77496f63a55dca6d6ab'],
  [20, 255, 'a7cababe9fa505f5c8bc8e4c7bfda400508dbc62'],
  [20, 1024, '5686a6a3a5a7a58cdf9ba125c56a33cc2da38ca1'],
  [28, 0, '1fa1291e65248b37b3433475b2a0dd63d54a11ecc4e3e034e7bc1ef4'],
  [28, 3, '38bec0245d2c81f10cf08528a9bddd5ca2d11e7a0e0863ad00531c39'],
  [28, 64, '76fccd4dbede2c9ac1f382c9c63453a4a4dca474547549de0b09098c'],
  [28, 65, 'fd3879e0edbbfec3fedf0cbb559e3cbc61b7b080ecceda7be7f0e46b'],
  [28, 255, '7902efb9f73249ec7f9f475478199236a34658aab9848dca791cf313'],
  [28, 1024, '1b9524ccb9320e343de7ab959eaf19bf06b75c2d0d6aa46ef07cb17b'],
  [32, 0, '69217a3079908094e11121d042354a7c1f55b6482ca1a51e1b250dfd1ed0eef9'],
  [32, 3, '77012be5f6fb6b23846795e1e8e22fb598a1ba60ea59a378d9d908d8b6dea646'],
  [32, 64, 'ea1387748c70a79548f4e19453cacf84e6eadf88beb5511ad53181271c6f40e5'],
  [32, 65, 'f40d1afedd6265437e1cc49a2bae67c3bf936f84956ef2d548e0a323df58aa59'],
  [32, 255, 'ad4286d0cb7544fe3b1c1aff31b8a9aa3b6076d9a2c6b4bbdb7975ba7f7408a1'],
  [32, 1024, 'c795e9ac66ad49540e9ce43efcc6da142c61c1e6051f0608bb109c14d24e4ebb'],
]
