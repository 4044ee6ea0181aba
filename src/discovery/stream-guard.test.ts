import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../base/index.ts'
import { type AnyEntry, createCatalog, draftDelta } from '../fabric/index.ts'
import { encodeMessage, type Message, type NamespaceRule, RawJson, summaryMessage } from '../wire/index.ts'
import { startDeltaStream } from './delta-stream.ts'
import { createNamespacePolicy } from './policy.ts'
import { createStreamGuard } from './stream-guard.ts'
import { functionSample, N1, nodeSample, payloadOf, summarySample } from './summary-samples.ts'

const secret: NamespaceRule = {
  namespace: 'svc.secret',
  owners: [],
  visibility: ['vault'],
  visibility_tenants: ['t1'],
  export_scopes: [],
  allow_summaries: true,
}
const stranger = { clusterId: 'moss', tenantId: null }
const vault = { clusterId: 'vault', tenantId: null }
const tenant = { clusterId: 'moss', tenantId: 't1' }

const env = createVirtualEnv({ seed: 1, startWall: 100 })
const policy = createNamespacePolicy({ enabled: true, defaultAllow: true, rules: [secret] })
const guard = createStreamGuard(env.clock, policy)

/** What the stream tells of additions. */
function deltas(...entries: AnyEntry[]): readonly Message[] {
  const catalog = createCatalog({ env, nodeId: 'ws://self:1', clusterId: 'moss', instanceId: 'i' })
  const sent: Message[] = []
  const names = { nodeId: 'ws://self:1', clusterId: 'moss', publisher: 'one' }
  startDeltaStream({ env, ...names, catalog, isWanted: () => true, publish: (message) => sent.push(message) })
  const draft = draftDelta()
  for (const { entry, kind } of entries) draft.add(kind, entry)
  catalog.applyDelta(draft.finish({ update_id: 'u1', cluster_id: 'moss', sent_at: 100 }), 100, { kind: 'gossip', from: N1 })
  return sent
}

function summaries(...names: string[]): Message {
  const payload = summaryMessage.write({
    summaries: names.map((name) => summarySample(name)),
    namespaces: [...new Set(names.map((name) => summarySample(name).namespace))],
    source_node: N1,
    source_cluster: 'moss',
    published_at: 100,
  })
  const fields = { topic: 'mpreg.discovery.summary', timestamp: 100, messageId: 'm', publisher: 'p', headers: { event: 'x' } }
  return { ...fields, text: encodeMessage({ ...fields, payload: new RawJson(payload) }) }
}

const fn = (name: string): AnyEntry => ({ kind: 'functions', entry: functionSample(name) })
const topic = (id: string, pattern: string): AnyEntry => ({
  kind: 'topics',
  entry: { ...nodeSample(N1), subscription_id: id, patterns: [pattern] },
})

describe('what a subscriber is shown of discovery', () => {
  it('is a delta without the namespaces it may not see', () => {
    const [whole, ...parts] = deltas(fn('svc.secret.a'), fn('svc.b'), topic('s1', 'svc.secret.#'), topic('s2', 'news')) as [Message]
    expect(guard.shownTo(whole, vault)).toBe(whole)
    expect(guard.shownTo(whole, tenant)).toBe(whole)
    const shown = guard.shownTo(whole, stranger) as Message
    expect(shown.text).not.toContain('secret')
    expect(shown).toMatchObject({ topic: whole.topic, messageId: 'u1', timestamp: 100, publisher: 'one' })
    expect(JSON.parse(shown.text)).toMatchObject({ headers: { event: 'discovery.catalog_delta' } })
    expect(payloadOf(shown)).toMatchObject({
      delta: { functions: [{ identity: { name: 'svc.b' } }], topics: [{ subscription_id: 's2' }] },
      counts: { functions_added: 1, topics_added: 1 },
      namespaces: ['news', 'svc'],
    })
    const topics = (parts as Message[]).map((message) => guard.shownTo(message, stranger)?.topic).filter((each) => each !== undefined)
    expect(topics).toEqual(['mpreg.discovery.delta.news', 'mpreg.discovery.delta.svc'])
  })

  it('is nothing of a delta in which it may see nothing', () => {
    const [whole] = deltas(fn('svc.secret.a')) as [Message]
    expect(guard.shownTo(whole, stranger)).toBeUndefined()
    expect(guard.shownTo(whole, stranger)).toBeUndefined()
  })

  it('is summaries of the namespaces it may see', () => {
    const both = summaries('svc.secret.a', 'svc.b')
    expect(guard.shownTo(both, vault)).toBe(both)
    expect(payloadOf(guard.shownTo(both, stranger) as Message)).toMatchObject({
      summaries: [{ service_id: 'svc.b' }],
      namespaces: ['svc'],
    })
    expect(guard.shownTo(summaries('svc.secret.a'), stranger)).toBeUndefined()
  })

  it('is nothing of what can not be read, and all of topics that are not of the streams', () => {
    const fields = { timestamp: 100, messageId: 'm', publisher: 'p' }
    const message = (on: string) => ({ ...fields, topic: on, text: encodeMessage({ ...fields, topic: on, payload: 'svc.secret' }) })
    expect(guard.shownTo(message('mpreg.discovery.delta'), vault)).toBeUndefined()
    expect(guard.shownTo(message('mpreg.discovery.summary.eu'), vault)).toBeUndefined()
    const other = message('mpreg.discovery.other')
    expect(guard.shownTo(other, stranger)).toBe(other)
  })

  it('is everything while no policy is in force', () => {
    const open = createStreamGuard(env.clock, createNamespacePolicy({ enabled: false, defaultAllow: true, rules: [secret] }))
    const message = summaries('svc.secret.a')
    expect(open.shownTo(message, stranger)).toBe(message)
  })

  it('follows other rules at once, for a message that was shown before too', () => {
    const changing = createNamespacePolicy({ enabled: true, defaultAllow: true, rules: [] })
    const changed = createStreamGuard(env.clock, changing)
    const message = summaries('svc.secret.a')
    expect(changed.shownTo(message, stranger)).toBe(message)
    changing.apply({ enabled: true, defaultAllow: true, rules: [secret] })
    expect(changed.shownTo(message, stranger)).toBeUndefined()
    changing.apply({ enabled: true, defaultAllow: true, rules: [] })
    expect(changed.shownTo(message, stranger)).toBe(message)
    changing.apply({ enabled: true, defaultAllow: false, rules: changing.rules })
    expect(changed.shownTo(message, stranger)).toBeUndefined()
  })
})
