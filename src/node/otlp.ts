/**
 * Spans to a collector: the OpenTelemetry SDK, with its OTLP/HTTP exporter in a thread of its own. Loaded only by a node that was given a collector,
 * since the SDK is large.
 *
 * A collector that is out of reach costs its spans and one warning an interval, nothing else: the queue is bounded, and so is the time that a
 * stopping node waits for the last batch.
 */
import * as api from '@opentelemetry/api'
import { type ReadableSpan, TracerProvider } from '@opentelemetry/sdk-trace'
import type { Env } from '../base/index.ts'
import { createOpenTelemetryRecorder, createSampling, logOncePer, type SpanRecorder } from '../telemetry/index.ts'
import { errorLine } from '../wire/index.ts'
import { spansText } from './otlp-spans.ts'
import { createOtlpThread, startOtlpWorker } from './otlp-thread.ts'
import type { OtlpWorkerData } from './otlp-worker.ts'
import { createSpanBatches } from './span-batches.ts'

export interface OtlpOptions {
  /** Of the collector; without a path, `/v1/traces` is added. */
  readonly endpoint: string
  /** Of the work that came without a context, the share that begins a trace. */
  readonly sampleRatio: number
  readonly serviceName: string
  readonly serviceInstanceId: string
  readonly serviceVersion: string
}

export interface OtlpSnapshot {
  readonly spans_exported: number
  /** Taken by nobody: the collector was out of reach, refused them, or did not keep up. */
  readonly spans_lost: number
  readonly exports_failed: number
  readonly last_error: string | null
}

export interface Otlp {
  readonly recorder: SpanRecorder
  snapshot(): OtlpSnapshot
  /** Sends what is left, for a moment. */
  stop(): Promise<void>
}

/** Spans that wait for the exporter; more are lost. */
const QUEUE_MAX = 8_192
const BATCH_MAX = 512
const EXPORT_INTERVAL_MS = 1_000
const EXPORT_TIMEOUT_MS = 5_000
const STOP_TIMEOUT_MS = 2_000
const WARNING_INTERVAL_MS = 60_000
const NAME = 'mpreg'

export function createOtlp({ clock, log, random, timers }: Env, options: OtlpOptions): Otlp {
  const { sampleRatio, serviceInstanceId, serviceName, serviceVersion } = options
  const counts = { spans_exported: 0, spans_lost: 0, exports_failed: 0 }
  let lastError: string | null = null
  const scope = log.scope('core.tracing')
  const warnings = logOncePer({ clock, intervalMs: WARNING_INTERVAL_MS })
  const url = tracesUrl(options.endpoint)
  const shown = `${url.origin}${url.pathname}`
  const data: OtlpWorkerData = {
    url: url.href,
    timeoutMs: EXPORT_TIMEOUT_MS,
    resource: { 'service.name': serviceName, 'service.instance.id': serviceInstanceId, 'service.version': serviceVersion },
    scope: { name: NAME, version: serviceVersion },
  }
  const thread = createOtlpThread(clock, () => startOtlpWorker(data))

  async function sent(spans: readonly ReadableSpan[]): Promise<string | undefined> {
    return thread.send(spansText(spans))
  }

  async function send(spans: readonly ReadableSpan[]): Promise<void> {
    const failure = await sent(spans).catch(errorLine)
    if (failure === undefined) counts.spans_exported += spans.length
    else {
      counts.exports_failed++
      counts.spans_lost += spans.length
      lastError = failure
      warnings.log('collector', (more) =>
        scope.warn(`${spans.length} spans not taken by the collector at ${shown}: ${failure}; the node goes on without${more}`),
      )
    }
  }

  const batches = createSpanBatches(timers, {
    queueMax: QUEUE_MAX,
    batchMax: BATCH_MAX,
    intervalMs: EXPORT_INTERVAL_MS,
    send,
    onLost(spans) {
      counts.spans_lost += spans
      warnings.log('queue', (more) => scope.warn(`more spans than the collector at ${shown} takes: some are lost; sample fewer${more}`))
    },
  })
  const provider = new TracerProvider({ spanProcessors: [batches] })
  return {
    // Decided before the SDK is asked: work that begins no trace costs next to nothing.
    recorder: createOpenTelemetryRecorder({
      api,
      tracer: provider.getTracer(NAME, serviceVersion),
      samples: createSampling(random, sampleRatio),
    }),
    snapshot: () => ({ ...counts, last_error: lastError }),
    async stop() {
      let cancel = (): void => {}
      const impatience = new Promise<void>((resolve) => {
        cancel = timers.after(STOP_TIMEOUT_MS, resolve)
      })
      try {
        await Promise.race([provider.shutdown(), impatience])
      } catch (error) {
        scope.warn(`the last spans were not sent: ${errorLine(error)}`)
      } finally {
        cancel()
        await thread.stop()
      }
    },
  }
}

function tracesUrl(endpoint: string): URL {
  const url = new URL(endpoint)
  if (url.pathname === '/') url.pathname = '/v1/traces'
  return url
}
