import { describe, expect, it } from 'vitest'
import { FrameError } from './errors.ts'
import { parseFrame } from './frame.ts'

describe('the first look at a frame', () => {
  it('hands over the parsed object', () => {
    expect(parseFrame(' {"role":"rpc","u":"q1"}\n')).toEqual({ role: 'rpc', u: 'q1' })
  })

  it.each(['', 'hello', '{"role":', '{"role":"rpc"} x', '\ufeff{}', '{"a":NaN}'])('refuses %j, which is not JSON', (text) => {
    expect(() => parseFrame(text)).toThrow(FrameError)
  })

  it('says so in one line that repeats nothing of the frame', () => {
    expect(() => parseFrame('{"token":"secret"\n')).toThrow(/^the frame is not JSON$/)
  })

  it.each(['[]', '[{"role":"rpc"}]', 'null', '7', '"rpc"', 'true'])('refuses %s, which is no object', (text) => {
    expect(() => parseFrame(text)).toThrow(/^the frame is not a JSON object$/)
  })
})
