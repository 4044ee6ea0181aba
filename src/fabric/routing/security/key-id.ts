/** Names of keys whose owner gave them none. */
import type { RouteCrypto } from './ports.ts'

const DIGITS = 16

/** `route_key_` and the first 16 hex digits of the SHA-256 over the raw public key. @param publicKey 32 bytes in hex */
export function routeKeyId(publicKey: string, crypto: Pick<RouteCrypto, 'sha256Hex'>): string {
  return `route_key_${crypto.sha256Hex(bytesOf(publicKey)).slice(0, DIGITS)}`
}

export function isPublicKey(hex: string): boolean {
  return /^[0-9a-f]{64}$/.test(hex)
}

function bytesOf(hex: string): Uint8Array {
  const bytes = new Uint8Array(hex.length / 2)
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16)
  return bytes
}
