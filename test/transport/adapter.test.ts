import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type AdapterOptions,
  type Connection,
  createEndpointRegistry,
  createEnhancedAdapter,
  createMultiProtocolAdapter,
  createPortAllocator,
  createSocketNetwork,
  type EndpointRegistry,
  type EnhancedAdapterOptions,
  type PortAllocator,
  type PortAssignment,
} from '../../src/transport/index.ts'
import { Recorder } from './cases.ts'
import { recordedEnv } from './environment.ts'
import { rawServer } from './raw-socket.ts'

const env = recordedEnv()
const network = createSocketNetwork({ env })
let base: string
let ports: PortAllocator
let registry: EndpointRegistry
let stop: (() => Promise<void>) | undefined
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'mpreg-adapter-'))
  ports = createPortAllocator({ lockBase: base })
  registry = createEndpointRegistry()
})
afterEach(async () => {
  await stop?.()
  stop = undefined
  ports.close()
  rmSync(base, { recursive: true, force: true })
})

function echo(_protocol: string, connection: Connection): void {
  new Recorder(connection, (text) => connection.send(text))
}

function adapterOf(options: Partial<AdapterOptions> = {}) {
  const adapter = createMultiProtocolAdapter({ env, network, ports, registry }, { handler: echo, ...options })
  stop = () => adapter.stop()
  return adapter
}

function enhancedOf(options: Partial<EnhancedAdapterOptions> = {}) {
  const adapter = createEnhancedAdapter({ env, network, ports, registry }, { handler: echo, ...options })
  stop = () => adapter.stop()
  return adapter
}

describe('multi-protocol adapter', () => {
  it('wire check 38: an allocated port is announced and registered; removing the protocol frees port and entry', async () => {
    const assigned: PortAssignment[] = []
    const released: PortAssignment[] = []
    const adapter = adapterOf({
      basePort: 0,
      portAssignmentCallback: (assignment) => void assigned.push(assignment),
      portReleaseCallback: (assignment) => void released.push(assignment),
    })
    await adapter.start()
    const port = assigned[0]?.port ?? 0
    expect(assigned).toEqual([{ protocol: 'ws', host: '127.0.0.1', port, connectionType: 'client', endpoint: `ws://127.0.0.1:${port}` }])
    expect(registry.snapshot()).toEqual({ client: { ws: `ws://127.0.0.1:${port}` } })
    expect(ports.snapshot().allocated_ports).toEqual([port])
    await adapter.removeProtocol('ws')
    expect(registry.snapshot()).toEqual({})
    expect(ports.snapshot().allocated_ports).toEqual([])
    expect(released).toEqual(assigned)
  })

  it('serves several protocols through one handler and counts each, totals over stops', async () => {
    const protocols: string[] = []
    const adapter = adapterOf({
      handler: (protocol, connection) => {
        protocols.push(protocol)
        echo(protocol, connection)
      },
    })
    await adapter.start(['ws', 'tcp'])
    for (const url of Object.values(adapter.endpoints())) {
      const near = new Recorder(await network.dial(url))
      near.connection.send('hi')
      await near.arrived(1)
    }
    expect(protocols.toSorted()).toEqual(['tcp', 'ws'])
    expect(adapter.snapshot()).toMatchObject({
      running: true,
      connection_type: 'client',
      active_protocols: ['ws', 'tcp'],
      total_active_connections: 2,
      protocol_stats: [
        { protocol: 'ws', active_connections: 1, total_connections: 1 },
        { protocol: 'tcp', active_connections: 1, total_connections: 1 },
      ],
    })
    await adapter.stop()
    expect(adapter.snapshot()).toMatchObject({
      running: false,
      active_protocols: [],
      endpoints: {},
      total_active_connections: 0,
      protocol_stats: [
        { protocol: 'ws', active_connections: 0, total_connections: 1 },
        { protocol: 'tcp', active_connections: 0, total_connections: 1 },
      ],
    })
  })

  it('puts each protocol at its offset from a base port', async () => {
    const [basePort] = (await ports.allocateMany(4, 'servers')) as [number, number, number, number]
    const adapter = adapterOf({ basePort, connectionType: 'internal' })
    await adapter.start(['ws', 'tcp'])
    expect(adapter.endpoints()).toEqual({ ws: `ws://127.0.0.1:${basePort}`, tcp: `tcp://127.0.0.1:${basePort + 2}` })
    expect(registry.endpoint('internal', 'tcp')).toBe(`tcp://127.0.0.1:${basePort + 2}`)
  })

  it('says what is wrong with a second start, a second add and a removal of nothing', async () => {
    expect(() => adapterOf({ basePort: -1 })).toThrow('base_port must be >= 0 (use 0 for auto-allocation)')
    const adapter = adapterOf()
    await adapter.start()
    await expect(adapter.start()).rejects.toThrow('Multi-protocol adapter is already running')
    await expect(adapter.addProtocol('ws')).rejects.toThrow('Protocol ws is already active')
    await expect(adapter.removeProtocol('tcp')).rejects.toThrow('Protocol tcp is not active')
  })

  it('leaves nothing behind when one protocol can not start', async () => {
    const adapter = adapterOf()
    await expect(adapter.start(['ws', 'wss'])).rejects.toThrow(/wss listener needs a certificate/)
    expect(adapter.isRunning).toBe(false)
    expect(ports.snapshot().allocated_ports).toEqual([])
    expect(registry.snapshot()).toEqual({})
  })

  it('closes the connection whose handler fails, and logs it', async () => {
    for (const handler of [
      () => {
        throw new Error('no room')
      },
      () => Promise.reject(new Error('no room')),
    ]) {
      const adapter = adapterOf({ handler })
      await adapter.start()
      const near = new Recorder(await network.dial(adapter.endpoints().ws ?? ''))
      expect((await near.closed).code).toBe(1011)
      expect(env.lines.some((line) => /^ERROR Handler of ws-\d+ failed: no room$/.test(line))).toBe(true)
      await adapter.stop()
    }
  })
})

describe('enhanced adapter', () => {
  it('correlates a request with its answer over one connection used again', async () => {
    const adapter = enhancedOf()
    await adapter.start()
    const endpoint = adapter.endpoints().ws ?? ''
    const answers = await Promise.all(['a', 'b', 'c'].map((text) => adapter.request(endpoint, text)))
    expect(answers.map(({ response, success }) => [response, success])).toEqual([
      ['a', true],
      ['b', true],
      ['c', true],
    ])
    expect(answers[0]?.correlation_result).toMatchObject({ success: true, endpoint_used: endpoint, response_data: 'a' })
    const snapshot = adapter.snapshot()
    expect(snapshot).toMatchObject({ total_active_connections: 1, total_correlations_tracked: 3, circuit_breakers_open: 0 })
    expect(snapshot.average_response_time_ms).toBeGreaterThan(0)
    expect(snapshot.enhanced_stats).toMatchObject([
      { protocol: 'ws', total_connections: 1, success_rate_percent: 100, correlation_count: 3, circuit_breaker_state: 'closed' },
    ])
    expect(snapshot.endpoints_called).toMatchObject([{ endpoint, active_connections: 1, total_operations_last_hour: 3 }])
  })

  it('reports a failed call, then opens the breaker of that endpoint only', async () => {
    const server = await rawServer()
    const dead = `ws://127.0.0.1:${server.port}`
    await new Promise((resolve) => server.server.close(resolve))
    const adapter = enhancedOf({ circuitBreaker: { failureThreshold: 2 } })
    await adapter.start()
    for (let i = 0; i < 2; i++) {
      const failed = await adapter.request(dead, 'x')
      expect(failed).toMatchObject({ response: null, success: false, correlation_result: { success: false } })
      expect(failed.error).toMatch(/^WebSocket connection failed/)
    }
    await expect(adapter.request(dead, 'x')).rejects.toThrow(`Circuit breaker open for ${dead}`)
    expect((await adapter.request(adapter.endpoints().ws ?? '', 'y')).success).toBe(true)
    expect(adapter.snapshot()).toMatchObject({ circuit_breakers_open: 1, enhanced_stats: [{ circuit_breaker_state: 'open' }] })
  })

  it('rejects instead when correlation is off, and when the protocol is not active', async () => {
    const server = await rawServer()
    await new Promise((resolve) => server.server.close(resolve))
    const adapter = enhancedOf({ enableCorrelationTracking: false })
    await adapter.start()
    await expect(adapter.request(`tcp://127.0.0.1:${server.port}`, 'x')).rejects.toThrow('Protocol tcp not active')
    await expect(adapter.request(`ws://127.0.0.1:${server.port}`, 'x')).rejects.toThrow(/^WebSocket connection failed/)
    expect(adapter.snapshot()).toMatchObject({ total_correlations_tracked: 0, correlation: null })
  })

  it('does not take a late answer for that of the next request', async () => {
    let asked = 0
    const adapter = enhancedOf({
      handler: (_protocol, connection) => {
        new Recorder(connection, (text) => {
          // The first request is never answered in time.
          if (asked++ > 0) connection.send(`re:${text}`)
        })
      },
    })
    await adapter.start()
    const endpoint = adapter.endpoints().ws ?? ''
    const [first, second] = await Promise.all([adapter.request(endpoint, '1', { timeoutMs: 20 }), adapter.request(endpoint, '2')])
    expect(first).toMatchObject({ success: false, error: `No answer from ${endpoint} within 20 ms` })
    expect(second).toMatchObject({ success: true, response: 're:2' })
  })
})
