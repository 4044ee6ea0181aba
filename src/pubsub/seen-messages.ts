/**
 * Which messages came in from other nodes already.
 *
 * Copies are normal: nodes of the Python implementation forward to whoever is not in the path of their own copy, and flood when a link is
 * missing.
 */
import { type Clock, RecentSet, type RecentSetOptions } from '../base/index.ts'
import type { Message } from '../wire/index.ts'
import { textDigest } from './node-token.ts'

export interface SeenMessages {
  /** True when it is news, which it then no longer is. */
  add(message: Message, sourceCluster: string | null): boolean
  readonly size: number
}

/** Ids are short; whoever sends a long one must not fill the memory with it. */
const KEY_CHARACTERS_MAX = 512

export function createSeenMessages(clock: Pick<Clock, 'monotonic'>, options: RecentSetOptions): SeenMessages {
  const seen = new RecentSet(clock, options)
  return {
    add: (message, sourceCluster) => seen.add(keyOf(message, sourceCluster)),
    get size() {
      return seen.size
    },
  }
}

/** A message id alone is no key: it is the publisher's to choose, and other types of messages reuse theirs. */
function keyOf({ messageId, publisher, timestamp, topic }: Message, sourceCluster: string | null): string {
  const key = `${messageId}\n${publisher}\n${timestamp}\n${topic}\n${sourceCluster ?? ''}`
  return key.length <= KEY_CHARACTERS_MAX ? key : `${key.length}\n${textDigest(key)}`
}
