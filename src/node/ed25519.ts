/**
 * Ed25519 (RFC 8032) and SHA-256 by the platform, as route security wants them: synchronous, keys and signatures as hex of the raw bytes.
 *
 * Making a key object of raw bytes costs about a third of a verification, so the objects of the keys used last are kept.
 */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'

/** What stands before the 32 bytes of a seed in PKCS #8, and before those of a public key in SPKI (RFC 8410), hex. */
const SEED_PREFIX = '302e020100300506032b657004220420'
const PUBLIC_PREFIX = '302a300506032b6570032100'
const PUBLIC_PREFIX_BYTES = PUBLIC_PREFIX.length / 2

const KEY = /^[0-9a-f]{64}$/i
const SIGNATURE = /^[0-9a-f]{128}$/i

/** Key objects kept of each kind. Keys inside messages of strangers pass through the same cache. */
const KEY_OBJECTS_MAX = 1024

export interface Ed25519 {
  sha256Hex(bytes: Uint8Array): string
  /** @throws TypeError when the seed is not 32 bytes in hex */
  ed25519PublicKey(seedHex: string): string
  /** Signature of the text's UTF-8 bytes. @throws TypeError when the seed is not 32 bytes in hex */
  ed25519Sign(seedHex: string, text: string): string
  /** False for anything that is not a valid signature, malformed keys and signatures included; never throws. */
  ed25519Verify(publicKeyHex: string, signatureHex: string, text: string): boolean
}

export function createEd25519({ keyObjectsMax = KEY_OBJECTS_MAX }: { readonly keyObjectsMax?: number } = {}): Ed25519 {
  const privateKey = keepLatest(keyObjectsMax, (seed) => {
    return createPrivateKey({ key: Buffer.from(SEED_PREFIX + seed, 'hex'), format: 'der', type: 'pkcs8' })
  })
  const publicKey = keepLatest(keyObjectsMax, (raw) => {
    return createPublicKey({ key: Buffer.from(PUBLIC_PREFIX + raw, 'hex'), format: 'der', type: 'spki' })
  })

  return {
    sha256Hex: (bytes) => createHash('sha256').update(bytes).digest('hex'),

    ed25519PublicKey(seedHex) {
      const der = createPublicKey(privateKey(checkedSeed(seedHex))).export({ format: 'der', type: 'spki' })
      return der.subarray(PUBLIC_PREFIX_BYTES).toString('hex')
    },

    ed25519Sign: (seedHex, text) => sign(null, Buffer.from(text), privateKey(checkedSeed(seedHex))).toString('hex'),

    ed25519Verify(publicKeyHex, signatureHex, text) {
      if (!KEY.test(publicKeyHex) || !SIGNATURE.test(signatureHex)) return false
      try {
        return verify(null, Buffer.from(text), publicKey(publicKeyHex.toLowerCase()), Buffer.from(signatureHex, 'hex'))
      } catch {
        return false
      }
    },
  }
}

/** The seed is never quoted: it is a secret. */
function checkedSeed(seedHex: string): string {
  if (!KEY.test(seedHex)) throw new TypeError('an Ed25519 seed is 32 bytes in hex: 64 digits')
  return seedHex.toLowerCase()
}

/** Remembers what `make` made for the names used last. */
function keepLatest(max: number, make: (name: string) => KeyObject): (name: string) => KeyObject {
  const kept = new Map<string, KeyObject>()
  return (name) => {
    const known = kept.get(name)
    if (known !== undefined) {
      kept.delete(name)
      kept.set(name, known)
      return known
    }
    const made = make(name)
    kept.set(name, made)
    if (kept.size > max) kept.delete(kept.keys().next().value as string)
    return made
  }
}
