import { beforeEach, describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../base/index.ts'
import { createSpanBatches } from './span-batches.ts'

let env: ReturnType<typeof createVirtualEnv>
let sent: string[]
let lost: number
/** Lets the batch under way end. */
let finish: () => void

beforeEach(() => {
  env = createVirtualEnv({ seed: 1 })
  sent = []
  lost = 0
  finish = () => {}
})

function batches(writtenAtOnce = 1) {
  const { add, stop } = createSpanBatches(env.timers, {
    head: '[',
    tail: ']',
    spansMax: 3,
    bytesMax: 100,
    batchesMax: 2,
    writtenAtOnce,
    intervalMs: 1000,
    send({ body, spans }) {
      const text = Buffer.from(body).toString()
      expect(JSON.parse(text)).toHaveLength(spans)
      sent.push(text)
      return new Promise((resolve) => {
        finish = resolve
      })
    },
    onLost: (spans) => {
      lost += spans
    },
  })
  return { stop, add: (text: string) => add({ text: () => text }) }
}

describe('spans on their way to an exporter', () => {
  it('leave after the interval, or at once when they fill a batch', async () => {
    const one = batches()
    one.add('0')
    expect(sent).toEqual([])
    await env.advance(1000)
    expect(sent).toEqual(['[0]'])
    finish()
    await env.advance(1)
    for (let i = 1; i <= 3; i++) one.add(`${i}`)
    expect(sent).toEqual(['[0]', '[1,2,3]'])
  })

  it('wait while a batch is under way, and are counted as lost when there are too many', async () => {
    const one = batches()
    for (let i = 0; i < 3 + 3 + 3 + 2; i++) one.add(`${i}`)
    expect(sent).toEqual(['[0,1,2]'])
    expect(lost).toBe(2)
    finish()
    await env.advance(1)
    one.add('11')
    finish()
    await env.advance(1)
    finish()
    await env.advance(1000)
    expect(sent).toEqual(['[0,1,2]', '[3,4,5]', '[6,7,8]', '[11]'])
  })

  it('are written some at a time, and all before a request leaves', async () => {
    const one = batches(2)
    for (let i = 0; i < 3; i++) one.add(`${i}`)
    expect(sent).toEqual([])
    await env.advance(1000)
    expect(sent).toEqual(['[0,1,2]'])
  })

  it('go on gathering while the exporter is slow', async () => {
    const one = batches()
    one.add('0')
    await env.advance(1000)
    one.add('1')
    await env.advance(5000)
    one.add('2')
    finish()
    await env.advance(1000)
    expect(sent).toEqual(['[0]', '[1,2]'])
  })

  it('begin a new batch when they are large, and one that fits none is lost alone', async () => {
    const one = batches()
    const long = `"${'é'.repeat(10)}"`
    one.add(long)
    one.add(long)
    one.add(`"${'x'.repeat(40)}"`)
    one.add(long)
    finish()
    await env.advance(1000)
    expect(sent).toEqual([`[${long},${long}]`, `[${long}]`])
    expect(lost).toBe(1)
  })

  it('are all sent before a stop ends, and none after it', async () => {
    const one = batches()
    for (let i = 0; i < 4; i++) one.add(`${i}`)
    let isOver = false
    void one.stop().then(() => {
      isOver = true
    })
    one.add('4')
    finish()
    await env.advance(1)
    expect([sent, lost, isOver]).toEqual([['[0,1,2]', '[3]'], 1, false])
    finish()
    await env.advance(1)
    expect(isOver).toBe(true)
  })
})
