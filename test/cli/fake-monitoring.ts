/** A monitoring service that answers with recorded bodies, or with what a test wants it to answer. */
import { existsSync, readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'

const vectors = fileURLToPath(new URL('../vectors/monitoring/node-a', import.meta.url))

/** The body of an answer, or the whole handling of a request. */
export type FakeAnswer =
  | { readonly status?: number; readonly body: unknown }
  | ((request: IncomingMessage, response: ServerResponse) => void)

export interface FakeMonitoring {
  readonly url: string
  /** Paths with their queries, in the order they were asked. */
  readonly asked: readonly string[]
  /** May be changed while the service runs. Keys are paths without queries. */
  readonly answers: Map<string, FakeAnswer>
  close(): Promise<void>
}

export async function startFakeMonitoring(answers: Record<string, FakeAnswer> = {}, token?: string): Promise<FakeMonitoring> {
  const asked: string[] = []
  const own = new Map(Object.entries(answers))
  const server = createServer((request, response) => {
    const path = request.url ?? '/'
    asked.push(path)
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`)
      return send(response, 401, { status: 'error', message: 'token required' })
    const answer = own.get(path.split('?', 1)[0] ?? '')
    if (typeof answer === 'function') answer(request, response)
    else if (answer !== undefined) send(response, answer.status ?? 200, answer.body)
    else {
      const recorded = recording(path)
      if (recorded === undefined) send(response, 404, { status: 'error', message: '404: Not Found' })
      else respond(response, recorded.status, recorded.text)
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    answers: own,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

/** The text of a recorded body. */
export function recordedText(name: string): string {
  return readFileSync(`${vectors}/${name}.json`, 'utf8')
}

export function recordedBody(name: string): Record<string, unknown> {
  return JSON.parse(recordedText(name)) as Record<string, unknown>
}

function recording(path: string): { status: number; text: string } | undefined {
  const [plain = ''] = path.split('?', 1)
  if (plain === '/routing/trace') {
    return { status: 200, text: recordedText(path.includes('destination=golden') ? 'routing_trace' : 'routing_trace_unknown') }
  }
  if (plain.startsWith('/health/clusters/') && plain !== '/health/clusters/golden') {
    return { status: 404, text: recordedText('health_clusters_unknown') }
  }
  const name = plain === '/' ? 'root' : plain.slice(1).replaceAll('/', '_')
  return existsSync(`${vectors}/${name}.json`) ? { status: 200, text: recordedText(name) } : undefined
}

function send(response: ServerResponse, status: number, body: unknown): void {
  respond(response, status, JSON.stringify(body))
}

function respond(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(text)
}
