/** `/performance…`: the fabric's speed, what limits it, and which way it goes. */
import { monitoringAnswers } from '../../wire/index.ts'
import type { MonitorContext } from '../context.ts'
import { type MonitorRoute, pathParameter } from '../route.ts'
import { answer } from './answer.ts'
import { unknownCluster } from './health.ts'

export function performanceRoutes(context: MonitorContext): MonitorRoute[] {
  const { views } = context
  return [
    {
      method: 'GET',
      path: '/performance',
      description: 'Performance in one summary',
      answer: monitoringAnswers['/performance'],
      reply: () => answer(context, { performance_summary: views.performance() }),
    },
    {
      method: 'GET',
      path: '/performance/bottlenecks',
      description: 'What limits the node, and every alert that fires',
      answer: monitoringAnswers['/performance/bottlenecks'],
      reply() {
        const { cpu_bottlenecks, memory_bottlenecks, network_bottlenecks } = views.bottlenecks()
        const federation_bottlenecks = views.alerts?.active() ?? []
        return answer(context, { bottlenecks: { cpu_bottlenecks, memory_bottlenecks, network_bottlenecks, federation_bottlenecks } })
      },
    },
    {
      method: 'GET',
      path: '/performance/trends',
      description: 'Which way latency, throughput, errors and load have gone over the last hour',
      answer: monitoringAnswers['/performance/trends'],
      reply: () => answer(context, { trends: views.performanceTrends() }),
    },
    {
      method: 'GET',
      path: '/performance/clusters/{cluster_id}',
      description: 'Performance of one cluster',
      answer: monitoringAnswers['/performance/clusters/{cluster_id}'],
      reply(request) {
        const cluster_id = pathParameter(request, 'cluster_id')
        const performance = views.clusterPerformance(cluster_id)
        if (performance === undefined) throw unknownCluster(context, cluster_id)
        return answer(context, { cluster_id, performance })
      },
    },
  ]
}
