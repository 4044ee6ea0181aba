import { afterEach, describe, expect, it, vi } from 'vitest'
import { type PublishMiddleware, runAfter, runBefore } from '../../src/node/middleware.ts'
import { createWorkerPool, type WorkerPool, type WorkerPoolOptions } from '../../src/node/worker-pool.ts'
import { describeFunction } from '../../src/rpc/index.ts'
import { encodeMessage, RPC_CODES, RpcError } from '../../src/wire/index.ts'

const module = new URL('./fixtures/cpu.ts', import.meta.url)
const never = new AbortController().signal

const pools: WorkerPool[] = []

function open(options: Partial<WorkerPoolOptions> = {}): WorkerPool {
  const pool = createWorkerPool({ threadsMax: 1, queueMax: 8, ...options })
  pools.push(pool)
  return pool
}

/** What a call fails with. */
function failure(pool: WorkerPool, exported: string, ...args: unknown[]): Promise<Error> {
  return pool.run({ module, export: exported }, args, never).then(
    (value) => expect.unreachable(`returned ${JSON.stringify(value)}`),
    (error: Error) => error,
  )
}

afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.close()
})

describe('a pool of worker threads', () => {
  it('fails every call when no threads are allowed, and starts none', async () => {
    const pool = open({ threadsMax: 0 })
    const error = await failure(pool, 'fibonacci', 3)
    expect(error).toBeInstanceOf(RpcError)
    expect((error as RpcError).toObject()).toEqual({
      code: RPC_CODES.executionFailed,
      message: 'RPC execution failed',
      details: 'WorkerPoolError: no worker threads are allowed (rpc_worker_threads_max is 0)',
    })
    expect(pool.snapshot()).toEqual({ threads: 0, waiting: 0, completed: 0 })
  })

  it('answers "overloaded" when its queue is full', async () => {
    const pool = open({ threadsMax: 1, queueMax: 1 })
    await pool.run({ module, export: 'fibonacci' }, [1], never)
    expect(pool.hasRoom).toBe(true)
    const blocked = new AbortController()
    const running = [0, 1].map(() => pool.run({ module, export: 'threadBlocked' }, [60_000], blocked.signal))
    expect(pool.hasRoom).toBe(false)
    const error = await failure(pool, 'fibonacci', 1)
    expect(error).toBeInstanceOf(RpcError)
    expect((error as RpcError).toObject()).toEqual({
      code: RPC_CODES.overloaded,
      message: 'overloaded',
      details: 'OverloadedError: 1 calls wait for a worker thread already; retry after 1 s',
    })
    const reason = new Error('enough')
    blocked.abort(reason)
    for (const outcome of await Promise.allSettled(running)) expect(outcome).toEqual({ status: 'rejected', reason })
    expect(pool.hasRoom).toBe(true)
    expect(await pool.run({ module, export: 'fibonacci' }, [10], never)).toBe(55)
  })

  it('goes on with the calls that wait when the running one is aborted', async () => {
    const pool = open({ threadsMax: 1 })
    await pool.run({ module, export: 'fibonacci' }, [1], never)
    const blocked = new AbortController()
    const running = pool.run({ module, export: 'threadBlocked' }, [60_000], blocked.signal)
    const waiting = pool.run({ module, export: 'fibonacci' }, [10], never)
    await expect.poll(() => pool.snapshot().waiting).toBe(1)
    blocked.abort(new Error('enough'))
    await expect(running).rejects.toThrow('enough')
    expect(await waiting).toBe(55)
  }, 5_000)

  it('closes without complaint when it never started or failed to start, and tries again with the next call', async () => {
    const start = { broken: true }
    vi.doMock('piscina', async (original) => {
      const { Piscina } = await original<typeof import('piscina')>()
      class Fragile extends Piscina {
        constructor(options: ConstructorParameters<typeof Piscina>[0]) {
          if (start.broken) throw new Error('can not start')
          super(options)
        }
      }
      return { Piscina: Fragile }
    })
    try {
      const pool = open()
      await pool.close()
      const failing = failure(pool, 'fibonacci', 10)
      await pool.close()
      expect((await failing).message).toBe('can not start')
      await pool.close()
      start.broken = false
      expect(await pool.run({ module, export: 'fibonacci' }, [10], never)).toBe(55)
    } finally {
      vi.doUnmock('piscina')
    }
  })
})

describe('what a worker function throws', () => {
  it('keeps its name, message and stack', async () => {
    const error = await failure(open(), 'overQuota', 'no more')
    expect(error).toMatchObject({ name: 'QuotaError', message: 'no more' })
    expect(error).not.toBeInstanceOf(RpcError)
    expect(error.stack).toContain('overQuota')
  })

  it('is an RpcError again when it was one', async () => {
    const error = await failure(open(), 'answerError', 77, { left: 0 })
    expect(error).toBeInstanceOf(RpcError)
    expect((error as RpcError).toObject()).toEqual({ code: 77, message: 'not now', details: { left: 0 }, explanation: { why: 'quota' } })
  })

  it('is an RpcError when it was a plain object with a code and a message', async () => {
    const error = await failure(open(), 'rejectObject', 78)
    expect(error).toBeInstanceOf(RpcError)
    expect((error as RpcError).toObject()).toEqual({ code: 78, message: 'custom', details: null })
  })

  it('may be no error at all', async () => {
    expect(await failure(open(), 'rejectText', 'just text')).toMatchObject({ name: 'Error', message: 'just text' })
  })

  it('is answered without details that can not be copied', async () => {
    const error = (await failure(open(), 'uncloneableDetails')) as RpcError
    expect(error.rpcCode).toBe(79)
    expect(error.details).toMatch(/^left out, can not be copied out of its thread: .*could not be cloned/s)
  })

  it('names the export whose result can not be copied, and the thread lives on', async () => {
    const pool = open()
    const error = await failure(pool, 'uncloneable')
    expect(error.name).toBe('TypeError')
    expect(error.message).toMatch(
      /^the result of 'uncloneable' of file:.*cpu\.ts can not be copied out of its thread: .*could not be cloned/s,
    )
    expect(pool.snapshot().threads).toBe(1)
    expect(await pool.run({ module, export: 'fibonacci' }, [10], never)).toBe(55)
  })

  it('names a missing export, and arguments that can not be copied in', async () => {
    const pool = open()
    expect((await failure(pool, 'nothing')).message).toContain("exports no function 'nothing'")
    expect((await failure(pool, 'fibonacci', () => 1)).message).toContain('could not be cloned')
  })
})

describe('registering a worker function', () => {
  it.each(['withCall', 'raw'] as const)('refuses %s, which can not cross threads', (option) => {
    const describeWith = (value: boolean) => describeFunction('far', { invoke: () => 1 }, { [option]: value }, () => 'digest')
    expect(() => describeWith(true)).toThrow(
      expect.objectContaining({
        name: 'RegistrationError',
        code: 'invalid_option',
        message: expect.stringContaining('a worker function gets plain copies of its arguments and no call'),
      }),
    )
    expect(describeWith(false).name).toBe('far')
  })
})

describe('hooks around publications', () => {
  const init = { topic: 'a.b', payload: 1, timestamp: 1, messageId: 'm', publisher: 'x' }
  const message = { ...init, text: encodeMessage(init) }
  const caller = { connectionId: 'c', remote: 'test', viewerCluster: 'home', viewerTenant: null, credential: null, isAdmin: false }

  function recorder(): { said: string[]; hooks: (name: string, own?: Partial<PublishMiddleware>) => PublishMiddleware } {
    const said: string[] = []
    const hooks = (name: string, own: Partial<PublishMiddleware> = {}): PublishMiddleware => ({
      before: () => void said.push(`${name} before`),
      after: (_, { deliveries }) => said.push(`${name} after ${deliveries}`),
      error: (_, { error }) => said.push(`${name} error ${(error as Error).message}`),
      failed: (error) => said.push(`${name} failed ${(error as Error).message}`),
      ...own,
    })
    return { said, hooks }
  }

  const refuse = (text: string) => () => {
    throw new Error(text)
  }
  const rejecting = (text: string) => () => Promise.reject(new Error(text))

  it('run in registration order, and refuse by throwing', () => {
    const { said, hooks } = recorder()
    runBefore([hooks('a'), hooks('b')], message, { caller })
    runAfter([hooks('a'), hooks('b')], message, { caller, deliveries: 2 })
    expect(said.splice(0)).toEqual(['a before', 'b before', 'a after 2', 'b after 2'])
    expect(() => runBefore([hooks('a', { before: refuse('no') }), hooks('b')], message, { caller })).toThrow('no')
    expect(said).toEqual(['a error no', 'b error no'])
  })

  it('refuse a publication when one returns a promise, whose rejection is only reported', async () => {
    const { said, hooks } = recorder()
    const slow = hooks('a', { before: rejecting('too late') as () => never })
    expect(() => runBefore([slow, hooks('b')], message, { caller })).toThrow(new TypeError('publish hooks must be synchronous'))
    await vi.waitFor(() => expect(said).toContain('a failed too late'))
    expect(said).not.toContain('b before')
    expect(said).toContain('b error publish hooks must be synchronous')
  })

  it('report what fails after the fact, at once or later, and drop what fails then', async () => {
    const { said, hooks } = recorder()
    const unheard = { error: refuse('e1'), failed: rejecting('f1') }
    const all = [
      hooks('a', { after: refuse('a1'), error: rejecting('a2') }),
      hooks('b', { after: rejecting('b1'), failed: refuse('f2') }),
      hooks('c', { after: refuse('c1'), ...unheard }),
      hooks('d', { before: refuse('no') }),
    ]
    runAfter(all, message, { caller, deliveries: 0 })
    expect(() => runBefore(all, message, { caller })).toThrow('no')
    await vi.waitFor(() => expect(said).toContain('a failed a2'))
    expect(said).toEqual(['a failed a1', 'd after 0', 'a before', 'b before', 'c before', 'b error no', 'd error no', 'a failed a2'])
  })
})
