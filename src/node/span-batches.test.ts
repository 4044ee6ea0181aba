import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import { beforeEach, describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../base/index.ts'
import { createSpanBatches } from './span-batches.ts'

let env: ReturnType<typeof createVirtualEnv>
let sent: number[]
let lost: number
/** Lets the batch under way end. */
let finish: () => void

beforeEach(() => {
  env = createVirtualEnv({ seed: 1 })
  sent = []
  lost = 0
  finish = () => {}
})

function batches() {
  return createSpanBatches(env.timers, {
    queueMax: 5,
    batchMax: 3,
    intervalMs: 1000,
    send(spans) {
      sent.push(spans.length)
      return new Promise((resolve) => {
        finish = resolve
      })
    },
    onLost: (spans) => {
      lost += spans
    },
  })
}

const span = {} as ReadableSpan

describe('spans on their way to an exporter', () => {
  it('leave after the interval, or at once when they fill a batch', async () => {
    const one = batches()
    one.onEnd(span)
    expect(sent).toEqual([])
    await env.advance(1000)
    expect(sent).toEqual([1])
    finish()
    await env.advance(1)
    for (let i = 0; i < 3; i++) one.onEnd(span)
    expect(sent).toEqual([1, 3])
  })

  it('wait while a batch is under way, and are counted as lost when there are too many', async () => {
    const one = batches()
    for (let i = 0; i < 3 + 5 + 2; i++) one.onEnd(span)
    expect(sent).toEqual([3])
    expect(lost).toBe(2)
    finish()
    await env.advance(1)
    expect(sent).toEqual([3, 3])
  })

  it('are all sent before a shutdown ends, and none after it', async () => {
    const one = batches()
    for (let i = 0; i < 4; i++) one.onEnd(span)
    let isOver = false
    void one.shutdown().then(() => {
      isOver = true
    })
    one.onEnd(span)
    finish()
    await env.advance(1)
    expect([sent, lost, isOver]).toEqual([[3, 1], 1, false])
    finish()
    await env.advance(1)
    expect(isOver).toBe(true)
  })
})
