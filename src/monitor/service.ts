/**
 * The monitoring HTTP service of a node.
 *
 *     const monitor = createMonitorService(views, { env, host: '127.0.0.1', port: 50_000, cors: true, token: null, tokenRequired: true })
 *     await monitor.start()
 *     console.log(monitor.port)
 *
 * The web framework is loaded only now, so that a node without monitoring does not pay for it. A port that is taken costs a warning and
 * not the node: the service then listens on one of the operating system's choice and says so in `GET /`.
 */
import type { FastifyInstance } from 'fastify'
import type { Env, Histogram } from '../base/index.ts'
import { createAccess, isLoopback } from './access.ts'
import { graphOf, type MonitorContext } from './context.ts'
import { MonitorListenError } from './errors.ts'
import { BODY_BYTES_MAX, refuseEarly, serveRoutes } from './http.ts'
import { allRoutes } from './routes/all.ts'
import type { MonitorViews } from './views.ts'

export interface MonitorServiceOptions {
  readonly env: Pick<Env, 'clock' | 'log'>
  readonly host: string
  /** 0 lets the operating system choose. */
  readonly port: number
  /** Let web pages of other origins read the answers. */
  readonly cors: boolean
  readonly token: string | null
  /** False: whoever can reach the port may read and change. */
  readonly tokenRequired: boolean
  /** Origins of web pages that are trusted as programs of this machine are. */
  readonly allowedOrigins: readonly string[]
}

export interface MonitorService {
  /** The port really bound; 0 before the start. */
  readonly port: number
  /** @throws MonitorListenError */
  start(): Promise<void>
  /** Ends open connections too. Stopping twice is fine. */
  stop(): Promise<void>
}

/** Connections at once; a scraper, a dashboard and a few operators need a dozen. */
const CONNECTIONS_MAX = 512
/** Longest wait for the whole of a request. */
const REQUEST_TIMEOUT_MS = 10_000
/** Of an identifier in a path, which may be a node's URL. */
const PARAMETER_CHARACTERS_MAX = 1_024

export function createMonitorService(views: MonitorViews, options: MonitorServiceOptions): MonitorService {
  const { allowedOrigins, cors, env, host, token, tokenRequired } = options
  const { clock } = env
  const log = env.log.scope('fabric.monitoring')
  const access = createAccess({ allowedOrigins, host, token, tokenRequired })
  const requests = new Map<string, Histogram>()
  let app: FastifyInstance | undefined
  let openapi: string | undefined
  let port = 0

  const context: MonitorContext = {
    views,
    clock,
    requests,
    port: () => port,
    index: () => index,
    graph: graphOf(views, clock),
    openapi: () => (openapi ??= JSON.stringify(app?.swagger() ?? {})),
  }
  const routes = allRoutes(context)
  const index = routes.map(({ description, method, path }) => ({ path, method, description }))

  async function open(wanted: number): Promise<FastifyInstance> {
    const [{ fastify }, { fastifySwagger }] = await Promise.all([import('fastify'), import('@fastify/swagger')])
    const opening = fastify({
      logger: false,
      bodyLimit: BODY_BYTES_MAX,
      requestTimeout: REQUEST_TIMEOUT_MS,
      routerOptions: { maxParamLength: PARAMETER_CHARACTERS_MAX },
      forceCloseConnections: true,
      frameworkErrors: refuseEarly({ access, cors }),
    })
    opening.server.maxConnections = CONNECTIONS_MAX
    await opening.register(fastifySwagger, {
      openapi: {
        openapi: '3.1.0',
        info: { title: 'MPREG monitoring', description: 'What a node tells about itself.', version: views.identity().version },
      },
    })
    serveRoutes(opening, { clock, log, access, routes, requests, cors })
    await opening.listen({ host, port: wanted })
    return opening
  }

  return {
    get port() {
      return port
    },
    async start() {
      try {
        app = await open(options.port)
      } catch (error) {
        if (!isTaken(error)) throw new MonitorListenError(host, { cause: error })
        log.warn(`monitoring port ${options.port} is taken, listening on another; GET / tells which`)
        app = await open(0).catch((cause: unknown) => {
          throw new MonitorListenError(host, { cause })
        })
      }
      const address = app.server.address()
      port = typeof address === 'object' && address !== null ? address.port : 0
      log.info(`monitoring on http://${host.includes(':') ? `[${host}]` : host}:${port}`)
      if (!isLoopback(host)) {
        if (!tokenRequired) log.warn(`monitoring is open to whoever can reach ${host}:${port}: tokens are switched off`)
        else if (token === null)
          log.warn('monitoring listens beyond this machine and has no token: set monitoring_token, or nobody can read it')
      }
    },
    async stop() {
      const closing = app
      app = undefined
      await closing?.close()
    },
  }
}

function isTaken(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
}
