/**
 * transport: how bytes get from one process to another.
 *
 * This room knows sockets, framing, TLS, who may connect and when a connection is dead; it knows nothing of what the messages mean.
 * Start with transport.ts (the interface every kind of connection fulfils), then turn-writer.ts (how messages leave), websocket.ts and
 * tcp.ts (the two bindings). A node uses {@link createSocketNetwork}; tests put {@link createMemoryNetwork} in its place. Browser code
 * imports browser.ts instead.
 */

export { type Access, type AccessOptions, AccessSettingsError, type AccessSnapshot, createAccess, originAllowed } from './access.ts'
export {
  type AdapterDeps,
  AdapterError,
  type AdapterOptions,
  type AdapterSnapshot,
  createMultiProtocolAdapter,
  type MultiProtocolAdapter,
  type PortAssignment,
  type ProtocolListenOptions,
  type ProtocolStats,
} from './adapter.ts'
export { type BackoffOptions, backoffMs, DEFAULT_BACKOFF } from './backoff.ts'
export {
  type CircuitBreaker,
  type CircuitBreakerOptions,
  type CircuitBreakerSnapshot,
  type CircuitState,
  createCircuitBreaker,
  DEFAULT_CIRCUIT_BREAKER,
  logChanges,
} from './circuit-breaker.ts'
export {
  CLOSE_ABNORMAL,
  CLOSE_GOING_AWAY,
  CLOSE_KEEPALIVE_TIMEOUT,
  CLOSE_NORMAL,
  CLOSE_PROTOCOL_ERROR,
  CLOSE_TOO_BIG,
  CLOSE_TRY_AGAIN_LATER,
  CONNECT_TIMEOUT_MS,
  CONNECTIONS_MAX,
  DEFAULT_LIMITS,
  MESSAGE_BYTES_MAX,
  PING_INTERVAL_MS,
  PONG_TIMEOUT_MS,
  SEND_BUFFER_BYTES_MAX,
  STREAM_BYTES_MAX,
  TRANSPORT_PROFILES,
  type TransportProfile,
} from './constants.ts'
export type { TransportCounters } from './context.ts'
export {
  type Completion,
  type CorrelationOptions,
  type CorrelationResult,
  type CorrelationStatistics,
  type CorrelationTracker,
  createCorrelationTracker,
} from './correlation.ts'
export {
  createEndpointRegistry,
  type EndpointAssignment,
  type EndpointDetails,
  type EndpointRecord,
  type EndpointRegistry,
  endpointRegistry,
} from './endpoint-registry.ts'
export {
  CircuitOpenError,
  createEnhancedAdapter,
  type EnhancedAdapter,
  type EnhancedAdapterOptions,
  type EnhancedAdapterSnapshot,
  type TrackedResponse,
} from './enhanced-adapter.ts'
export {
  AccessDeniedError,
  CertificateError,
  InvalidUrlError,
  MessageTooLargeError,
  ProtocolViolationError,
  SlowConsumerError,
  StreamAbortedError,
  StreamTooLargeError,
  TransportConnectionError,
  TransportError,
  TransportTimeoutError,
} from './errors.ts'
export {
  type ConnectionHealth,
  type ConnectionHealthInit,
  type ConnectionHealthSnapshot,
  createConnectionHealth,
  createEndpointHealth,
  type EndpointHealth,
  type EndpointHealthSnapshot,
  type HealthFacts,
  type HealthOptions,
  type HealthTrend,
  healthScore,
  healthTrend,
} from './health.ts'
export { createMemoryNetwork, type MemoryNetwork, type MemoryNetworkOptions, type MemoryNetworkSnapshot } from './memory.ts'
export { createSocketNetwork, type NetworkSnapshot, type SocketNetwork, type SocketNetworkOptions } from './network.ts'
export {
  createPortAllocator,
  PORT_RANGES,
  PortAllocationError,
  type PortAllocator,
  type PortAllocatorOptions,
  type PortAllocatorSnapshot,
  type PortCategory,
  type PortRange,
} from './port-allocator.ts'
export {
  PROTOCOL_IDS,
  type ProtocolDescriptor,
  protocolDescriptor,
  protocolDescriptors,
  type SocketProtocolId,
} from './protocols.ts'
export {
  createReconnector,
  type Reconnector,
  type ReconnectorDeps,
  type ReconnectorOptions,
  type ReconnectorSnapshot,
  type ReconnectorState,
  type Waiting,
} from './reconnect.ts'
export type {
  AccessPolicy,
  AccessRefused,
  AccessRequest,
  CloseInfo,
  Connection,
  ConnectionHandlers,
  ConnectionKind,
  DialOptions,
  Limits,
  Listener,
  ListenOptions,
  Network,
  OutboundObject,
  ProtocolId,
  RemoteIdentity,
  StreamSource,
  TlsOptions,
} from './transport.ts'
export { advertisableUrl, type DialTarget, hostForUrl, isWildcardHost, parseDialUrl, withoutQuery } from './url.ts'
