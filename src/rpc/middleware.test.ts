import { describe, expect, it } from 'vitest'
import { createVirtualEnv, macroTurn } from '../base/index.ts'
import { Cancellation, RunningCall } from './call.ts'
import { describeFunction, type FunctionOptions } from './function.ts'
import { type CallMiddleware, runHooked } from './middleware.ts'

function setUp(options: FunctionOptions = {}) {
  const { clock } = createVirtualEnv({ seed: 1 })
  const cancellation = new Cancellation()
  const said: string[] = []
  const fn = describeFunction(
    'work',
    () => {
      said.push('ran')
      return 7
    },
    options,
    () => 'digest',
  )
  const caller = { connectionId: 'c', remote: 'test', viewerCluster: 'home', viewerTenant: null, credential: null, isAdmin: false }
  const call = new RunningCall('u', 'x', caller, 1000, fn, cancellation, clock.monotonic)
  const run = (...middleware: CallMiddleware[]) => runHooked(middleware, fn, call, [], clock.monotonic)
  const failed = (error: unknown) => said.push(`failed ${(error as Error).message}`)
  return { cancellation, failed, run, said }
}

const rejecting = (text: string) => () => Promise.reject(new Error(text))
const throwing = (text: string) => () => {
  throw new Error(text)
}

describe('a call that is aborted while hooks are awaited', () => {
  const reason = new Error('the caller disconnected')

  it('does not run when its authorisation was slow', async () => {
    const gate = Promise.withResolvers<boolean>()
    const { cancellation, run, said } = setUp({ authorize: () => gate.promise })
    const running = run({ before: () => void said.push('before'), error: (_, { error }) => said.push((error as Error).message) })
    cancellation.abort(reason)
    gate.resolve(true)
    await expect(running).rejects.toBe(reason)
    expect(said).toEqual(['the caller disconnected'])
  })

  it('does not run when a before hook was slow, nor do the hooks after that one', async () => {
    const gate = Promise.withResolvers<void>()
    const { cancellation, run, said } = setUp()
    const running = run({ before: () => gate.promise }, { before: () => void said.push('second') })
    cancellation.abort(reason)
    gate.resolve()
    await expect(running).rejects.toBe(reason)
    expect(said).toEqual([])
  })

  it('does not run when the last before hook was the slow one', async () => {
    const gate = Promise.withResolvers<void>()
    const { cancellation, run, said } = setUp()
    const running = run({ before: () => gate.promise })
    cancellation.abort(reason)
    gate.resolve()
    await expect(running).rejects.toBe(reason)
    expect(said).toEqual([])
  })
})

describe('hooks that fail after the fact', () => {
  it('are reported, whether they throw or reject, and the call succeeds', async () => {
    const { failed, run, said } = setUp()
    expect(await run({ after: rejecting('later'), failed }, { after: throwing('now'), failed })).toBe(7)
    await macroTurn()
    expect(said).toEqual(['ran', 'failed now', 'failed later'])
  })

  it('leave the error of the call as it was', async () => {
    const { failed, run, said } = setUp()
    const hooks = { before: throwing('no'), error: rejecting('later'), failed }
    await expect(run(hooks)).rejects.toThrow('no')
    await macroTurn()
    expect(said).toEqual(['failed later'])
  })

  it('may fail to be reported: that is dropped', async () => {
    const { failed, run, said } = setUp()
    const result = await run(
      { after: throwing('1'), failed },
      { after: throwing('2'), failed: throwing('3') },
      { after: rejecting('4'), failed: rejecting('5') },
      { after: rejecting('6') },
    )
    await macroTurn()
    expect(result).toBe(7)
    expect(said).toEqual(['ran', 'failed 1'])
  })
})
