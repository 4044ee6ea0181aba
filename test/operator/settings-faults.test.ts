/** Faults that operators and callers make: what is asked for, allowed and configured does not fit together. One at a time, in one fabric. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { endLeftovers, mpreg } from '../cli/run-mpreg.ts'
import { eventually, prove } from './fault.ts'
import { createOperatorFabric, federationOf, type OperatorFabric, type OperatorNode, routeKeys } from './operator-fabric.ts'

let fabric: OperatorFabric

beforeAll(async () => {
  fabric = await createOperatorFabric()
}, 60_000)

afterAll(async () => {
  endLeftovers()
  await fabric?.close()
})

const call = (at: OperatorNode, ...words: string[]) => mpreg(['client', 'call', '--url', fabric.node(at).url, ...words])
/** As a program does that is wrong: one call would be taken for a slip. */
const keepAsking = (at: OperatorNode, ...words: string[]) => Promise.all([1, 2, 3].map(() => call(at, ...words)))

describe('mpreg doctor, of what does not fit together', { timeout: 90_000 }, () => {
  it('names a version constraint that nobody satisfies, until somebody does', async ({ annotate }) => {
    const found = await prove(fabric, {
      async inject() {
        const now = performance.now()
        expect(await keepAsking('front', 'at.beta', '--version-constraint', '>=2.0.0')).toMatchObject([
          { code: 1 },
          { code: 1 },
          { code: 1 },
        ])
        return now
      },
      undo: () => fabric.restart('depot', { offer: { version: '2.1.0' } }),
      ask: 'lab',
      code: 'version_unsatisfied',
      node: 'front',
      subject: 'at.beta',
      remedy: /register one that satisfies the constraint/,
    })
    await annotate(found)
  })

  it('names a policy that keeps other clusters from a function', async ({ annotate }) => {
    const found = await prove(fabric, {
      async inject() {
        const policy = { security_policy: { blocked_functions_cross_federation: ['at.gamma'] } }
        await fabric.restart('lab', { settings: { federation_config: federationOf('gamma', policy) } })
        let now = 0
        const ask = () => {
          now = performance.now()
          return call('front', 'at.gamma')
        }
        await eventually(ask, ({ stderr, stdout }) => `${stdout}${stderr}`.includes('function_blocked'))
        return now
      },
      undo: () => fabric.restart('lab'),
      ask: 'depot',
      code: 'policy_blocks_function',
      node: 'lab',
      subject: 'at.gamma',
      remedy: /security_policy\.blocked_functions_cross_federation/,
    })
    await annotate(found)
  })

  it('names a hop budget that is too small', async ({ annotate }) => {
    const found = await prove(fabric, {
      async inject() {
        await fabric.restart('shop', { settings: { fabric_routing_max_hops: 1 } })
        return performance.now()
      },
      undo: () => fabric.restart('shop'),
      ask: 'front',
      code: 'hop_budget_exhausted',
      node: 'shop',
      subject: 'fabric_routing_max_hops',
      remedy: /Set fabric_routing_max_hops to at least 2/,
    })
    await annotate(found)
  })

  it('names a route key that has expired, until there is a new one', async ({ annotate }) => {
    const found = await prove(fabric, {
      async inject() {
        fabric.reload('till', { fabric_route_key_registry: routeKeys({ gamma: Date.now() / 1000 - 1 }) })
        return performance.now()
      },
      undo: async () => fabric.reload('till', {}),
      ask: 'front',
      code: 'route_key_expired',
      node: 'till',
      subject: 'gamma',
      remedy: /current public key of gamma into fabric_route_key_registry/,
    })
    await annotate(found)
  })

  it('names a resource that no function offers, until one does', async ({ annotate }) => {
    const found = await prove(fabric, {
      async inject() {
        const now = performance.now()
        expect(await keepAsking('shop', 'at.gamma', '--locs', 'gpu')).toMatchObject([{ code: 1 }, { code: 1 }, { code: 1 }])
        return now
      },
      undo: () => fabric.restart('lab', { offer: { resources: ['gpu'] } }),
      ask: 'till',
      code: 'resource_missing',
      node: 'shop',
      subject: 'at.gamma',
      remedy: /Register 'at\.gamma' with that resource/,
    })
    await annotate(found)
  })
})
