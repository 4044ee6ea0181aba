/**
 * Signatures of route messages (Ed25519, RFC 8032, over canonical JSON).
 *
 *     const signatures = createRouteSignatures({ crypto, keys: registry }, { config, seed })
 *     signatures.sign(announcement)     // with the own key
 *     signatures.verify(announcement)   // 'ok', or why it is not believed
 *
 * A signature speaks for one hop: the advertiser vouches for what it tells its neighbour, whatever it was told itself.
 */
import { announcementSigningText, type RouteKey, withdrawalSigningText } from '../../../wire/index.ts'
import { isWithdrawal, type RouteMessage } from '../path-vector/ports.ts'
import type { KeyStanding } from './key-registry.ts'
import type { RouteCrypto } from './ports.ts'
import { admitsUnsigned, DEFAULT_ROUTE_SECURITY, type RouteSecurityConfig } from './security-config.ts'

export type SignatureRefusal =
  /** It has no signature, and one is demanded. */
  | 'unsigned'
  | 'wrong_algorithm'
  /** A number has no exact form, so there is nothing a signature could cover. */
  | 'malformed'
  /** No key of the cluster is known, and the message has none or it does not count. */
  | 'no_key'
  /** All keys the cluster had have ended. */
  | 'keys_lapsed'
  | 'bad_signature'

export interface KeyResolver {
  /** In the order they are tried. */
  activeKeys(clusterId: string): readonly RouteKey[]
  standing(clusterId: string): KeyStanding
}

export interface RouteSignaturesDeps {
  readonly crypto: RouteCrypto
  /** Null: no keys are known, only those inside messages. */
  readonly keys: KeyResolver | null
}

export interface RouteSignaturesOptions {
  readonly config: RouteSecurityConfig | null
  /** 32 bytes in hex; null: messages leave unsigned. */
  readonly seed: string | null
}

export interface RouteSignaturesSnapshot {
  readonly config: RouteSecurityConfig
  /** Of the key that signs; null when nothing is signed. */
  readonly public_key: string | null
  readonly signed_total: number
  readonly verified_total: number
  /** Verified by the key inside the message. */
  readonly embedded_key_total: number
  readonly unsigned_accepted_total: number
  readonly refused_total: Readonly<Record<string, number>>
}

export interface RouteSignatures {
  /** The message with signature and key; as it is when there is no key to sign with. @throws TypeError for numbers that are not finite */
  sign<M extends RouteMessage>(message: M): M
  /** Decides about unsigned messages too. Never throws. */
  verify(message: RouteMessage): 'ok' | SignatureRefusal
  setConfig(config: RouteSecurityConfig | null): void
  /** @throws TypeError when it is not 32 bytes in hex; then the old key stays */
  setSeed(seed: string | null): void
  setKeys(keys: KeyResolver | null): void
  snapshot(): RouteSignaturesSnapshot
}

export function createRouteSignatures(
  { crypto, keys: initialKeys }: RouteSignaturesDeps,
  options: RouteSignaturesOptions,
): RouteSignatures {
  const refused: Record<string, number> = {}
  let keys = initialKeys
  let config = options.config ?? DEFAULT_ROUTE_SECURITY
  let signer = signerOf(options.seed)
  let signed = 0
  let verified = 0
  let embedded = 0
  let unsigned = 0

  function signerOf(seed: string | null): { readonly seed: string; readonly publicKey: string } | undefined {
    return seed === null ? undefined : { seed, publicKey: crypto.ed25519PublicKey(seed) }
  }

  function verdictOn(message: RouteMessage): 'ok' | SignatureRefusal {
    const { advertiser, public_key: ownKey, signature } = message
    if (signature === '') return admitsUnsigned(config) ? 'ok' : 'unsigned'
    if (message.signature_algorithm !== config.signatureAlgorithm) return 'wrong_algorithm'
    const known = keys?.activeKeys(advertiser) ?? []
    if (known.length === 0) {
      if (keys?.standing(advertiser) === 'lapsed') return 'keys_lapsed'
      if (!config.allowEmbeddedKeys || ownKey === '') return 'no_key'
    }
    const text = signingText(message)
    if (text === undefined) return 'malformed'
    if (known.length === 0) {
      if (!crypto.ed25519Verify(ownKey, signature, text)) return 'bad_signature'
      embedded++
      return 'ok'
    }
    // The key inside the message says which of the known ones to try first; it counts for nothing else.
    const named = known.find((key) => key.public_key === ownKey)
    if (named !== undefined && crypto.ed25519Verify(named.public_key, signature, text)) return 'ok'
    const fits = known.some((key) => key !== named && crypto.ed25519Verify(key.public_key, signature, text))
    return fits ? 'ok' : 'bad_signature'
  }

  return {
    sign(message) {
      if (signer === undefined) return message
      signed++
      const { publicKey, seed } = signer
      const signature = crypto.ed25519Sign(seed, textOf(message))
      return { ...message, signature, public_key: publicKey, signature_algorithm: 'ed25519' }
    },

    verify(message) {
      const verdict = verdictOn(message)
      if (verdict !== 'ok') refused[verdict] = (refused[verdict] ?? 0) + 1
      else if (message.signature === '') unsigned++
      else verified++
      return verdict
    },

    setConfig(next) {
      config = next ?? DEFAULT_ROUTE_SECURITY
    },
    setSeed(seed) {
      signer = signerOf(seed)
    },
    setKeys(next) {
      keys = next
    },

    snapshot: () => ({
      config,
      public_key: signer?.publicKey ?? null,
      signed_total: signed,
      verified_total: verified,
      embedded_key_total: embedded,
      unsigned_accepted_total: unsigned,
      refused_total: { ...refused },
    }),
  }
}

/** What a signature covers; undefined when a number has no exact form. */
export function signingText(message: RouteMessage): string | undefined {
  return hasExactNumbers(message) ? textOf(message) : undefined
}

function textOf(message: RouteMessage): string {
  return isWithdrawal(message) ? withdrawalSigningText(message) : announcementSigningText(message)
}

function hasExactNumbers(message: RouteMessage): boolean {
  if (!Number.isSafeInteger(message.epoch)) return false
  if (isWithdrawal(message)) return Number.isFinite(message.withdrawn_at)
  const { bandwidth_mbps, cost_score, hop_count, latency_ms, reliability_score } = message.metrics
  return (
    Number.isSafeInteger(hop_count) &&
    Number.isSafeInteger(bandwidth_mbps) &&
    Number.isFinite(latency_ms) &&
    Number.isFinite(reliability_score) &&
    Number.isFinite(cost_score) &&
    Number.isFinite(message.advertised_at) &&
    Number.isFinite(message.ttl_seconds)
  )
}
