/**
 * What the monitoring service needs to see of a node, and nothing more: read-only functions that the node hands it.
 *
 * A function is called while a request waits, so it returns what is already known: no network, no scan of histories. What a node does not
 * have (a queue, a DNS gateway, link-state routing) it leaves out or answers with undefined, and the service says so in the way the
 * protocol has for it. A function may throw; that request is then answered with 500 and the others go on.
 */
import type { Readable } from 'node:stream'
import type { LogLinesQuery } from '../telemetry/index.ts'
import type {
  Alert,
  Bottlenecks,
  ClusterGraph,
  ClusterHealth,
  ClusterPerformance,
  ConnectionMetrics,
  DiscoveryLag,
  DnsGatewayStatus,
  FederationMode,
  GraphMonitorStatus,
  GraphSuggestion,
  LinkStateBody,
  LogChange,
  LogLine,
  LogStatus,
  MonitoringEvent,
  NamespacePolicyStatus,
  PerformanceSummary,
  PerformanceTrends,
  PersistenceStatus,
  Readiness,
  ResolverCacheStatus,
  RouteTraceBody,
  SummaryCacheStatus,
  SummaryExportStatus,
  TimeseriesMetric,
  TimeseriesPoint,
  TopologyEdge,
  TopologyNode,
  TransportCorrelation,
  TransportEndpoints,
  TransportHealthSnapshot,
  UnifiedMetrics,
} from '../wire/index.ts'
import type { NodeFigures } from './prometheus/figures.ts'

export interface MonitorViews {
  identity(): NodeIdentity
  readiness(): Readiness
  /** The unified monitor's latest computation. */
  unified(): UnifiedMetrics
  /** Clusters this node knows, its own included, by id. */
  clusters(): Readonly<Record<string, ClusterHealth>>
  connections(): ConnectionMetrics
  transport(): TransportView
  endpoints(): TransportEndpoints
  /** The fabric as a graph. Edges join node ids, each pair once. */
  graph(): GraphView
  /** The clusters as a graph, and what watches it. */
  federation?(): FederationView

  performance(): PerformanceSummary
  performanceTrends(): PerformanceTrends
  bottlenecks(): Omit<Bottlenecks, 'federation_bottlenecks'>
  /** Undefined for a cluster this node does not know. */
  clusterPerformance(clusterId: string): ClusterPerformance | undefined
  /** Points of the last `hours`, oldest first; empty when nothing has been collected. */
  timeseries(metric: TimeseriesMetric, hours: number): readonly TimeseriesPoint[]
  /** The events of a correlation or tracking id in the order of time; empty when none is known. */
  timeline(id: string): readonly MonitoringEvent[]
  /** Left out where nothing watches thresholds. */
  readonly alerts?: AlertViews

  configuration(): ConfigurationView
  persistence?(): PersistenceStatus
  discoverySummary?(): SummaryExportStatus
  discoveryCache?(): { readonly resolver_cache: ResolverCacheStatus; readonly summary_cache: SummaryCacheStatus }
  discoveryPolicy?(): NamespacePolicyStatus
  discoveryLag?(): DiscoveryLag
  dns?(): DnsGatewayStatus

  routeTrace?(destination: string, avoid: readonly string[]): RouteTraceBody
  /** Undefined while link-state routing is off. */
  linkState?(): LinkStateBody | undefined

  readonly explain: ExplainViews
  /** The facts `mpreg doctor` judges. */
  diagnosis(): object
  readonly log: LogViews
  /** Left out where no pictures of the process can be taken. */
  readonly evidence?: EvidenceViews
  /** What the Prometheus metrics are read from. */
  figures(): NodeFigures
}

export interface NodeIdentity {
  /** The node's name. */
  readonly name: string
  readonly node_id: string
  readonly cluster_id: string
  readonly federation_mode: FederationMode
  /** Of this software. */
  readonly version: string
}

export interface TransportView {
  /** By endpoint. */
  readonly snapshots: Readonly<Record<string, TransportHealthSnapshot>>
  /** Oldest first. */
  readonly correlations: readonly TransportCorrelation[]
}

export interface GraphView {
  /** Links among the other nodes are not known: then nothing can be said of how the whole hangs together. */
  readonly partial?: boolean
  readonly nodes: readonly TopologyNode[]
  readonly edges: readonly TopologyEdge[]
}

export interface FederationView {
  readonly graph: ClusterGraph
  readonly suggestions: readonly GraphSuggestion[]
  readonly status: GraphMonitorStatus
}

export interface AlertViews {
  /** Those that fire and that nobody has acknowledged. */
  active(): readonly Alert[]
  /** Newest last. */
  history(): readonly Alert[]
  /** False when no such alert is active. */
  acknowledge(alertId: string): boolean
}

/** Bridges, route policies, namespace rules and security policy together, and the settings in force. */
export interface ConfigurationView {
  readonly policies_total: number
  /** Enabled, and applicable now. */
  readonly policies_active: number
  /** Of the settings as they are shown: another one when they are others, but not when only a secret is, which no digest should tell of. */
  readonly version: string
  /** Unix seconds of the last change. */
  readonly last_update: number
  /** Changes in the file that wait for a restart. */
  readonly pending_changes: number
  readonly errors: readonly string[]
  readonly warnings: readonly string[]
}

/** What a call asks of a function besides its name. */
export interface FunctionQuestion {
  readonly version_constraint?: string
  readonly resources?: readonly string[]
  readonly function_id?: string
  readonly target_cluster?: string
}

/** Each returns what is known of the name, or undefined when it is not known at all. */
export interface ExplainViews {
  function(name: string, question: FunctionQuestion): object | undefined
  route(cluster: string): object | undefined
  peer(nodeId: string): object | undefined
  topic(topic: string): object | undefined
  queue(name: string): object | undefined
}

export interface LogViews {
  status(): LogStatus
  /** The level has been checked; scopes nobody logs under are kept and reported in `warnings`. */
  change(change: LogChange): LogStatus
  /** The latest lines written, oldest first. */
  lines(query: LogLinesQuery): readonly LogLine[]
}

export interface EvidenceViews {
  /** A profile as JSON text. @throws EvidenceRefusedError */
  cpuProfile(seconds: number, gone: AbortSignal): Promise<string>
  /** JSON as a stream. @throws EvidenceRefusedError */
  heapSnapshot(gone: AbortSignal): Readable
}
