/**
 * client: what applications use. This face runs in browsers: it dials with the platform's own WebSocket and imports nothing of Node.js.
 * Start at api.ts, then client.ts; cluster-api.ts for a client of many nodes.
 */
import { dialNativeWebSocket } from '../transport/browser.ts'
import type { Client, ClientOptions, Functions } from './api.ts'
import { connectWith } from './client.ts'
import { connectClusterWith } from './cluster.ts'
import type { ClusterClient, ClusterClientOptions } from './cluster-api.ts'

export {
  InvalidUrlError,
  MessageTooLargeError,
  ProtocolViolationError,
  SlowConsumerError,
  TransportConnectionError,
  TransportError,
  TransportTimeoutError,
} from '../transport/browser.ts'
export { type CommandInit, EncodingError, float, MpregError, RawJson, RpcError, type TraceHop } from '../wire/browser.ts'
export type { CallOptions, Client, ClientOptions, ClientState, ClientStats, Dial, Functions, RequestOptions, Response } from './api.ts'
export { connectWith } from './client.ts'
export { connectClusterWith } from './cluster.ts'
export type {
  ClusterCallOptions,
  ClusterClient,
  ClusterClientOptions,
  ClusterClientStats,
  ClusterRequestOptions,
  EndpointExplanation,
  Repeatable,
  SummaryRedirect,
} from './cluster-api.ts'
export type { EndpointScore } from './endpoint-score.ts'
export * from './errors.ts'
export type { MessageHeaders } from './headers.ts'
export type { Message, SubscribeOptions, Subscription } from './subscription.ts'
export type { TracedCall } from './traced-call.ts'

/** Connects to a node by `ws:` or `wss:` URL. @throws TransportError */
export function connect<F = Functions>(target: string | ClientOptions): Promise<Client<F>> {
  return connectWith<F>(dialNativeWebSocket, typeof target === 'string' ? { url: target } : target)
}

/** Connects to a cluster by `ws:` or `wss:` URLs of some of its nodes. @throws NotConnectedError */
export function connectCluster<F = Functions>(options: ClusterClientOptions): Promise<ClusterClient<F>> {
  return connectClusterWith<F>(dialNativeWebSocket, options)
}
