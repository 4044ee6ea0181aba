import { describe, expect, it } from 'vitest'
import { createVirtualEnv, type LogScope, silentLog } from '../base/index.ts'
import { createCircuitBreaker, logChanges } from './circuit-breaker.ts'

function failing(times: number) {
  const env = createVirtualEnv({ seed: 1 })
  const breaker = createCircuitBreaker(env.clock)
  for (let i = 0; i < times; i++) breaker.onFailure()
  return { env, breaker }
}

describe('circuit breaker', () => {
  it('tells of each change of state, with how often it failed', async () => {
    const env = createVirtualEnv({ seed: 1 })
    const lines: string[] = []
    const log: LogScope = { ...silentLog, scope: () => log, info: (line) => lines.push(line), warn: (line) => lines.push(`! ${line}`) }
    const breaker = createCircuitBreaker(env.clock, { failureThreshold: 2, successThreshold: 1 }, logChanges(log, 'ws://n:1'))
    for (let i = 0; i < 3; i++) breaker.onFailure()
    await env.advance(60_001)
    breaker.mayExecute()
    breaker.onSuccess()
    breaker.onSuccess()
    expect(lines).toEqual([
      '! breaker ws://n:1 closed -> open failures=2',
      'breaker ws://n:1 open -> half_open failures=3',
      'breaker ws://n:1 half_open -> closed failures=0',
    ])
  })

  it('wire check 35: opens after 5 failures, tries again after the recovery time, closes after 3 successes', async () => {
    const { env, breaker } = failing(4)
    expect(breaker.mayExecute()).toBe(true)
    breaker.onFailure()
    expect(breaker.state).toBe('open')
    expect(breaker.mayExecute()).toBe(false)
    await env.advance(60_000)
    expect(breaker.mayExecute()).toBe(false)
    await env.advance(1)
    expect(breaker.mayExecute()).toBe(true)
    expect(breaker.state).toBe('half_open')
    breaker.onSuccess()
    breaker.onSuccess()
    expect(breaker.state).toBe('half_open')
    breaker.onSuccess()
    expect(breaker.state).toBe('closed')
  })

  it('wire check 35: a success while open closes it at once', () => {
    const { breaker } = failing(5)
    breaker.onSuccess()
    expect(breaker.state).toBe('closed')
  })

  it('wire check 35: a failure while half open opens it again', async () => {
    const { env, breaker } = failing(5)
    await env.advance(60_001)
    breaker.mayExecute()
    breaker.onSuccess()
    breaker.onSuccess()
    breaker.onFailure()
    expect(breaker.state).toBe('open')
    expect(breaker.mayExecute()).toBe(false)
    await env.advance(60_001)
    breaker.mayExecute()
    breaker.onSuccess()
    expect(breaker.state).toBe('half_open')
  })

  it('counts consecutive failures only', () => {
    const { breaker } = failing(4)
    breaker.onSuccess()
    for (let i = 0; i < 4; i++) breaker.onFailure()
    expect(breaker.state).toBe('closed')
  })

  it('forgets everything on a fresh connection', () => {
    const { breaker } = failing(5)
    breaker.reset()
    expect(breaker.mayExecute()).toBe(true)
    expect(breaker.snapshot()).toMatchObject({ state: 'closed', failure_count: 0, opened_total: 1 })
  })

  it('says when it will try again and how often it refused', async () => {
    const { env, breaker } = failing(5)
    await env.advance(20_000)
    breaker.mayExecute()
    expect(breaker.snapshot()).toEqual({
      state: 'open',
      failure_count: 5,
      success_count: 0,
      retry_in_ms: 40_000,
      opened_total: 1,
      refused_total: 1,
    })
  })
})
