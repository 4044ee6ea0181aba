import { describe, expect, it } from 'vitest'
import { createVirtualEnv, type Env, LinkedList, macroTurn, type VirtualEnv } from '../base/index.ts'
import { createTracer } from '../telemetry/index.ts'
import { decodeRpcRequest, RpcError, type TraceHop } from '../wire/index.ts'
import type { Call } from './call.ts'
import { createExecutor, type ExecutorOptions, type RequestObserver } from './executor.ts'
import { describeFunction, type FunctionOptions } from './function.ts'
import type { CallMiddleware } from './middleware.ts'
import { createRegistry } from './registry.ts'
import { summaryOf } from './spec.ts'

type Answer = {
  r: Record<string, unknown>
  error: { code: number; message: string; details: string; explanation?: never } | null
} & Record<string, never>

function setUp(
  options: Partial<ExecutorOptions> = {},
  middleware: CallMiddleware[] = [],
  observer?: RequestObserver,
  env: Env & Pick<VirtualEnv, 'advance'> = createVirtualEnv({ seed: 1 }),
) {
  const registry = createRegistry({
    nodeId: () => 'ws://here:1',
    clusterId: 'home',
    log: env.log,
    similar: (name, known) => known.filter((k) => k[0] === name[0]),
    whyAbsent: () => undefined,
  })
  const published: { topic: string; id: string; payload: unknown }[] = []
  const executor = createExecutor(
    {
      env,
      registry,
      middleware,
      tracer: createTracer({ clock: env.clock, node: () => 'ws://here:1', recorder: () => undefined }),
      observer,
      publishIntermediate: (_requestId, topic, id, text) => published.push({ topic, id, payload: JSON.parse(text) }),
    },
    { deadlineMs: 30_000, requestsInFlightMax: 8, commandsMax: 100, resultCharactersMax: 1_000_000, detailsWithStack: false, ...options },
  )
  const source = {
    caller: { connectionId: 'c1', remote: 'test', viewerCluster: 'home', viewerTenant: null, credential: null, isAdmin: false },
    inFlight: new LinkedList<object>(),
  }
  const register = (name: string, fn: (...args: never[]) => unknown, init: FunctionOptions = {}) =>
    registry.add(describeFunction(name, fn, init, () => 'digest'))
  register('echo', (value: unknown) => value, { raw: true })
  register('echos', (...values: unknown[]) => values, { raw: true })
  /** Sends a frame; the answer appears in the array returned once it is there. */
  const send = (frame: Record<string, unknown> | string): { text: string | undefined; json: Answer } => {
    const text = typeof frame === 'string' ? frame : JSON.stringify({ role: 'rpc', u: 'u1', ...frame })
    const answer: { text: string | undefined; json: Answer } = { text: undefined, json: undefined as never }
    executor.execute(decodeRpcRequest(JSON.parse(text), text), source, (out) => {
      expect(answer.text, 'answered twice').toBeUndefined()
      answer.text = out
      answer.json = JSON.parse(out) as Answer
    })
    return answer
  }
  const run = (...cmds: Record<string, unknown>[]) => send({ cmds }).json
  return { env, executor, published, register, registry, run, send, source }
}

describe('requests', () => {
  it('rpc check 1: a single command answers with exactly the five keys', () => {
    const { send } = setUp()
    const answer = send('{"role":"rpc","u":"a","cmds":[{"name":"x","fun":"echo","args":["hi"]}]}')
    expect(answer.text).toBe('{"r":{"x":"hi"},"error":null,"u":"a","intermediate_results":[],"execution_summary":null}')
  })

  it('rpc check 2: only the last level is returned', () => {
    const { run } = setUp()
    const answer = run(
      { name: 'p', fun: 'echo', args: [1] },
      { name: 'q', fun: 'echo', args: [2] },
      { name: 'z', fun: 'echos', args: ['p', 3] },
    )
    expect(answer.r).toEqual({ z: [1, 3] })
  })

  it('rpc check 3: field paths walk objects, anything else stays the literal text', () => {
    const { register, run } = setUp()
    register('make', () => ({ n: 1, list: [10], none: null }))
    const answer = run(
      { name: 'p', fun: 'make' },
      { name: 'e', fun: 'echos', args: ['p.n', 'p.list.0', 'p.miss', 'p.none', 'xp.n', { k: ['p.n'] }] },
    )
    expect(answer.r).toEqual({ e: [1, 'p.list.0', 'p.miss', null, 'xp.n', { k: [1] }] })
  })

  it('rpc check 4: commands in a circle fail before anything runs', () => {
    const { register, run } = setUp()
    let calls = 0
    register('count', (value: unknown) => [++calls, value])
    const answer = run({ name: 'a', fun: 'count', args: ['b'] }, { name: 'b', fun: 'count', args: ['a'] })
    expect(answer.error).toMatchObject({
      code: 1003,
      message: 'RPC execution failed',
      details: 'CycleError: commands refer to each other in a cycle: a -> b -> a',
    })
    expect(calls).toBe(0)
  })

  it('rpc check 5: of two commands with one name the last counts', () => {
    const { run } = setUp()
    expect(run({ name: 'p', fun: 'echo', args: [1] }, { name: 'p', fun: 'echo', args: [2] }).r).toEqual({ p: 2 })
  })

  it('rpc check 6: unknown functions and unsatisfied versions are not found, with every candidate explained', () => {
    const { register, run } = setUp()
    register('scale', () => 1, { version: '2.1.0', resources: ['cpu'] })
    expect(run({ name: 'x', fun: 'nope' }).error).toMatchObject({
      code: 1001,
      message: 'Command not found',
      details: 'Command not found: nope',
    })
    const answer = run({ name: 'x', fun: 'scale', version_constraint: '>=3.0', locs: ['gpu'] })
    expect(answer.error?.code).toBe(1001)
    expect(answer.error?.explanation).toMatchObject({
      candidates: [
        {
          version: '2.1.0',
          node_id: 'ws://here:1',
          reasons: ["version 2.1.0 does not satisfy '>=3.0'", "does not offer the resource 'gpu'"],
        },
      ],
    })
  })

  it('suggests a known name for a misspelt one', () => {
    const { run } = setUp()
    expect(run({ name: 'x', fun: 'ecko' }).error?.explanation).toMatchObject({ similar: ['echo', 'echos'], candidates: [] })
  })

  it('rpc check 7: what a local function throws becomes one line of details', () => {
    const { register, run } = setUp()
    register('boom', () => {
      throw new RangeError('bad 1')
    })
    expect(run({ name: 'p', fun: 'boom' })).toMatchObject({
      r: null,
      error: { code: 1003, message: 'RPC execution failed', details: 'RangeError: bad 1' },
    })
  })

  it('rpc check 8: a structured error is answered verbatim, thrown as a plain object or as RpcError', async () => {
    const { register, run, send } = setUp()
    const plain: unknown = { code: 77, message: 'custom' }
    register('plain', () => Promise.reject(plain))
    register('typed', () => {
      throw new RpcError({ code: 78, message: 'typed', details: { why: 1 } })
    })
    const answer = send({ cmds: [{ name: 'p', fun: 'plain' }] })
    await macroTurn()
    expect(answer.json).toMatchObject({ r: null, error: { code: 77, message: 'custom', details: null } })
    expect(run({ name: 'p', fun: 'typed' }).error).toEqual({ code: 78, message: 'typed', details: { why: 1 } })
  })

  it('rpc check 9: instrumented requests report every level', async () => {
    const { register, send } = setUp()
    register('slow', async (value: number) => value + 1)
    const cmds = [
      { name: 'a', fun: 'slow', args: [1] },
      { name: 'b', fun: 'slow', args: ['a'] },
      { name: 'c', fun: 'slow', args: ['b'] },
    ]
    const answer = send({ cmds, return_intermediate_results: true, include_execution_summary: true })
    await macroTurn()
    const records = answer.json.intermediate_results as unknown as {
      completed_levels: number
      accumulated_results: object
      total_levels: number
    }[]
    expect(records.map((record) => record.completed_levels)).toEqual([1, 2, 3])
    expect(records[2]?.accumulated_results).toEqual({ a: 2, b: 3, c: 4 })
    const summary = answer.json.execution_summary as unknown as {
      total_levels: number
      level_execution_times: number[]
      bottleneck_level_index: number
    }
    expect(summary.total_levels).toBe(3)
    expect(summary.level_execution_times).toHaveLength(3)
    expect(summary.bottleneck_level_index).toBe(summary.level_execution_times.indexOf(Math.max(...summary.level_execution_times)))
  })

  it('rpc check 10: commands of a level overlap in time', async () => {
    const { env, register, send } = setUp()
    register('wait', (ms: number) => new Promise((resolve) => env.timers.after(ms, () => resolve(ms))))
    const cmds = [
      { name: 'a', fun: 'wait', args: [100] },
      { name: 'b', fun: 'wait', args: [100] },
      { name: 'c', fun: 'echos', args: ['a', 'b'] },
    ]
    const answer = send({ cmds, include_execution_summary: true })
    await env.advance(99)
    expect(answer.text).toBeUndefined()
    await env.advance(1)
    expect(answer.json.r).toEqual({ c: [100, 100] })
    expect(answer.json.execution_summary).toMatchObject({ parallel_commands_executed: 3, total_execution_time_ms: 100 })
  })

  it('rpc check 11, wire check 19: a function still running at the deadline is answered for, and its signal aborts', async () => {
    const { env, executor, register, send, source } = setUp()
    let aborted = false
    register(
      'stuck',
      (call: Call) =>
        new Promise(() => {
          call.signal.addEventListener('abort', () => {
            aborted = true
          })
        }),
      { withCall: true },
    )
    const answer = send({ cmds: [{ name: 'x', fun: 'stuck' }] })
    await env.advance(29_999)
    expect(answer.text).toBeUndefined()
    await env.advance(1)
    expect(answer.json.error).toEqual({
      code: 1004,
      message: 'RPC execution timed out after 30.0 seconds',
      details: 'The RPC workflow took too long to complete',
    })
    expect(aborted).toBe(true)
    expect(source.inFlight.size).toBe(0)
    expect(executor.snapshot()).toMatchObject({ requests_timed_out: 1, requests_in_flight: 0 })
  })

  it('rpc check 13: per-level records are published on the topic the request names', () => {
    const { published, send } = setUp()
    const cmds = [
      { name: 'a', fun: 'echo', args: [1] },
      { name: 'b', fun: 'echo', args: ['a'] },
    ]
    const answer = send({ cmds, u: 'req', return_intermediate_results: true, intermediate_result_callback_topic: 't.x' })
    expect(answer.json.r).toEqual({ b: 1 })
    expect(published.map(({ topic, id }) => [topic, id])).toEqual([
      ['t.x', 'rpc_intermediate_req_0'],
      ['t.x', 'rpc_intermediate_req_1'],
    ])
    expect(published[1]?.payload).toMatchObject({ level_index: 1, level_results: { b: 1 } })
  })

  it('answers an empty request with an empty result', () => {
    const { send } = setUp()
    expect(send({ cmds: [] }).text).toBe('{"r":{},"error":null,"u":"u1","intermediate_results":[],"execution_summary":null}')
  })

  it("wire check 18: a command's own name is plain text", () => {
    const { run } = setUp()
    expect(run({ name: 'echo', fun: 'echo', args: ['echo'] }).r).toEqual({ echo: 'echo' })
    expect(run({ name: 'e', fun: 'echo', args: ['e.x'] }, { name: 'f', fun: 'echo', args: ['f'] }).r).toEqual({ e: 'e.x', f: 'f' })
  })

  it('orders commands by references in kwargs too', () => {
    const { register, run } = setUp()
    register('add', (a: number, b: number) => a + b)
    expect(run({ name: 'sum', fun: 'add', kwargs: { a: 'one', b: 2 } }, { name: 'one', fun: 'echo', args: [1] }).r).toEqual({ sum: 3 })
  })

  it('gives each consumer its own copy of a result', () => {
    const { register, run } = setUp()
    register('make', () => ({ list: [1] }))
    register('push', (o: { list: number[] }) => o.list.push(2))
    const answer = run({ name: 'm', fun: 'make' }, { name: 'a', fun: 'push', args: ['m'] }, { name: 'b', fun: 'push', args: ['m'] })
    expect(answer.r).toEqual({ a: 2, b: 2 })
  })

  it('rejects too many commands in one request with the number allowed', () => {
    const { run } = setUp({ commandsMax: 2 })
    const cmd = (name: string) => ({ name, fun: 'echo', args: [1] })
    expect(run(cmd('a'), cmd('b'), cmd('c')).error?.details).toBe('RangeError: cmds: 3 commands, at most 2 in one request; split it')
  })
})

describe('numbers', () => {
  it('wire check 11: echoed lexemes stay as they came', () => {
    const { send } = setUp()
    for (const lexeme of ['18446744073709551615', '1.0', '"é\u2028"', '-0', '1e400'.slice(0, 3), '{"2":1,"1":2}', '[1.50]']) {
      const answer = send(`{"role":"rpc","u":"a","cmds":[{"name":"x","fun":"echo","args":[${lexeme}]}]}`)
      expect(answer.text).toBe(`{"r":{"x":${lexeme}},"error":null,"u":"a","intermediate_results":[],"execution_summary":null}`)
    }
  })

  it('keeps lexemes across references and field paths', () => {
    const { send } = setUp()
    const answer = send(
      '{"role":"rpc","u":"a","cmds":[{"name":"a","fun":"echo","args":[{"v":1.0,"w":[18446744073709551615]}]},{"name":"b","fun":"echos","args":["a.v",{"k":"a.w"},"a"]}]}',
    )
    expect(answer.text).toContain('{"b":[1.0,{"k":[18446744073709551615]},{"v":1.0,"w":[18446744073709551615]}]}')
  })

  it('hands ordinary functions plain numbers, and integers beyond 2^53 as bigint', () => {
    const { register, send } = setUp()
    register('kinds', (...values: unknown[]) => values.map((value) => typeof value))
    const answer = send('{"role":"rpc","u":"a","cmds":[{"name":"x","fun":"kinds","args":[1.0,18446744073709551615,[2.50]]}]}')
    expect(answer.json.r).toEqual({ x: ['number', 'bigint', 'object'] })
  })

  it('wire check 12: NaN is answered as null, a value without a JSON form as an error', () => {
    const { register, run } = setUp()
    register('nan', () => Number.NaN)
    register('fn', () => ({ deep: [() => 1] }))
    register('huge', () => 2n ** 64n)
    expect(run({ name: 'x', fun: 'nan' }).r).toEqual({ x: null })
    expect(run({ name: 'x', fun: 'fn' }).error).toMatchObject({ code: 1003, details: 'TypeError: Type is not JSON serializable: function' })
    expect(run({ name: 'x', fun: 'huge' }).error?.details).toBe('TypeError: Integer exceeds 64-bit range: 18446744073709551616')
  })
})

describe('arguments', () => {
  it('wire check 14: the wrong number of arguments is refused in the words of a Python caller', () => {
    const { register, run } = setUp()
    register('add', (a: number, b: number) => a + b)
    expect(run({ name: 'x', fun: 'add', args: [1] }).error?.details).toBe("TypeError: add() missing 1 required positional argument: 'b'")
    expect(run({ name: 'x', fun: 'add', args: [1, 2, 3] }).error?.details).toBe(
      'TypeError: add() takes 2 positional arguments but 3 were given',
    )
    expect(run({ name: 'x', fun: 'add', args: [1], kwargs: { zz: 1, b: 2 } }).error?.details).toBe(
      "TypeError: add() got an unexpected keyword argument 'zz'",
    )
    expect(run({ name: 'x', fun: 'add', args: [1], kwargs: { a: 2, b: 1 } }).error?.details).toBe(
      "TypeError: add() got multiple values for argument 'a'",
    )
  })

  it('places keyword arguments by parameter name and fills in declared defaults', () => {
    const { register, run } = setUp()
    register('kw', (a: unknown, b: unknown, c: unknown) => ({ a, b, c }), {
      params: { a: 'int', b: { type: 'integer', default: 2 }, c: { default: [] } },
    })
    expect(run({ name: 'x', fun: 'kw', args: [1], kwargs: { c: [3] } }).r).toEqual({ x: { a: 1, b: 2, c: [3] } })
    expect(run({ name: 'x', fun: 'kw', kwargs: { a: 'no' } }).error?.details).toBe("TypeError: kw() argument 'a' must be int, got str")
  })
})

describe('versions and resources', () => {
  it('rpc check 15: versions of one function live side by side, contradictions are refused', () => {
    const { register, run } = setUp()
    register('f', () => 'one', { version: '1.0.0' })
    register('f', () => 'one-two', { version: '1.2' })
    expect(() => register('f', () => 1, { functionId: 'other' })).toThrow('Function name conflict: f already mapped to f')
    expect(() => register('g', () => 1, { functionId: 'f' })).toThrow('Function id conflict: f already mapped to f')
    expect(() => register('f', () => 1, { version: 'v1.2.0' })).toThrow("Function 'f' is already registered (version 1.2.0).")
    expect(run({ name: 'x', fun: 'f' }).r).toEqual({ x: 'one-two' })
    expect(run({ name: 'x', fun: 'f', version_constraint: '<1.2' }).r).toEqual({ x: 'one' })
  })

  it('routing check 35: required resources must all be offered, and choose among versions', () => {
    const { register, run } = setUp()
    register('r', () => 'cpu', { version: '2.1.0', resources: ['cpu'] })
    register('r', () => 'both', { version: '1.0.0', resources: ['cpu', 'gpu'] })
    expect(run({ name: 'x', fun: 'r', locs: ['cpu'] }).r).toEqual({ x: 'cpu' })
    expect(run({ name: 'x', fun: 'r', locs: ['gpu'] }).r).toEqual({ x: 'both' })
    expect(run({ name: 'x', fun: 'r', locs: ['tpu'] }).error?.code).toBe(1001)
    expect(run({ name: 'x', fun: 'r', version_constraint: '>=3.0' }).error?.code).toBe(1001)
  })

  it('wire check 13: wrong id, foreign cluster and malformed constraint', () => {
    const { run } = setUp()
    expect(run({ name: 'x', fun: 'echo', args: [1], function_id: 'other' }).error?.code).toBe(1001)
    expect(run({ name: 'x', fun: 'echo', args: [1], target_cluster: 'nowhere' }).error?.code).toBe(1001)
    expect(run({ name: 'x', fun: 'echo', args: [1], version_constraint: 'garbage' }).error).toMatchObject({
      code: 1003,
      details: 'ValueError: Invalid semantic version: garbage',
    })
  })

  it('forgets a removed function and its id', () => {
    const { register, registry, run } = setUp()
    register('tmp', () => 1, { functionId: 'id.tmp' })
    expect(registry.remove('tmp')).toBe(1)
    expect(run({ name: 'x', fun: 'tmp' }).error?.code).toBe(1001)
    register('other', () => 2, { functionId: 'id.tmp' })
    expect(run({ name: 'x', fun: 'other' }).r).toEqual({ x: 2 })
  })
})

describe('limits', () => {
  it('bounds what references can build from a short request', () => {
    const { run } = setUp({ resultCharactersMax: 10_000 })
    const cmds: object[] = [{ name: 'l0', fun: 'echo', args: ['x'.repeat(100)] }]
    for (let level = 1; level < 6; level++)
      cmds.push({ name: `l${level}`, fun: 'echos', args: Array.from({ length: 10 }, () => `l${level - 1}`) })
    expect(run(...(cmds as Record<string, unknown>[])).error).toMatchObject({
      code: 1003,
      details: expect.stringMatching(/^RangeError: results and references of this request exceed/),
    })
  })

  it('looks through a result once, however many references reach into it', () => {
    const { register, run } = setUp({ resultCharactersMax: 10_000_000 })
    const size = 5000
    register('make', () => Object.fromEntries(Array.from({ length: size }, (_, i) => [`k${i}`, { v: i }])))
    const args = Array.from({ length: size }, (_, i) => `p.k${i}.v`)
    const { r } = run({ name: 'p', fun: 'make' }, { name: 'e', fun: 'echos', args })
    expect(r).toEqual({ e: Array.from({ length: size }, (_, i) => i) })
  })

  it('answers a full connection with overloaded and when to come back', async () => {
    const { executor, register, run, send, source } = setUp({ requestsInFlightMax: 2 })
    let finish = () => {}
    const gate = new Promise<void>((resolve) => {
      finish = resolve
    })
    register('wait', () => gate)
    const first = send({ cmds: [{ name: 'x', fun: 'wait' }] })
    send({ cmds: [{ name: 'x', fun: 'wait' }] })
    expect(run({ name: 'x', fun: 'echo', args: [1] }).error).toEqual({
      code: 503,
      message: 'overloaded',
      details: 'OverloadedError: 2 requests in flight on this connection, limit 2; retry after 0.1 s',
    })
    finish()
    await gate
    await Promise.resolve()
    expect(first.json.r).toEqual({ x: null })
    expect(run({ name: 'x', fun: 'echo', args: [1] }).r).toEqual({ x: 1 })
    expect(source.inFlight.size).toBe(0)
    expect(executor.snapshot().requests_overloaded).toBe(1)
  })

  it('aborts what a closed connection has running and answers nobody', async () => {
    const { env, executor, register, send, source } = setUp()
    let reason = ''
    register(
      'stuck',
      (call: Call) =>
        new Promise((_, reject) =>
          call.signal.addEventListener('abort', () => {
            reason = String(call.signal.reason)
            reject(call.signal.reason)
          }),
        ),
      { withCall: true },
    )
    const answer = send({ cmds: [{ name: 'x', fun: 'stuck' }] })
    executor.abandon(source)
    await env.advance(40_000)
    expect(answer.text).toBeUndefined()
    expect(reason).toContain('disconnected')
    expect(executor.snapshot()).toMatchObject({ requests_in_flight: 0, requests_timed_out: 0 })
  })
})

describe('hooks', () => {
  it('run around a call, may refuse it, and can not break it afterwards', async () => {
    const seen: string[] = []
    const middleware: CallMiddleware[] = [
      {
        before: (call) => {
          seen.push(`before ${call.fun}`)
          if (call.fun === 'secret') throw new RpcError({ code: 403, message: 'no' })
        },
        after: (call, { result }) => {
          seen.push(`after ${call.fun} ${String(result)}`)
          throw new Error('broken hook')
        },
        error: (call) => void seen.push(`error ${call.fun}`),
        failed: (error) => void seen.push((error as Error).message),
      },
    ]
    const { register, send } = setUp({}, middleware)
    register('secret', () => 1)
    register('open', () => 2)
    const refused = send({ cmds: [{ name: 'x', fun: 'secret' }] })
    const passed = send({ cmds: [{ name: 'x', fun: 'open' }] })
    await macroTurn()
    expect(refused.json.error).toMatchObject({ code: 403, message: 'no' })
    expect(passed.json.r).toEqual({ x: 2 })
    expect(seen).toEqual(expect.arrayContaining(['before secret', 'error secret', 'before open', 'after open 2', 'broken hook']))
  })

  it('ask the function itself who may call', async () => {
    const { register, send } = setUp()
    register('mine', () => 1, { authorize: async (call) => call.caller.credential === 'me' })
    const answer = send({ cmds: [{ name: 'x', fun: 'mine' }] })
    await macroTurn()
    expect(answer.json.error).toEqual({ code: 403, message: 'forbidden', details: "ForbiddenError: this caller may not run 'mine'" })
  })
})

describe('the summary of a function', () => {
  it('rpc check 16: the summary counts parameters', () => {
    const fn = describeFunction(
      'math.add',
      (a: number, b = 2) => a + b,
      {},
      () => 'd',
    )
    expect(summaryOf(fn.spec)).toMatchObject({ parameter_count: 2, required_parameter_count: 1, namespace: 'math' })
  })
})

describe('requests whose caller wants to know what was done', () => {
  const trace = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', trace_hops: true }
  const traceIn = (answer: object) => (answer as { readonly trace?: readonly TraceHop[] }).trace

  it('get a report with their answer, and others do not', () => {
    const { send } = setUp()
    const cmds = [{ name: 'a', fun: 'echo', args: [1] }]
    const { json } = send({ cmds, ...trace })
    expect(json.r).toEqual({ a: 1 })
    expect(traceIn(json)).toEqual([
      expect.objectContaining({ node: 'ws://here:1', event: 'request', subject: 'echo', error: null, hops: [] }),
    ])
    for (const other of [{ cmds }, { cmds, traceparent: trace.traceparent }, { cmds, trace_hops: true }]) {
      expect(Object.keys(send(other).json)).toEqual(['r', 'error', 'u', 'intermediate_results', 'execution_summary'])
    }
  })

  it('learn of each command in which level it ran, and of one that hangs that it is not finished', async () => {
    const { env, register, send } = setUp()
    register('hang', (_value: unknown) => new Promise(() => {}))
    const answer = send({
      cmds: [
        { name: 'a', fun: 'echo', args: [1] },
        { name: 'b', fun: 'hang', args: ['a'] },
      ],
      ...trace,
    })
    await env.advance(30_000)
    const [request] = traceIn(answer.json) as [TraceHop]
    expect(request.error).toContain('timed out')
    expect(request.hops.map(({ attributes, error, subject }) => [subject, attributes['mpreg.level'], error])).toEqual([
      ['echo', 0, null],
      ['hang', 1, 'not finished'],
    ])
  })
})

describe('what is measured of requests', () => {
  it('begins with the end of the one before in the same turn, for which it waited, else with itself', async () => {
    const ended: number[] = []
    let nowMs = 0
    const env = createVirtualEnv({ seed: 1 })
    const { executor, register, send, source } = setUp(
      {},
      [],
      { level: () => {}, ended: (_request, tookMs) => ended.push(tookMs) },
      { ...env, clock: { ...env.clock, monotonic: () => nowMs } },
    )
    /** Time passes, and the turn does not end. */
    const work = (ms: number): void => {
      nowMs += ms
    }
    register('work', (ms: number) => work(ms), { raw: true })
    const cmds = [{ name: 'x', fun: 'work', args: [5] }]
    send({ cmds })
    // The frame of the next one is read.
    work(2)
    send({ cmds })
    work(100)
    const own = { ...source, caller: { ...source.caller, connectionId: '' } }
    executor.execute(decodeRpcRequest({ role: 'rpc', u: 'u2', cmds }, ''), own, () => {})
    await macroTurn()
    work(50)
    send({ cmds })
    expect(ended).toEqual([5, 7, 5, 5])
  })
})
