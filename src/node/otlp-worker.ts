/**
 * The thread of the OTLP exporter. Printing and sending a batch of spans takes milliseconds, in which a node would serve nobody.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { spansFrom } from './otlp-spans.ts'

export interface OtlpWorkerData {
  readonly url: string
  readonly timeoutMs: number
  readonly resource: Readonly<Record<string, string>>
  readonly scope: { readonly name: string; readonly version: string }
}

/** What became of a batch; batches come one at a time. */
export interface OtlpWorkerAnswer {
  /** Undefined: the collector took it. */
  readonly failure: string | undefined
}

const { resource, scope, timeoutMs, url } = workerData as OtlpWorkerData
const exporter = new OTLPTraceExporter({ url, timeoutMillis: timeoutMs })
const described = resourceFromAttributes(resource)

parentPort?.on('message', (text: string) => {
  exporter.export(spansFrom(text, described, scope), ({ code, error }) => {
    const failure = code === 0 ? undefined : (error?.message ?? 'the export failed')
    parentPort?.postMessage({ failure } satisfies OtlpWorkerAnswer)
  })
})
