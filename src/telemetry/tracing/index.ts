/** Traces: spans of what a node does, where they are recorded, and reports for callers who ask for them. Start at tracer.ts. */
export {
  createOpenTelemetryRecorder,
  type OpenTelemetryApi,
  type OpenTelemetryOptions,
} from './open-telemetry.ts'
export { createOtlpRecorder, type EndedSpan, otlpRequestAround } from './otlp-recorder.ts'
export type { RecordedSpan, SpanRecorder } from './recorder.ts'
export { createSampling } from './sampling.ts'
export { createTracer, type TracerDeps } from './tracer.ts'
