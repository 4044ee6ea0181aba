import { describe, expect, it } from 'vitest'
import {
  edgeWeight,
  type GraphEdge,
  type GraphNode,
  isEdgeSound,
  isNodeSound,
  nodeUtilization,
  nodeWeight,
  UNMEASURED,
  withSample,
} from './elements.ts'

const edge: GraphEdge = {
  sourceId: 'a',
  targetId: 'b',
  latencyMs: 10,
  bandwidthMbps: 100,
  reliabilityScore: 0.95,
  currentUtilization: 0.5,
  packetLossRate: 0.01,
  jitterMs: 4,
  priorityClass: 2,
  costFactor: 1.5,
  sampleCount: 0,
  measured: UNMEASURED,
}

const node: GraphNode = {
  nodeId: 'a',
  nodeType: 'cluster',
  region: 'north',
  coordinates: { latitude: 0, longitude: 0 },
  maxCapacity: 1_000,
  currentLoad: 250,
  healthScore: 0.8,
  processingLatencyMs: 5,
  bandwidthMbps: 1_000,
  reliabilityScore: 1,
}

describe('the weight of an edge', () => {
  it('routing check 30: adds what is wrong with it to its latency under load', () => {
    expect(edgeWeight(edge)).toBeCloseTo(45.5, 9)
  })

  it('is the latency alone when nothing is wrong', () => {
    expect(
      edgeWeight({ ...edge, reliabilityScore: 1, currentUtilization: 0, packetLossRate: 0, jitterMs: 0, priorityClass: 1, costFactor: 1 }),
    ).toBe(10)
  })
})

describe('the weight of a node', () => {
  it('routing check 30: is made of load, health and processing time', () => {
    expect(nodeWeight(node)).toBeCloseTo(7, 9)
  })

  it.each([
    [0, 0, 0],
    [5, 0, 1],
    [250, 1_000, 0.25],
    [5_000, 1_000, 1],
  ])('load %d of %d is a utilization of %d', (currentLoad, maxCapacity, utilization) => {
    expect(nodeUtilization({ currentLoad, maxCapacity })).toBe(utilization)
  })
})

describe('soundness', () => {
  it.each<[Partial<GraphNode>, boolean]>([
    [{}, true],
    [{ healthScore: 0.5 }, false],
    [{ currentLoad: 899 }, true],
    [{ currentLoad: 900 }, false],
    [{ currentLoad: Number.NaN }, false],
  ])('of a node with %o is %s', (given, sound) => {
    expect(isNodeSound({ ...node, ...given })).toBe(sound)
  })

  it.each<[Partial<GraphEdge>, boolean]>([
    [{}, true],
    [{ reliabilityScore: 0.3 }, false],
    [{ currentUtilization: 0.95 }, false],
    [{ packetLossRate: 0.1 }, false],
  ])('of an edge with %o is %s', (given, sound) => {
    expect(isEdgeSound({ ...edge, ...given })).toBe(sound)
  })
})

describe('a measurement of an edge', () => {
  it('is taken as it is the first time, and blended in later', () => {
    const first = withSample(edge, { latencyMs: 20, currentUtilization: 0, packetLossRate: 0.02, jitterMs: 1 })
    expect(first).toMatchObject({ latencyMs: 20, currentUtilization: 0, packetLossRate: 0.02, jitterMs: 1, sampleCount: 1 })
    expect(withSample(first, { latencyMs: 30 })).toMatchObject({ latencyMs: 23, jitterMs: 1, sampleCount: 2 })
  })

  it('is the first of each metric by itself: what was only assumed is not blended in', () => {
    const measured = withSample(withSample(edge, { latencyMs: 20 }), { packetLossRate: 0.5 })
    expect(measured).toMatchObject({ latencyMs: 20, packetLossRate: 0.5, jitterMs: edge.jitterMs })
    expect([...measured.measured]).toEqual(['latencyMs', 'packetLossRate'])
  })

  it('leaves alone what it has no sensible number for', () => {
    expect(withSample(edge, { latencyMs: Number.NaN, jitterMs: -1, packetLossRate: Number.POSITIVE_INFINITY })).toEqual({
      ...edge,
      sampleCount: 1,
    })
  })
})
