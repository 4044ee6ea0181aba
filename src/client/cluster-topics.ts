/**
 * Subscriptions of a cluster client. All of them are with one endpoint, their home, the best one when it was needed first. They stay there
 * as long as its connection lives, since moving costs messages, and move together when it is lost.
 */
import type { Env } from '../base/index.ts'
import type { NodeClient } from './client.ts'
import { type ClientClosedError, isPassing } from './errors.ts'
import { type Message, type SubscribeOptions, type Subscription, SubscriptionRecord } from './subscription.ts'

export interface ClusterTopicsDeps {
  readonly env: Env
  /** A connection to the best endpoint there is. @throws NotConnectedError */
  readonly connect: () => Promise<{ readonly url: string; readonly client: NodeClient }>
}

export interface ClusterTopics {
  readonly homeUrl: string | undefined
  readonly size: number
  readonly moves: number
  /** URL of the home, found first if there is none. */
  home(): Promise<string>
  subscribe(patterns: string | readonly string[], receive: (message: Message) => void, options: SubscribeOptions): Promise<Subscription>
  lost(client: NodeClient): void
  close(cause: ClientClosedError): void
}

interface Home {
  readonly url: string
  readonly client: NodeClient
}

interface Held {
  readonly record: SubscriptionRecord
  /** As the home knows it; undefined while it does not. */
  subscription: Subscription | undefined
}

/** Nobody can be reached: pauses between the attempts, each between half and all of it. */
const RETRY_INITIAL_MS = 1_000
const RETRY_MAX_MS = 30_000

export function createClusterTopics({ env, connect }: ClusterTopicsDeps): ClusterTopics {
  const { clock, log, random, timers } = env
  const subscriptions = new Set<Held>()
  let home: Home | undefined
  let finding: Promise<Home> | undefined
  let cancelRetry: (() => void) | undefined
  let retryMs = RETRY_INITIAL_MS
  let closed: ClientClosedError | undefined
  let homes = 0

  function findHome(): Promise<Home> {
    if (closed !== undefined) return Promise.reject(closed)
    if (home !== undefined) return Promise.resolve(home)
    finding ??= settle()
    return finding
  }

  async function settle(): Promise<Home> {
    try {
      let found = await connect()
      // One that was about to end when it was chosen has told of its end already.
      while (found.client.state === 'closed' && closed === undefined) found = await connect()
      if (closed !== undefined) throw closed
      home = found
      homes++
      retryMs = RETRY_INITIAL_MS
      cancelRetry?.()
      cancelRetry = undefined
      for (const held of subscriptions) if (held.record.acknowledged) void comeBack(held, found)
      return found
    } finally {
      finding = undefined
    }
  }

  /** On a new home, as often as it takes until the node accepts or refuses, or the home is lost too. */
  async function comeBack(held: Held, { client }: Home): Promise<void> {
    const { record } = held
    while (!record.ended && home?.client === client) {
      try {
        await attach(held, client, record.backlogSecondsAt(clock.wall()))
        return
      } catch (error) {
        if (record.ended || isPassing(error)) continue
        log.scope('client.pubsub').error(`subscription to ${record.patterns.join(', ')} is over`, error)
        finish(held, error as Error)
      }
    }
  }

  async function attach(held: Held, client: NodeClient, backlogSeconds: number): Promise<void> {
    const { record } = held
    const subscription = await client.subscribe(record.patterns, (message) => record.acceptMessage(message) as undefined, {
      backlogSeconds,
    })
    if (record.ended) {
      await subscription.unsubscribe()
      return
    }
    held.subscription = subscription
    record.acknowledged = true
    record.missedSince = undefined
  }

  /** Ends a subscription against its owner's will. */
  function finish(held: Held, cause: Error): void {
    subscriptions.delete(held)
    const failed = (error: unknown) => log.scope('client.pubsub').error('onLost failed', error)
    try {
      Promise.resolve(held.record.end(held.record.acknowledged ? cause : undefined)).catch(failed)
    } catch (error) {
      failed(error)
    }
  }

  function retryLater(): void {
    if (closed !== undefined || cancelRetry !== undefined || subscriptions.size === 0) return
    const delayMs = retryMs * (0.5 + 0.5 * random.next())
    retryMs = Math.min(RETRY_MAX_MS, retryMs * 2)
    cancelRetry = timers.after(delayMs, () => {
      cancelRetry = undefined
      findHome().catch(retryLater)
    })
  }

  return {
    get homeUrl() {
      return home?.url
    },
    get size() {
      return subscriptions.size
    },
    get moves() {
      return Math.max(0, homes - 1)
    },
    home: () => findHome().then(({ url }) => url),

    async subscribe(patterns, receive, options) {
      const { backlogSeconds = 0 } = options
      const list = typeof patterns === 'string' ? [patterns] : [...patterns]
      const notBefore = backlogSeconds > 0 ? clock.wall() - backlogSeconds : undefined
      const held: Held = { record: new SubscriptionRecord(list, notBefore, receive, options.onLost), subscription: undefined }
      subscriptions.add(held)
      try {
        for (;;) {
          const { client } = await findHome()
          try {
            await attach(held, client, backlogSeconds)
            break
          } catch (error) {
            // If the home was lost meanwhile the next one will do: nothing came through this one.
            if (closed !== undefined || home?.client === client) throw error
          }
        }
      } catch (error) {
        subscriptions.delete(held)
        throw error
      }
      return {
        get id() {
          return held.subscription?.id ?? ''
        },
        patterns: list,
        async unsubscribe() {
          held.record.end()
          subscriptions.delete(held)
          await held.subscription?.unsubscribe()
        },
      }
    },

    lost(client) {
      if (home?.client !== client) return
      home = undefined
      for (const { record } of subscriptions) record.missedSince ??= client.lastHeard
      if (subscriptions.size > 0 && closed === undefined) findHome().catch(retryLater)
    },

    close(cause) {
      closed = cause
      cancelRetry?.()
      home = undefined
      for (const held of [...subscriptions]) finish(held, cause)
    },
  }
}
