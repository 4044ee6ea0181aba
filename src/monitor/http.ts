/**
 * The HTTP conventions that hold for every path: headers, CORS, methods, errors, limits and timing.
 *
 * A body is turned into text by one `JSON.stringify`, in the order of its members; Fastify's own serialisers would leave out members that
 * a schema does not name. Schemas only document: values of parameters are checked by the routes, whose complaints say what would have been
 * valid.
 */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Clock, Histogram, type LogScope } from '../base/index.ts'
import { logOncePer, nearestName } from '../telemetry/index.ts'
import type { MonitoringError } from '../wire/index.ts'
import type { Access } from './access.ts'
import { RequestRefusal } from './errors.ts'
import { JSON_TYPE, type MonitorRequest, type MonitorRoute, StreamAnswer, TextAnswer } from './route.ts'

export interface HttpDeps {
  readonly clock: Clock
  readonly log: LogScope
  readonly access: Access
  readonly routes: readonly MonitorRoute[]
  /** Filled with the durations of answers, ms, by route pattern. */
  readonly requests: Map<string, Histogram>
  readonly cors: boolean
}

/** The only bodies that are asked for name an alert or a few log scopes. */
export const BODY_BYTES_MAX = 64 * 1024
/** A failing view that is polled says so once in this time. */
const FAILURE_LOG_INTERVAL_MS = 60_000
/** Requests for no known path are timed under this name. */
const UNMATCHED = 'unmatched'

export function serveRoutes(app: FastifyInstance, deps: HttpDeps): void {
  const { access, clock, log, requests, routes } = deps
  const common = commonHeaders(deps)
  const failures = logOncePer({ clock, intervalMs: FAILURE_LOG_INTERVAL_MS })
  const startedMs = new WeakMap<FastifyRequest, number>()

  app.setValidatorCompiler(() => () => true)
  app.setSerializerCompiler(() => JSON.stringify)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, text, done) => {
    try {
      done(null, JSON.parse(text.toString()))
    } catch (cause) {
      done(new RequestRefusal(400, `the body is not JSON: ${(cause as Error).message}`))
    }
  })

  app.addHook('onRequest', (request, reply, done) => {
    startedMs.set(request, clock.monotonic())
    reply.headers(common)
    const { authorization, host, origin } = request.headers
    const { needsToken } = request.routeOptions.config as { readonly needsToken?: boolean }
    access.admit({ method: request.method, path: pathOf(request), host, authorization, origin, needsToken: needsToken === true })
    done()
  })
  app.addHook('onSend', (request, reply, payload, done) => {
    const elapsedMs = clock.monotonic() - (startedMs.get(request) ?? clock.monotonic())
    // A clock that has not moved must not make it 0: readers take that for "not measured".
    reply.header('X-Response-Time-Ms', String(Math.max(elapsedMs, 0.001)))
    recordDuration(requests, patternOf(request), elapsedMs)
    if (log.debugOn) log.debug(`${request.method} ${pathOf(request)} ${reply.statusCode} ms=${elapsedMs.toFixed(2)} from=${request.ip}`)
    done(null, payload)
  })

  app.setErrorHandler((error: FastifyError | Error, request, reply) => {
    const refusal = asRefusal(error)
    if (refusal.status >= 500 && refusal !== error) {
      failures.log(patternOf(request), (more) => log.error(`${request.method} ${pathOf(request)} failed${more}`, error))
    }
    return refuse(reply, refusal)
  })
  const paths = [...new Set(routes.map(({ path }) => path))]
  app.setNotFoundHandler((request) => {
    throw unknownPath(pathOf(request), paths)
  })

  for (const path of paths) {
    const here = routes.filter((route) => route.path === path)
    for (const route of here) addRoute(app, route)
    addOtherMethods(app, path, here)
  }
}

/** Answers a request that Fastify rejects before any hook has run, such as one whose URL can not be decoded. */
export function refuseEarly(deps: Pick<HttpDeps, 'access' | 'cors'>): (error: Error, request: FastifyRequest, reply: FastifyReply) => void {
  return (error, _request, reply) => void refuse(reply.headers(commonHeaders(deps)), asRefusal(error))
}

function addRoute(app: FastifyInstance, route: MonitorRoute): void {
  app.route({
    method: route.method,
    url: fastifyPath(route.path),
    config: { pattern: route.path, needsToken: route.needsToken === true },
    schema: documentation(route),
    async handler(request, reply) {
      const asked = asMonitorRequest(request, reply)
      if (route.takesAnyQuery !== true) refuseUnknownParameters(route, Object.keys(asked.query))
      const answer = await route.reply(asked)
      if (answer instanceof StreamAnswer) return reply.type(answer.contentType).send(answer.stream)
      if (answer instanceof TextAnswer) return reply.code(answer.status).type(answer.contentType).send(answer.text)
      return reply.type(JSON_TYPE).send(JSON.stringify(answer))
    },
  })
}

/** OPTIONS says what may be asked, and every other method that it may not. */
function addOtherMethods(app: FastifyInstance, path: string, routes: readonly MonitorRoute[]): void {
  const methods = new Set<string>(routes.map(({ method }) => method))
  if (methods.has('GET')) methods.add('HEAD')
  const valid = [...methods]
  const allow = [...valid, 'OPTIONS'].join(', ')
  const shared = { url: fastifyPath(path), config: { pattern: path }, schema: { hide: true } }

  app.route({ ...shared, method: 'OPTIONS', handler: (_request, reply) => reply.code(204).header('Allow', allow).send() })
  app.route({
    ...shared,
    method: app.supportedMethods.filter((method) => !methods.has(method) && method !== 'OPTIONS'),
    // Before the body is read, which nobody will look at.
    onRequest(request, reply) {
      reply.header('Allow', allow)
      throw new RequestRefusal(405, `${request.method} is not possible on ${path}; ${valid.join(' and ')} are`, valid)
    },
    handler: () => undefined,
  })
}

function commonHeaders({ access, cors }: Pick<HttpDeps, 'access' | 'cors'>): Record<string, string> {
  const own = { 'X-Monitoring-System': 'MPREG-Federation-Monitor' }
  if (!cors) return own
  return {
    ...own,
    'Access-Control-Allow-Origin': '*',
    'Access-Control-Allow-Methods': 'GET, POST, OPTIONS',
    'Access-Control-Allow-Headers': access.usesToken ? 'Content-Type, Authorization' : 'Content-Type',
  }
}

function refuse(reply: FastifyReply, { message, status, valid }: RequestRefusal): FastifyReply {
  if (status === 401) reply.header('WWW-Authenticate', 'Bearer')
  const body: MonitoringError = { status: 'error', message, ...(valid.length > 0 && { valid: [...valid] }) }
  return reply.code(status).type(JSON_TYPE).send(JSON.stringify(body))
}

function asRefusal(error: Error): RequestRefusal {
  if (error instanceof RequestRefusal) return error
  const { code, statusCode = 500 } = error as Partial<FastifyError>
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new RequestRefusal(413, `the body is larger than ${BODY_BYTES_MAX} bytes`)
  return new RequestRefusal(statusCode >= 400 && statusCode < 600 ? statusCode : 500, error.message)
}

function unknownPath(path: string, known: readonly string[]): RequestRefusal {
  const nearest = nearestName(path, known)
  return new RequestRefusal(
    404,
    `no path ${path}${nearest === undefined ? '' : `; did you mean ${nearest}?`} GET /endpoints lists all`,
    known,
  )
}

/** A parameter that is passed over would seem to have had its effect. @throws RequestRefusal 400 */
function refuseUnknownParameters({ path, query = {} }: MonitorRoute, given: readonly string[]): void {
  const known = Object.keys(query)
  const unknown = given.find((name) => !known.includes(name))
  if (unknown === undefined) return
  const nearest = nearestName(unknown, known)
  const guess = nearest === undefined ? ';' : `; did you mean ${JSON.stringify(nearest)}?`
  const takes = known.length === 0 ? 'none' : known.join(', ')
  throw new RequestRefusal(400, `unknown parameter ${JSON.stringify(unknown)}${guess} ${path} takes ${takes}`, known)
}

function recordDuration(requests: Map<string, Histogram>, pattern: string, ms: number): void {
  let durations = requests.get(pattern)
  if (durations === undefined) {
    durations = new Histogram()
    requests.set(pattern, durations)
  }
  durations.record(ms)
}

function patternOf(request: FastifyRequest): string {
  return (request.routeOptions.config as { pattern?: string }).pattern ?? UNMATCHED
}

function pathOf(request: FastifyRequest): string {
  const query = request.url.indexOf('?')
  return query < 0 ? request.url : request.url.slice(0, query)
}

function asMonitorRequest(request: FastifyRequest, { raw }: FastifyReply): MonitorRequest {
  return {
    params: request.params as Record<string, string>,
    query: request.query as Record<string, unknown>,
    body: request.body,
    accept: request.headers.accept ?? '',
    get gone() {
      return goneSignal(raw)
    },
  }
}

/** Made only for routes that ask. */
function goneSignal(response: FastifyReply['raw']): AbortSignal {
  const gone = new AbortController()
  response.once('close', () => {
    if (!response.writableFinished) gone.abort()
  })
  return gone.signal
}

function fastifyPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1')
}

function documentation({ answer, body, description, path, query }: MonitorRoute): object {
  const params = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => [name, { type: 'string' }])
  const parameters = Object.entries(query ?? {}).map(([name, meaning]) => [name, { type: 'string', description: meaning }])
  return {
    summary: description,
    ...(params.length > 0 && { params: { type: 'object', properties: Object.fromEntries(params) } }),
    ...(parameters.length > 0 && { querystring: { type: 'object', properties: Object.fromEntries(parameters) } }),
    ...(body !== undefined && { body }),
    ...(answer !== undefined && { response: { 200: answer } }),
  }
}
