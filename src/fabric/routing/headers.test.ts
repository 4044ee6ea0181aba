import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nextHeaders, originHeaders } from './headers.ts'

const at = (nodeId: string, hopsMax = 5) => ({ nodeId, clusterId: `of-${nodeId[0]}`, hopsMax })

describe('headers of a message on its way', () => {
  it('routing check 36 and wire check 33: two nodes in the path use up a budget of 1', () => {
    const inbound = { ...originHeaders(at('a1'), 'c'), routing_path: ['a1', 'a2'], hop_budget: 1 }
    expect(nextHeaders(at('a3'), inbound)).toBe('hop_budget')
  })

  it('routing check 36: a node in the path is not passed again', () => {
    expect(nextHeaders(at('a1'), originHeaders(at('a1'), 'c'))).toBe('loop')
  })

  it('routing check 36 and wire check 33: the smaller budget counts, and without one the own limit', () => {
    expect(nextHeaders(at('b1', 2), originHeaders(at('a1'), 'c'))).toMatchObject({ hop_budget: 2 })
    expect(nextHeaders(at('b1', 3), { ...originHeaders(at('a1'), 'c'), hop_budget: null })).toMatchObject({ hop_budget: 3 })
  })

  it('adds this node and, once, its cluster', () => {
    const second = nextHeaders(at('a2'), originHeaders(at('a1'), 'c'))
    expect(second).toMatchObject({ routing_path: ['a1', 'a2'], federation_path: ['of-a'] })
    expect(nextHeaders(at('b1'), second as never)).toMatchObject({ routing_path: ['a1', 'a2', 'b1'], federation_path: ['of-a', 'of-b'] })
  })

  it('no journey is longer than the smallest budget on it, and none visits a node twice', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ node: fc.integer({ min: 0, max: 6 }), hopsMax: fc.integer({ min: 1, max: 6 }) }), { minLength: 1 }),
        (visits) => {
          const [first, ...rest] = visits as [{ node: number; hopsMax: number }, ...{ node: number; hopsMax: number }[]]
          let headers = originHeaders(at(`n${first.node}`, first.hopsMax), 'c')
          for (const { node, hopsMax } of rest) {
            const next = nextHeaders(at(`n${node}`, hopsMax), headers)
            if (typeof next === 'string') return
            headers = next
            expect(headers.routing_path.length - 1).toBeLessThanOrEqual(headers.hop_budget as number)
            expect(new Set(headers.routing_path).size).toBe(headers.routing_path.length)
          }
        },
      ),
    )
  })
})
