import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { promtool, promtoolVersion } from './promtool.ts'
import { startMonitored } from './real-fabric.ts'

const prometheusFiles = join(import.meta.dirname, '..', '..', 'ops', 'prometheus')

describe.skipIf(promtoolVersion === undefined)('promtool (of the Debian package prometheus)', () => {
  it('has nothing against the metrics of a real node', async () => {
    const node = await startMonitored({ name: 'checked' }, (each) =>
      each.register('bad', () => {
        throw new Error('bad by design')
      }),
    )
    onTestFinished(() => node.stop())
    await node.node.call('echo', 1)
    await node.node.call('bad').catch(() => {})
    node.node.publish('a.b', 1)
    for (const accept of ['text/plain;version=0.0.4', 'text/plain']) {
      const response = await node.get('/metrics/prometheus', { headers: { accept } })
      expect(response.headers.get('content-type')).toContain('version=0.0.4')
      const text = await response.text()
      expect(text).toContain('mpreg_rpc_requests_total')
      expect(promtool(['check', 'metrics'], text)).toEqual({ code: 0, output: '' })
    }
  })

  it('has nothing against the alerting rules and the example of how to scrape', () => {
    expect(promtool(['check', 'rules', join(prometheusFiles, 'mpreg-alerts.yml')])).toMatchObject({ code: 0 })
    const config = promtool(['check', 'config', join(prometheusFiles, 'scrape.yml')])
    expect(config.output).toContain('SUCCESS')
    expect(config.code).toBe(0)
  })
})
