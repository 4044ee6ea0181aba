/**
 * Telemetry: what a node tells about itself. Pure over `Env`: it opens no socket, file or HTTP server, and knows only base, the records of wire
 * and transport's health. Start reading at log.ts (levels, format) and scopes.ts (who logs under which name); metrics/ is what is measured,
 * alerts/ what becomes of a bad value, doctor/ what the facts of all nodes together say is wrong, and refusals.ts why something was not done.
 */

export * from './alerts/index.ts'
export {
  createDiagnostics,
  type Diagnostics,
  type DiagnosticsDeps,
  type DiagnosticsSnapshot,
  fixed,
  flag,
  restOfLine,
  seconds,
  word,
} from './diagnostics.ts'
export { commands } from './doctor/commands.ts'
export { diagnose, nodesToAsk } from './doctor/diagnose.ts'
export { duration } from './doctor/examination.ts'
export {
  type Evidence,
  type ExplainedCandidate,
  type ExplainedReason,
  type Explanation,
  type ExplanationKind,
  inOrderOfChoice,
} from './doctor/explanation.ts'
export type { Finding, FindingCode, Severity } from './doctor/finding.ts'
export type {
  ClusterKeyFacts,
  DestinationFacts,
  FunctionFacts,
  KeyFacts,
  NodeFacts,
  PeerDialFacts,
  PeerFacts,
  PeerLinkFacts,
  PeerLiveness,
  ProcessFacts,
  RouteFacts,
  RouteKeyFacts,
  SettingFacts,
  SlowConsumerFacts,
  Stall,
  UnreachableNode,
} from './doctor/node-facts.ts'
export { lossOf } from './doctor/peer-rules.ts'
export { createSlowConsumerWatch, type Outlet, type SlowConsumerWatch } from './doctor/slow-consumer-watch.ts'
export { createStallWatch, type StallWatch } from './doctor/stall-watch.ts'
export { RECENT_SECONDS } from './doctor/thresholds.ts'
export { EvidenceRefusedError } from './evidence.ts'
export { createLog, type Log, type LogFormat, type LogOptions, type LogSink, type LogSnapshot } from './log.ts'
export { logLevels, parseLogLevel } from './log-levels.ts'
export { LOG_LINES_MAX, type LogLinesQuery } from './log-ring.ts'
export {
  clusterHealthMap,
  connectionMetrics,
} from './metrics/cluster-health.ts'
export type { ClusterTraffic, CrossCluster } from './metrics/cluster-traffic.ts'
export type { CrossSystemEvent, EventInput } from './metrics/cross-system-event.ts'
export { createEventLog, type EventLog, type EventLogSnapshot } from './metrics/event-log.ts'
export {
  createFederationLinks,
  type FederationLink,
  type FederationLinks,
  type FederationLinksDeps,
  type FederationLinksSnapshot,
  type LinkOpened,
} from './metrics/federation-links.ts'
export type { OwnClusterInit } from './metrics/own-cluster.ts'
export type { PairLatency } from './metrics/pair-latencies.ts'
export {
  createPerformanceService,
  type PerformanceDeps,
  type PerformanceService,
  type PerformanceSnapshot,
} from './metrics/performance.ts'
export type { ClusterPerformanceRecord, ClusterReport, FederationPerformanceRecord } from './metrics/performance-records.ts'
export { bottlenecksView, clusterPerformanceView, performanceSummaryView } from './metrics/performance-views.ts'
export type { ProcessProbe, ProcessReading } from './metrics/process-probe.ts'
export { createRequestTally, type RequestTally } from './metrics/request-tally.ts'
export { createSystemMeter, type SystemMeter, type SystemMeterInit, type SystemReading, type SystemSource } from './metrics/system-meter.ts'
export { transportHealthSnapshot } from './metrics/transport-snapshot.ts'
export {
  createUnifiedMonitor,
  type Gauge,
  type UnifiedMonitor,
  type UnifiedMonitorDeps,
  type UnifiedMonitorSnapshot,
  type UnifiedReading,
} from './metrics/unified-monitor.ts'
export { nearestName } from './nearest-name.ts'
export { logOncePer, type OncePer, type OncePerOptions, type OncePerSnapshot } from './once-per.ts'
export {
  createRefusalLedger,
  type Refusal,
  type RefusalKind,
  type RefusalLedger,
  type RefusalLedgerOptions,
  type RefusalLedgerSnapshot,
  remoteCall,
  type WantedFunction,
  wantedSince,
} from './refusals.ts'
export {
  type DiagnosticChannel,
  diagnosticChannels,
  type LogComponent,
  logComponents,
  unknownScopeWarnings,
} from './scopes.ts'
export * from './tracing/index.ts'
