/** What fires, told to people and programs, and taking notice of it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FakeMonitoring, startFakeMonitoring } from './fake-monitoring.ts'
import { endLeftovers, mpreg } from './run-mpreg.ts'

const processes = { concurrent: true, timeout: 60_000 }
const failing = {
  alert_id: 'alpha_error_rate_percent_critical',
  severity: 'critical',
  metric_name: 'error_rate_percent',
  current_value: 33.333_333_3,
  threshold_value: 10,
  cluster_id: 'alpha',
  node_id: null,
  timestamp: Date.now() / 1000 - 90,
  message: 'Critical error rate in cluster alpha: 33.3%',
  resolved: false,
}
const slow = {
  ...failing,
  alert_id: 'alpha_average_latency_ms_warning',
  severity: 'warning',
  metric_name: 'average_latency_ms',
  current_value: 120,
  threshold_value: 100,
  timestamp: failing.timestamp - 60,
  message: 'Elevated latency in cluster alpha: 120.0ms',
  state: 'acknowledged',
  acknowledged_at: failing.timestamp,
  acknowledged_by: 'http',
}
const over = { ...slow, timestamp: failing.timestamp - 600, resolved: true, state: 'resolved', resolved_at: failing.timestamp - 480 }
const history = [over, slow, { ...failing, state: 'firing' }]
let service: FakeMonitoring
let guarded: FakeMonitoring

beforeAll(async () => {
  const acknowledged = { body: { status: 'ok', message: `Alert ${failing.alert_id} acknowledged`, alert_id: failing.alert_id } }
  service = await startFakeMonitoring({
    '/alerts': { body: { status: 'ok', active_alerts: [failing], alert_count: 1 } },
    '/alerts/history': { body: { status: 'ok', alert_history: history, total_alerts: history.length } },
    '/alerts/acknowledge': (request, response) => {
      let text = ''
      request.setEncoding('utf8').on('data', (chunk) => {
        text += chunk
      })
      request.on('end', () => {
        const isKnown = request.method === 'POST' && JSON.parse(text).alert_id === failing.alert_id
        response.writeHead(isKnown ? 200 : 404, { 'content-type': 'application/json' })
        response.end(
          JSON.stringify(isKnown ? acknowledged.body : { status: 'error', message: 'alert not found', valid: [failing.alert_id] }),
        )
      })
    },
  })
  guarded = await startFakeMonitoring({ '/alerts/acknowledge': acknowledged }, 'open-sesame')
})

afterAll(async () => {
  endLeftovers()
  await Promise.all([service.close(), guarded.close()])
})

const monitor = (...words: string[]) => mpreg(['monitor', ...words, '--url', service.url])

describe('mpreg monitor alerts', processes, () => {
  it('lists what fires: severity, since when, what, by which evidence, and whether somebody has taken notice', async () => {
    const { code, stderr, stdout } = await monitor('alerts')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const [acknowledged, firing] = stdout.split('\n\n')
    expect(acknowledged).toMatch(
      /^warning: Elevated latency in cluster alpha: 120\.0ms\n {2}alpha_average_latency_ms_warning since \d{4}-.+, for 1[45]\d s\n {2}- average_latency_ms is 120, the limit is 100\n {2}- acknowledged by http at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/,
    )
    expect(firing).toMatch(
      /^critical: Critical error rate in cluster alpha: 33\.3%\n {2}alpha_error_rate_percent_critical since \d{4}-.+, for 9\d s\n {2}- error_rate_percent is 33\.33, the limit is 10\n {2}- nobody has acknowledged it\n {2}\$ mpreg monitor acknowledge alpha_error_rate_percent_critical\n$/,
    )
  })

  it('lists, on request, all the node remembers, with what became of each', async () => {
    const { stdout } = await monitor('alerts', '--history')
    const [first, ...others] = stdout.split('\n\n')
    expect(first).toMatch(/^warning: .*\n {2}alpha_average_latency_ms_warning since \d{4}-.+, for 120 s\n[\s\S]*\n {2}- resolved at \d{4}-/)
    expect(others).toHaveLength(2)
  })

  it('has the same for programs', async () => {
    expect(JSON.parse((await monitor('alerts', '--format', 'json')).stdout)).toEqual({ alerts: [slow, failing] })
    expect(JSON.parse((await monitor('alerts', '--history', '--format', 'json')).stdout)).toEqual({ alerts: history })
    expect((await monitor('alerts', '--format', 'compact')).stdout).toMatch(
      /^alert alert_id=alpha_average.*\nalert alert_id=alpha_error.*\n$/,
    )
  })

  it('says that nothing fires', async () => {
    const quiet = await startFakeMonitoring()
    expect(await mpreg(['monitor', 'alerts', '--url', quiet.url])).toEqual({ code: 0, stdout: 'no alerts\n', stderr: '' })
    await quiet.close()
  })
})

describe('mpreg monitor acknowledge', processes, () => {
  it('takes notice of an alert, with the token', async () => {
    const words = ['monitor', 'acknowledge', failing.alert_id, '--url', guarded.url]
    expect(await mpreg(words)).toMatchObject({ code: 1, stderr: expect.stringContaining('Show a token') })
    const { code, stdout } = await mpreg([...words, '--token', 'open-sesame'])
    expect({ code, body: JSON.parse(stdout) }).toMatchObject({ code: 0, body: { alert_id: failing.alert_id } })
  })

  it('names the alerts there are when there is none of this id', async () => {
    const { code, stderr } = await monitor('acknowledge', 'nope')
    expect(code).toBe(1)
    expect(stderr).toMatch(/answered 404: alert not found\.\n$/)
    expect((await monitor('acknowledge', 'nope')).stdout).toContain(failing.alert_id)
  })
})
