import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../base/index.ts'
import { type QueueConfig, RawJson } from '../wire/index.ts'
import { QUEUES_PRESETS, queueConfig } from './config.ts'
import { createQueue } from './queue.ts'

const body = new RawJson('1')

/** A queue whose messages are named by their topics. */
function make(given: Partial<QueueConfig> = {}) {
  const env = createVirtualEnv({ seed: 1 })
  const queue = createQueue({ env, name: 'q', config: queueConfig('q', given, QUEUES_PRESETS.standard.queue) })
  const send = (...names: (string | number)[]) => {
    for (const name of names) queue.send(String(name), body, 'at_least_once')
  }
  const receive = async (max = 100) => (await queue.receive({ subscriberId: 'w', max })).map(({ topic }) => topic)
  return { env, queue, send, receive }
}

describe('messages that come back', () => {
  it('together keep their order, before those that never left', async () => {
    const { env, receive, send } = make({ default_visibility_timeout_seconds: 1 })
    send(1, 2, 3, 4, 5)
    expect(await receive(4)).toEqual(['1', '2', '3', '4'])
    await env.advance(2_000)
    expect(await receive()).toEqual(['1', '2', '3', '4', '5'])
  })

  it('one after another stand in the order they were sent in, whichever came back first', async () => {
    const { queue, receive, send } = make()
    send(1, 2, 3, 4)
    const taken = await queue.receive({ subscriberId: 'w', max: 3 })
    for (const { message_id } of [...taken].reverse()) queue.reject(message_id, 'w', {})
    expect(await receive()).toEqual(['1', '2', '3', '4'])
  })

  it('from a pusher that is gone keep their order, too', async () => {
    const { env, queue, receive, send } = make()
    const id = queue.subscribe({ subscriberId: 's', topicPattern: '#', autoAcknowledge: false, deliver: () => {} })
    send(1, 2, 3)
    await env.advance(0)
    queue.unsubscribe(id, true)
    expect(await receive()).toEqual(['1', '2', '3'])
  })

  it('do not overtake a higher priority', async () => {
    const { queue, receive, send } = make({ queue_type: 'priority' })
    send('low')
    for (const { message_id } of await queue.receive({ subscriberId: 'w' })) queue.reject(message_id, 'w', {})
    queue.send('high', body, 'at_least_once', { priority: 1 })
    send('later')
    expect(await receive()).toEqual(['high', 'low', 'later'])
  })

  it('for the last time are dead letters in their order, and are redriven in it, behind what waits', async () => {
    const { env, queue, receive, send } = make({ default_visibility_timeout_seconds: 1, max_retries: 1 })
    send(1, 2, 3, 4)
    await receive()
    await env.advance(2_000)
    await receive()
    await env.advance(2_000)
    expect(queue.deadLetters().map(({ message }) => message.topic)).toEqual(['1', '2', '3', '4'])
    send('waits')
    queue.redrive()
    expect(await receive()).toEqual(['waits', '1', '2', '3', '4'])
  })

  it('are taken first, and by their priority and age, in whatever order consumers take and give back', async () => {
    const act = fc.oneof(
      fc.record({ kind: fc.constant('send' as const), priority: fc.nat(2) }),
      fc.record({ kind: fc.constant('take' as const), max: fc.integer({ min: 1, max: 4 }) }),
      fc.record({ kind: fc.constant('give back' as const), pick: fc.nat() }),
      fc.record({ kind: fc.constant('wait' as const) }),
    )
    interface Sent {
      readonly id: string
      readonly priority: number
      readonly number: number
      returned: boolean
    }
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('fifo' as const, 'priority' as const),
        fc.array(act, { maxLength: 40 }),
        async (queue_type, acts) => {
          const { env, queue } = make({ queue_type, max_retries: 1_000, default_visibility_timeout_seconds: 1 })
          const waiting: Sent[] = []
          const taken: Sent[] = []
          const rank = ({ priority }: Sent) => (queue_type === 'priority' ? -priority : 0)
          const back = (sent: Sent) => {
            sent.returned = true
            waiting.push(sent)
          }
          let number = 0
          for (const one of acts) {
            if (one.kind === 'send') {
              const { message_id: id } = queue.send('t', body, 'at_least_once', { priority: one.priority })
              waiting.push({ id, priority: one.priority, number: number++, returned: false })
            } else if (one.kind === 'take') {
              waiting.sort((a, b) => rank(a) - rank(b) || Number(b.returned) - Number(a.returned) || a.number - b.number)
              const due = waiting.splice(0, one.max)
              expect((await queue.receive({ subscriberId: 'w', max: one.max })).map(({ message_id }) => message_id)).toEqual(
                due.map(({ id }) => id),
              )
              taken.push(...due)
            } else if (one.kind === 'give back') {
              const [sent] = taken.splice(one.pick % Math.max(1, taken.length), 1)
              if (sent === undefined) continue
              expect(queue.reject(sent.id, 'w', {})).toBe(true)
              back(sent)
            } else {
              await env.advance(1_001)
              for (const sent of taken.splice(0)) back(sent)
            }
          }
        },
      ),
      { numRuns: 200 },
    )
  })
})
