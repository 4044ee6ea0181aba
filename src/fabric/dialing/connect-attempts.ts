/**
 * One connection, tried several times: each attempt waits longer than the one before, with doubling pauses between them.
 *
 * Every attempt is a line on the diagnostic channel of connections.
 */
import type { Env } from '../../base/index.ts'
import { type Diagnostics, logOncePer, restOfLine, seconds, word } from '../../telemetry/index.ts'
import { type Connection, TransportConnectionError } from '../../transport/index.ts'
import { DESCRIPTORS_SHORT_PAUSE_MS, DESCRIPTORS_SHORT_RATIO } from './constants.ts'
import { attemptPauseSeconds, attemptTimeoutSeconds, type DialPolicy } from './dial-policy.ts'
import { failureText } from './failure-text.ts'
import { pause } from './pause.ts'

export interface ConnectorDeps {
  readonly env: Pick<Env, 'clock' | 'timers' | 'log'>
  readonly diagnostics: Pick<Diagnostics, 'enabled' | 'line'>
  /** Opens one connection within `timeoutMs`; rejects otherwise, and at once when `signal` aborts. */
  dialOnce(url: string, timeoutMs: number, signal: AbortSignal): Promise<Connection>
  /** Open file descriptors of the process and how many it may have; undefined where that can not be known. */
  descriptors?(): { readonly used: number; readonly limit: number } | undefined
}

/**
 * Opens a connection.
 * @throws TransportConnectionError `Failed to connect to <url> after <n> attempts.`, with the last attempt's error as its cause
 * @throws DOMException `AbortError` when `signal` aborts
 */
export type Connector = (url: string, policy: DialPolicy, signal: AbortSignal) => Promise<Connection>

export function createConnector({ env, diagnostics, dialOnce, descriptors }: ConnectorDeps): Connector {
  const { clock, timers } = env
  const log = env.log.scope('core.connection')
  const shortage = logOncePer({ clock, intervalMs: 10_000 })

  function line(text: () => string): void {
    if (diagnostics.enabled('connection')) diagnostics.line('connection', `[DIAG_CONN] ${text()}`)
  }

  async function waitForDescriptors(signal: AbortSignal): Promise<void> {
    const state = descriptors?.()
    if (state === undefined || state.used <= state.limit * DESCRIPTORS_SHORT_RATIO) return
    shortage.log('', (more) => log.warn(`Approaching file descriptor limit: ${state.used}/${state.limit} used${more}`))
    await pause(timers, DESCRIPTORS_SHORT_PAUSE_MS, signal)
  }

  return async (url, policy, signal) => {
    const attempts = policy.retries + 1
    signal.throwIfAborted()
    await waitForDescriptors(signal)
    line(() => {
      const timeout = seconds(policy.timeoutSeconds, 3)
      const delay = seconds(policy.baseDelaySeconds, 3)
      return `connect_start url=${word(url)} retries=${policy.retries} base_delay=${delay} connect_timeout=${timeout} open_timeout=${timeout}`
    })
    let lastError: unknown
    for (let attempt = 0; attempt < attempts; attempt++) {
      signal.throwIfAborted()
      const timeoutSeconds = attemptTimeoutSeconds(policy, attempt)
      const startMs = clock.monotonic()
      const report = (outcome: string): string => {
        const elapsed = seconds((clock.monotonic() - startMs) / 1000, 3)
        return `${outcome} url=${word(url)} attempt=${attempt + 1}/${attempts} timeout=${seconds(timeoutSeconds, 3)} elapsed=${elapsed}`
      }
      try {
        const connection = await dialOnce(url, 1000 * timeoutSeconds, signal)
        if (signal.aborted) connection.close()
        signal.throwIfAborted()
        if (log.debugOn) log.debug(report('connected'))
        line(() => report('connect_success'))
        return connection
      } catch (error) {
        signal.throwIfAborted()
        lastError = error
        if (log.debugOn) log.debug(`${report('connect failed')}: ${failureText(error)}`)
        line(() => `${report('connect_failure')} error=${restOfLine(failureText(error))}`)
      }
      if (attempt + 1 < attempts) await pause(timers, 1000 * attemptPauseSeconds(policy, attempt), signal)
    }
    throw new TransportConnectionError(`Failed to connect to ${url} after ${attempts} attempts.`, { cause: lastError })
  }
}
