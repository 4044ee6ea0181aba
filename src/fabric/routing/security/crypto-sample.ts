/** Ed25519 for tests, straight from the platform and without any cache. */
import { createHash, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import type { RouteCrypto } from './ports.ts'

const privateKey = (seedHex: string) =>
  createPrivateKey({ key: Buffer.from(`302e020100300506032b657004220420${seedHex}`, 'hex'), format: 'der', type: 'pkcs8' })

export const sampleCrypto: RouteCrypto = {
  sha256Hex: (bytes) => createHash('sha256').update(bytes).digest('hex'),
  ed25519PublicKey: (seedHex) => createPublicKey(privateKey(seedHex)).export({ format: 'der', type: 'spki' }).subarray(12).toString('hex'),
  ed25519Sign: (seedHex, text) => sign(null, Buffer.from(text), privateKey(seedHex)).toString('hex'),
  ed25519Verify(publicKeyHex, signatureHex, text) {
    if (publicKeyHex.length !== 64 || signatureHex.length !== 128) return false
    const key = createPublicKey({ key: Buffer.from(`302a300506032b6570032100${publicKeyHex}`, 'hex'), format: 'der', type: 'spki' })
    return verify(null, Buffer.from(text), key, Buffer.from(signatureHex, 'hex'))
  },
}

/** @param byte makes different ones */
export function sampleSeed(byte: number): string {
  return byte.toString(16).padStart(2, '0').repeat(32)
}

export function samplePublicKey(byte: number): string {
  return sampleCrypto.ed25519PublicKey(sampleSeed(byte))
}
