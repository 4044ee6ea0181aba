import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../../base/index.ts'
import { createLog } from '../../telemetry/index.ts'
import type { CatalogDelta } from '../../wire/index.ts'
import { createCatalog } from './catalog.ts'
import type { ChangeSource } from './changes.ts'
import { deltaSample, functionSample, N1, N2, nodeSample, SELF } from './entry-samples.ts'

const GOSSIP: ChangeSource = { kind: 'gossip', from: N1 }

/** What a catalog writes under a scope while it takes in these updates. */
function linesOf(scope: string, ...updates: readonly Partial<CatalogDelta>[]): string[] {
  const env = createVirtualEnv({ seed: 1, startWall: 100 })
  const lines: string[] = []
  const sink = (line: string) => lines.push(line.replace(/^.*? - /, ''))
  const log = createLog({ clock: env.clock, level: 'INFO', debugScopes: [scope], sink })
  const catalog = createCatalog({ env: { ...env, log: log.root }, nodeId: SELF, clusterId: 'moss', instanceId: 'I' })
  for (const update of updates) catalog.applyDelta(deltaSample({ update_id: 'u', ...update }), 100, GOSSIP)
  return lines
}

describe('the log of the catalog', () => {
  it('has a line for each update that changed something or was refused in part, with numbers and reasons', () => {
    const lines = linesOf(
      'fabric.router',
      { functions: [functionSample('echo', { id: 'f1' })], nodes: [nodeSample()] },
      { functions: [functionSample('echo', { id: 'f2', node_id: N2 }), functionSample('fine', { node_id: N2 })] },
      { functions: [functionSample('late', { advertised_at: 1, ttl_seconds: 1 })] },
      {},
    )
    expect(lines).toEqual([
      `catalog update u source=gossip:${N1} functions_added=1 nodes_added=1`,
      `catalog update u source=gossip:${N1} functions_added=1 refused_function_conflict=1`,
      `catalog update u source=gossip:${N1} refused_expired=1`,
    ])
  })

  it('names functions and nodes as they come and go, the first of many', () => {
    const many = Array.from({ length: 25 }, (_, index) => functionSample(`f${index}`))
    const [come, node, gone] = linesOf(
      'cluster',
      { functions: many, nodes: [nodeSample()] },
      { function_removals: [{ node_id: N1, cluster_id: 'moss', identity: functionSample('f3').identity, resources: [] }] },
    )
    expect(come).toMatch(new RegExp(`^functions announced f0@1\\.0\\.0\\(${N1}\\) .* and 5 more source=gossip:${N1}$`))
    expect(node).toBe(`nodes announced ${N1}(moss) source=gossip:${N1}`)
    expect(gone).toBe(`functions withdrawn f3@1.0.0(${N1}) source=gossip:${N1}`)
  })
})
