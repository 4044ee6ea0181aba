import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createNode, type Node } from '../../src/node/index.ts'
import { type FakeMonitoring, recordedBody, startFakeMonitoring } from './fake-monitoring.ts'
import { endLeftovers, mpreg } from './run-mpreg.ts'

const processes = { concurrent: true, timeout: 60_000 }
const directory = mkdtempSync(join(tmpdir(), 'mpreg-registry-'))
let node: Node
let service: FakeMonitoring

beforeAll(async () => {
  node = await createNode({ monitoringEnabled: false, logLevel: 'CRITICAL', clusterId: 'real' })
  await node.start()
  service = await startFakeMonitoring()
})

afterAll(async () => {
  endLeftovers()
  await Promise.all([node.stop(), service.close()])
  rmSync(directory, { recursive: true, force: true })
})

let registries = 0
/** Runs commands on a registry of their own. */
function withRegistry(): { file: string; run: (...words: string[]) => ReturnType<typeof mpreg> } {
  const file = join(directory, `registry-${registries++}`, 'clusters.json')
  return { file, run: (...words) => mpreg(words, { MPREG_REGISTRY: file, MPREG_FEDERATION_CONFIG: '' }) }
}

const file = (name: string, value: unknown): string => {
  const path = join(directory, name)
  writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value))
  return path
}

const nowhere = ['ws://127.0.0.1:9', 'ws://127.0.0.1:9'] as const

describe('the registry of clusters', processes, () => {
  it('monitoring check 28: discover prints a JSON array; a registered cluster is there for the next process; an unknown one can not be unregistered', async () => {
    const config = file('discover.json', {
      clusters: [{ cluster_id: 'listed', cluster_name: 'Listed', region: 'eu', server_url: 'ws://a:1', bridge_url: 'ws://a:2' }],
    })
    const discovered = await mpreg(['discover', '--config', config, '--output', 'json'])
    expect(JSON.parse(discovered.stdout)).toEqual([
      {
        cluster_id: 'listed',
        cluster_name: 'Listed',
        region: 'eu',
        bridge_url: 'ws://a:2',
        server_url: 'ws://a:1',
        status: 'active',
        health: 'unknown',
        discovery_source: 'config',
        health_score: 100,
      },
    ])
    expect(discovered.stderr).toBe('Discovering fabric clusters...\n')

    const { file: registry, run } = withRegistry()
    expect(await run('register', 'real', 'Real', 'eu-west', node.url, node.url)).toMatchObject({ code: 0 })
    expect((await run('topology')).stdout).toMatch(/└── real \(Real\)\n {4}├── Region: eu-west\n {4}├── Server: ws:/)
    expect(JSON.parse(readFileSync(registry, 'utf8'))).toMatchObject({
      version: 1,
      clusters: { real: { cluster_id: 'real', resilience: true } },
    })
    expect(await run('unregister', 'ghost')).toMatchObject({ code: 1, stderr: expect.stringContaining("No cluster 'ghost' is registered") })
    expect(await run('unregister', 'real')).toMatchObject({ code: 0 })
    expect((await run('topology')).stdout).toBe('No clusters registered\n')
  })

  it('refuses a cluster that is not there, or is another one', async () => {
    const { run } = withRegistry()
    expect(await run('register', 'away', 'A', 'eu', ...nowhere)).toMatchObject({ code: 1, stderr: expect.stringContaining('--no-verify') })
    const other = await run('register', 'other', 'O', 'eu', node.url, node.url)
    expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining("belongs to the cluster 'real', not to 'other'") })
    expect(await run('register', 'odd', 'O', 'eu', 'http://x', 'ws://x')).toMatchObject({ code: 2 })
    expect(await run('register', 'away', 'A', 'eu', ...nowhere, '--no-verify')).toMatchObject({ code: 0 })
    expect(await run('register', 'away', 'A', 'eu', ...nowhere, '--no-verify')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('already'),
    })
  })

  it('loses no change of commands that run at the same time', async () => {
    const { file: registry, run } = withRegistry()
    const ids = Array.from({ length: 6 }, (_, index) => `c${index}`)
    await Promise.all(ids.map((id) => run('register', id, id, 'eu', ...nowhere, '--no-verify')))
    const { clusters } = JSON.parse(readFileSync(registry, 'utf8')) as { clusters: Record<string, unknown> }
    expect(Object.keys(clusters).sort()).toEqual(ids)
    expect(readdirSync(join(registry, '..'))).toEqual(['clusters.json'])
    expect(statSync(registry).mode & 0o777).toBe(0o600)
  })

  it('takes over the lock of a process that died', async () => {
    const { file: registry, run } = withRegistry()
    mkdirSync(join(registry, '..'))
    writeFileSync(`${registry}.lock`, '999999999')
    expect(await run('register', 'a', 'a', 'eu', ...nowhere, '--no-verify')).toMatchObject({ code: 0 })
    expect(existsSync(`${registry}.lock`)).toBe(false)
  })

  it('leaves a file alone that it does not understand', async () => {
    const { file: registry, run } = withRegistry()
    mkdirSync(join(registry, '..'))
    writeFileSync(registry, '{"version":2,"clusters":{}}')
    expect(await run('register', 'a', 'a', 'eu', ...nowhere, '--no-verify')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('has version 2'),
    })
    expect(readFileSync(registry, 'utf8')).toBe('{"version":2,"clusters":{}}')
  })

  it('is found by XDG rules where nothing else is said', async () => {
    const home = join(directory, 'xdg')
    await mpreg(['register', 'a', 'a', 'eu', ...nowhere, '--no-verify'], { XDG_CONFIG_HOME: home, MPREG_REGISTRY: '' })
    expect(existsSync(join(home, 'mpreg', 'registry.json'))).toBe(true)
  })

  it('is emptied only after a yes', async () => {
    const { run } = withRegistry()
    await run('register', 'a', 'a', 'eu', ...nowhere, '--no-verify')
    expect(await run('cleanup')).toMatchObject({ code: 0, stdout: 'Cleanup cancelled\n' })
    expect(await run('cleanup', '--force')).toMatchObject({ code: 0, stdout: 'Removed 1 clusters\n' })
    expect((await run('topology', '--format', 'json')).stdout).toBe('{\n  "clusters": []\n}\n')
  })
})

describe('the health of registered clusters', processes, () => {
  it('is what their servers and monitoring services say at this moment', async () => {
    const { run } = withRegistry()
    await run('register', 'real', 'Real', 'eu', node.url, node.url, '--monitoring-url', service.url)
    await run('register', 'gone', 'Gone', 'eu', ...nowhere, '--no-verify')
    await run('register', 'listed', 'Listed', 'eu', ...nowhere, '--no-verify', '--no-resilience')
    const { code, stdout } = await run('health', '--output', 'json')
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toEqual({
      real: {
        status: 'healthy',
        server_url: node.url,
        bridge_url: node.url,
        region: 'eu',
        server: { reachable: true, latency_ms: expect.any(Number), cluster_id: 'real', node_count: 1, error: null },
        monitoring: expect.objectContaining({ url: service.url, reachable: true, status: 'healthy', error: null }),
        health_summary: recordedBody('health_summary').health_summary,
      },
      gone: expect.objectContaining({
        status: 'unhealthy',
        monitoring: null,
        health_summary: null,
        server: { reachable: false, latency_ms: null, cluster_id: null, node_count: null, error: expect.stringContaining('ECONNREFUSED') },
      }),
      listed: { status: 'registered', server_url: nowhere[0], bridge_url: nowhere[1], region: 'eu' },
    })
    expect((await run('health', '-c', 'real')).stdout).toMatch(/│ real +│ healthy +│ ws:/)
    expect(await run('health', '-c', 'ghost')).toMatchObject({ code: 1 })
    const metrics = JSON.parse((await run('metrics')).stdout) as Record<string, unknown>
    expect(metrics.real).toEqual(recordedBody('metrics_unified'))
    expect(metrics.gone).toMatchObject({ status: 'error' })
  })

  it('is watched where no monitoring URL is given', async () => {
    const { run } = withRegistry()
    await run('register', 'gone', 'Gone', 'eu', ...nowhere, '--no-verify')
    const watched = await run('monitor', 'health-watch', '-i', '0.05', '--count', '1')
    expect(JSON.parse(watched.stdout)).toMatchObject({ gone: { status: 'unhealthy' } })
    expect(await withRegistry().run('monitor', 'health-watch')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('MPREG_MONITORING_URL'),
    })
  })

  it('of no clusters is an empty object', async () => {
    const { run } = withRegistry()
    expect(await run('health', '--format', 'json')).toEqual({ code: 0, stdout: '{}\n', stderr: 'No clusters available for health check\n' })
    expect(await run('health')).toMatchObject({ code: 0, stdout: 'No clusters available for health check\n' })
    expect(await run('metrics')).toMatchObject({ code: 0, stdout: '{}\n' })
  })
})

describe('a federation configuration', processes, () => {
  it('monitoring check 29: is validated, and deployed in a dry run', async () => {
    const generated = join(directory, 'generated.json')
    expect((await mpreg(['generate-config', generated])).stdout).toBe(`Configuration template generated: ${generated}\n`)
    const valid = await mpreg(['validate-config', generated])
    expect(valid).toMatchObject({ code: 0, stdout: expect.stringContaining('Configuration validation passed!') })
    expect(valid.stdout).toMatch(/Found 2 cluster configurations[\s\S]*Cluster 1: 'bridge_url' present/)
    const empty = file('empty.json', { version: '1.0', federation: {}, clusters: [] })
    expect(await mpreg(['validate-config', empty])).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('Configuration validation failed!'),
    })
    const missing = await mpreg(['validate-config', join(directory, 'missing.json')])
    expect(missing).toMatchObject({ code: 2, stderr: expect.stringContaining('does not exist') })
    const filled = file('filled.json', JSON.parse(readFileSync(generated, 'utf8').replaceAll('<port>', '10000')))
    const dry = await mpreg(['deploy', filled, '--dry-run'])
    expect(dry).toMatchObject({ code: 0, stdout: expect.stringContaining('dry-run mode') })
    expect(dry.stdout).toContain('Configuration is valid')
    expect(await mpreg(['deploy', empty, '--dry-run'])).toMatchObject({ code: 1 })
  })

  it.each(['generate-config', 'auto-discovery generate', 'config template basic'])(
    'is not written over another by %s, unless that is asked for',
    async (command) => {
      const words = command.split(' ')
      const existing = file(`existing-${words.join('-')}.json`, { mine: true })
      const refused = await mpreg([...words, existing])
      expect(refused).toMatchObject({ code: 1, stdout: '' })
      expect(refused.stderr).toBe(`Error: ${existing} exists already. Name another file, or have it overwritten with --force.\n`)
      expect(JSON.parse(readFileSync(existing, 'utf8'))).toEqual({ mine: true })
      expect(await mpreg([...words, existing, '--force'])).toMatchObject({ code: 0, stderr: '' })
      expect(JSON.parse(readFileSync(existing, 'utf8'))).not.toHaveProperty('mine')
    },
  )

  it('with placeholders left in it is valid as a template, and can not be deployed, nor is it ready to be', async () => {
    const generated = join(directory, 'unfilled.json')
    await mpreg(['generate-config', generated])
    expect(await mpreg(['validate-config', generated])).toMatchObject({ code: 0, stdout: expect.stringContaining('placeholder <port>') })
    for (const words of [['--dry-run'], ['--no-verify']]) {
      const { code, stderr, stdout } = await withRegistry().run('deploy', generated, ...words)
      expect(code).toBe(1)
      expect(stdout).not.toMatch(/passed|Deployed/)
      const [head, ...places] = stderr.trimEnd().split('\n').slice(-6)
      expect(head).toBe(`Error: ${generated} has 5 placeholders left. Put in what belongs there, and deploy again:`)
      const text = readFileSync(generated, 'utf8').split('\n')
      for (const place of places) {
        const [, line, value] = /^ {2}line (\d+), [\w.[\]]+: (.+)$/.exec(place) ?? []
        expect(text[Number(line) - 1], place).toContain(`"${value}"`)
      }
      expect(places[0]).toMatch(/, clusters\[0\]\.server_url: ws:\/\/primary\.example\.net:<port>$/)
      expect(places[4]).toMatch(/, monitoring\.alert_endpoints\[0\]: http:/)
    }
  })

  it('is found through the environment', async () => {
    const config = file('by-env.json', { version: '1.0', federation: {}, clusters: [] })
    expect(await mpreg(['validate-config'], { MPREG_FEDERATION_CONFIG: config })).toMatchObject({ code: 1 })
    expect(await mpreg(['validate-config'], { MPREG_FEDERATION_CONFIG: '' })).toMatchObject({ code: 2 })
  })

  it('that is deployed has each cluster that is there registered', async () => {
    const { run } = withRegistry()
    const cluster = (id: string, url: string) => ({ cluster_id: id, cluster_name: id, region: 'eu', server_url: url, bridge_url: url })
    const config = file('deploy.json', {
      version: '1.0',
      federation: {},
      clusters: [cluster('real', node.url), cluster('gone', nowhere[0])],
    })
    const { code, stdout } = await run('deploy', config)
    expect(code).toBe(1)
    expect(stdout).toMatch(/│ real +│ eu +│ ws:[^│]*│ registered/)
    expect(stdout).toMatch(/│ gone [^\n]*did not answer/)
    expect(JSON.parse((await run('topology', '--format', 'json')).stdout)).toMatchObject({ clusters: [{ cluster_id: 'real' }] })
    expect(await run('deploy', config, '--no-verify')).toMatchObject({ code: 0, stdout: expect.stringMatching(/real [^\n]*updated/) })
  })

  it('has templates that differ and are valid', async () => {
    const written = await Promise.all(
      ['basic', 'production', 'development'].map(async (name) => {
        const path = join(directory, `${name}.json`)
        expect(await mpreg(['config', 'template', name, path])).toMatchObject({ code: 0, stdout: `Generated ${name} template: ${path}\n` })
        expect(await mpreg(['validate-config', path])).toMatchObject({ code: 0 })
        return readFileSync(path, 'utf8')
      }),
    )
    expect(new Set(written).size).toBe(3)
    expect(await mpreg(['config', 'template', 'huge', join(directory, 'x')])).toMatchObject({ code: 2 })
  })

  it('is shown whole or by key', async () => {
    const config = file('show.json', { federation: { resilience: { n: 1 } }, 'a.b': 2 })
    expect((await mpreg(['config', 'show', config, '--key', 'federation.resilience'])).stdout).toBe('{\n  "n": 1\n}\n')
    expect((await mpreg(['config', 'show', config, '--key', 'a.b'])).stdout).toBe('2\n')
    expect(await mpreg(['config', 'show', config, '--key', 'federation.nope'])).toMatchObject({ code: 1 })
    expect(await mpreg(['config', 'show', config])).toMatchObject({ code: 0 })
  })
})

describe('discovery of clusters', processes, () => {
  it('asks its back ends, skips those that fail, and takes each id once', async () => {
    const instance = (id: string, status: string) => ({
      Node: { Address: '10.0.0.9' },
      Service: { ID: id, Address: '', Port: 10_000, Meta: { region: 'asia' } },
      Checks: [{ Status: status }],
    })
    const directoryService = await startFakeMonitoring({
      '/list': {
        body: {
          clusters: [
            { cluster_id: 'http', server_url: 'ws://h:1', bridge_url: 'ws://h:2', health_status: 'healthy' },
            { cluster_id: 'no-urls' },
          ],
        },
      },
      '/v1/health/service/mpreg-federation': { body: [instance('consul', 'passing'), instance('ailing', 'critical')] },
    })
    const { hostname, port } = new URL(directoryService.url)
    const clusters = file('static.json', {
      clusters: [
        { cluster_id: 'static', server_url: 'ws://s:1', bridge_url: 'ws://s:2', health_score: 10 },
        { cluster_id: 'http', server_url: 'ws://other:1', bridge_url: 'ws://other:2' },
      ],
    })
    const config = file('backends.json', {
      auto_discovery: {
        enabled: true,
        backends: [
          { protocol: 'http_endpoint', discovery_url: `${directoryService.url}/list` },
          { protocol: 'static_config', config_path: clusters },
          { protocol: 'consul', host: hostname, port: Number(port) },
          { protocol: 'http_endpoint', discovery_url: `${directoryService.url}/none` },
          { protocol: 'etcd' },
        ],
      },
    })
    const { code, stderr, stdout } = await mpreg(['auto-discovery', 'run', '-c', config, '--format', 'json'])
    await directoryService.close()
    expect(code).toBe(0)
    expect(stderr).toMatch(/skipped: http_endpoint: .*answered 404\n.*skipped: etcd: there is no such back end/)
    expect(JSON.parse(stdout)).toMatchObject([
      { cluster_id: 'http', server_url: 'ws://h:1', status: 'active', region: 'unknown' },
      { cluster_id: 'static', status: 'inactive', health: 'unknown', discovery_source: 'static_config' },
      { cluster_id: 'consul', server_url: 'ws://10.0.0.9:10000', bridge_url: 'ws://10.0.0.9:11000', status: 'active', region: 'asia' },
      { cluster_id: 'ailing', status: 'degraded', health_score: 50 },
    ])
  })

  it('finds no clusters without saying so among the results', async () => {
    const config = file('nothing.json', { auto_discovery: { enabled: false }, clusters: [] })
    const { stderr, stdout } = await mpreg(['discover', '-c', config, '-o', 'json'])
    expect(stdout).toBe('[]\n')
    expect(stderr).toContain('No clusters discovered')
    const template = join(directory, 'auto.json')
    await mpreg(['auto-discovery', 'generate', template])
    const { auto_discovery } = JSON.parse(readFileSync(template, 'utf8')) as { auto_discovery: { backends: unknown[] } }
    expect(auto_discovery.backends).toHaveLength(4)
  })
})
