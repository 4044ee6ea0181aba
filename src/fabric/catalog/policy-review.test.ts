import { describe, expect, it } from 'vitest'
import type { FunctionEntry, QueueEntry } from '../../wire/index.ts'
import type { Catalog, CatalogChange } from './catalog.ts'
import type { ChangeSource } from './changes.ts'
import { catalogSample, deltaSample, functionSample, N1, N2, queueSample } from './entry-samples.ts'
import type { OwnerUpdate } from './owner-record.ts'
import { createCatalogPolicy } from './policy.ts'

const GOSSIP: ChangeSource = { kind: 'gossip', from: N1 }
const FERN = { cluster_id: 'fern' } as const

/** Cluster fern may not announce what begins with one of `denied`, which a test may change. */
function reviewed() {
  const denied = new Set<string>()
  const refused: string[] = []
  const policy = createCatalogPolicy({
    clusterId: 'moss',
    allowedClusters: 'any',
    allowsNamespace(_kind, entry) {
      const name = (entry as FunctionEntry).identity?.name ?? (entry as QueueEntry).queue_name
      return ![...denied].some((prefix) => name.startsWith(prefix))
    },
  })
  const { catalog, env } = catalogSample({ policy, onRefused: (reason) => refused.push(reason) })
  const changes: CatalogChange[] = []
  catalog.observe((change) => changes.push(change))
  return { catalog, env, denied, refused, changes }
}

const names = (catalog: Catalog) => catalog.list('functions').map(({ identity }) => identity.name)

describe('a policy of namespaces', () => {
  it('keeps entries of foreign clusters out, never those of the own one', () => {
    const { catalog, denied, refused } = reviewed()
    denied.add('svc')
    const functions = [functionSample('svc.a', FERN), functionSample('open', FERN), functionSample('svc.b', { node_id: N2 })]
    catalog.applyDelta(deltaSample({ cluster_id: 'fern', functions, queues: [queueSample('svc.q', FERN)] }), 100, GOSSIP)
    expect(names(catalog).sort()).toEqual(['open', 'svc.b'])
    expect(catalog.list('queues')).toEqual([])
    expect(refused).toEqual(['namespace_denied', 'namespace_denied'])
  })

  it('that changes drops what was announced by time stamps, tells observers, and lets it be announced again', () => {
    const { catalog, changes, denied } = reviewed()
    const delta = deltaSample({ cluster_id: 'fern', functions: [functionSample('svc.a', FERN), functionSample('open', FERN)] })
    catalog.applyDelta(delta, 100, GOSSIP)
    expect(catalog.reviewPolicy()).toMatchObject({ functions_added: 0, functions_removed: 0 })
    denied.add('svc')
    const before = catalog.generation
    expect(catalog.reviewPolicy()).toMatchObject({ functions_removed: 1 })
    expect(names(catalog)).toEqual(['open'])
    expect(catalog.generation).toBeGreaterThan(before)
    expect(changes.at(-1)).toMatchObject({ source: { kind: 'policy' }, delta: { function_removals: [{ identity: { name: 'svc.a' } }] } })
    denied.clear()
    catalog.applyDelta(delta, 100, GOSSIP)
    expect(names(catalog).sort()).toEqual(['open', 'svc.a'])
  })

  it('hides entries of a versioned record, which stays whole, and shows them again', () => {
    const { catalog, denied, env } = reviewed()
    const owner = catalogSample({ env, nodeId: N1, clusterId: 'fern', instanceId: 'i-1' }).catalog
    owner.local.replace('functions', [functionSample('svc.a', FERN), functionSample('open', FERN)])
    owner.local.commit()
    catalog.applyOwner(owner.ownerState(N1, undefined) as OwnerUpdate, { kind: 'sync', from: N1 })
    denied.add('svc')
    expect(catalog.reviewPolicy()).toMatchObject({ functions_removed: 1 })
    expect(names(catalog)).toEqual(['open'])
    expect(catalog.snapshot().hidden_entries).toBe(1)
    expect(catalog.ownerState(N1, undefined)?.entries).toHaveLength(2)
    // A record that is told again changes nothing.
    catalog.applyOwner(owner.ownerState(N1, undefined) as OwnerUpdate, { kind: 'sync', from: N1 })
    expect(names(catalog)).toEqual(['open'])
    denied.clear()
    expect(catalog.reviewPolicy()).toMatchObject({ functions_added: 1 })
    expect(names(catalog).sort()).toEqual(['open', 'svc.a'])
    expect(catalog.snapshot().hidden_entries).toBe(0)
  })

  it('tells observers when an entry turns into one that is not allowed', () => {
    const { catalog, changes, denied, env } = reviewed()
    const owner = catalogSample({ env, nodeId: N1, clusterId: 'fern', instanceId: 'i-1' }).catalog
    const announce = (queue: Partial<QueueEntry>) => {
      owner.local.replace('queues', [queueSample('jobs', { ...FERN, ...queue })])
      owner.local.commit()
      catalog.applyOwner(owner.ownerState(N1, undefined) as OwnerUpdate, { kind: 'sync', from: N1 })
    }
    announce({})
    expect(catalog.list('queues')).toHaveLength(1)
    denied.add('jobs')
    announce({ tags: ['moved'] })
    expect(catalog.list('queues')).toEqual([])
    expect(changes.at(-1)).toMatchObject({ counts: { queues_removed: 1 }, delta: { queues: [], queue_removals: [{ queue_name: 'jobs' }] } })
  })
})
