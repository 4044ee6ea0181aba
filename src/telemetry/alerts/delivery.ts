/**
 * One notification on its way to one channel: attempts, each with a deadline, and pauses between them.
 *
 * What may pass by itself (no connection, no answer, a server in trouble) is tried again a second, two and four seconds later. What would only
 * be refused again is not.
 */
import type { Env } from '../../base/index.ts'
import { type AlertBackend, type AlertNotification, type ChannelConfig, type DeliveryOutcome, refused } from './notification.ts'

const RETRY_DELAYS_MS: readonly number[] = [1_000, 2_000, 4_000]
/** For one attempt, unless the channel's config has a `timeout`, seconds. */
const TIMEOUT_SECONDS = 30

export interface Delivered {
  readonly outcome: DeliveryOutcome
  readonly retryCount: number
  /** From the first attempt to the end of the last. */
  readonly durationMs: number
}

/** Never rejects: whatever goes wrong is an outcome. `signal` ends it early. */
export async function deliver(
  env: Pick<Env, 'clock' | 'timers'>,
  backend: AlertBackend,
  notification: AlertNotification,
  config: ChannelConfig,
  signal: AbortSignal,
): Promise<Delivered> {
  const startedAtMs = env.clock.monotonic()
  for (let retryCount = 0; ; retryCount++) {
    const outcome = await attempt(env, backend, notification, config, signal)
    const delayMs = RETRY_DELAYS_MS[retryCount]
    if (outcome.success || !outcome.retriable || delayMs === undefined) {
      return { outcome, retryCount, durationMs: env.clock.monotonic() - startedAtMs }
    }
    await pause(env, delayMs, signal)
  }
}

/** Settles at the deadline even if the backend does not. */
async function attempt(
  env: Pick<Env, 'timers'>,
  backend: AlertBackend,
  notification: AlertNotification,
  config: ChannelConfig,
  signal: AbortSignal,
): Promise<DeliveryOutcome> {
  if (signal.aborted) return refused('the notifier was stopped')
  const timeoutSeconds = typeof config.timeout === 'number' && config.timeout > 0 ? config.timeout : TIMEOUT_SECONDS
  const deadline = new AbortController()
  const cancel = env.timers.after(timeoutSeconds * 1000, () => deadline.abort())
  const ended = AbortSignal.any([signal, deadline.signal])
  const givenUp = Promise.withResolvers<DeliveryOutcome>()
  ended.addEventListener('abort', () =>
    givenUp.resolve(
      signal.aborted
        ? refused('the notifier was stopped')
        : { success: false, code: null, message: `no answer within ${timeoutSeconds} s`, retriable: true },
    ),
  )
  try {
    return await Promise.race([givenUp.promise, backend.send(notification, config, ended)])
  } catch (error) {
    return refused(error instanceof Error ? `${error.name}: ${error.message}` : String(error))
  } finally {
    cancel()
  }
}

async function pause(env: Pick<Env, 'timers'>, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  const over = Promise.withResolvers<void>()
  const end = (): void => over.resolve()
  const cancel = env.timers.after(ms, end)
  signal.addEventListener('abort', end)
  await over.promise
  signal.removeEventListener('abort', end)
  cancel()
}
