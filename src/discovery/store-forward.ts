/**
 * The latest summaries published here, for those who subscribe later.
 *
 * They replace what the general backlog would keep of these topics: summaries come round again and again, so a long history of them says
 * nothing more than the last few.
 */
import { type Clock, TopicTrie } from '../base/index.ts'
import type { Message, TopicPattern } from '../wire/index.ts'

export interface StoreForwardOptions {
  /** 0 or less: nothing is kept. */
  readonly windowSeconds: number
  /** 0: nothing is kept. */
  readonly messagesMax: number
}

export interface StoreForward {
  add(message: Message): void
  /** What a subscription missed, oldest first. @param backlogSeconds how far back; 0: as far as there is something */
  replay(patterns: readonly TopicPattern[], backlogSeconds: number): Message[]
  /** Messages kept now. */
  readonly size: number
}

export function createStoreForward(clock: Pick<Clock, 'wall'>, { messagesMax, windowSeconds }: StoreForwardOptions): StoreForward {
  /** Oldest first. */
  let kept: Message[] = []

  function since(seconds: number): Message[] {
    const start = clock.wall() - seconds
    return kept.filter(({ timestamp }) => timestamp >= start)
  }

  return {
    add(message) {
      if (windowSeconds <= 0 || messagesMax <= 0) return
      kept = [...since(windowSeconds), message].slice(-messagesMax)
    },
    replay(patterns, backlogSeconds) {
      if (kept.length === 0) return []
      const wildcards = new TopicTrie<true>()
      const exact = new Set<string>()
      for (const { exact: isExact, pattern } of patterns) {
        if (isExact) exact.add(pattern)
        else wildcards.add(pattern, true)
      }
      return since(backlogSeconds > 0 ? Math.min(windowSeconds, backlogSeconds) : windowSeconds).filter(
        ({ topic }) => exact.has(topic) || wildcards.match(topic).length > 0,
      )
    },
    get size() {
      return since(windowSeconds).length
    },
  }
}
