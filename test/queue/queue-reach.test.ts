/** Which queue is meant, and whether its node can be reached, in virtual time. */
import { describe, expect, it, onTestFinished } from 'vitest'
import type { NodeQueues } from '../../src/node/index.ts'
import { type ClusterPlan, createFederation } from '../fabric/clusters.ts'

async function setUp(nodes: ClusterPlan['nodes'], bridges: ClusterPlan['bridges'] = [], more: Partial<ClusterPlan> = {}) {
  const federation = await createFederation({ nodes, bridges, settings: { enableDefaultQueue: true, queuePreset: 'standard' }, ...more })
  const { fabric } = federation
  onTestFinished(() => fabric.close())
  const queues = (index: number) => fabric.node(index).queues as NodeQueues
  const heard = (index: number, count: number) => fabric.until(() => queues(index).discover().length === count, 30_000)
  expect(await fabric.until(() => federation.routed() && fabric.converged(), 60_000)).toBe(true)
  return { ...federation, queues, heard }
}

describe('a queue whose node has failed', () => {
  it('is not chosen, and whoever asks is told why', async () => {
    const { fabric, heard, queues } = await setUp({ east: 3 })
    queues(1).create('jobs')
    await heard(0, 1)
    fabric.crash(1, { silent: true })
    const explained = () => fabric.node(0).explain.queue('jobs')
    expect(explained().candidates).toMatchObject([{ id: fabric.url(1), chosen: true }])
    expect(await fabric.until(() => explained().verdict !== 'remote', 60_000)).toBe(true)
    expect(explained()).toMatchObject({
      verdict: 'unreachable',
      candidates: [{ id: fabric.url(1), chosen: false, qualifies: false, reasons: [{ code: 'node_failed', text: 'its node has failed' }] }],
    })
    expect(await fabric.call(0, 'queue_list')).toMatchObject([
      { queue_name: 'jobs', health: 'unavailable', problem: 'its node has failed' },
    ])
    await expect(fabric.call(0, 'queue_info', 'jobs')).rejects.toMatchObject({
      details: expect.stringContaining(
        `QueueUnreachableError: queue jobs is on ${fabric.url(1)}, which can not be asked: its node has failed`,
      ),
    })
    // A queue of that name is not made beside it.
    expect(await fabric.call(0, 'queue_send', 'jobs', 1)).toMatchObject({
      success: false,
      error_message: expect.stringContaining('its node has failed'),
    })
    expect(queues(0).list()).toEqual([])
  })

  it('is passed over for another one of its name', async () => {
    const { fabric, heard, queues } = await setUp({ east: 3 })
    for (const index of [1, 2]) queues(index).create('jobs')
    await heard(0, 2)
    fabric.crash(1, { silent: true })
    expect(await fabric.until(() => fabric.node(0).explain.queue('jobs').candidates[0]?.id === fabric.url(2), 60_000)).toBe(true)
    expect(await fabric.call(0, 'queue_send', 'jobs', 1)).toMatchObject({ success: true })
    expect(queues(2).get('jobs')?.statistics().current_queue_size).toBe(1)
  })

  it('is said to be so, too, before it is known', async () => {
    const { fabric, heard, queues, sever } = await setUp({ east: 1, middle: 1, west: 1 }, [
      ['east', 'middle'],
      ['middle', 'west'],
    ])
    queues(2).create('jobs')
    await heard(0, 1)
    sever('middle', 'west')
    await expect(fabric.call(0, 'queue_info', 'jobs')).rejects.toMatchObject({
      details: expect.stringContaining(`queue jobs is on ${fabric.url(2)}, which can not be asked: no way leads there`),
    })
  })
})

describe('what makes, ends and redrives queues', () => {
  it('stays in the own cluster unless another one is named, and says which node did it', async () => {
    const { fabric, heard, queues } = await setUp({ east: 2, west: 1 }, [['east', 'west']])
    queues(1).create('orders')
    queues(2).create('orders')
    queues(2).create('bills')
    await heard(0, 3)
    expect(await fabric.call(0, 'queue_create', 'orders')).toMatchObject({
      created: false,
      node_id: fabric.url(1),
      error_message: `${fabric.url(1)} has a queue of that name`,
    })
    expect(await fabric.call(0, 'queue_delete', 'orders')).toEqual({ deleted: true, node_id: fabric.url(1), cluster_id: 'east' })
    await heard(0, 2)
    for (const fun of ['queue_delete', 'queue_redrive']) {
      await expect(fabric.call(0, fun, 'orders')).rejects.toMatchObject({
        details: expect.stringContaining('Queue orders does not exist in cluster east, but in cluster west: if that is meant, name it'),
      })
    }
    expect(queues(2).get('orders')).toBeDefined()
    const where = { node_id: fabric.url(2), cluster_id: 'west' }
    expect(await fabric.call(0, 'queue_redrive', 'orders', null, 'west')).toEqual({ redriven: 0, ...where })
    expect(await fabric.call(0, 'queue_delete', 'orders', 'west')).toEqual({ deleted: true, ...where })
    expect(await fabric.call(0, 'queue_create', 'fresh', null, 'west')).toEqual({ created: true, ...where, error_message: null })
    expect(queues(2).get('fresh')).toBeDefined()
    await expect(fabric.call(0, 'queue_create', 'fresh', null, 'mars')).rejects.toMatchObject({
      details: expect.stringContaining('NoQueueNodeError: no node of cluster mars is known here'),
    })
  })

  it('is not done in another cluster because the own one has no node for it', async () => {
    const { fabric, queues } = await setUp({ east: 2, west: 1 }, [['east', 'west']], {
      settings: {},
      settingsOf: (cluster) => ({ enableDefaultQueue: cluster === 'west' }),
    })
    expect(await fabric.call(0, 'queue_create', 'orders')).toMatchObject({
      error_type: 'NoQueueNodeError',
      details: expect.stringContaining('no node of cluster east is known here that makes queues'),
    })
    expect(queues(2).list()).toEqual([])
  })
})
