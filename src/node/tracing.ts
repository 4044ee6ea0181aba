/**
 * The tracer of a node, and where its spans go: to the collector of its settings, or else to whatever OpenTelemetry SDK the application has
 * registered, be it later than the node was started.
 */
import { type Env, isOpenTelemetryRegistered, type Tracer } from '../base/index.ts'
import { createOpenTelemetryRecorder, createTracer, type SpanRecorder } from '../telemetry/index.ts'
import type { Otlp, OtlpSnapshot } from './otlp.ts'
import type { Settings } from './settings/index.ts'

export interface NodeTracingDeps {
  readonly env: Env
  readonly settings: Settings
  readonly nodeId: () => string
  readonly version: () => string
}

export interface NodeTracing {
  readonly tracer: Tracer
  /** Undefined: there is nothing to wait for. */
  start(): Promise<void> | undefined
  stop(): Promise<void>
  /** What became of spans that were sent to a collector; undefined without one. */
  snapshot(): OtlpSnapshot | undefined
}

export function createNodeTracing({ env, nodeId, settings, version }: NodeTracingDeps): NodeTracing {
  let recorder: SpanRecorder | undefined
  let otlp: Otlp | undefined
  let loading: Promise<void> | undefined

  async function openCollector(endpoint: string): Promise<void> {
    const { createOtlp } = await import('./otlp.ts')
    otlp = createOtlp(env, {
      endpoint,
      sampleRatio: settings.tracingSampleRatio,
      serviceName: settings.name,
      serviceInstanceId: nodeId(),
      serviceVersion: version(),
    })
    recorder = otlp.recorder
  }

  /** Joins the application's SDK. */
  async function join(): Promise<void> {
    const api = await import('@opentelemetry/api')
    recorder = createOpenTelemetryRecorder({ api, tracer: api.trace.getTracer('mpreg', version()) })
  }

  /** Looks whether there is an SDK by now; the first requests after that go untraced, while the API is loaded. */
  function look(): SpanRecorder | undefined {
    if (recorder === undefined && settings.otlpEndpoint === null && isOpenTelemetryRegistered()) loading ??= join()
    return recorder
  }

  return {
    tracer: createTracer({ clock: env.clock, node: nodeId, recorder: look }),
    start() {
      if (settings.otlpEndpoint !== null) return openCollector(settings.otlpEndpoint)
      look()
      return loading
    },
    async stop() {
      await otlp?.stop()
    },
    snapshot: () => otlp?.snapshot(),
  }
}
