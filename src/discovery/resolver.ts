/**
 * Resolver mode: queries are answered from a copy of the catalog, and their answers are kept for a while. A node that serves many
 * discovery queries reads neither the catalog for each of them nor works out again what has not changed.
 */
import type { Cancel, Env } from '../base/index.ts'
import type { Catalog } from '../fabric/index.ts'
import { type CatalogCopy, type CatalogCopySnapshot, createCatalogCopy } from './catalog-copy.ts'
import type { CatalogSource } from './catalog-source.ts'
import { createQueryCache, type QueryCache, type QueryCacheOptions, type QueryCacheSnapshot } from './query-cache.ts'

export interface ResolverOptions {
  /** Namespaces followed, with all below them; none: all. */
  readonly namespaces: readonly string[]
  readonly seedOnStart: boolean
  /** 0 or less: never. */
  readonly pruneIntervalSeconds: number
  /** 0 or less: never. */
  readonly resyncIntervalSeconds: number
  /** Undefined: answers are not kept. */
  readonly queryCache: QueryCacheOptions | undefined
}

export interface ResolverDeps {
  readonly env: Env
  readonly nodeId: string
  readonly catalog: Catalog
}

export interface ResolverSnapshot extends CatalogCopySnapshot {
  readonly query_cache?: QueryCacheSnapshot
}

export interface Resolver {
  readonly source: CatalogSource
  readonly queryCache: QueryCache | undefined
  start(): void
  stop(): void
  /** Begins anew with what the fabric's catalog holds. */
  resync(): void
  snapshot(): ResolverSnapshot
}

/** Shorter intervals would only keep the node busy. */
const INTERVAL_MIN_SECONDS = 1

export function createResolver({ catalog, env, nodeId }: ResolverDeps, options: ResolverOptions): Resolver {
  const copy: CatalogCopy = createCatalogCopy({ clock: env.clock, nodeId, fabric: catalog }, options.namespaces)
  const cache = options.queryCache === undefined ? undefined : createQueryCache(env, options.queryCache)
  let running: readonly Cancel[] = []

  function resync(): void {
    copy.seed()
    cache?.outdate()
  }

  function prune(): void {
    copy.prune()
    cache?.prune()
  }

  function every(seconds: number, run: () => void): readonly Cancel[] {
    return seconds > 0 ? [env.timers.every(Math.max(INTERVAL_MIN_SECONDS, seconds) * 1000, run)] : []
  }

  return {
    source: copy,
    queryCache: cache,
    start() {
      if (options.seedOnStart) resync()
      if (options.pruneIntervalSeconds > 0) prune()
      running = [
        catalog.observe(({ counts, delta, isNoticeable }) => {
          if (Object.values(counts).every((count) => count === 0)) return
          // What only renews lifetimes changes no answer.
          if (copy.apply({ counts, delta }) && isNoticeable) cache?.outdate()
        }),
        ...every(options.pruneIntervalSeconds, prune),
        ...every(options.resyncIntervalSeconds, resync),
      ]
    },
    stop() {
      for (const cancel of running) cancel()
      running = []
    },
    resync,
    snapshot: () => ({ ...copy.snapshot(), ...(cache !== undefined && { query_cache: cache.snapshot() }) }),
  }
}
