import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { isDecorated } from '../../src/cli/outcome.ts'
import { runUntilSignal } from '../../src/cli/server.ts'
import { createNode, type Node } from '../../src/node/index.ts'
import { endLeftovers, mpreg, startMpreg, startProgram } from './run-mpreg.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
/** Child processes that have nothing to do with each other; on a busy machine each may take seconds to start. */
const processes = { concurrent: true, timeout: 60_000 }
const directory = mkdtempSync(join(tmpdir(), 'mpreg-cli-'))
let node: Node

beforeAll(async () => {
  node = await createNode({ monitoringEnabled: false, logLevel: 'CRITICAL' })
  node.register('add', (a: number, b: number) => a + b, { params: { a: 'float', b: 'float' } })
  node.register('boom', () => {
    throw new RangeError('too far')
  })
  node.register('gpu', () => 'ran', { resources: ['gpu-0'], version: '2.1.0' })
  node.register('forever', () => new Promise(() => {}))
  node.register('relayed', () => ({ error: 'out of paper', command: 'print', error_type: 'OSError', copies: 18_446_744_073_709_551_615n }))
  await node.start()
})

afterAll(async () => {
  endLeftovers()
  await node.stop()
  rmSync(directory, { recursive: true, force: true })
})

const file = (name: string, text: string): string => {
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}

describe('mpreg server', processes, () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    'monitoring check 25: prints its endpoints, answers at both, and ends well on %s',
    async (signal) => {
      const server = startMpreg(['server', 'start'])
      const [, monitoring = ''] = await server.printed(/^MPREG_MONITORING_URL=(.*)$/m)
      const [, url = ''] = await server.printed(/^MPREG_URL=(.*)$/m)
      expect(server.stdout).toBe(
        `Server endpoint: ${url}\nMPREG_URL=${url}\nMonitoring endpoint: ${monitoring}\nMPREG_MONITORING_URL=${monitoring}\n`,
      )
      expect(url).toMatch(/^ws:\/\/127\.0\.0\.1:1\d{4}$/)
      expect(await mpreg(['monitor', 'health'], { MPREG_MONITORING_URL: monitoring })).toMatchObject({ code: 0, stderr: '' })
      const called = await mpreg(['client', 'call', 'echo', 'hi'], { MPREG_URL: url })
      expect(called).toMatchObject({ code: 0, stdout: '"hi"\n', stderr: '' })
      server.process.kill(signal)
      expect(await server.finished).toMatchObject({ code: 0 })
    },
  )

  it('takes settings from a file and logs as told', async () => {
    const settings = file('node.toml', '[mpreg]\nname = "from a file"\ncluster_id = "edge"\nlog_level = "error"\nresources = "gpu"\n')
    const server = startMpreg(['--verbose', 'server', 'start-config', settings])
    const [, url = ''] = await server.printed(/^MPREG_URL=(.*)$/m)
    const map = await mpreg(['client', 'call', 'cluster_map', '--url', url])
    expect(JSON.parse(map.stdout)).toMatchObject({ cluster_id: 'edge', nodes: [{ resources: ['gpu'] }] })
    server.process.kill('SIGTERM')
    expect((await server.finished).stderr, 'the command line wins over the file').toContain('| DEBUG    |')
  })

  it('ends at once on a second signal', async () => {
    const server = startMpreg(['server', 'start'])
    const [, host = '', port = ''] = await server.printed(/^MPREG_URL=ws:\/\/(.*):(\d+)$/m)
    // A client that never answers the close frame makes an orderly stop take its time.
    const stubborn = connect(Number(port), host)
    stubborn.write(
      'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    )
    await once(stubborn, 'data')
    server.process.kill('SIGTERM')
    await once(stubborn, 'data')
    server.process.kill('SIGINT')
    expect((await server.finished).code).toBe(1)
    stubborn.destroy()
  })

  it('that is told to stop while it starts finishes the one before the other', async () => {
    const starting = Promise.withResolvers<void>()
    const stop = vi.fn(async () => {})
    const { stopped, stopping } = runUntilSignal({ start: () => starting.promise, stop } as unknown as Node)
    process.listeners('SIGTERM').at(-1)?.('SIGTERM')
    expect(stopping.aborted).toBe(true)
    expect(stop).not.toHaveBeenCalled()
    starting.resolve()
    await stopped
    expect(stop).toHaveBeenCalledOnce()
  })

  it('names unknown settings and wrong values in one line', async () => {
    const wrong = await mpreg(['server', 'start-config', file('wrong.json', '{"log_leval":"INFO","port":"8080"}')])
    expect(wrong.code).toBe(1)
    expect(wrong.stdout).toBe('')
    expect(wrong.stderr.trim().split('\n')).toHaveLength(1)
    expect(wrong.stderr).toMatch(/^Error: .*wrong\.json.*log_leval.*log_level.*port/)
  })

  it('says in one line which port is in use', async () => {
    const { port } = new URL(node.url)
    const taken = await mpreg(['server', 'start', '--port', port])
    expect(taken.code).toBe(1)
    expect(taken.stdout.trim().split('\n')).toHaveLength(1)
    expect(taken.stdout).toContain(port)
    expect(taken.stderr).not.toContain('    at ')
  })

  it('says in one line what is wrong with a certificate', async () => {
    const [cert, key] = [file('cert.pem', 'none'), file('key.pem', 'none')]
    const settings = file('tls.json', JSON.stringify({ listen: ['wss://127.0.0.1:0'], tls_cert_file: cert, tls_key_file: key }))
    const { code, stderr, stdout } = await mpreg(['server', 'start-config', settings])
    expect(code).toBe(1)
    expect(stdout.trim().split('\n')).toHaveLength(1)
    expect(stdout).toContain(`Unusable certificate or key (${cert})`)
    expect(stderr).not.toContain('    at ')
  })

  it('warns once about options of a subsystem it has not', async () => {
    const server = startMpreg(['server', 'start', '--enable-cache', '--port', '0'])
    await server.printed(/^MPREG_URL=/m)
    server.process.kill('SIGTERM')
    const { stderr } = await server.finished
    expect(stderr.split('\n').filter((line) => line.includes('WARNING') && line.includes('cache'))).toHaveLength(1)
  })
})

describe('mpreg', processes, () => {
  it('monitoring check 26: version, usage errors and an unreachable node have their texts and exit codes', async () => {
    expect(await mpreg(['--version'])).toEqual({ code: 0, stdout: `mpreg, version ${version}\n`, stderr: '' })
    const withoutUrl = await mpreg(['client', 'call', 'echo', 'hi'])
    expect(withoutUrl).toMatchObject({ code: 2, stdout: '' })
    expect(withoutUrl.stderr).toMatch(/^Usage: mpreg client call[\s\S]*\nError: Provide --url or set MPREG_URL\.\n$/)
    const unreachable = await mpreg(['client', 'call', 'echo', 'hi', '--url', 'ws://127.0.0.1:9'])
    expect(unreachable.code).toBe(1)
    expect(unreachable.stdout).toMatch(/^Unexpected error: WebSocket connection failed: .*\n$/)
    expect(unreachable.stderr).toBe('')
    const verbose = await mpreg(['-v', 'client', 'call', 'echo', 'hi', '--url', 'ws://127.0.0.1:9'])
    expect(verbose.stderr, 'the stack, on request').toContain('    at ')
  })

  it.each([
    [[], ''],
    [['client'], ''],
    [['frob'], "Unknown command 'frob'"],
    [['client', 'call'], "Missing required argument 'fun'"],
    [['server', 'start', '--nope'], "Unknown option '--nope'"],
    [['server', 'start-config', '/does/not/exist.toml'], "Settings file '/does/not/exist.toml' does not exist."],
    [['server', 'start', '--port', 'abc'], 'Error: port: expected an integer from 0 to 65535, got the string "abc"'],
    [['client', 'call', 'f', '--timeout', 'soon', '--url', 'ws://x'], 'Expected a number of 0 or more.'],
    [['client', 'call', 'f', '--kwarg', 'a', '--url', 'ws://x'], 'Expected name=value.'],
    [['client', 'call', 'f', '--url', 'localhost:10000'], "'localhost:10000' is not the URL of a node"],
  ])('answers %j with exit code 2 and how the command is used', async (args, text) => {
    const { code, stderr, stdout } = await mpreg(args)
    expect(code).toBe(2)
    expect(text === '' ? stdout + stderr : stderr).toContain(text === '' ? 'Usage: mpreg' : text)
  })
})

describe('decoration', () => {
  afterEach(() => vi.unstubAllEnvs())

  it('is for terminals, and not where NO_COLOR is set', () => {
    vi.stubEnv('NO_COLOR', '').stubEnv('TERM', 'xterm')
    expect(isDecorated({ isTTY: true })).toBe(true)
    expect(isDecorated({})).toBe(false)
    vi.stubEnv('NO_COLOR', '1')
    expect(isDecorated({ isTTY: true })).toBe(false)
  })
})

describe('mpreg client', processes, () => {
  const client = (...args: string[]) => mpreg(['client', ...args], { MPREG_URL: node.url })

  it('monitoring check 27: prints the result as JSON, every lexeme kept, and nothing else', async () => {
    expect(await client('call', 'echo', '{"k":[1,null]}')).toEqual({
      code: 0,
      stdout: '{\n  "k": [\n    1,\n    null\n  ]\n}\n',
      stderr: '',
    })
    expect((await client('call', 'echos', '1.0', '18446744073709551615', 'plain text', '{}')).stdout).toBe(
      '[\n  1.0,\n  18446744073709551615,\n  "plain text",\n  {}\n]\n',
    )
  })

  it('passes keyword arguments, resources and versions on', async () => {
    expect((await client('call', 'add', '1', '--kwarg', 'b=2')).stdout).toBe('3\n')
    expect((await client('call', 'gpu', '--locs', 'gpu-0', '--version-constraint', '>=2')).stdout).toBe('"ran"\n')
  })

  it('explains a function that was not found', async () => {
    const { code, stderr, stdout } = await client('call', 'gpu', '--locs', 'tpu')
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toBe(
      `Error 1001: Command not found\nCommand not found: gpu\n  gpu 2.1.0 on ${node.url}: does not offer the resource 'tpu'\n`,
    )
    expect((await client('call', 'ad')).stderr).toBe(
      "Error 1001: Command not found\nCommand not found: ad\n  no node registers 'ad'; did you mean 'add'?\n",
    )
  })

  it('prints a failure of the function with its code, without a stack', async () => {
    expect(await client('call', 'boom')).toEqual({ code: 1, stdout: '', stderr: 'Error 1003: RPC execution failed\nRangeError: too far\n' })
  })

  it('takes the failure a node relays from another one for a failure', async () => {
    const { code, stderr, stdout } = await client('call', 'relayed')
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^Error 1003: RPC execution failed\n\{\n {2}"error": "out of paper",/)
    expect(stderr).toContain('"copies": 18446744073709551615\n')
  })

  it('waits no longer than told', async () => {
    const { code, stdout } = await client('call', 'forever', '--timeout', '0.2')
    expect({ code, stdout }).toEqual({ code: 1, stdout: `Unexpected error: no answer from ${node.url} within 0.2 s\n` })
  })

  it('lists peers', async () => {
    expect(await client('list-peers', '--scope', 'zone')).toEqual({ code: 0, stdout: '[]\n', stderr: '' })
    expect(await client('list-peers', '--scope', 'planet')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Unsupported discovery scope: planet'),
    })
  })

  it('publishes and subscribes', async () => {
    const published = await client('publish', 'round.trip', '{"n":18446744073709551615}', '--header', 'priority=3')
    expect(published).toEqual({ code: 0, stdout: '{\n  "topic": "round.trip",\n  "accepted": true\n}\n', stderr: '' })
    const subscribed = await client('subscribe', 'round.*', '--backlog', '60', '--count', '1')
    expect(subscribed).toMatchObject({ code: 0, stderr: '' })
    expect(subscribed.stdout).toMatch(
      /^\{"topic":"round\.trip","payload":\{"n":18446744073709551615\},"timestamp":.*"headers":\{"priority":3\}\}\n$/,
    )
  })

  it('ends a subscription on an interrupt', async () => {
    node.publish('interrupted', 1)
    const running = startMpreg(['client', 'subscribe', 'interrupted', '--backlog', '60', '--url', node.url])
    await running.printed(/"interrupted"/)
    running.process.kill('SIGINT')
    expect(await running.finished).toMatchObject({ code: 1, stderr: 'Aborted!\n' })
  })

  it('ends quietly when nobody reads on', async () => {
    node.publish('unread', 1)
    const running = startMpreg(['client', 'subscribe', 'unread', '--backlog', '60', '--url', node.url])
    await running.printed(/"unread"/)
    running.process.stdout?.destroy()
    node.publish('unread', 2)
    expect(await running.finished).toMatchObject({ code: 1, stderr: '' })
  })

  it('says so when the node goes away under a subscription', async () => {
    const gone = await createNode({ monitoringEnabled: false, logLevel: 'CRITICAL' })
    await gone.start()
    gone.publish('hello', 1)
    const running = startMpreg(['client', 'subscribe', 'hello', '--backlog', '60', '--url', gone.url])
    await running.printed(/"hello"/)
    await gone.stop()
    expect(await running.finished).toMatchObject({ code: 1, stdout: expect.stringMatching(/\nUnexpected error: .+\n$/) })
  })
})

describe('npm start', processes, () => {
  it('shows a node around, leaves it up to be tried, and ends well', async () => {
    const tour = startProgram(fileURLToPath(new URL('../../src/cli/start.ts', import.meta.url)))
    const [, url = ''] = await tour.printed(/^MPREG_URL=(.*)$/m)
    const [command = ''] = await tour.printed(/bin\/mpreg client call shop\.price .*$/m)
    for (const line of [
      /^ {2}add\(2, 3\) +-> 5$/m,
      /^ {2}primes\(2000000\), in a worker +-> 148933$/m,
      /^ {2}level 2 +-> \{"plan":\{"item":"fig","order":52\}\}$/m,
      /^ {2}level 3 +-> \{"bill":67\.6\}$/m,
      /^ {4}train 1\.0\.0 on ws:\S+: version 1\.0\.0 does not satisfy '>=2'; does not offer the resource 'gpu-7'$/m,
      /^ {2}front hears orders\.eu\.created +-> \{"order":\d+,/m,
      /^ {2}the way to gamma: alpha - beta - gamma, next node ws:\S+; known from path_vector$/m,
      /^ {2}depot killed \(SIGKILL\): off front's list of peers after \d+ ms$/m,
      /^ {2}train\("resnet"\), by way of till +-> "resnet, trained on gpu-0"$/m,
      /^ {2}till left with GOODBYE: off the list after \d+ ms; beta is gone, and with it the bridge to gamma$/m,
      /^ {2}train\("resnet"\) +-> \{"error":"fabric_forward_failed","command":"train","target_cluster":"gamma","reason":"no_fabric_path"\}$/m,
      /^ {2}both started again, and known again after \d+ ms$/m,
      /^ {2}train\("resnet"\) +-> "resnet, trained on gpu-0"$/m,
    ]) {
      expect(tour.stdout).toMatch(line)
    }
    const words = command.replaceAll("'", '').split(' ').slice(1)
    expect(await mpreg(words, { MPREG_URL: url })).toMatchObject({ code: 0, stdout: expect.stringContaining('"amount": 1.2') })
    tour.process.kill('SIGTERM')
    expect(await tour.finished).toMatchObject({ code: 0, stderr: '' })
  })
})
