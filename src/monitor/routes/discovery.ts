/** `/discovery…` and `/dns/metrics`. A node without the part answers that it is not enabled. */
import { monitoringAnswers } from '../../wire/index.ts'
import type { MonitorContext } from '../context.ts'
import type { MonitorRoute } from '../route.ts'
import { answer } from './answer.ts'

const ABSENT = { enabled: false } as const

export function discoveryRoutes(context: MonitorContext): MonitorRoute[] {
  const { views } = context
  return [
    {
      method: 'GET',
      path: '/discovery/summary',
      description: 'What service summaries were exported, and when',
      answer: monitoringAnswers['/discovery/summary'],
      reply: () => answer(context, { summary_export: views.discoverySummary?.() ?? ABSENT }),
    },
    {
      method: 'GET',
      path: '/discovery/cache',
      description: 'What the resolver and its summary cache hold',
      answer: monitoringAnswers['/discovery/cache'],
      reply: () => answer(context, views.discoveryCache?.() ?? { resolver_cache: ABSENT }),
    },
    {
      method: 'GET',
      path: '/discovery/policy',
      description: 'Namespace rules, and who changed or tried what',
      answer: monitoringAnswers['/discovery/policy'],
      reply: () => answer(context, { policy: views.discoveryPolicy?.() ?? ABSENT }),
    },
    {
      method: 'GET',
      path: '/discovery/lag',
      description: 'How far discovery is behind',
      answer: monitoringAnswers['/discovery/lag'],
      reply: () => answer(context, { lag: views.discoveryLag?.() ?? { resolver_enabled: false } }),
    },
  ]
}

export function dnsRoutes(context: MonitorContext): MonitorRoute[] {
  return [
    {
      method: 'GET',
      path: '/dns/metrics',
      description: 'The DNS gateway and its counters',
      answer: monitoringAnswers['/dns/metrics'],
      reply: () => answer(context, { dns_gateway: context.views.dns?.() ?? ABSENT }),
    },
  ]
}
