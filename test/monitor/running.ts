/** A monitoring service on a port of the operating system's choice, over views of a node that does not exist. */
import { onTestFinished } from 'vitest'
import { createRealEnv, silentLog } from '../../src/base/index.ts'
import { createMonitorService, type MonitorService, type MonitorServiceOptions, type MonitorViews } from '../../src/monitor/index.ts'
import { fakeViews } from './fake-views.ts'

export interface RunningMonitor {
  readonly service: MonitorService
  readonly url: string
  get(path: string, init?: RequestInit): Promise<Response>
  json(path: string, init?: RequestInit): Promise<{ readonly status: number; readonly body: Readonly<Record<string, unknown>> }>
}

/** Stopped at the end of the test. */
export async function runMonitor(views: Partial<MonitorViews> = {}, options: Partial<MonitorServiceOptions> = {}): Promise<RunningMonitor> {
  const service = createMonitorService(fakeViews(views), {
    env: createRealEnv({ log: silentLog }),
    host: '127.0.0.1',
    port: 0,
    cors: true,
    token: null,
    tokenRequired: false,
    allowedOrigins: [],
    ...options,
  })
  await service.start()
  onTestFinished(() => service.stop())
  const url = `http://127.0.0.1:${service.port}`
  const get = (path: string, init?: RequestInit) => fetch(`${url}${path}`, init)
  return {
    service,
    url,
    get,
    async json(path, init) {
      const response = await get(path, init)
      return { status: response.status, body: (await response.json()) as Record<string, unknown> }
    },
  }
}

/** What a path can not be asked without. */
export function neededQuery(path: string, cluster: string): string {
  if (path === '/routing/trace') return `?destination=${cluster}`
  return path.startsWith('/explain/') ? '?name=echo' : ''
}
