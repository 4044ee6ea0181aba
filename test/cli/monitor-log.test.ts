import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { createNode, type Node } from '../../src/node/index.ts'
import { startFakeMonitoring } from './fake-monitoring.ts'
import { endLeftovers, mpreg, startMpreg } from './run-mpreg.ts'

const TOKEN = 'operator-token'
let node: Node
let at: readonly string[]

beforeAll(async () => {
  node = await createNode({ port: 0, logLevel: 'INFO', monitoringToken: TOKEN }, { logSink: () => {} })
  await node.start()
  at = ['--url', node.monitoringUrl ?? '']
})

afterAll(async () => {
  endLeftovers()
  await node.stop()
})

describe('mpreg monitor log', () => {
  it('shows and changes level and scopes while the node runs, with the token', async () => {
    const shown = await mpreg(['monitor', 'log', ...at])
    expect(JSON.parse(shown.stdout)).toMatchObject({ log: { level: 'INFO', debug_scopes: [] } })

    const refused = await mpreg(['monitor', 'log', '--level', 'debug', ...at])
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('answered 401') })

    const words = ['monitor', 'log', '--level', 'warning', '--scope', 'server', '--scope', 'raft.impl', ...at, '--token', TOKEN]
    const changed = await mpreg(words)
    expect({ code: changed.code, ...JSON.parse(changed.stdout) }).toMatchObject({
      code: 0,
      log: {
        level: 'WARNING',
        debug_scopes: ['server', 'raft.impl'],
        warnings: ['nothing logs under "raft.impl": this version has no Raft'],
      },
    })
    await mpreg(['client', 'call', 'echo', '1', '--url', node.url])
    const lines = await mpreg(['monitor', 'log-lines', '--scope', 'server', '--level', 'debug', ...at])
    expect(lines.stdout).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d DEBUG {4}server: request started u=\S+ from=\S+ commands=echo$/m)

    const ended = await mpreg(['monitor', 'log', '--no-scope', ...at], { MPREG_MONITORING_TOKEN: TOKEN })
    expect(JSON.parse(ended.stdout)).toMatchObject({ log: { level: 'WARNING', debug_scopes: [] } })
    expect(await mpreg(['monitor', 'log', '--level', 'loud', ...at])).toMatchObject({ code: 2 })
  })
})

describe('mpreg debug bundle of a running node', () => {
  it('holds the latest log lines, a processor profile and a heap snapshot', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'mpreg-bundle-'))
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    const archive = join(directory, 'bundle.tar.gz')
    const { code } = await mpreg(['debug', 'bundle', ...at, '--token', TOKEN, '--profile', '1', '--heap', '--out', archive])
    expect(code).toBe(0)
    execFileSync('tar', ['-xzf', archive, '-C', directory])
    const { nodes } = JSON.parse(readFileSync(join(directory, 'manifest.json'), 'utf8')) as {
      nodes: { files: { endpoint: string; file: string; status: number }[] }[]
    }
    const answer = (endpoint: string): unknown => {
      const found = nodes[0]?.files.find((row) => row.endpoint === endpoint)
      expect(found, endpoint).toMatchObject({ status: 200 })
      return JSON.parse(readFileSync(join(directory, found?.file ?? ''), 'utf8'))
    }
    const { lines } = answer('/log/lines?limit=1000') as { lines: { message: string }[] }
    expect(lines.some(({ message }) => message.startsWith('node started id='))).toBe(true)
    expect(answer('/debug/profile?seconds=1')).toMatchObject({ nodes: expect.any(Array), samples: expect.any(Array) })
    expect(answer('/debug/heap')).toMatchObject({ snapshot: { node_count: expect.any(Number) } })
  })
})

describe('Ctrl-C', () => {
  it('aborts a command that waits for an answer, and leaves no half of an archive behind', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'mpreg-aborted-'))
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    let asked = 0
    let onAsked = (): void => {}
    const service = await startFakeMonitoring({
      '/health/summary': () => onAsked(),
      '/endpoints': () => onAsked(),
    })
    onTestFinished(() => service.close())
    const commands = [
      ['monitor', 'health'],
      ['debug', 'bundle', '--out', join(directory, 'bundle.tar.gz')],
    ]
    for (const words of commands) {
      const reached = new Promise<void>((resolve) => {
        onAsked = () => {
          asked++
          resolve()
        }
      })
      const command = startMpreg([...words, '--url', service.url])
      await reached
      command.process.kill('SIGINT')
      const { code, stderr } = await command.finished
      expect(code).toBe(1)
      expect(stderr).toMatch(/^(Asking .*\n)?Aborted!\n$/)
    }
    expect(asked).toBe(2)
    expect(readdirSync(directory)).toEqual([])
  })
})
