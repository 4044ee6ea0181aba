import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createVirtualEnv, type VirtualEnv } from '../../base/index.ts'
import type { FunctionEntry } from '../../wire/index.ts'
import type { Catalog, CatalogChange } from './catalog.ts'
import type { ChangeSource } from './changes.ts'
import { catalogSample, deltaSample, functionSample, N1, N2, nodeSample, profileSample, SELF, topicSample } from './entry-samples.ts'
import { keyOf, keyText } from './kinds.ts'
import { type OwnerUpdate, splitOwnerUpdate } from './owner-record.ts'
import { createCatalogPolicy } from './policy.ts'

const SYNC: ChangeSource = { kind: 'sync', from: 'ws://third:1' }
const HEARSAY: ChangeSource = { kind: 'gossip', from: 'ws://third:1' }

/** The catalog of another node, as the source of its record. */
function ownerSample(env: VirtualEnv, nodeId = N1): Catalog {
  return catalogSample({ env, nodeId, instanceId: `i-${nodeId}` }).catalog
}

function offer(owner: Catalog, ...names: string[]): void {
  owner.local.replace(
    'functions',
    names.map((name) => functionSample(name, { node_id: owner.local.nodeId })),
  )
  owner.local.commit()
}

function stateOf(owner: Catalog, since?: { epoch: number; version: number }): OwnerUpdate {
  return owner.ownerState(owner.local.nodeId, since) as OwnerUpdate
}

const names = (catalog: Catalog): string[] => catalog.list('functions').map((entry) => entry.identity.name)
const reasons = (applied: { readonly refused: readonly { readonly reason: string }[] }) => applied.refused.map(({ reason }) => reason)

describe('a versioned record', () => {
  it('is taken whole, then by its changes', () => {
    const { env, catalog } = catalogSample()
    const owner = ownerSample(env)
    offer(owner, 'a', 'b')
    const first = catalog.applyOwner(stateOf(owner), SYNC)
    expect(first.counts.functions_added).toBe(2)
    expect(catalog.isVersioned(N1)).toBe(true)
    const since = catalog.ownerStamp(N1)
    offer(owner, 'b', 'c')
    const change = stateOf(owner, since)
    expect(change.entries.map(({ entry }) => (entry as FunctionEntry).identity.name)).toEqual(['c'])
    expect(change.removals).toHaveLength(1)
    const applied = catalog.applyOwner(change, SYNC)
    expect(applied.counts).toMatchObject({ functions_added: 1, functions_removed: 1 })
    expect(names(catalog).sort()).toEqual(['b', 'c'])
    expect(catalog.ownerStamp(N1)).toEqual(owner.ownerStamp(N1))
    expect(reasons(catalog.applyOwner(change, SYNC))).toEqual(['known'])
    expect(reasons(catalog.applyOwner({ ...change, since: 90, version: 99 }, SYNC))).toEqual(['gap'])
  })

  it('is passed on as it was received', () => {
    const { env, catalog } = catalogSample()
    const owner = ownerSample(env)
    offer(owner, 'a')
    catalog.applyOwner(stateOf(owner), SYNC)
    const second = catalogSample({ env, nodeId: N2 }).catalog
    second.applyOwner(catalog.ownerState(N1, undefined) as OwnerUpdate, SYNC)
    expect(second.ownerState(N1, undefined)).toEqual(owner.ownerState(N1, undefined))
  })

  it('of a later process drops everything of the earlier one', async () => {
    const { env, catalog } = catalogSample()
    const before = ownerSample(env)
    offer(before, 'a', 'b')
    const old = stateOf(before)
    catalog.applyOwner(old, SYNC)
    await env.advance(10)
    const after = ownerSample(env)
    offer(after, 'c')
    catalog.applyOwner(stateOf(after), SYNC)
    expect(names(catalog)).toEqual(['c'])
    expect(reasons(catalog.applyOwner({ ...old, version: 999, whole: 999 }, SYNC))).toEqual(['stale'])
  })

  it('lives by beats on the monotonic clock, however often its content is repeated', async () => {
    const { env, catalog } = catalogSample()
    const owner = ownerSample(env)
    offer(owner, 'a')
    const state = stateOf(owner)
    catalog.applyOwner(state, SYNC)
    env.shiftWall(100_000)
    await env.advance(100_000)
    expect(names(catalog)).toEqual(['a'])
    expect(catalog.heardBeat(N1, state.epoch, 1, 60_000)).toBe(true)
    expect(catalog.heardBeat(N1, state.epoch, 1, 0)).toBe(false)
    await env.advance(60_000)
    expect(names(catalog)).toEqual(['a'])
    await env.advance(1)
    expect(names(catalog)).toEqual([])
    expect(catalog.prune(env.clock.wall()).functions_removed).toBe(1)
    expect(reasons(catalog.applyOwner({ ...state, beat: 1, age_ms: 0 }, SYNC))).toEqual(['departed'])
    expect(catalog.judge({ ...state, beat: 1 }, 0)).toBe('unwanted')
    expect(catalog.judge({ ...state, beat: 2 }, 0)).toBe('content')
    expect(catalog.applyOwner({ ...state, beat: 2, age_ms: 0 }, SYNC).counts.functions_added).toBe(1)
  })

  it('that nobody has heard a beat of for its lease is not taken', () => {
    const { env, catalog } = catalogSample()
    const owner = ownerSample(env)
    offer(owner, 'a')
    expect(reasons(catalog.applyOwner({ ...stateOf(owner), age_ms: 120_001 }, SYNC))).toEqual(['expired'])
    expect(catalog.judge(stateOf(owner), 120_001)).toBe('unwanted')
  })

  it('is not renewed by a beat that was on its way for longer than a lease', () => {
    const { env, catalog } = catalogSample()
    const owner = ownerSample(env)
    offer(owner, 'a')
    catalog.applyOwner(stateOf(owner), SYNC)
    expect(catalog.heardBeat(N1, owner.local.epoch, 1, 120_001)).toBe(false)
    expect(catalog.heardBeat(N1, owner.local.epoch, 1, 120_000)).toBe(true)
  })

  it('ages with every hop', async () => {
    const { env, catalog } = catalogSample()
    const owner = ownerSample(env)
    offer(owner, 'a')
    await env.advance(1000)
    catalog.applyOwner(stateOf(owner), SYNC)
    await env.advance(500)
    expect(catalog.beatAgeMs(N1)).toBe(1500)
    expect(catalog.ownerState(N1, undefined)?.age_ms).toBe(1500)
  })

  it('makes hearsay about its owner void, but not the word of the owner', () => {
    const { env, catalog } = catalogSample()
    const owner = ownerSample(env)
    offer(owner, 'a')
    catalog.applyOwner(stateOf(owner), SYNC)
    const delta = deltaSample({
      sent_at: 200,
      functions: [functionSample('b', { advertised_at: 200 })],
      function_removals: [keyOf('functions', functionSample('a'))],
    })
    expect(reasons(catalog.applyDelta(delta, 200, HEARSAY))).toEqual(['versioned_owner', 'versioned_owner'])
    expect(names(catalog)).toEqual(['a'])
    catalog.applyDelta(delta, 200, { kind: 'gossip', from: N1 })
    expect(names(catalog)).toEqual(['b'])
  })

  it('takes the place of what was known by deltas', () => {
    const { env, catalog } = catalogSample()
    catalog.applyDelta(deltaSample({ functions: [functionSample('a'), functionSample('z')] }), 100, HEARSAY)
    const owner = ownerSample(env)
    offer(owner, 'a')
    const applied = catalog.applyOwner(stateOf(owner), SYNC)
    expect(applied.counts).toMatchObject({ functions_removed: 1 })
    expect(names(catalog)).toEqual(['a'])
  })

  it('may not contain what is of other nodes', () => {
    const { env, catalog } = catalogSample()
    const owner = ownerSample(env)
    offer(owner, 'a')
    const state = stateOf(owner)
    const entries = [...state.entries, { kind: 'functions', version: 1, entry: functionSample('evil', { node_id: N2 }) } as const]
    expect(reasons(catalog.applyOwner({ ...state, entries }, SYNC))).toEqual(['foreign_owner'])
    expect(names(catalog)).toEqual(['a'])
  })

  it('of a departed process does not come back by hearsay; a later process does', async () => {
    const { env, catalog } = catalogSample()
    const owner = ownerSample(env)
    offer(owner, 'a')
    catalog.applyOwner(stateOf(owner), SYNC)
    expect(catalog.departNode(N1, ['moss'], env.clock.wall())?.function_removals).toHaveLength(1)
    owner.local.renew()
    expect(reasons(catalog.applyOwner(stateOf(owner), SYNC))).toEqual(['departed'])
    await env.advance(10)
    const restarted = ownerSample(env)
    offer(restarted, 'a')
    expect(catalog.applyOwner(stateOf(restarted), SYNC).counts.functions_added).toBe(1)
  })

  it('keeps what a policy hides, so that it can be passed on whole', () => {
    const policy = createCatalogPolicy({ clusterId: 'fern', allowedClusters: 'any', blockedFunctions: new Set(['b']) })
    const { env, catalog } = catalogSample({ clusterId: 'fern', policy })
    const owner = ownerSample(env)
    offer(owner, 'a', 'b')
    catalog.applyOwner(stateOf(owner), SYNC)
    expect(names(catalog)).toEqual(['a'])
    expect(catalog.functionsNamed('b')).toEqual([])
    expect(catalog.ownerState(N1, undefined)).toEqual(stateOf(owner))
    expect(catalog.snapshot()).toMatchObject({ hidden_entries: 1, functions: 2 })
  })

  it('of a cluster that is not allowed is refused once, not asked for again and again', () => {
    const { env, catalog } = catalogSample({ clusterId: 'fern' })
    const owner = ownerSample(env)
    offer(owner, 'a')
    const state = stateOf(owner)
    expect(reasons(catalog.applyOwner(state, SYNC))).toEqual(['cluster_not_allowed'])
    expect(catalog.judge(state, 0)).toBe('unwanted')
    expect(catalog.judge({ ...state, version: state.version + 1 }, 0)).toBe('content')
  })

  it('shows a function whose name another node held, once that one lets go', () => {
    const { env, catalog } = catalogSample()
    const first = ownerSample(env)
    const second = ownerSample(env, N2)
    first.local.set('functions', functionSample('echo', { id: 'f1' }))
    first.local.commit()
    second.local.set('functions', functionSample('echo', { id: 'f2', node_id: N2 }))
    second.local.commit()
    catalog.applyOwner(stateOf(first), SYNC)
    expect(reasons(catalog.applyOwner(stateOf(second), SYNC))).toEqual(['function_conflict'])
    expect(catalog.findFunctions({ functionId: 'f2' })).toEqual([])
    first.local.clear()
    const applied = catalog.applyOwner(stateOf(first, catalog.ownerStamp(N1)), SYNC)
    expect(applied.counts).toMatchObject({ functions_removed: 1, functions_added: 1 })
    expect(catalog.functionsNamed('echo').map((entry) => entry.node_id)).toEqual([N2])
  })

  it('is asked for whole when its history does not reach back', () => {
    const { env, catalog } = catalogSample()
    const owner = ownerSample(env)
    offer(owner, 'kept', 'gone')
    catalog.applyOwner(stateOf(owner), SYNC)
    offer(owner, 'kept')
    for (let i = 0; i < 300; i++) offer(owner, 'kept', `f${i}`)
    const update = stateOf(owner, catalog.ownerStamp(N1))
    expect(update).toMatchObject({ since: 0, whole: update.version, removals: [] })
    catalog.applyOwner(update, SYNC)
    expect(names(catalog).sort()).toEqual(names(owner).sort())
  })

  it('tells nodes that go by time stamps when its owner was last heard of', async () => {
    const { env, catalog } = catalogSample()
    const owner = ownerSample(env)
    offer(owner, 'a')
    catalog.applyOwner(stateOf(owner), SYNC)
    await env.advance(50_000)
    catalog.heardBeat(N1, owner.local.epoch, 1, 10_000)
    const [entry] = catalog.functionsNamed('a') as [FunctionEntry]
    expect(entry.advertised_at).toBe(100)
    expect(catalog.announced(entry).advertised_at).toBe(140)
    expect(catalog.snapshotDocument(150).functions[0]?.advertised_at).toBe(140)
  })

  it('an entry with a short life does not flicker between two beats', async () => {
    const { env, catalog } = catalogSample()
    const owner = ownerSample(env)
    owner.local.set('nodes', nodeSample(N1))
    owner.local.set('functions', functionSample('brief', { ttl_seconds: 5 }))
    owner.local.commit()
    catalog.applyOwner(stateOf(owner), SYNC)
    await env.advance(60_000)
    expect(names(catalog)).toEqual(['brief'])
  })

  it('malformed stamps are refused', () => {
    const { env, catalog } = catalogSample()
    const owner = ownerSample(env)
    offer(owner, 'a')
    expect(reasons(catalog.applyOwner({ ...stateOf(owner), epoch: 0 }, SYNC))).toEqual(['stale'])
  })
})

describe('the own record', () => {
  it('is renewed above what others show of an earlier life of this node', () => {
    const { env, catalog } = catalogSample()
    offer(catalog, 'a')
    const changes: CatalogChange[] = []
    catalog.observe((change) => changes.push(change))
    const later = { ...stateOf(catalog), epoch: catalog.local.epoch + 5000 }
    expect(reasons(catalog.applyOwner(later, SYNC))).toEqual(['refuted'])
    expect(catalog.local.epoch).toBe(later.epoch + 1)
    expect(catalog.snapshot().refutations).toBe(1)
    expect(changes).toHaveLength(1)
    const other = catalogSample({ env, nodeId: N2 }).catalog
    other.applyOwner(later, SYNC)
    expect(other.judge(stateOf(catalog), 0)).toBe('content')
    other.applyOwner(stateOf(catalog), SYNC)
    expect(other.ownerStamp(SELF)).toEqual(catalog.ownerStamp(SELF))
  })

  it('is not moved by its own echo, but by other content under its own version', () => {
    const { catalog } = catalogSample()
    offer(catalog, 'a')
    const echo = stateOf(catalog)
    expect(reasons(catalog.applyOwner(echo, SYNC))).toEqual(['own_node'])
    expect(catalog.judge(echo, 0)).toBe('known')
    const entry = functionSample('b', { node_id: SELF })
    expect(reasons(catalog.applyOwner({ ...echo, entries: [{ kind: 'functions', version: 1, entry }] }, SYNC))).toEqual(['refuted'])
    expect(catalog.judge({ ...echo, epoch: catalog.local.epoch, beat: 7 }, 0)).toBe('stale')
    expect(catalog.snapshot().refutations).toBe(2)
  })

  it('changes in batches: a new version removes the key of the old one', () => {
    const { catalog } = catalogSample()
    const version = (text: string) => functionSample('f', { node_id: SELF, version: text })
    catalog.local.replace('functions', [version('1.0.0')])
    expect(catalog.local.commit().version).toBe(1)
    catalog.local.replace('functions', [version('1.1.0')])
    const { delta, version: second } = catalog.local.commit()
    expect(second).toBe(2)
    expect(delta).toMatchObject({
      functions: [{ identity: { version: '1.1.0' } }],
      function_removals: [{ identity: { version: '1.0.0' } }],
    })
    catalog.local.replace('functions', [version('1.1.0')])
    expect(catalog.local.commit()).toMatchObject({ changed: false, version: 2 })
  })

  it('may give a name another id in one batch', () => {
    const { catalog } = catalogSample()
    const echo = (id: string) => functionSample('echo', { id, node_id: SELF })
    catalog.local.replace('functions', [echo('f1')])
    catalog.local.commit()
    expect(() => catalog.local.set('functions', echo('f2'))).toThrow('already mapped to f1')
    expect(catalog.local.replace('functions', [echo('f2')])).toEqual([])
    catalog.local.commit()
    expect(catalog.findFunctions({ functionId: 'f2' })).toHaveLength(1)
  })

  it('refuses what is of another node', () => {
    const { catalog } = catalogSample()
    expect(() => catalog.local.set('functions', functionSample('f'))).toThrow(TypeError)
  })

  it('takes a subscription over from the node its client left', () => {
    const { catalog } = catalogSample()
    catalog.applyDelta(deltaSample({ topics: [topicSample('s', ['a'], { advertised_at: 101 })] }), 101, HEARSAY)
    catalog.local.set('topics', topicSample('s', ['b'], { node_id: SELF }))
    catalog.local.commit()
    expect(catalog.matchTopics('a')).toEqual([])
    expect(catalog.matchTopics('b').map((entry) => entry.node_id)).toEqual([SELF])
  })
})

describe('a record in pieces', () => {
  it('every piece fits, and together they are the whole', () => {
    const { env, catalog } = catalogSample()
    const owner = ownerSample(env)
    offer(owner, ...Array.from({ length: 1000 }, (_, i) => `f${i}`))
    expect(owner.local.version).toBe(16)
    const pieces = splitOwnerUpdate(stateOf(owner), () => 1, 130)
    expect(pieces.map(({ since, version }) => [since, version]).at(-1)).toEqual([14, 16])
    for (const piece of pieces) {
      expect(piece.entries.length).toBeLessThanOrEqual(130)
      expect(reasons(catalog.applyOwner(piece, SYNC))).toEqual([])
    }
    expect(catalog.ownerStamp(N1)).toEqual(owner.ownerStamp(N1))
    expect(names(catalog)).toHaveLength(1000)
  })

  it('replace a record that lost touch, without anything old staying behind', () => {
    const { env, catalog } = catalogSample()
    const owner = ownerSample(env)
    offer(owner, 'old', 'kept')
    catalog.applyOwner(stateOf(owner), SYNC)
    offer(owner, 'kept')
    for (let i = 0; i < 300; i++) offer(owner, 'kept', `f${i}`)
    const pieces = splitOwnerUpdate(stateOf(owner, catalog.ownerStamp(N1)), () => 1, 1)
    expect(pieces.length).toBeGreaterThan(1)
    for (const piece of pieces) catalog.applyOwner(piece, SYNC)
    expect(names(catalog).sort()).toEqual(names(owner).sort())
    expect(catalog.ownerStamp(N1)).toEqual(owner.ownerStamp(N1))
  })
})

describe('any order of owner updates', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'd')
  const kinds = fc.constantFrom('functions', 'topics', 'nodes', 'cache_profiles')
  const edit = fc.record({
    owner: fc.nat(2),
    restart: fc.nat(9).map((n) => n === 0),
    kind: kinds,
    name,
    isRemoval: fc.boolean(),
    renew: fc.boolean(),
  })

  it('converges to the same content, and again changes nothing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 25 }), fc.infiniteStream(fc.nat()), async (edits, picks) => {
        const env = createVirtualEnv({ seed: 3, startWall: 100 })
        const owners = [N1, N2, 'ws://n3:1'].map((nodeId) => ownerSample(env, nodeId))
        const updates: OwnerUpdate[] = []
        for (const { owner: at, restart, kind, name, isRemoval, renew } of edits) {
          await env.advance(1)
          if (restart) owners[at] = ownerSample(env, (owners[at] as Catalog).local.nodeId)
          const owner = owners[at] as Catalog
          const before = owner.ownerStamp(owner.local.nodeId)
          editOwner(owner, kind as 'functions', name, isRemoval)
          if (renew) owner.local.renew()
          const whole = owner.ownerState(owner.local.nodeId, undefined)
          const part = before && owner.ownerState(owner.local.nodeId, before)
          if (whole !== undefined) updates.push(whole)
          if (part !== undefined) updates.push(part)
        }
        const inOrder = catalogSample({ env }).catalog
        for (const update of updates) inOrder.applyOwner(update, SYNC)
        const shuffled = catalogSample({ env }).catalog
        const rest = [...updates]
        while (rest.length > 0) shuffled.applyOwner(rest.splice((picks.next().value as number) % rest.length, 1)[0] as OwnerUpdate, SYNC)
        expect(contentOf(shuffled)).toEqual(contentOf(inOrder))
        const { generation } = inOrder
        for (const update of updates) expect(inOrder.applyOwner(update, SYNC).changed).toBe(false)
        expect(inOrder.generation).toBe(generation)
        for (const owner of owners) {
          const { nodeId } = owner.local
          // A process that offers nothing yet has not taken the place of the one before.
          if (owner.local.version === 0) continue
          expect(inOrder.ownerStamp(nodeId)).toMatchObject({ epoch: owner.local.epoch, version: owner.local.version })
          expect(recordOf(inOrder, nodeId)).toEqual(recordOf(owner, nodeId))
        }
      }),
      { numRuns: 100 },
    )
  })

  function editOwner(owner: Catalog, kind: 'functions' | 'topics' | 'nodes' | 'cache_profiles', name: string, isRemoval: boolean): void {
    const node_id = owner.local.nodeId
    const entry =
      kind === 'functions'
        ? functionSample(name, { node_id })
        : kind === 'topics'
          ? topicSample(`${node_id}:${name}`, [`${name}.*`], { node_id })
          : kind === 'nodes'
            ? nodeSample(node_id, { region: name })
            : profileSample({ node_id, region: name })
    if (isRemoval) owner.local.remove(kind, keyOf(kind, entry as never) as never)
    else owner.local.set(kind, entry as never)
    owner.local.commit()
  }

  function contentOf(catalog: Catalog): unknown {
    return [N1, N2, 'ws://n3:1'].map((nodeId) => [catalog.ownerStamp(nodeId), recordOf(catalog, nodeId)])
  }

  function recordOf(catalog: Catalog, nodeId: string): unknown {
    const entries = catalog.ownerState(nodeId, undefined)?.entries ?? []
    return new Map([...entries].map((change) => [keyText(change.kind, change.entry), change] as const).sort(([a], [b]) => (a < b ? -1 : 1)))
  }
})
