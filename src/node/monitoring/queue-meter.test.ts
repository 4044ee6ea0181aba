import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../../base/index.ts'
import { type QueueMessage, RawJson } from '../../wire/index.ts'
import { createQueueMeter } from './queue-meter.ts'

describe('what is measured of queues', () => {
  it('counts sends as operations, and failures among messages that came to an end', async () => {
    const env = createVirtualEnv({ seed: 1 })
    const meter = createQueueMeter({
      clock: env.clock,
      systemName: 'a',
      events: { answered: () => {}, tell: () => '' },
      subscriptions: () => 0,
    })
    const message = { message_id: 'm', topic: 't', payload: new RawJson('1') } as QueueMessage
    for (let n = 0; n < 27; n++) meter.sent('q', message)
    for (let n = 0; n < 12; n++) meter.acknowledged('q', message, 5)
    for (let n = 0; n < 3; n++) meter.failed('q', message, 'Max retries exceeded')
    await env.advance(2_000)
    const reading = meter.metrics()
    expect(reading).toMatchObject({
      requests_per_second: 27 / 60,
      total_operations: 27,
      operations_last_5_minutes: 27,
      total_operations_last_hour: 27,
      total_outcomes: 15,
      outcomes_last_5_minutes: 15,
      total_failures: 3,
      failures_last_5_minutes: 3,
      error_rate_percent: 20,
      lifetime_error_rate_percent: 20,
    })
  })
})
