/** What is demanded of the signatures of route messages. */

export interface RouteSecurityConfig {
  readonly requireSignatures: boolean
  /** Asked only while signatures are not required. */
  readonly allowUnsigned: boolean
  /** A signed message that names another algorithm is refused. */
  readonly signatureAlgorithm: string
  /**
   * Where no key of a cluster is known, believe the one inside its message. That proves the message whole, and nothing about who sent it.
   */
  readonly allowEmbeddedKeys: boolean
}

export const DEFAULT_ROUTE_SECURITY: RouteSecurityConfig = {
  requireSignatures: false,
  allowUnsigned: true,
  signatureAlgorithm: 'ed25519',
  allowEmbeddedKeys: true,
}

export function admitsUnsigned({ requireSignatures, allowUnsigned }: RouteSecurityConfig): boolean {
  return !requireSignatures && allowUnsigned
}
