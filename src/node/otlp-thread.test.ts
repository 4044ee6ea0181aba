import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../base/index.ts'
import { createOtlpThread, type Thread } from './otlp-thread.ts'

class FakeThread extends EventEmitter implements Thread {
  readonly taken: string[] = []
  terminated = false
  postMessage(text: string): void {
    this.taken.push(text)
  }
  async terminate(): Promise<void> {
    this.terminated = true
    this.emit('exit', 1)
  }
  unref(): void {}
}

function scene() {
  const env = createVirtualEnv({ seed: 1 })
  const threads: FakeThread[] = []
  const thread = createOtlpThread(env.clock, () => {
    const started = new FakeThread()
    threads.push(started)
    return started
  })
  const last = () => threads.at(-1) as FakeThread
  return { env, last, thread, threads }
}

describe("the exporter's thread", () => {
  it('answers for each batch', async () => {
    const { last, thread } = scene()
    const first = thread.send('a')
    last().emit('message', { failure: undefined })
    expect(await first).toBeUndefined()
    const second = thread.send('b')
    last().emit('message', { failure: 'refused' })
    expect(await second).toBe('refused')
    expect(last().taken).toEqual(['a', 'b'])
  })

  it('fails the batch it ends with, and is started again a minute after its start', async () => {
    const { env, last, thread, threads } = scene()
    const lost = thread.send('a')
    last().emit('error', new Error('out of memory'))
    last().emit('exit', 1)
    expect(await lost).toBe("the exporter's thread ended: Error: out of memory")
    await env.advance(59_000)
    expect(await thread.send('b')).toBe("the exporter's thread ended: Error: out of memory")
    expect(threads).toHaveLength(1)
    await env.advance(1_000)
    const taken = thread.send('c')
    last().emit('message', { failure: undefined })
    expect(await taken).toBeUndefined()
    expect(threads.map((each) => each.taken)).toEqual([['a'], ['c']])
  })

  it('ends between two batches without a word about the one before', async () => {
    const { env, last, thread, threads } = scene()
    const first = thread.send('a')
    last().emit('message', { failure: undefined })
    expect(await first).toBeUndefined()
    last().emit('exit', 0)
    await env.advance(60_000)
    const second = thread.send('b')
    last().emit('message', { failure: undefined })
    expect(await second).toBeUndefined()
    expect(threads).toHaveLength(2)
  })

  it('is ended with what is under way, and not started again', async () => {
    const { env, last, thread, threads } = scene()
    const cut = thread.send('a')
    await thread.stop()
    expect(last().terminated).toBe(true)
    expect(await cut).toBe("the exporter's thread ended: exit code 1")
    await env.advance(60_000)
    expect(await thread.send('b')).toBe("the exporter's thread ended: exit code 1")
    expect(threads).toHaveLength(1)
  })
})
