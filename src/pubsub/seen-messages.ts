/**
 * Which messages came in from other nodes already.
 *
 * Copies are normal: nodes of the Python implementation forward to whoever is not in the path of their own copy, and flood when a link is
 * missing. Two generations of a set hold the keys: the younger one takes new keys, and when it is full or old enough it becomes the elder
 * one, whose keys are let go all at once. So a key is remembered for at least the window, unless more keys than half the bound come in
 * meanwhile, and forgetting costs nothing per key.
 */
import type { Clock } from '../base/index.ts'
import type { Message } from '../wire/index.ts'
import { textDigest } from './node-token.ts'

export interface SeenMessagesOptions {
  /** A key is remembered at least this long while the bound allows it. */
  readonly windowMs: number
  /** Keys of both generations together. */
  readonly keysMax: number
}

export interface SeenMessages {
  /** True when it is news, which it then no longer is. */
  add(message: Message, sourceCluster: string | null): boolean
  readonly size: number
}

/** Ids are short; whoever sends a long one must not fill the memory with it. */
const KEY_CHARACTERS_MAX = 512

export function createSeenMessages(clock: Pick<Clock, 'monotonic'>, options: SeenMessagesOptions): SeenMessages {
  const { windowMs } = options
  const generationMax = Math.max(1, options.keysMax >> 1)
  let younger = new Set<string>()
  let elder = new Set<string>()
  let bornMs = clock.monotonic()

  return {
    add(message, sourceCluster) {
      const key = keyOf(message, sourceCluster)
      if (younger.has(key) || elder.has(key)) return false
      const nowMs = clock.monotonic()
      if (younger.size >= generationMax || nowMs - bornMs >= windowMs) {
        // After a long silence the younger one is as old as the elder one should be.
        elder = nowMs - bornMs >= 2 * windowMs ? new Set() : younger
        younger = new Set()
        bornMs = nowMs
      }
      younger.add(key)
      return true
    },
    get size() {
      return younger.size + elder.size
    },
  }
}

/** A message id alone is no key: it is the publisher's to choose, and other types of messages reuse theirs. */
function keyOf({ messageId, publisher, timestamp, topic }: Message, sourceCluster: string | null): string {
  const key = `${messageId}\n${publisher}\n${timestamp}\n${topic}\n${sourceCluster ?? ''}`
  return key.length <= KEY_CHARACTERS_MAX ? key : `${key.length}\n${textDigest(key)}`
}
