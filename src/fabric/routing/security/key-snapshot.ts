/**
 * Route keys across a restart: what was learned from gossip and providers is kept in a store.
 *
 * What is in the snapshot is added to what is known already, and never replaces it. Keys that came from the configuration are not taken from
 * it, nor the own one: the configuration says itself which ones there are now. Clusters whose keys have all ended are listed without keys.
 */
import { canonicalFloat, canonicalJson, RawJson, routeKey } from '../../../wire/index.ts'
import type { KeyRegistry, KeySource } from './key-registry.ts'
import type { KeySnapshotStore } from './ports.ts'

/** Where it is in the store. */
export const ROUTE_KEYS_SNAPSHOT_KEY = 'fabric.route_keys.snapshot'

/** Removes keys that have ended, and saves the others. Returns their number. @param now Unix seconds. @throws what the store throws */
export async function saveRouteKeys(registry: KeyRegistry, store: KeySnapshotStore, now: number): Promise<number> {
  registry.purge()
  const { active_keys: count } = registry.snapshot()
  await store.save(ROUTE_KEYS_SNAPSHOT_KEY, routeKeySnapshot(registry, now))
  return count
}

/** JSON with sorted keys. @param now Unix seconds */
export function routeKeySnapshot(registry: KeyRegistry, now: number): string {
  const clusters = registry.clusterIds().map((clusterId) => {
    const keys = registry.explain(clusterId).keys.filter(({ active }) => active)
    return [
      clusterId,
      {
        primary_key_id: keys.find(({ primary }) => primary)?.key_id ?? null,
        keys: keys.map(({ key_id, public_key, added_at, expires_at, source }) => ({
          key_id,
          public_key,
          added_at: exact(added_at),
          expires_at: expires_at === null ? null : exact(expires_at),
          source,
        })),
      },
    ] as const
  })
  return canonicalJson({ generated_at: exact(now), clusters: Object.fromEntries(clusters) })
}

function exact(seconds: number): RawJson {
  return new RawJson(canonicalFloat(seconds))
}

/**
 * Adds what was saved. Returns how many keys were new; 0 when nothing was saved.
 *
 * @param hasProvider whether there is a key provider still; the keys of one that is gone are left out
 * @param now Unix seconds
 * @throws SyntaxError or TypeError when the snapshot can not be understood, and what the store throws; then nothing was added
 */
export async function restoreRouteKeys(
  registry: KeyRegistry,
  store: KeySnapshotStore,
  { hasProvider, now }: { readonly hasProvider: boolean; readonly now: number },
): Promise<number> {
  const text = await store.load(ROUTE_KEYS_SNAPSHOT_KEY)
  if (text === undefined) return 0
  const document: unknown = JSON.parse(text)
  if (!isObject(document) || !isObject(document.clusters)) throw new TypeError('the snapshot of route keys has no clusters')
  let restored = 0
  for (const [clusterId, given] of Object.entries(document.clusters)) {
    if (!isObject(given)) continue
    const keys = Array.isArray(given.keys) ? given.keys : []
    if (keys.length === 0) registry.noteLapsed(clusterId, 'gossip')
    const known = new Set(registry.explain(clusterId).keys.map(({ key_id }) => key_id))
    const hadPrimary = registry.explain(clusterId).keys.some(({ primary }) => primary)
    for (const raw of keys) {
      const key = read(raw, now)
      const source = sourceOf(raw)
      if (key === undefined || source === undefined || (source === 'provider' && !hasProvider)) continue
      if (known.has(key.key_id)) continue
      if (key.expires_at !== null && now >= key.expires_at) registry.noteLapsed(clusterId, source)
      else if (registry.as(source).register(clusterId, key, key.key_id === given.primary_key_id && !hadPrimary) === 'registered') restored++
    }
  }
  return restored
}

/** Undefined for a key that the configuration speaks for. */
function sourceOf(raw: unknown): KeySource | undefined {
  const source = isObject(raw) ? raw.source : undefined
  if (source === 'configured' || source === 'own') return undefined
  return source === 'provider' ? 'provider' : 'gossip'
}

function read(raw: unknown, now: number) {
  try {
    return routeKey.read(raw, { text: '', now, dropped: [] }, 0)
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
