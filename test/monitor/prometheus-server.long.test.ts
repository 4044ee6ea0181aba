/**
 * A real Prometheus server beside a fabric of three processes. For two undisturbed minutes (PROMETHEUS_SECONDS for another time) every scrape
 * succeeds and every rule can be evaluated; then a node is lost, and that is an alert.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePorts } from '../../bench/free-port.ts'
import { createProcessFabric, elapsedUntil, type ProcessNode } from '../fabric/process-fabric.ts'
import { prometheusVersion, promtool } from './promtool.ts'

const HEALTHY_SECONDS = Number(process.env.PROMETHEUS_SECONDS ?? 120)
/** The rule waits for a minute before it fires. */
const ALERT_WITHIN_MS = 100_000
const TIME_LIMIT_MS = HEALTHY_SECONDS * 1_000 + ALERT_WITHIN_MS + 60_000
const rules = join(import.meta.dirname, '..', '..', 'ops', 'prometheus', 'mpreg-alerts.yml')

interface Target {
  readonly health: string
  readonly lastError: string
  readonly labels: Readonly<Record<string, string>>
}

interface Rule {
  readonly name: string
  readonly health: string
  readonly lastError?: string
  readonly state: string
}

if (prometheusVersion === undefined) console.warn('prometheus is not installed (Debian package: prometheus): its tests are skipped')

describe.skipIf(prometheusVersion === undefined)('a real Prometheus server', () => {
  const fabric = createProcessFabric({ gossipInterval: 0.5, monitoringEnabled: true })
  let folder: string
  let server: ReturnType<typeof spawn>
  let url: string
  let log = ''

  const ask = async (path: string) => {
    const response = await fetch(`${url}/api/v1/${path}`)
    return ((await response.json()) as { data: unknown }).data
  }
  const value = async (query: string) => {
    const { result } = (await ask(`query?query=${encodeURIComponent(query)}`)) as { result: { value: [number, string] }[] }
    return result.map((one) => Number(one.value[1]))
  }
  const allRules = async () => ((await ask('rules')) as { groups: { rules: Rule[] }[] }).groups.flatMap((group) => group.rules)
  const firing = async () => {
    const { alerts } = (await ask('alerts')) as { alerts: { state: string; labels: Record<string, string> }[] }
    return alerts.filter(({ state }) => state === 'firing').map(({ labels }) => `${labels.alertname} ${labels.instance}`)
  }

  beforeAll(async () => {
    const a = await fabric.start('a')
    for (const name of ['b', 'c']) await fabric.start(name, { peers: [a.url] })
    await elapsedUntil(async () => (await Promise.all(nodes().map((node) => node.peers()))).every((peers) => peers.length === 2), 20_000)

    folder = await mkdtemp(join(tmpdir(), 'mpreg-prometheus-'))
    const config = {
      global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '5s' },
      rule_files: [rules],
      scrape_configs: [{ job_name: 'mpreg', metrics_path: '/metrics', static_configs: [{ targets: nodes().map(target) }] }],
    }
    // YAML that is JSON.
    await writeFile(join(folder, 'prometheus.yml'), JSON.stringify(config))
    const [port] = await freePorts(1)
    url = `http://127.0.0.1:${port}`
    const where = [`--web.listen-address=127.0.0.1:${port}`, `--storage.tsdb.path=${join(folder, 'data')}`]
    server = spawn('prometheus', [`--config.file=${join(folder, 'prometheus.yml')}`, ...where], { stdio: ['ignore', 'ignore', 'pipe'] })
    server.stderr?.on('data', (chunk) => {
      log += chunk
    })
    await elapsedUntil(
      () =>
        fetch(`${url}/-/ready`).then(
          ({ ok }) => ok,
          () => false,
        ),
      30_000,
    )
  }, 90_000)

  afterAll(async () => {
    if (server?.exitCode === null) {
      server.kill('SIGTERM')
      await once(server, 'exit')
    }
    await fabric.stop()
    if (folder !== undefined) await rm(folder, { recursive: true, force: true })
  })

  const nodes = () => [...fabric.nodes.values()]
  const target = ({ monitoringUrl }: ProcessNode) => new URL(monitoringUrl as string).host

  it('scrapes every node without an error, evaluates every rule, and tells of a node that is killed', {
    timeout: TIME_LIMIT_MS,
  }, async () => {
    const [a, , c] = nodes() as [ProcessNode, ProcessNode, ProcessNode]
    const endMs = performance.now() + HEALTHY_SECONDS * 1_000
    while (performance.now() < endMs) await a.call('own.c')

    const { activeTargets, droppedTargets } = (await ask('targets')) as { activeTargets: Target[]; droppedTargets: Target[] }
    expect(activeTargets.map(({ health, lastError }) => `${health} ${lastError}`)).toEqual(['up ', 'up ', 'up '])
    expect(droppedTargets).toEqual([])
    expect(await value(`min_over_time(up{job="mpreg"}[${HEALTHY_SECONDS}s])`)).toEqual([1, 1, 1])
    for (const scrapes of await value(`count_over_time(up{job="mpreg"}[${HEALTHY_SECONDS}s])`)) {
      expect(scrapes).toBeGreaterThan(0.8 * HEALTHY_SECONDS)
    }
    for (const series of await value('scrape_samples_scraped{job="mpreg"}')) expect(series).toBeGreaterThan(100)
    expect(await value('count(mpreg_peers == 2)')).toEqual([3])
    expect(Math.max(...(await value('rate(mpreg_rpc_requests_total[30s])')))).toBeGreaterThan(1)
    expect((await allRules()).map(({ health, lastError = '', name }) => `${name} ${health} ${lastError}`.trim())).toEqual(
      (await allRules()).map(({ name }) => `${name} ok`),
    )
    expect(await firing()).toEqual([])
    const text = await (await fetch(`${a.monitoringUrl}/metrics/prometheus`)).text()
    expect(promtool(['check', 'metrics'], text)).toEqual({ code: 0, output: '' })

    const killed = `MpregNodeDown ${target(c)}`
    await fabric.kill('c')
    await elapsedUntil(async () => (await firing()).includes(killed), ALERT_WITHIN_MS)
    expect(await value('count(mpreg_peers == 1)')).toEqual([2])
    expect(log.split('\n').filter((line) => /level=(?:warn|error)/.test(line))).toEqual([])
  })
})
