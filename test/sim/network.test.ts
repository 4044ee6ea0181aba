/** The modelled network and the hosts on it, without nodes. */
import { describe, expect, it } from 'vitest'
import { watchRealIo } from '../../src/sim/real-io.ts'
import { type Incarnation, SimHost } from '../../src/sim/sim-host.ts'
import { createSimNetwork, type SimNetworkOptions } from '../../src/sim/sim-network.ts'
import { createWorld } from '../../src/sim/world.ts'
import type { CloseInfo, Connection } from '../../src/transport/index.ts'
import { OutboundFrame } from '../../src/wire/index.ts'

interface End {
  readonly got: unknown[]
  connection?: Connection
  closed?: CloseInfo
}

/** Hosts `a` and `b`, a listener on `b`, and a connection from `a` to it. */
async function twoHosts(options: SimNetworkOptions = {}) {
  const world = createWorld({ seed: 1 })
  const network = createSimNetwork(world, options)
  const a = new SimHost(world, 'a')
  const b = new SimHost(world, 'b')
  network.add(a)
  network.add(b)
  const near: End = { got: [] }
  const far: End = { got: [] }
  const attach = (end: End, connection: Connection, withObjects: boolean) => {
    end.connection = connection
    connection.attach({
      message: (text) => end.got.push(text),
      malformed: () => end.got.push('malformed'),
      ...(withObjects && { object: (value: object) => end.got.push(value) }),
      close: (info) => {
        end.closed = info
      },
    })
  }
  const owner = a.boot()
  const listening = b.boot()
  const serve = (incarnation: Incarnation) =>
    network.of(incarnation).listen({ protocol: 'ws', host: 'b', port: 7000 }, (connection) => attach(far, connection, true))
  await serve(listening)
  const dial = (connectTimeoutMs = 5_000) => network.of(owner).dial('ws://b:7000', { connectTimeoutMs })
  const dialled = dial()
  await world.time.advance(4_000)
  attach(near, await dialled, true)
  return { world, network, a, b, owner, listening, near, far, dial, serve, near_: near.connection as Connection }
}

describe('the modelled network', () => {
  it('keeps the order of messages whatever their latencies', async () => {
    const { far, near_, world } = await twoHosts({
      conditions: { latency: { kind: 'uniform', minMs: 0, maxMs: 500 }, reordering: 0.3, loss: 0.1 },
    })
    const sent = Array.from({ length: 200 }, (_, i) => `m${i}`)
    for (const text of sent) {
      near_.send(text)
      await world.time.advance(1)
    }
    await world.time.advance(600_000)
    expect(far.got).toEqual(sent)
  })

  it('delivers what is sent in one turn together, later, and never in the sender’s turn', async () => {
    const { far, near_, world } = await twoHosts({ conditions: { latency: 10 } })
    near_.send('one')
    near_.send('two')
    expect(far.got).toEqual([])
    await world.time.advance(9)
    expect(far.got).toEqual([])
    await world.time.advance(1)
    expect(far.got).toEqual(['one', 'two'])
  })

  it('takes as long as the bandwidth says', async () => {
    const { far, near_, world } = await twoHosts({ conditions: { latency: 0, bytesPerSecond: 1000 } })
    near_.send('x'.repeat(500))
    await world.time.advance(499)
    expect(far.got).toHaveLength(0)
    await world.time.advance(2)
    expect(far.got).toHaveLength(1)
  })

  it('holds messages back at a cut and delivers them when it is mended in time', async () => {
    const { a, b, far, near, near_, network, world } = await twoHosts()
    network.cut(a, b)
    near_.send('held')
    far.connection?.send('the other direction')
    await world.time.advance(15_000)
    expect(far.got).toEqual([])
    expect(near.got).toEqual(['the other direction'])
    network.mend(a, b)
    await world.time.advance(100)
    expect(far.got).toEqual(['held'])
    await world.time.advance(120_000)
    expect([near.closed, far.closed]).toEqual([undefined, undefined])
  })

  it('breaks both ends of a connection that stays cut', async () => {
    const { a, b, far, near, network, world } = await twoHosts()
    network.partition([[a], [b]])
    await world.time.advance(41_000)
    expect(near.closed?.code).toBe(1011)
    expect(far.closed?.code).toBe(1011)
    expect(network.connectionsOpen).toBe(0)
  })

  it('lets dials time out at a cut, and connects when the cut is mended meanwhile', async () => {
    const { a, b, dial, network, world } = await twoHosts()
    network.partition([[a]])
    const failing = dial(5_000).catch((error: Error) => error.message)
    await world.time.advance(6_000)
    expect(await failing).toMatch(/timed out/)
    const patient = dial(30_000)
    await world.time.advance(2_000)
    network.heal()
    await world.time.advance(10_000)
    expect((await patient).isOpen).toBe(true)
    expect(b.island).toBe(0)
  })

  it('refuses dials where nobody listens, and lets them time out where nobody is', async () => {
    const { b, dial, listening, network, world } = await twoHosts()
    b.kill()
    network.abandon(listening, false)
    const refused = dial().catch((error: Error) => error.message)
    await world.time.advance(10)
    expect(await refused).toMatch(/ECONNREFUSED/)
    b.powered = false
    const silent = dial().catch((error: Error) => error.message)
    await world.time.advance(5_000)
    expect(await silent).toMatch(/timed out/)
  })

  it('tells the other side of a crash at once, and of a power failure only by silence', async () => {
    const crash = await twoHosts()
    crash.b.kill()
    crash.network.abandon(crash.listening, false)
    await crash.world.time.advance(10)
    expect(crash.near.closed?.code).toBe(1006)

    const outage = await twoHosts()
    outage.b.kill()
    outage.b.powered = false
    outage.network.abandon(outage.listening, true)
    await outage.world.time.advance(19_000)
    expect(outage.near.closed).toBeUndefined()
    await outage.world.time.advance(22_000)
    expect(outage.near.closed?.code).toBe(1011)
  })

  it('resets a connection whose other end has restarted, at the first message', async () => {
    const { b, listening, near, near_, network, serve, world } = await twoHosts()
    b.kill()
    b.powered = false
    network.abandon(listening, true)
    await serve(b.boot())
    near_.send('anybody?')
    await world.time.advance(10)
    expect(near.closed?.code).toBe(1006)
  })

  it('closes in order: what was sent before arrives first', async () => {
    const { far, near, near_, world } = await twoHosts()
    near_.send('last words')
    near_.close(1000, 'done')
    expect(near_.send('too late')).toBe(false)
    await world.time.advance(100)
    expect(far.got).toEqual(['last words'])
    expect(far.closed).toEqual({ code: 1000, reason: 'done' })
    expect(near.closed?.code).toBe(1000)
  })

  it('hands objects over as they are, prints a sample of them, and notices a codec that loses something', async () => {
    const { far, near_, world } = await twoHosts({ codecSample: 0 })
    const frame = new OutboundFrame({ role: 'server', n: 1 }, (value) => JSON.stringify(value))
    near_.sendObject?.(frame)
    await world.time.advance(10)
    // The first of a kind is always printed, to know its size.
    expect(far.got).toEqual(['{"role":"server","n":1}'])
    const second = new OutboundFrame({ role: 'server', n: 2 }, () => '{"role":"server"}')
    near_.sendObject?.(second)
    await world.time.advance(10)
    expect(far.got[1]).toBe(second.value)
    expect(world.faults).toEqual([])

    const strict = await twoHosts({ codecSample: 1 })
    strict.near_.sendObject?.(second)
    await strict.world.time.advance(10)
    expect(strict.world.faults.map((fault) => fault.kind)).toEqual(['codec_mismatch'])
    expect(Object.isFrozen(second.value)).toBe(true)
  })

  it('counts messages and bytes of each host', async () => {
    const { near_, network, world } = await twoHosts()
    near_.send('four')
    await world.time.advance(10)
    expect(network.traffic.get('a')).toMatchObject({ messagesSent: 1, bytesSent: 4, messagesReceived: 0 })
    expect(network.traffic.get('b')).toMatchObject({ messagesReceived: 1, bytesReceived: 4, messagesSent: 0 })
  })
})

describe('a simulated host', () => {
  function host() {
    const world = createWorld({ seed: 'host' })
    return { world, machine: new SimHost(world, 'a') }
  }

  it('runs nothing of a program that crashed, be it a timer or a continuation', async () => {
    const { machine, world } = host()
    const program = machine.boot()
    const ran: string[] = []
    program.env.timers.every(10, () => ran.push('timer'))
    const waits = async () => {
      await new Promise<void>((resolve) => program.env.timers.after(25, resolve))
      ran.push('continuation')
    }
    program.enter(() => void waits())
    await world.time.advance(15)
    machine.kill()
    program.env.timers.after(1, () => ran.push('armed after the crash'))
    program.enter(() => ran.push('entered after the crash'))
    await world.time.advance(1_000)
    expect(ran).toEqual(['timer'])
  })

  it('holds up everything during a stall and goes on in order', async () => {
    const { machine, world } = host()
    const { env, enter } = bound(machine.boot())
    const ran: string[] = []
    env.timers.after(10, () => ran.push(`timer at ${env.clock.monotonic()}`))
    const cancel = env.timers.after(11, () => ran.push('cancelled meanwhile'))
    machine.stall(100)
    enter(() => {
      ran.push('first of the inbox')
      cancel()
    })
    await world.time.advance(99)
    expect(ran).toEqual([])
    await world.time.advance(1)
    expect(ran).toEqual(['first of the inbox', 'timer at 100'])
    expect(machine.stalled).toBe(false)
  })

  it('has clocks of its own: skewed ones move timers by nothing, fast ones make them early', async () => {
    const { machine, world } = host()
    const { env } = bound(machine.boot())
    const before = env.clock.wall()
    machine.skew(-600)
    expect(env.clock.wall()).toBeCloseTo(before - 600)
    machine.drift(100_000)
    let firedMs = 0
    env.timers.after(1_100, () => {
      firedMs = world.time.clock.monotonic()
    })
    await world.time.advance(2_000)
    expect(firedMs).toBeCloseTo(1_000)
    expect(env.clock.monotonic()).toBeCloseTo(2_200)
  })

  it('gives each program and each host luck of its own', () => {
    const { machine, world } = host()
    const first = machine.boot().env.random.ulid()
    machine.kill()
    const second = machine.boot().env.random.ulid()
    const other = new SimHost(world, 'b').boot().env.random.ulid()
    expect(new Set([first, second, other]).size).toBe(3)
  })

  it('reports real input and output of a step, and nobody else’s', async () => {
    const { machine, world } = host()
    const stop = watchRealIo()
    try {
      const { readFile } = await import('node:fs/promises')
      await readFile(import.meta.filename)
      expect(world.faults).toEqual([])
      const program = machine.boot()
      program.enter(() => {
        Promise.resolve()
          .then(() => readFile(import.meta.filename))
          .catch(() => {})
      })
      await world.time.advance(1)
      expect(world.faults[0]).toMatchObject({ kind: 'real_io', host: 'a' })
    } finally {
      stop()
    }
  })

  it('turns what a step throws into a fault', async () => {
    const { machine, world } = host()
    machine.boot().env.timers.after(1, () => {
      throw new Error('oh')
    })
    await world.time.advance(1)
    expect(world.faults[0]).toMatchObject({ kind: 'uncaught_error', message: expect.stringContaining('oh') })
  })
})

function bound(program: Incarnation) {
  return { env: program.env, enter: (fn: () => void) => program.enter(fn) }
}
