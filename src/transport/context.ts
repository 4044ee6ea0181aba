/** What all transports of one process share: time and log, the keep-alive sweep, default limits and the counters of everything. */

import type { Env, LogScope } from '../base/index.ts'
import { DEFAULT_LIMITS } from './constants.ts'
import { KeepAlive } from './keep-alive.ts'
import type { Limits } from './transport.ts'

/** Counted since the process started; what is open now is counted by the listeners and the network. */
export interface TransportCounters {
  accepted: number
  dialed: number
  dialFailures: number
  /** Refused at the door: credentials, origin, certificate, or no room. */
  refused: number
  closed: number
  messagesSent: number
  messagesReceived: number
  /** Frames, headers included. */
  bytesSent: number
  /** Payload only. */
  bytesReceived: number
  /** Inbound messages that were not UTF-8. */
  malformed: number
  /** Connections closed for an inbound message or stream over the limit. */
  oversized: number
  slowConsumers: number
  keepAliveTimeouts: number
  /** Times a client was held back because it did not read its answers. */
  backpressurePauses: number
  /** Exceptions thrown by the receiver of a message; each is logged and the connection kept. */
  handlerFailures: number
}

export interface TransportContext {
  readonly env: Env
  readonly log: LogScope
  readonly limits: Limits
  readonly keepAlive: KeepAlive
  readonly counters: TransportCounters
}

export function createTransportContext(env: Env, limits: Partial<Limits> = {}): TransportContext {
  return {
    env,
    log: env.log.scope('core.transport'),
    limits: { ...DEFAULT_LIMITS, ...limits },
    keepAlive: new KeepAlive(env),
    counters: {
      accepted: 0,
      dialed: 0,
      dialFailures: 0,
      refused: 0,
      closed: 0,
      messagesSent: 0,
      messagesReceived: 0,
      bytesSent: 0,
      bytesReceived: 0,
      malformed: 0,
      oversized: 0,
      slowConsumers: 0,
      keepAliveTimeouts: 0,
      backpressurePauses: 0,
      handlerFailures: 0,
    },
  }
}
