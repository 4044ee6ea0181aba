import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../base/index.ts'
import { encodeJson, RawJson } from '../wire/index.ts'
import { QUEUES_PRESETS, queueConfig } from './config.ts'
import { letterBytes, messageBytes } from './message-size.ts'
import { createQueue } from './queue.ts'

const KIB = 1024
const text = (bytes: number) => new RawJson(JSON.stringify('x'.repeat(bytes)))

function make(messageBytesMax = Number.POSITIVE_INFINITY) {
  const env = createVirtualEnv({ seed: 1 })
  const config = queueConfig('q', { max_retries: 0, default_visibility_timeout_seconds: 1 }, QUEUES_PRESETS.standard.queue)
  const queue = createQueue({ env, name: 'q', config, messageBytesMax })
  const send = (topic: string, bytes: number) => queue.send(topic, text(bytes), 'at_least_once')
  return { env, queue, send }
}

describe('a consumer with room for so many bytes', () => {
  it('gets as many messages as fit; the others wait, untouched', async () => {
    const { env, queue, send } = make()
    for (const topic of ['a', 'b', 'c', 'd', 'e']) send(topic, 50 * KIB)
    const got = await queue.receive({ subscriberId: 'w', max: 5, bytesMax: 110 * KIB })
    expect(got.map(({ topic }) => topic)).toEqual(['a', 'b'])
    expect(queue.statistics()).toMatchObject({ current_queue_size: 3, current_in_flight_count: 2, messages_received: 2 })
    await env.advance(2_000)
    expect(queue.deadLetters().map(({ message }) => message.topic)).toEqual(['a', 'b'])
    expect(queue.statistics().current_queue_size).toBe(3)
  })

  it('is told of a message that does not fit at all, which stays where it is', async () => {
    const { env, queue, send } = make()
    const { message_id } = send('a', 50 * KIB)
    await expect(queue.receive({ subscriberId: 'w', bytesMax: 40 * KIB })).rejects.toMatchObject({
      code: 'queue_message_too_large',
      message: expect.stringContaining(message_id),
    })
    expect(queue.statistics()).toMatchObject({ current_queue_size: 1, current_in_flight_count: 0, messages_received: 0 })
    await env.advance(60_000)
    expect(await queue.receive({ subscriberId: 'w' })).toMatchObject([{ message_id, attempt: 1 }])
  })

  it('is told so when it has waited for it, and is in nobody’s way', async () => {
    const { env, queue, send } = make()
    const small = queue.receive({ subscriberId: 'small', bytesMax: 40 * KIB, waitSeconds: 10 })
    const large = queue.receive({ subscriberId: 'large', waitSeconds: 10 })
    send('a', 50 * KIB)
    await expect(small).rejects.toMatchObject({ code: 'queue_message_too_large' })
    expect(await large).toMatchObject([{ topic: 'a', attempt: 1 }])
    queue.close()
    expect(env.pendingTimers).toBe(0)
  })

  it('gets as many dead letters as fit, and is told of one that does not', async () => {
    const { env, queue, send } = make()
    for (const topic of ['a', 'b', 'c']) send(topic, 50 * KIB)
    await queue.receive({ subscriberId: 'w', max: 3 })
    await env.advance(2_000)
    expect(queue.deadLetters(100, 110 * KIB).map(({ message }) => message.topic)).toEqual(['a', 'b'])
    expect(() => queue.deadLetters(100, 40 * KIB)).toThrow('bytes')
    expect(queue.deadLetters()).toHaveLength(3)
  })
})

describe('a message', () => {
  it('that could not leave its node again is not taken in', () => {
    const { queue, send } = make(40 * KIB)
    expect(send('a', 30 * KIB).success).toBe(true)
    expect(send('a', 50 * KIB)).toMatchObject({ success: false, error_message: expect.stringContaining('bytes') })
    const headers = { header: '\u0001'.repeat(10 * KIB) }
    expect(queue.send('a', text(1), 'at_least_once', { headers }).success).toBe(false)
    expect(queue.statistics()).toMatchObject({ messages_sent: 1, messages_refused: 2 })
  })

  it('takes no more bytes than reckoned', async () => {
    const word = fc.string({ unit: 'binary', maxLength: 40 })
    await fc.assert(
      fc.asyncProperty(word, word, word, word, fc.jsonValue(), async (topic, name, value, detail, payload) => {
        const { env, queue } = make()
        const raw = new RawJson(encodeJson(payload))
        queue.send(topic, raw, 'at_least_once', { headers: { [name]: value }, visibility_timeout_seconds: 123.456789012345 })
        let bytes = 0
        queue.subscribe({
          subscriberId: name,
          topicPattern: '#',
          deliver(message) {
            bytes = Buffer.byteLength(encodeJson(message))
            expect(messageBytes(message)).toBeGreaterThanOrEqual(bytes)
            throw new Error(detail)
          },
        })
        await env.advance(1)
        expect(bytes).toBeGreaterThan(0)
        const [letter] = queue.deadLetters()
        if (letter === undefined) throw new Error('no dead letter')
        expect(letterBytes(letter)).toBeGreaterThanOrEqual(Buffer.byteLength(encodeJson(letter)))
      }),
      { numRuns: 30 },
    )
  })
})
