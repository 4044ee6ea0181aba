/** A web server that keeps what is posted to it and answers as it is told. */
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text as textOf } from 'node:stream/consumers'

export interface Posted {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

export interface SinkAnswer {
  readonly status: number
  readonly text?: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface HttpSink extends AsyncDisposable {
  readonly url: string
  readonly posted: readonly Posted[]
  /** Answers to the next posts; once they are used up, 200. `never`: no answer at all. */
  answerWith(...answers: (SinkAnswer | 'never')[]): void
}

export async function httpSink(): Promise<HttpSink> {
  const posted: Posted[] = []
  const answers: (SinkAnswer | 'never')[] = []
  const server = createServer(async (request, response) => {
    const text = await textOf(request)
    posted.push({ method: request.method ?? '', path: request.url ?? '', headers: request.headers, text })
    const answer = answers.shift() ?? { status: 200, text: 'ok' }
    if (answer !== 'never') response.writeHead(answer.status, answer.headers).end(answer.text)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    posted,
    answerWith: (...next) => void answers.push(...next),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
