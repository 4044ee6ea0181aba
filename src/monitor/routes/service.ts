/** The service about itself: its index, whether it is up, and its contract. */
import { monitoringAnswers } from '../../wire/index.ts'
import type { MonitorContext } from '../context.ts'
import { JSON_TYPE, type MonitorRoute, TextAnswer } from '../route.ts'
import { answer } from './answer.ts'

/** The version of this surface, as the Python implementation numbers it. */
const SURFACE_VERSION = '1.0.0'

export function indexRoutes(context: MonitorContext): MonitorRoute[] {
  return [
    {
      method: 'GET',
      path: '/endpoints',
      description: 'Every path that can be asked',
      answer: monitoringAnswers['/endpoints'],
      reply() {
        const endpoints = context.index()
        return answer(context, { endpoints, total_endpoints: endpoints.length })
      },
    },
    {
      method: 'GET',
      path: '/',
      description: 'What this is, and every path that can be asked',
      answer: monitoringAnswers['/'],
      reply() {
        const { cluster_id, federation_mode } = context.views.identity()
        return {
          service: 'MPREG Federation Monitoring',
          version: SURFACE_VERSION,
          federation_mode,
          cluster_id,
          monitoring_port: context.port(),
          endpoints: context.index(),
          timestamp: context.clock.wall(),
        }
      },
    },
  ]
}

export function probeRoutes(context: MonitorContext): MonitorRoute[] {
  const live = (path: '/health/live' | '/livez'): MonitorRoute => ({
    method: 'GET',
    path,
    description: '200 while the process answers',
    takesAnyQuery: true,
    answer: monitoringAnswers[path],
    reply: () => ({ live: true, timestamp: context.clock.wall() }),
  })
  const ready = (path: '/health/ready' | '/readyz'): MonitorRoute => ({
    method: 'GET',
    path,
    description: '200 when the node can take work, 503 when it can not',
    takesAnyQuery: true,
    answer: monitoringAnswers[path],
    reply() {
      const { checks, ready } = context.views.readiness()
      return new TextAnswer(ready ? 200 : 503, JSON_TYPE, JSON.stringify({ ready, checks, timestamp: context.clock.wall() }))
    },
  })
  return [live('/health/live'), ready('/health/ready'), live('/livez'), ready('/readyz')]
}

export function contractRoutes(context: MonitorContext): MonitorRoute[] {
  return [
    {
      method: 'GET',
      path: '/openapi.json',
      description: 'This service as an OpenAPI document',
      reply: () => new TextAnswer(200, JSON_TYPE, context.openapi()),
    },
  ]
}
