import { describe, expect, it } from 'vitest'
import type { TraceHop } from '../client/index.ts'
import { timelineOf } from './trace-timeline.ts'

/** Clocks of two nodes have nothing in common. */
const CLOCKS: Readonly<Record<string, number>> = { client: 1000, a: 5_000_000, b: 77, c: 123_456, d: 9 }

function hop(node: string, event: string, atMs: number, took_ms: number, hops: TraceHop[] = [], attributes = {}): TraceHop {
  return { node, event, subject: 'f', at: (CLOCKS[node] as number) + atMs / 1000, took_ms, error: null, attributes, hops }
}

const short = (root: TraceHop) =>
  timelineOf(root).map(({ event, hop: depth, network_ms, node, offset_estimated, offset_ms, took_ms }) => [
    depth,
    node,
    event,
    offset_ms === null ? null : `${offset_estimated ? '~' : ''}${offset_ms}`,
    took_ms,
    network_ms,
  ])

describe('the timeline of a call', () => {
  it('gives each node the time by its own clock, and the network the difference between two', () => {
    const path = ['a', 'b', 'c', 'd']
    const remote = [
      hop('b', 'forward', 0, 0.2),
      hop('c', 'forward', 0, 0.1),
      hop('d', 'execute', 0, 4),
      hop('c', 'return', 6, 0),
      hop('b', 'return', 9, 0),
    ]
    const call = hop('a', 'call', 2, 15, remote, { 'mpreg.path': path, 'mpreg.target_node': 'd' })
    const root = hop('client', 'call', 0, 20, [hop('a', 'request', 0, 18, [call])], { 'mpreg.target_node': 'ws://a:1' })
    expect(short(root)).toEqual([
      [0, 'client', 'call', '0', 20, null],
      [1, 'a', 'request', '~1', 18, 2],
      [1, 'a', 'call', '~3', 15, null],
      [2, 'b', 'forward', '~6', 9, 6],
      [3, 'c', 'forward', '~7.5', 6, 3],
      [4, 'd', 'execute', '~8.5', 4, 2],
    ])
  })

  it('shows a node that tells nothing as such, and the network between those around it', () => {
    const remote = [hop('b', 'forward', 0, 0.2), hop('d', 'execute', 0, 4), hop('b', 'return', 9, 0)]
    const call = hop('a', 'call', 0, 10, remote, { 'mpreg.path': ['a', 'b', 'c', 'd'] })
    expect(short(call)).toEqual([
      [0, 'a', 'call', '0', 10, null],
      [1, 'b', 'forward', '~0.5', 9, 1],
      [2, 'c', 'no report', null, null, null],
      [3, 'd', 'execute', '~3', 4, 5],
    ])
  })

  it('has one line for a node of which nothing but the answer is known', () => {
    const root = hop('client', 'call', 0, 20, [], { 'mpreg.target_node': 'ws://a:1' })
    expect(short(root)).toEqual([
      [0, 'client', 'call', '0', 20, null],
      [1, 'ws://a:1', 'no report', null, null, null],
    ])
  })

  it('does not take the time a link took to be made for the network', () => {
    const call = hop('a', 'call', 0, 30, [hop('a', 'dial', 1, 20), hop('b', 'execute', 0, 8)], { 'mpreg.path': ['a', 'b'] })
    expect(short(call)).toEqual([
      [0, 'a', 'call', '0', 30, null],
      [0, 'a', 'dial', '1', 20, null],
      [1, 'b', 'execute', '~21', 8, 2],
    ])
  })

  it('knows nothing of when work began on a node that did not pass the answer back', () => {
    const call = hop('a', 'call', 0, 10, [hop('b', 'forward', 0, 0.2)], { 'mpreg.path': ['a', 'b'] })
    expect(short(call)[1]).toEqual([1, 'b', 'forward', null, 0.2, null])
  })
})
