import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FakeMonitoring, recordedText, startFakeMonitoring } from './fake-monitoring.ts'
import { endLeftovers, mpreg } from './run-mpreg.ts'
import { healthyFacts, type SampleNode } from './sample-facts.ts'

const processes = { concurrent: true, timeout: 60_000 }
const directory = mkdtempSync(join(tmpdir(), 'mpreg-tools-'))
/** Three nodes that know one another, the third only through the second. */
let fabric: readonly FakeMonitoring[]

beforeAll(async () => {
  fabric = await startFabric(3)
})

afterAll(async () => {
  endLeftovers()
  await Promise.all(fabric.map((service) => service.close()))
  rmSync(directory, { recursive: true, force: true })
})

/** Nodes in a chain, each knowing its neighbours. */
async function startFabric(size: number): Promise<readonly FakeMonitoring[]> {
  const services = await Promise.all(Array.from({ length: size }, () => startFakeMonitoring()))
  const nodes = services.map(({ url }, index): SampleNode => ({ node_id: `ws://node-${index}`, monitoring_url: url }))
  services.forEach((service, index) => {
    const neighbours = [nodes[index - 1], nodes[index + 1]].filter((node) => node !== undefined)
    tell(service, healthyFacts(nodes[index] as SampleNode, neighbours))
  })
  return services
}

function tell(service: FakeMonitoring, diagnosis: unknown): void {
  service.answers.set('/diagnosis', { body: { status: 'ok', diagnosis, timestamp: Date.now() / 1000 } })
}

const url = (index: number) => fabric[index]?.url ?? ''

describe('mpreg doctor', processes, () => {
  it('walks from one node to all, and says exactly "healthy" of a healthy fabric', async () => {
    expect(await mpreg(['doctor', '--url', url(0)])).toEqual({ code: 0, stdout: 'healthy\n', stderr: 'Nodes examined: 3.\n' })
    const { stdout } = await mpreg(['doctor', '--format', 'json', '--url', url(2)])
    expect(JSON.parse(stdout)).toEqual({
      healthy: true,
      nodes: [0, 1, 2].map((index) => ({ node_id: `ws://node-${index}`, cluster_id: 'golden', monitoring_url: url(index) })),
      unreachable: [],
      unmonitored: [],
      findings: [],
    })
  })

  it('finds a node that does not answer, and says what shows more', async () => {
    const service = await startFakeMonitoring()
    tell(
      service,
      healthyFacts({ node_id: 'ws://a', monitoring_url: service.url }, [{ node_id: 'ws://b', monitoring_url: 'http://127.0.0.1:9' }]),
    )
    const { code, stderr, stdout } = await mpreg(['doctor', '--url', service.url])
    expect(code).toBe(1)
    expect(stderr).toBe('Nodes examined: 1.\n')
    expect(stdout).toMatch(/^(?:critical|warning|info): .+\n {2}\w+ at .+\n(?: {2}- .+\n)+ {2}what to do: .+\n {2}\$ .+\n/)
    expect(stdout).toContain('ws://b')
    const { findings, unreachable } = JSON.parse((await mpreg(['doctor', '--format', 'json', '--url', service.url])).stdout)
    expect(unreachable).toEqual([{ node_id: 'ws://b', monitoring_url: 'http://127.0.0.1:9', reason: 'refused', error: expect.any(String) }])
    expect(findings.length).toBeGreaterThan(0)
    await service.close()
  })

  it('tells a node that answers nothing from one that is not there', async () => {
    const silent = await startFakeMonitoring({ '/diagnosis': () => {} })
    const { stdout } = await mpreg(['doctor', '--format', 'json', '--timeout', '0.5', '--url', silent.url])
    expect(JSON.parse(stdout)).toMatchObject({
      unreachable: [{ reason: 'silent', monitoring_url: silent.url }],
      findings: [{ code: 'event_loop_stalled', node: silent.url }],
    })
    await silent.close()
  })

  it('looks again before it says of a node that lives for others that its monitoring is closed', async () => {
    const service = await startFakeMonitoring()
    const facts = healthyFacts({ node_id: 'ws://a', monitoring_url: service.url }, [
      { node_id: 'ws://b', monitoring_url: 'http://127.0.0.1:9' },
    ])
    tell(service, facts)
    expect((await mpreg(['doctor', '--url', service.url])).stdout).toContain('monitoring_unreachable at ws://b')
    expect(service.asked).toEqual(['/diagnosis', '/diagnosis'])
    await service.close()
  })

  it('counts what failed as long ago as --since says', async () => {
    const service = await startFakeMonitoring()
    const facts = healthyFacts({ node_id: 'ws://a', monitoring_url: service.url }, [])
    const ago = facts.wall_clock - 20
    const refused = { kind: 'publication', subject: 'x', reason: 'topic_refused', count: 1, first_at: ago, last_at: ago, detail: '' }
    tell(service, { ...facts, refusals: [refused] })
    expect((await mpreg(['doctor', '--url', service.url])).stdout).toContain('publication_refused at ws://a')
    expect((await mpreg(['doctor', '--since', '15', '--url', service.url])).stdout).toBe('healthy\n')
    await service.close()
  })

  it('calls a fabric healthy in which something was asked for once in vain, and names it all the same', async () => {
    const service = await startFakeMonitoring()
    const facts = healthyFacts({ node_id: 'ws://a', monitoring_url: service.url }, [])
    const now = facts.wall_clock
    const refused = (count: number) => ({
      kind: 'call',
      subject: 'trian',
      reason: 'unknown',
      count,
      first_at: now - 5,
      last_at: now - 5,
      latest_at: Array.from({ length: count }, () => now - 5),
      detail: '',
    })
    tell(service, { ...facts, refusals: [refused(1)] })
    const once = await mpreg(['doctor', '--url', service.url])
    expect(once.code).toBe(0)
    expect(once.stdout).toMatch(
      /^healthy\n\ninfo: Node ws:\/\/a was asked once for 'trian', which no node registers\.\n {2}function_unknown at /,
    )
    const compact = await mpreg(['doctor', '--url', service.url, '--format', 'compact'])
    expect(compact).toMatchObject({ code: 0, stdout: expect.stringMatching(/^healthy\nfinding severity=info code=function_unknown /) })
    const json = await mpreg(['doctor', '--url', service.url, '--format', 'json'])
    expect(json.code).toBe(0)
    expect(JSON.parse(json.stdout)).toMatchObject({ healthy: true, findings: [{ severity: 'info' }] })
    tell(service, { ...facts, refusals: [refused(3)] })
    expect(await mpreg(['doctor', '--url', service.url])).toMatchObject({ code: 1, stdout: expect.stringMatching(/^warning: /) })
    await service.close()
  })

  it('has a finding, not a crash, where nobody or somebody else answers', async () => {
    expect(await mpreg(['doctor', '--url', 'http://127.0.0.1:9'])).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('127.0.0.1:9'),
    })
    const older = await startFakeMonitoring({ '/diagnosis': { body: { status: 'ok', diagnosis: { node: {} } } } })
    expect(await mpreg(['doctor', '--url', older.url])).toMatchObject({ code: 1, stdout: expect.stringContaining(older.url) })
    await older.close()
  })

  it('has a finding, not a crash, where one node of several tells strange things of itself', async () => {
    const strange = await startFakeMonitoring()
    const service = await startFakeMonitoring()
    const healthy = healthyFacts({ node_id: 'ws://strange', monitoring_url: strange.url }, [])
    tell(strange, { ...healthy, routes: { ...healthy.routes, destinations: null } })
    tell(
      service,
      healthyFacts({ node_id: 'ws://a', monitoring_url: service.url }, [{ node_id: 'ws://strange', monitoring_url: strange.url }]),
    )
    const { code, stdout } = await mpreg(['doctor', '--format', 'json', '--url', service.url])
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({
      nodes: [{ node_id: 'ws://a' }],
      unreachable: [{ node_id: 'ws://strange', reason: 'bad_answer', error: expect.stringContaining('routes.destinations is missing') }],
    })
    await Promise.all([strange.close(), service.close()])
  })

  it('shows a token to the nodes it was given for, and to others only on request', async () => {
    const other = await startFakeMonitoring({}, 'secret')
    const named = await startFakeMonitoring({}, 'secret')
    tell(other, healthyFacts({ node_id: 'ws://b', monitoring_url: other.url }, []))
    tell(named, healthyFacts({ node_id: 'ws://a', monitoring_url: named.url }, [{ node_id: 'ws://b', monitoring_url: other.url }]))
    const words = ['doctor', '--format', 'json', '--token', 'secret', '--url', named.url]
    expect(JSON.parse((await mpreg(words)).stdout)).toMatchObject({
      unreachable: [{ reason: 'bad_answer', error: expect.stringContaining('--share-token') }],
    })
    expect(JSON.parse((await mpreg([...words, '--share-token'])).stdout)).toMatchObject({ unreachable: [], nodes: [{}, {}] })
    await Promise.all([other.close(), named.close()])
  })

  it('names peers of which no monitoring service is known', async () => {
    const service = await startFakeMonitoring()
    tell(service, healthyFacts({ node_id: 'ws://a', monitoring_url: service.url }, [{ node_id: 'ws://quiet', monitoring_url: null }]))
    expect((await mpreg(['doctor', '--url', service.url])).stderr).toContain('No monitoring service is known of ws://quiet.')
    await service.close()
  })
})

describe('mpreg top', processes, () => {
  it('prints one picture of all nodes, without escape sequences', async () => {
    const { code, stdout } = await mpreg(['top', '--once', '--url', url(0)], { COLUMNS: '140' })
    expect(code).toBe(0)
    expect(stdout).not.toContain('\x1b')
    const lines = stdout.trimEnd().split('\n')
    expect(lines[0]).toMatch(/^mpreg top {2}\d\d:\d\d:\d\d {2}nodes 3 {2}clusters 1$/)
    expect(lines[1]).toBe('rpc 1.3/s   pub/sub 0.6/s   worst p95 6.1 ms   worst errors 7.7 %   worst loop delay 1.5 ms')
    expect(lines[5]).toMatch(/^ws:\/\/node-1 +golden +healthy +0\.4 +6\.1 +7\.7 +0\.2 +2\/2 +2 +1\.5 +3 +64$/)
    expect(lines).toHaveLength(7)
  })

  it('asks a large fabric a few questions at a time', async () => {
    let open = 0
    let most = 0
    const slow = (_request: IncomingMessage, response: ServerResponse) => {
      most = Math.max(most, ++open)
      setTimeout(() => {
        open--
        response.writeHead(200, { 'content-type': 'application/json' }).end('{"status":"ok"}')
      }, 30)
    }
    const services = await Promise.all(
      Array.from({ length: 40 }, () => startFakeMonitoring({ '/metrics/unified': slow, '/health/summary': slow })),
    )
    const nodes = services.map(
      ({ url: monitoring_url }, index): SampleNode => ({ node_id: `ws://node-${index}.somewhere.example.org:21010`, monitoring_url }),
    )
    services.forEach((service, index) => {
      tell(service, healthyFacts(nodes[index] as SampleNode, index === 0 ? nodes.slice(1) : []))
    })
    const { stdout } = await mpreg(['top', '--once', '--url', services[0]?.url ?? ''])
    expect(stdout).toContain('nodes 40')
    // Nobody said how wide a line may be.
    expect(stdout).toMatch(/^ws:\/\/node-39\.somewhere\.example\.org:21010 /m)
    expect(most).toBeGreaterThan(2)
    expect(most).toBeLessThanOrEqual(32)
    await Promise.all(services.map((service) => service.close()))
  })

  it('needs a terminal for a live picture, and a node for any', async () => {
    expect(await mpreg(['top', '--url', url(0)])).toMatchObject({ code: 2, stderr: expect.stringContaining('--once') })
    expect(await mpreg(['top', '--once', '--url', 'http://127.0.0.1:9'])).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('does not answer'),
    })
  })
})

describe('mpreg debug bundle', processes, () => {
  it('puts every answer into one archive, with sums in the manifest', async () => {
    const archive = join(directory, 'bundle.tar.gz')
    const service = await startFakeMonitoring({
      '/debug/profile': { body: { nodes: [] } },
      '/topology': { status: 500, body: { status: 'error', message: 'no' } },
    })
    const { code, stdout } = await mpreg([
      'debug',
      'bundle',
      '--url',
      service.url,
      '--url',
      'http://127.0.0.1:9',
      '--profile',
      '1',
      '--heap',
      '--out',
      archive,
    ])
    expect({ code, stdout }, 'no heap snapshot').toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/bundle\.tar\.gz: \d+ answers of 2 nodes\n$/),
    })
    expect(statSync(archive).mode & 0o777).toBe(0o600)
    const unpacked = mkdtempSync(join(directory, 'unpacked-'))
    execFileSync('tar', ['-xzf', archive, '-C', unpacked])
    const manifest = JSON.parse(readFileSync(join(unpacked, 'manifest.json'), 'utf8'))
    const [first, second] = manifest.nodes
    const file = (endpoint: string) => first.files.find((row: { endpoint: string }) => row.endpoint === endpoint)
    const unified = file('/metrics/unified')
    expect(readFileSync(join(unpacked, unified.file), 'utf8')).toBe(recordedText('metrics_unified'))
    expect(unified).toMatchObject({ status: 200, sha256: createHash('sha256').update(recordedText('metrics_unified')).digest('hex') })
    expect(file('/health/clusters/golden')).toMatchObject({ status: 200 })
    expect(file('/routing/trace?destination=golden')).toMatchObject({ status: 200 })
    expect(file('/topology')).toMatchObject({ status: 500 })
    expect(file('/debug/profile?seconds=1')).toMatchObject({ status: 200, file: expect.stringMatching(/debug\/profile\.cpuprofile$/) })
    expect(file('/debug/heap')).toMatchObject({ status: 404 })
    expect(second.files.every((row: { error: string | null }) => row.error !== null)).toBe(true)
    await service.close()
  })

  it('is written without what was refused, says what that is, why and what to do, and fails', async () => {
    const service = await startFakeMonitoring({
      '/debug/profile': { status: 401, body: { status: 'error', message: "this needs the node's monitoring_token" } },
    })
    const guarded = await startFakeMonitoring({}, 'open-sesame')
    const archive = join(directory, 'refused.tar.gz')
    const words = ['debug', 'bundle', '--profile', '1', '--out', archive]
    const { code, stderr, stdout } = await mpreg([...words, '--url', service.url, '--url', guarded.url])
    expect(code).toBe(1)
    expect(stdout).toMatch(/refused\.tar\.gz: \d+ answers of 2 nodes\n$/)
    const remedy = 'Show a token that it accepts: --token-file, or MPREG_MONITORING_TOKEN.'
    expect(stderr).toContain(
      `Missing: the processor profile. ${service.url}/debug/profile?seconds=1 answered 401: this needs the node's monitoring_token. ${remedy}\n`,
    )
    expect(stderr, 'all of a kind in one line').toMatch(/\nMissing: \d+ answers that want a token\. .+ answered 401: token required\. Show/)
    expect(stderr.match(/^Missing/gm)).toHaveLength(3)
    const manifest = JSON.parse(execFileSync('tar', ['-xzOf', archive, 'manifest.json'], { encoding: 'utf8' }))
    const profile = manifest.nodes[0].files.find(({ file }: { file: string }) => file.endsWith('profile.cpuprofile'))
    expect(profile).toMatchObject({ status: 401, error: expect.stringContaining('answered 401') })
    await Promise.all([service.close(), guarded.close()])
  })

  it('keeps nodes and answers apart whose names differ only in what a file name can not hold', async () => {
    const clusters = ['a b', 'a+b']
    const service = await startFakeMonitoring({
      '/x_y/health/clusters': { body: { clusters: Object.fromEntries(clusters.map((id) => [id, {}])) } },
      '/x_y/endpoints': { body: { endpoints: [{ method: 'GET', path: '/routing/trace' }] } },
    })
    const archive = join(directory, 'apart.tar.gz')
    await mpreg(['debug', 'bundle', '--url', `${service.url}/x_y`, '--url', `${service.url}/x/y`, '--out', archive])
    const unpacked = mkdtempSync(join(directory, 'unpacked-'))
    execFileSync('tar', ['-xzf', archive, '-C', unpacked])
    const { nodes } = JSON.parse(readFileSync(join(unpacked, 'manifest.json'), 'utf8')) as {
      nodes: { directory: string; files: { file: string | null; sha256: string }[] }[]
    }
    expect(nodes.map((node) => node.directory.replace(/^.*?_x/, 'x'))).toEqual(['x_y', 'x_y-2'])
    const files = nodes.flatMap((node) => node.files).filter(({ file }) => file !== null)
    expect(new Set(files.map(({ file }) => file)).size).toBe(files.length)
    for (const { file, sha256 } of files) {
      expect(
        createHash('sha256')
          .update(readFileSync(join(unpacked, file ?? '')))
          .digest('hex'),
      ).toBe(sha256)
    }
    await service.close()
  })

  it('leaves no archive behind when it could not be made', async () => {
    const archive = join(directory, 'none', 'bundle.tar.gz')
    expect(await mpreg(['debug', 'bundle', '--url', url(0), '--out', archive])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('can not be written'),
    })
    const failed = join(directory, 'failed.tar.gz')
    expect(await mpreg(['debug', 'bundle', '--url', 'http://127.0.0.1:9', '--out', failed])).toMatchObject({ code: 1 })
    // Other tests write archives of theirs into the same directory meanwhile.
    expect(readdirSync(directory).filter((name) => name === 'failed.tar.gz.part')).toEqual([])
  })

  it('takes all nodes that can be reached, on request', async () => {
    const archive = join(directory, 'all.tar.gz')
    const { stdout } = await mpreg(['debug', 'bundle', '--all', '--url', url(0), '--out', archive])
    expect(stdout).toContain('of 3 nodes')
  })
})

describe('mpreg completion', processes, () => {
  /** What bash offers after the words, the last of which is being typed. */
  async function offered(script: string, ...words: string[]): Promise<string[]> {
    const program = join(directory, `complete-${words.join('_').replaceAll(/\W/g, '_')}.sh`)
    const list = words.map((word) => `'${word}'`).join(' ')
    writeFileSync(
      program,
      `${script}\nCOMP_WORDS=(mpreg ${list}); COMP_CWORD=${words.length}; _mpreg_complete; printf '%s\\n' "\${COMPREPLY[@]}"\n`,
    )
    return execFileSync('bash', ['--norc', program], { encoding: 'utf8' }).split('\n').filter(Boolean)
  }

  it('completes commands, options and choices in bash', async () => {
    const { code, stdout } = await mpreg(['completion', 'bash'])
    expect(code).toBe(0)
    expect(await offered(stdout, 'mon')).toEqual(['monitor'])
    expect(await offered(stdout, 'monitor', 'metrics')).toEqual(['metrics', 'metrics-watch'])
    expect(await offered(stdout, 'monitor', 'status', '--for')).toEqual(['--format'])
    expect(await offered(stdout, 'monitor', 'status', '--format', '')).toEqual(['table', 'json', 'compact'])
    expect(await offered(stdout, 'discovery', 'policy', 'va')).toEqual(['validate'])
    expect(await offered(stdout, 'server', 'start', '--persistence-m')).toEqual(['--persistence-mode'])
    expect(await offered(stdout, 'monitor', 'health', '--cluster', 'monitor', '--det'), 'a value is no command').toEqual(['--detail'])
  })

  it('has scripts for zsh and fish, and for nothing else', async () => {
    expect((await mpreg(['completion', 'zsh'])).stdout).toMatch(/^#compdef mpreg\n[\s\S]*' monitor status'\) commands=\(\); options=\(/)
    expect((await mpreg(['completion', 'fish'])).stdout).toContain(`complete -c mpreg -f -n '__mpreg_at " monitor"' -a 'status'`)
    expect(await mpreg(['completion', 'tcsh'])).toMatchObject({ code: 2 })
  })
})
