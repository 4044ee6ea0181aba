import { describe, expect, it } from 'vitest'
import { type GossipMessage, RawJson } from '../../wire/index.ts'
import { draftDelta } from '../catalog/delta.ts'
import { newMessage } from './message.ts'
import { type Audience, createOutbox, type Outgoing } from './outbox.ts'

function item(id: string, overrides: Partial<GossipMessage> = {}, audience: Audience = 'unversioned'): Outgoing {
  const made = newMessage({
    type: 'rumor',
    payload: new RawJson('1'),
    messageId: id,
    creator: 'X',
    clock: {},
    sequence: 1,
    ttl: 10,
    maxHops: 5,
    now: 1_000,
  })
  return { message: { ...made, ...overrides } as GossipMessage, holders: new Set(), audience }
}

function update(id: string, updateId: string, hops: number, audience?: Audience): Outgoing {
  const payload = draftDelta().finish({ update_id: updateId, cluster_id: 'c', sent_at: 0 })
  return item(id, { message_type: 'catalog_update', payload, hop_count: hops } as Partial<GossipMessage>, audience)
}

function idsOf(items: readonly Outgoing[]): string[] {
  return items.map(({ message }) => message.message_id)
}

describe('the outbox', () => {
  it('puts local control messages first, each kind in its order', () => {
    const outbox = createOutbox(10)
    for (const next of [item('r'), update('forwarded', 'u1', 2), update('first', 'u2', 0), update('second', 'u3', 0)]) outbox.put(next)
    expect([outbox.length, outbox.catalogUpdates]).toEqual([4, 3])
    expect(idsOf(outbox.take(3))).toEqual(['first', 'second', 'r'])
    expect(idsOf(outbox.take(3))).toEqual(['forwarded'])
    expect([outbox.length, outbox.catalogUpdates]).toEqual([0, 0])
  })

  it('keeps of equal updates the one that travelled less, and never drops an unrelated one', () => {
    const outbox = createOutbox(10)
    for (const next of [update('far', 'u', 3), update('other', 'v', 3), update('near', 'u', 1), update('tie', 'u', 1)]) outbox.put(next)
    for (const next of [update('unnamed1', '', 1), update('unnamed2', '', 1), update('bridge', 'u', 0, 'reference')]) outbox.put(next)
    expect(outbox.catalogUpdates).toBe(5)
    expect(idsOf(outbox.take(10))).toEqual(['bridge', 'near', 'other', 'unnamed1', 'unnamed2'])
    outbox.put(update('again', 'u', 5))
    expect(idsOf(outbox.take(10))).toEqual(['again'])
  })

  it('refuses what does not fit, and drops what is too old', () => {
    const outbox = createOutbox(2)
    expect(['a', 'b', 'c'].map((id) => outbox.put(item(id, { expires_at: id === 'a' ? 5 : 50 })))).toEqual([true, true, false])
    expect([outbox.dropExpired(5), outbox.dropExpired(6), outbox.length]).toEqual([0, 1, 1])
  })
})
