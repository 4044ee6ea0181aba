/** A request that waits for its answer. */
import type { DeadlineHandle } from '../base/index.ts'

/**
 * What becomes of a response. `upkeep` is an acknowledgement of what the client does for itself on one connection: it means nothing on
 * the next one, and must not fail because the owner has too much under way.
 */
export type Kind = 'value' | 'raw' | 'traced' | 'results' | 'full' | 'ack' | 'upkeep'

export interface Pending {
  readonly u: string
  readonly kind: Kind
  /** The frame, until it is sent. */
  text: string
  readonly resolve: (value: never) => void
  readonly reject: (error: unknown) => void
  readonly timeoutMs: number
  handle: DeadlineHandle<Pending> | undefined
  sent: boolean
  unhook: (() => void) | undefined
}
