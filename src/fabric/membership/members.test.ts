import { describe, expect, it } from 'vitest'
import { RawJson } from '../../wire/index.ts'
import { FORGET_AFTER_MS, MEMBERS_MAX } from './constants.ts'
import { createMembers, type MemberState, type StateReason, supersedes } from './members.ts'

const why = (incarnation = 0): StateReason => ({
  reason: 'r',
  source_node: 's',
  heard_from: null,
  since: 0,
  event: {
    event_id: 'e',
    event_type: 'node_joined',
    node_id: 'n',
    incarnation,
    timestamp: 0,
    source_node: 's',
    reason: 'r',
    metadata: new RawJson('{}'),
  },
})

describe('the order of claims', () => {
  it.each<[state: MemberState, incarnation: number, held: MemberState, heldIncarnation: number, wins: boolean]>([
    ['suspect', 1, 'alive', 1, true],
    ['failed', 1, 'alive', 1, true],
    ['failed', 1, 'suspect', 1, true],
    ['left', 1, 'failed', 1, true],
    ['alive', 1, 'suspect', 1, false],
    ['alive', 1, 'failed', 1, false],
    ['alive', 1, 'alive', 1, false],
    ['suspect', 1, 'failed', 1, false],
    ['alive', 2, 'failed', 1, true],
    ['alive', 2, 'left', 1, true],
    ['failed', 1, 'alive', 2, false],
    ['suspect', 2, 'failed', 1, true],
  ])('%s@%d over %s@%d: %s', (state, incarnation, held, heldIncarnation, wins) => {
    expect(supersedes(state, incarnation, { state: held, incarnation: heldIncarnation })).toBe(wins)
  })
})

describe('the members', () => {
  it('are counted by state', () => {
    const members = createMembers()
    const a = members.create('a', 'alive', why(), 0)
    members.create('b', 'suspect', why(), 0)
    if (a === undefined) throw new Error('no room')
    members.set(a, 'failed', 3, why(3), 5)
    expect(members.snapshot()).toMatchObject({ alive: 0, suspect: 1, failed: 1, left: 0 })
    expect([members.living, members.size]).toEqual([1, 2])
    expect(Array.from(members.troubled(), ({ nodeId }) => nodeId)).toEqual(['b', 'a'])
  })

  it('are forgotten an hour after they went, unless linked', () => {
    const members = createMembers()
    members.create('gone', 'failed', why(), 0)
    members.create('alive', 'alive', why(), 0)
    const linked = members.create('linked', 'left', why(), 0)
    if (linked !== undefined) linked.linked = true
    members.sweep(FORGET_AFTER_MS)
    expect(members.size).toBe(3)
    members.sweep(FORGET_AFTER_MS + 1)
    expect(Array.from(members.all(), ({ nodeId }) => nodeId)).toEqual(['alive', 'linked'])
    expect(members.snapshot().forgotten_total).toBe(1)
  })

  it('are bounded: who has been gone longest makes room, the living do not', () => {
    const members = createMembers()
    for (let i = 0; i < MEMBERS_MAX - 1; i++) members.create(`n${i}`, 'alive', why(), 0)
    members.create('gone', 'failed', why(), 0)
    expect(members.create('new', 'alive', why(), 0)).toBeDefined()
    expect(members.get('gone')).toBeUndefined()
    expect(members.create('one more', 'alive', why(), 0)).toBeUndefined()
    expect(members.size).toBe(MEMBERS_MAX)
    expect(members.snapshot().refused_total).toBe(1)
  })
})
