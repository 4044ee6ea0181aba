import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sliceAt } from './json.ts'
import {
  ackFrame,
  decodePublish,
  decodeSubscribe,
  decodeUnsubscribe,
  encodeAck,
  encodeNotification,
  messageObject,
  notificationFrame,
  notificationTail,
} from './pubsub.ts'
import { encodeMessage, encodePublish, encodeSubscribe, encodeUnsubscribe } from './pubsub-client.ts'

const publish = (text: string) => decodePublish(JSON.parse(text), text)
const CANONICAL =
  '{"topic":"a.b","payload":{"kg":2.50},"timestamp":1790000002.5,"message_id":"m","publisher":"p","headers":{"priority":3},"routing_path":null,"current_hop":null}'

describe('publishing', () => {
  it('keeps a complete message byte for byte', () => {
    expect(publish(`{"role":"pubsub-publish","message":${CANONICAL},"u":"1"}`)).toEqual({
      u: '1',
      message: { topic: 'a.b', timestamp: 1790000002.5, messageId: 'm', publisher: 'p', text: CANONICAL },
    })
  })

  it('renders any other with all eight members, declared floats as floats, free parts untouched', () => {
    const { message } = publish(
      '{"role":"pubsub-publish","u":"1","message": { "publisher":"p", "payload" : [1.0, -0] ,"topic":"a","timestamp":0,"message_id":"m", "x":1}}',
    )
    expect(message.text).toBe(
      '{"topic":"a","payload":[1.0, -0],"timestamp":0.0,"message_id":"m","publisher":"p","headers":{},"routing_path":null,"current_hop":null}',
    )
  })

  it.each([
    ['{"role":"pubsub-publish","u":"1"}', 'message is required'],
    [`{"role":"pubsub-publish","message":${CANONICAL}}`, 'u is required'],
    ['{"role":"pubsub-publish","message":{},"u":"1"}', 'message.topic is required'],
    [`{"role":"pubsub-publish","message":${CANONICAL.replace('"a.b"', '7')},"u":"1"}`, 'message.topic must be a string'],
    [`{"role":"pubsub-publish","message":${CANONICAL.replace('1790000002.5', '"now"')},"u":"1"}`, 'message.timestamp must be a number'],
    [`{"role":"pubsub-publish","message":${CANONICAL.replace('{"priority":3}', '[]')},"u":"1"}`, 'message.headers must be an object'],
    [
      `{"role":"pubsub-publish","message":${CANONICAL.replace('current_hop":null', 'current_hop":"x"')},"u":"1"}`,
      'message.current_hop must be an integer or null',
    ],
  ])('%s is refused: %s', (text, message) => {
    expect(() => publish(text)).toThrow(message)
  })

  it('reads what a client wrote', () => {
    const name = fc.string({ unit: 'grapheme' })
    fc.assert(
      fc.property(
        fc.record({
          topic: name,
          payload: fc.jsonValue(),
          timestamp: fc.double({ noNaN: true, noDefaultInfinity: true }),
          messageId: name,
          publisher: name,
          headers: fc.dictionary(name, fc.jsonValue()),
        }),
        (init) => {
          const text = encodePublish('1', init)
          const { message } = publish(text)
          expect(message).toEqual({
            topic: init.topic,
            timestamp: init.timestamp,
            messageId: init.messageId,
            publisher: init.publisher,
            text: encodeMessage(init),
          })
          expect(messageObject.check(JSON.parse(message.text))).toBe(true)
        },
      ),
    )
  })
})

describe('subscribing', () => {
  it('reads what a client wrote', () => {
    const init = { subscriptionId: 's', patterns: ['a.*', 'b'], subscriber: 'me', createdAt: 5, getBacklog: false, backlogSeconds: 60 }
    const text = encodeSubscribe('1', init)
    expect(sliceAt(text, ['subscription', 'created_at'])).toBe('5.0')
    expect(decodeSubscribe(JSON.parse(text))).toEqual({
      u: '1',
      subscription: {
        ...init,
        patterns: [
          { pattern: 'a.*', exact: false },
          { pattern: 'b', exact: true },
        ],
      },
    })
    expect(decodeUnsubscribe(JSON.parse(encodeUnsubscribe('2', 's')))).toEqual({ u: '2', subscriptionId: 's' })
  })

  it('asks for the backlog of five minutes unless told otherwise', () => {
    const subscription = { subscription_id: 's', patterns: [{ pattern: '#' }], subscriber: 'me', created_at: 1 }
    expect(decodeSubscribe({ role: 'pubsub-subscribe', subscription, u: '1' }).subscription).toMatchObject({
      getBacklog: true,
      backlogSeconds: 300,
      patterns: [{ pattern: '#', exact: false }],
    })
  })

  it('names the offending field', () => {
    expect(() => decodeSubscribe({ role: 'pubsub-subscribe', subscription: { subscription_id: 's' }, u: '1' })).toThrow(
      'subscription.patterns is required',
    )
    expect(() => decodeUnsubscribe({ role: 'pubsub-unsubscribe', u: '1' })).toThrow('subscription_id is required')
  })
})

describe('what a node sends', () => {
  it('are acknowledgements and notifications with derived ids', () => {
    const ack = encodeAck('a"1', false, 'no')
    expect(ack).toBe('{"role":"pubsub-ack","operation_id":"a\\"1","success":false,"error":"no","u":"ack_a\\"1"}')
    expect(ackFrame.check(JSON.parse(ack))).toBe(true)
    const { message } = publish(`{"role":"pubsub-publish","message":${CANONICAL},"u":"1"}`)
    const live = encodeNotification(message, notificationTail('s"'), 'live')
    expect(live).toBe(`{"role":"pubsub-notification","message":${CANONICAL},"subscription_id":"s\\"","u":"notification_m_s\\""}`)
    expect(notificationFrame.check(JSON.parse(live))).toBe(true)
    expect(encodeNotification(message, notificationTail('s'), 'backlog')).toContain('"u":"backlog_m_s"')
  })
})
