import { describe, expect, it } from 'vitest'
import type { Caller } from './call.ts'
import { createPlacements, type PlacementDeps } from './placement.ts'
import type { Selector } from './registry.ts'

const selector = (fun: string): Selector => ({
  fun,
  functionId: null,
  constraint: null,
  constraintText: null,
  resources: [],
  targetCluster: null,
})

const caller: Caller = {
  connectionId: '',
  remote: '',
  viewerCluster: 'alpha',
  viewerTenant: null,
  credential: null,
  isAdmin: false,
}

/** Of a catalog whose functions have all gone, their names not yet. */
function withNames(...names: readonly string[]) {
  const deps: PlacementDeps = {
    nodeId: 'ws://self',
    clusterId: 'alpha',
    registry: { explain: ({ fun }) => ({ fun, summary: '', candidates: [], similar: [] }) },
    catalog: { functionsNamed: () => [], functionNames: () => names },
    nodeProblem: () => undefined,
    loadScore: () => undefined,
    ownLoad: () => 0,
    allowsCluster: () => true,
    similar: (_name, known) => known,
    whyAbsent: () => undefined,
    call: () => () => Promise.reject(new Error('nothing is called')),
  }
  return createPlacements(deps)
}

describe('a command nobody serves', () => {
  it('is not answered with the very name that was asked for, which has just gone', () => {
    const placed = withNames('quote', 'quota', 'quota').place(selector('quote'), undefined, caller)
    expect(placed).toMatchObject({ kind: 'none', explanation: { similar: ['quota'], summary: expect.stringContaining("'quota'") } })
    expect(withNames('quote').place(selector('quote'), undefined, caller)).toMatchObject({
      explanation: { similar: [], summary: "no node registers 'quote'" },
    })
  })
})
