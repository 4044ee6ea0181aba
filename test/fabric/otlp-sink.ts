/** A collector: takes OTLP over HTTP, as JSON, and keeps the spans. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'

export interface SinkSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string
  readonly name: string
  readonly kind: number
  readonly startMs: number
  readonly endMs: number
  readonly attributes: Readonly<Record<string, unknown>>
  readonly links: readonly string[]
  readonly isFailed: boolean
  /** `service.name` of its resource. */
  readonly service: string
  readonly serviceInstance: string
}

export interface OtlpSink extends AsyncDisposable {
  readonly url: string
  readonly spans: readonly SinkSpan[]
  readonly requests: readonly string[]
  /** Resolves with the spans once there are so many. */
  until(count: number): Promise<readonly SinkSpan[]>
}

interface Attribute {
  readonly key: string
  readonly value: Readonly<Record<string, unknown>>
}

interface Body {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] }
    readonly scopeSpans: readonly { readonly spans: readonly WireSpan[] }[]
  }[]
}

interface WireSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: readonly Attribute[]
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[]
  readonly status?: { readonly code?: number }
}

export async function startOtlpSink(): Promise<OtlpSink> {
  const spans: SinkSpan[] = []
  const requests: string[] = []
  const watchers = new Set<() => void>()
  const server = createServer(async (request, response) => {
    requests.push(`${request.method} ${request.url} ${request.headers['content-type']}`)
    spans.push(...spansOf((await json(request)) as Body))
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    for (const watcher of watchers) watcher()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    requests,
    until: (count) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (spans.length < count) return
          watchers.delete(look)
          resolve(spans)
        }
        watchers.add(look)
        look()
      }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function spansOf({ resourceSpans }: Body): SinkSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const { 'service.instance.id': instance, 'service.name': service } = attributesOf(resource.attributes)
    return scopeSpans.flatMap((scope) =>
      scope.spans.map((span) => ({
        traceId: span.traceId,
        spanId: span.spanId,
        parentSpanId: span.parentSpanId ?? '',
        name: span.name,
        kind: span.kind,
        startMs: Number(BigInt(span.startTimeUnixNano) / 1000n) / 1000,
        endMs: Number(BigInt(span.endTimeUnixNano) / 1000n) / 1000,
        attributes: attributesOf(span.attributes),
        links: (span.links ?? []).map((link) => link.spanId),
        isFailed: span.status?.code === 2,
        service: String(service),
        serviceInstance: String(instance),
      })),
    )
  })
}

function attributesOf(attributes: readonly Attribute[]): Record<string, unknown> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [key, value.intValue === undefined ? Object.values(value)[0] : Number(value.intValue)]),
  )
}
