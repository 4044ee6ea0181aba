/**
 * monitor: the HTTP surface of a node. It shows what others have measured, and measures nothing itself but its own answers.
 *
 * It knows base, wire and telemetry. Whatever else it shows, the node hands it as {@link MonitorViews}: plain functions that return
 * records of wire/monitoring*.ts. Start reading at service.ts (life cycle), then http.ts (what holds for every path) and routes/ (one file
 * for each group of paths); prometheus/ is the catalogue of metrics and its text formats.
 */

export { createAlertBackends } from './channels/index.ts'
export { MonitorListenError } from './errors.ts'
export type { NodeFigures, StoreFigures } from './prometheus/figures.ts'
export { renderMetricsGuide } from './prometheus/guide.ts'
export { createMonitorService, type MonitorService, type MonitorServiceOptions } from './service.ts'
export type {
  AlertViews,
  ConfigurationView,
  EvidenceViews,
  ExplainViews,
  GraphView,
  LogViews,
  MonitorViews,
  NodeIdentity,
  TransportView,
} from './views.ts'
