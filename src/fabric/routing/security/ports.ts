/** What route security needs of the world: signatures, links to other nodes, a place for the snapshot, a file. */
import type { RouteKeyAnnouncement } from '../../../wire/index.ts'

/** Ed25519 (RFC 8032) and SHA-256, all of it synchronous. Keys and signatures are lower-case hex of the raw bytes. */
export interface RouteCrypto {
  sha256Hex(bytes: Uint8Array): string
  /** @throws TypeError when the seed is not 32 bytes in hex */
  ed25519PublicKey(seedHex: string): string
  /** Signature of the text's UTF-8 bytes. @throws TypeError when the seed is not 32 bytes in hex */
  ed25519Sign(seedHex: string, text: string): string
  /** False for anything that is not a valid signature, malformed keys and signatures included; never throws. */
  ed25519Verify(publicKeyHex: string, signatureHex: string, text: string): boolean
}

export interface KeyLinks {
  /** Undefined while the node is not known yet; its keys are ignored until then. */
  clusterOf(nodeId: string): string | undefined
  /** Nodes an open link leads to. */
  connected(): readonly string[]
  /**
   * Sends an announcement to these direct neighbours before whatever is sent to them next. They need not pass it on: a receiver believes
   * only nodes of the cluster whose keys they are.
   */
  tell(announcement: RouteKeyAnnouncement, nodeIds: readonly string[]): void
}

/** A key-value store of UTF-8 text. */
export interface KeySnapshotStore {
  load(key: string): string | undefined | Promise<string | undefined>
  save(key: string, text: string): void | Promise<void>
}

/** A text file. Both methods throw when it can not be read. */
export interface KeyFile {
  /** Differs whenever the content does: modification time and size, say. */
  version(): string
  read(): string
}
