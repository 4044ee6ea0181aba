/**
 * Spans to a collector: recorded as text of the OTLP, and sent by the exporter of the OpenTelemetry SDK, which knows its environment variables, tries
 * again and gives up. Loaded only by a node that was given a collector.
 *
 * A collector that is out of reach costs its spans and one warning an interval, nothing else: the queue is bounded, and so is the time that a
 * stopping node waits for the last batch.
 */
import * as api from '@opentelemetry/api'
import { convertLegacyHttpOptions, createOtlpHttpExportDelegate } from '@opentelemetry/otlp-exporter-base/node-http'
import { JsonTraceSerializer, TraceExporterMetricsHelper } from '@opentelemetry/otlp-transformer'
import type { Env } from '../base/index.ts'
import { createOtlpRecorder, createSampling, logOncePer, otlpRequestAround, type SpanRecorder } from '../telemetry/index.ts'
import { errorLine } from '../wire/index.ts'
import { createSpanBatches, type SpanBatch } from './span-batches.ts'

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

/** Of a request: some 600 bytes a span. */
const SPANS_MAX = 512
const BYTES_MAX = 512 * 1024
/** Spans that become text together. */
const WRITTEN_AT_ONCE = 32
/** Requests that wait for the one under way. */
const BATCHES_MAX = 16
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
  const resource = { 'service.name': serviceName, 'service.instance.id': serviceInstanceId, 'service.version': serviceVersion }
  const warnings = logOncePer({ clock, intervalMs: WARNING_INTERVAL_MS })
  const url = tracesUrl(options.endpoint)
  const shown = `${url.origin}${url.pathname}`
  const exportBatch = createExporter(url.href)

  async function send(batch: SpanBatch): Promise<void> {
    const { failure, refused } = await exportBatch(batch)
    counts.spans_exported += batch.spans - refused
    if (failure === undefined) return
    counts.exports_failed++
    counts.spans_lost += refused
    lastError = failure
    warnings.log('collector', (more) =>
      scope.warn(`${refused} spans not taken by the collector at ${shown}: ${failure}; the node goes on without${more}`),
    )
  }

  const batches = createSpanBatches(timers, {
    ...otlpRequestAround(resource, { name: NAME, version: serviceVersion }),
    spansMax: SPANS_MAX,
    bytesMax: BYTES_MAX,
    batchesMax: BATCHES_MAX,
    writtenAtOnce: WRITTEN_AT_ONCE,
    intervalMs: EXPORT_INTERVAL_MS,
    send,
    onLost(spans) {
      counts.spans_lost += spans
      warnings.log('queue', (more) => scope.warn(`more spans than the collector at ${shown} takes: some are lost; sample fewer${more}`))
    },
  })
  return {
    recorder: createOtlpRecorder({ api, random, samples: createSampling(random, sampleRatio), onEnd: batches.add }),
    snapshot: () => ({ ...counts, last_error: lastError }),
    async stop() {
      let cancel = (): void => {}
      const impatience = new Promise<void>((resolve) => {
        cancel = timers.after(STOP_TIMEOUT_MS, resolve)
      })
      try {
        await Promise.race([batches.stop(), impatience])
      } finally {
        cancel()
      }
    },
  }
}

function tracesUrl(endpoint: string): URL {
  const url = new URL(endpoint)
  if (url.pathname === '/') url.pathname = '/v1/traces'
  return url
}

/** What became of a batch. */
interface Outcome {
  /** Undefined: the collector took all of it. */
  readonly failure: string | undefined
  /** Spans that were not taken. */
  readonly refused: number
}

/** Sends batches, one at a time; never rejects. One that is not answered keeps the process alive for {@link EXPORT_TIMEOUT_MS} at most. */
function createExporter(url: string): (batch: SpanBatch) => Promise<Outcome> {
  const options = convertLegacyHttpOptions({ url, timeoutMillis: EXPORT_TIMEOUT_MS }, 'TRACES', 'v1/traces', {
    'Content-Type': 'application/json',
  })
  /** Of the batch under way. */
  let spansUnderWay = 0
  /** The collector took only a part of it. */
  let partial: Outcome | undefined
  const serializer = {
    serializeRequest: ({ body }: SpanBatch) => body,
    deserializeResponse(data: Uint8Array) {
      const response = JsonTraceSerializer.deserializeResponse(data)
      const { errorMessage, rejectedSpans } = response.partialSuccess ?? {}
      const refused = Math.min(Number(rejectedSpans ?? 0), spansUnderWay)
      if (refused > 0) partial = { failure: errorMessage || 'the collector gives no reason', refused }
      return response
    },
  }
  const spanCounts = { name: TraceExporterMetricsHelper.name, countItems: ({ spans }: SpanBatch) => spans }
  const delegate = createOtlpHttpExportDelegate(options, serializer, 'otlp_http_span_exporter', spanCounts, undefined)
  return (batch) =>
    new Promise((resolve) => {
      spansUnderWay = batch.spans
      partial = undefined
      delegate.export(batch, ({ code, error }) => {
        if (code === 0) resolve(partial ?? { failure: undefined, refused: 0 })
        else resolve({ failure: error === undefined ? 'the export failed' : errorLine(error), refused: batch.spans })
      })
    })
}
