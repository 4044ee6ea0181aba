/**
 * The browser-safe face of transport: the interface, its errors, and a dialer over the platform's own WebSocket. Nothing here, nor
 * anything it imports, needs Node.
 *
 * ```ts
 * const connection = await dialNativeWebSocket('wss://node.example.org:10001', { authToken })
 * connection.attach({ message: (text) => handle(text), malformed: () => {}, close: (info) => reconnect(info) })
 * ```
 */

export {
  InvalidUrlError,
  MessageTooLargeError,
  ProtocolViolationError,
  SlowConsumerError,
  TransportConnectionError,
  TransportError,
  TransportTimeoutError,
} from './errors.ts'
export { dialNativeWebSocket } from './native-websocket.ts'
export { createReconnector, type Reconnector } from './reconnect.ts'
export type {
  CloseInfo,
  Connection,
  ConnectionHandlers,
  ConnectionKind,
  DialOptions,
  Limits,
  ProtocolId,
  RemoteIdentity,
  StreamSource,
} from './transport.ts'
