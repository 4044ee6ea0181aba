import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { createStderrSink, type RecordStream } from './stderr-sink.ts'

function fakeStream(state: { writable: boolean; writableLength: number }) {
  const written: string[] = []
  const listeners: (() => void)[] = []
  const stream: RecordStream = {
    get writable() {
      return state.writable
    },
    get writableLength() {
      return state.writableLength
    },
    write: (text) => written.push(text) > 0,
    on: (_, listener) => listeners.push(listener),
    listenerCount: () => listeners.length,
  }
  return { stream, written, listeners }
}

describe('stderr sink', () => {
  it('writes one line per record', () => {
    const { stream, written } = fakeStream({ writable: true, writableLength: 0 })
    expect(createStderrSink(stream)('one')).toBe(true)
    expect(written).toEqual(['one\n'])
  })

  it('loses records when the reader is gone or too slow', () => {
    const state = { writable: false, writableLength: 0 }
    const { stream, written } = fakeStream(state)
    const sink = createStderrSink(stream)
    expect(sink('reader gone')).toBe(false)
    Object.assign(state, { writable: true, writableLength: 9 * 1024 * 1024 })
    expect(sink('reader too slow')).toBe(false)
    expect(written).toEqual([])
  })

  it('listens for errors once, however many nodes share the stream', () => {
    const { stream, listeners } = fakeStream({ writable: true, writableLength: 0 })
    createStderrSink(stream)
    createStderrSink(stream)
    expect(listeners).toHaveLength(1)
  })

  it('survives a reader that closed its end', async () => {
    const program = `
      const { createStderrSink } = await import(${JSON.stringify(new URL('./stderr-sink.ts', import.meta.url).href)})
      const stderrSink = createStderrSink()
      process.stdin.once('data', () => {
        let lost = 0
        const timer = setInterval(() => {
          if (!stderrSink('x'.repeat(1000))) lost++
          if (lost > 2) { clearInterval(timer); process.stdin.destroy(); console.log('alive') }
        }, 1)
      })`
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['pipe', 'pipe', 'pipe'] })
    const output: string[] = []
    child.stdout.on('data', (data) => output.push(String(data)))
    child.stderr.destroy()
    await once(child.stderr, 'close')
    child.stdin.write('go')
    const [code] = await once(child, 'close')
    expect({ code, output: output.join('') }).toEqual({ code: 0, output: 'alive\n' })
  })
})
