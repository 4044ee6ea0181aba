/** Route keys from elsewhere: a plug-in that is asked at the start and then regularly. */
import type { Cancel, Env, LogScope } from '../../../base/index.ts'
import { REFRESH_INTERVAL_MIN_SECONDS } from './constants.ts'
import type { KeyDocument, KeyWriter } from './key-registry.ts'
import type { KeyFile } from './ports.ts'

/** Brings the keys up to date. Keys it does not mention stay, unless it replaces them all. */
export type KeyRefresh = (keys: KeyWriter) => void | Promise<void>

export interface KeyProvider {
  refresh(keys: KeyWriter): void | Promise<void>
}

export interface KeyRefresherDeps {
  readonly env: Pick<Env, 'clock' | 'timers'>
  readonly log: LogScope
  readonly provider: KeyProvider | KeyRefresh
  readonly keys: KeyWriter
  /** After each refresh that went well. */
  onRefreshed(): void
}

export interface KeyRefresherSnapshot {
  readonly refreshes_total: number
  readonly failures_total: number
  /** Times the provider was not asked, because it was still at work. */
  readonly skipped_total: number
  /** Unix seconds; null before the first. */
  readonly last_success_at: number | null
  /** Of the last refresh; null when it went well. */
  readonly last_error: string | null
}

export interface KeyRefresher {
  start(): void
  stop(): void
  snapshot(): KeyRefresherSnapshot
}

export interface KeyRefresherOptions {
  /** Shorter ones are read as {@link REFRESH_INTERVAL_MIN_SECONDS}. */
  readonly intervalSeconds: number
}

export function createKeyRefresher(deps: KeyRefresherDeps, { intervalSeconds }: KeyRefresherOptions): KeyRefresher {
  const { env, log, keys, onRefreshed } = deps
  const provider: KeyProvider = typeof deps.provider === 'function' ? { refresh: deps.provider } : deps.provider
  let cancelInterval: Cancel | undefined
  let atWork = false
  let refreshes = 0
  let failures = 0
  let skipped = 0
  let lastSuccessAt: number | null = null
  let lastError: string | null = null

  function refresh(): void {
    if (atWork) {
      skipped++
      return
    }
    refreshes++
    try {
      const pending = provider.refresh(keys)
      if (!(pending instanceof Promise)) return succeeded()
      atWork = true
      pending.then(succeeded, failed)
    } catch (error) {
      failed(error)
    }
  }

  function succeeded(): void {
    atWork = false
    lastSuccessAt = env.clock.wall()
    lastError = null
    onRefreshed()
  }

  function failed(error: unknown): void {
    atWork = false
    failures++
    lastError = error instanceof Error ? error.message : String(error)
    log.error('refreshing the route keys failed; those known stay, and the next attempt follows at the regular time', error)
  }

  return {
    start() {
      if (cancelInterval !== undefined) return
      cancelInterval = env.timers.every(Math.max(REFRESH_INTERVAL_MIN_SECONDS, intervalSeconds) * 1000, refresh)
      refresh()
    },
    stop() {
      cancelInterval?.()
      cancelInterval = undefined
    },
    snapshot: () => ({
      refreshes_total: refreshes,
      failures_total: failures,
      skipped_total: skipped,
      last_success_at: lastSuccessAt,
      last_error: lastError,
    }),
  }
}

export interface FileKeyProviderDeps {
  readonly file: KeyFile
  readonly log: LogScope
  /** @throws Error that says what is wrong with the text, and where */
  parse(text: string): KeyDocument
}

/**
 * The keys of a file, which is read again when it has changed. A file that can not be read or understood changes nothing: all of it is taken,
 * or none.
 */
export function createFileKeyProvider({ file, log, parse }: FileKeyProviderDeps): KeyProvider {
  let loaded: string | undefined
  return {
    refresh(keys) {
      const version = file.version()
      if (version === loaded) return
      const document = parse(file.read())
      for (const { cluster_id, key_id, reason } of keys.replace(document)) {
        log.warn(`route key ${key_id} of cluster ${cluster_id} in the key file was not taken: ${reason}`)
      }
      loaded = version
    },
  }
}
