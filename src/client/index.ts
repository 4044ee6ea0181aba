/**
 * client: what applications use. This face runs in browsers: it dials with the platform's own WebSocket and imports nothing of Node.js.
 * Start at api.ts, then client.ts.
 */
import { dialNativeWebSocket } from '../transport/browser.ts'
import type { Client, ClientOptions, Functions } from './api.ts'
import { connectWith } from './client.ts'

export {
  InvalidUrlError,
  MessageTooLargeError,
  ProtocolViolationError,
  SlowConsumerError,
  TransportConnectionError,
  TransportError,
  TransportTimeoutError,
} from '../transport/browser.ts'
export { type CommandInit, EncodingError, float, MpregError, RawJson, RpcError } from '../wire/browser.ts'
export type { CallOptions, Client, ClientOptions, ClientState, ClientStats, Dial, Functions, RequestOptions, Response } from './api.ts'
export { connectWith } from './client.ts'
export * from './errors.ts'
export type { MessageHeaders } from './headers.ts'
export type { Message, SubscribeOptions, Subscription } from './subscription.ts'

/** Connects to a node by `ws:` or `wss:` URL. @throws TransportError */
export function connect<F = Functions>(target: string | ClientOptions): Promise<Client<F>> {
  return connectWith<F>(dialNativeWebSocket, typeof target === 'string' ? { url: target } : target)
}
