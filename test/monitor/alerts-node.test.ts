/** An alert's whole life on a running node, from the load that collapses to the load that is back. */
import { describe, expect, it, onTestFinished } from 'vitest'
import { connect } from '../../src/client-node.ts'
import { createNode } from '../../src/node/index.ts'
import { diagnose } from '../../src/telemetry/index.ts'
import type { Alert } from '../../src/wire/index.ts'
import { httpSink } from './http-sink.ts'
import { createTimeLapse } from './time-lapse.ts'

const TOKEN = 'operator-token'
/** Throughput is measured over minutes: here a minute takes two seconds. */
const SPEED = 30

interface Told {
  readonly active_alerts: readonly Alert[]
  readonly alert_history: readonly (Alert & { readonly state: string; readonly acknowledged_by?: string })[]
}

describe('a node whose throughput collapses', () => {
  it('fires, logs and shows an alert, tells a webhook, takes the acknowledgement, and resolves it when the load is back', async () => {
    await using sink = await httpSink()
    const lines: string[] = []
    const node = await createNode(
      {
        port: 0,
        clusterId: 'oak',
        monitoringToken: TOKEN,
        alertPreset: 'development',
        alerting: {
          channels: [{ channel_id: 'hook', backend: 'webhook', config: { webhook_url: sink.url } }],
          routing_rules: [{ rule_id: 'all', target_channels: ['hook'] }],
        },
      },
      { env: createTimeLapse(SPEED), logSink: (line) => lines.push(line) },
    )
    onTestFinished(() => node.stop())
    await node.start()
    const load = await createLoad(node.url)
    onTestFinished(() => load.stop())
    const ask = async (path: string, init: RequestInit = {}): Promise<Told & { readonly status: number }> => {
      const response = await fetch(`${node.monitoringUrl}${path}`, init)
      return { ...((await response.json()) as Told), status: response.status }
    }
    const throughputAlert = async () => (await ask('/alerts')).active_alerts.find(({ metric_name: metric }) => metric === 'throughput_rps')

    load.start()
    // Five minutes of the fabric: until then no throughput is normal.
    await load.answered(7_000)
    expect(await throughputAlert()).toBeUndefined()

    load.stop()
    const alert = await soon('a critical alert', async () => {
      const found = await throughputAlert()
      return found?.severity === 'critical' ? found : undefined
    })
    expect(alert).toMatchObject({ alert_id: 'oak_throughput_rps_critical', cluster_id: 'oak', resolved: false })
    const logged = lines.filter((line) =>
      line.includes('mpreg.fabric.alerting:-:0 - ALERT [CRITICAL]: Critical low throughput in cluster oak: '),
    )
    expect(logged).toHaveLength(1)
    const posted = await soon('the webhook', async () =>
      sink.posted.map(({ text }) => JSON.parse(text) as Alert).find(({ alert_id: id }) => id === alert.alert_id),
    )
    expect(posted).toMatchObject({ severity: 'critical', metric_name: 'throughput_rps', cluster_id: 'oak' })

    const toldByDoctor = () => diagnose([node.diagnosis()]).filter(({ code }) => code === 'alert_active')
    const finding = await soon('a finding of the doctor', async () => toldByDoctor()[0])
    expect(finding).toMatchObject({
      severity: 'critical',
      summary: expect.stringContaining('Critical low throughput in cluster oak: '),
      command: `mpreg monitor alerts --url ${node.monitoringUrl}`,
    })

    const acknowledge = { method: 'POST', body: JSON.stringify({ alert_id: alert.alert_id }) }
    expect((await ask('/alerts/acknowledge', acknowledge)).status).toBe(401)
    expect(await throughputAlert()).toBeDefined()
    expect((await ask('/alerts/acknowledge', { ...acknowledge, headers: { authorization: `Bearer ${TOKEN}` } })).status).toBe(200)
    expect(await throughputAlert()).toBeUndefined()
    expect(toldByDoctor().filter(({ subject }) => subject === finding.subject)).toEqual([])
    const inHistory = async () => (await ask('/alerts/history')).alert_history.find(({ alert_id: id }) => id === alert.alert_id)
    expect(await inHistory()).toMatchObject({ state: 'acknowledged', acknowledged_by: 'http', resolved: false })

    load.start()
    const resolved = await soon('the end of the alert', async () => {
      const found = await inHistory()
      return found?.resolved === true ? found : undefined
    })
    expect(resolved).toMatchObject({ state: 'resolved', acknowledged_by: 'http' })
    expect(lines.filter((line) => line.includes(`mpreg.fabric.alerting:-:0 - Alert ${alert.alert_id} `)).map(outcomeOf)).toEqual([
      'acknowledged',
      expect.stringMatching(/^(resolved|replaced)$/),
    ])
    await soon('an end of all throughput alerts', async () => {
      const { alert_history: history } = await ask('/alerts/history')
      return history.every(({ metric_name: metric, resolved }) => metric !== 'throughput_rps' || resolved) || undefined
    })
  }, 60_000)
})

/** What a line says became of an alert. */
function outcomeOf(line: string): string {
  return line.replace(/^.* - Alert \S+ (\w+).*$/, '$1')
}

/** Calls a node some hundred times a second while it is started. */
async function createLoad(url: string) {
  const client = await connect(url)
  let timer: NodeJS.Timeout | undefined
  let answered = 0
  return {
    start() {
      timer = setInterval(() => {
        for (let i = 0; i < 6; i++)
          client.call('echo', i).then(
            () => answered++,
            () => {},
          )
      }, 10)
    },
    stop: () => clearInterval(timer),
    answered: (count: number) => soon(`${count} answers`, async () => answered >= count || undefined),
  }
}

async function soon<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + 20_000
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (performance.now() > deadline) throw new Error(`after 20 s still not: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
