/** `/routing…`: why a message goes where it goes. */
import { monitoringAnswers } from '../../wire/index.ts'
import type { MonitorContext } from '../context.ts'
import { RequestRefusal } from '../errors.ts'
import { type MonitorRoute, namesIn, queryText, requiredQuery } from '../route.ts'
import { answer } from './answer.ts'

export function routingRoutes(context: MonitorContext): MonitorRoute[] {
  const { views } = context
  return [
    {
      method: 'GET',
      path: '/routing/trace',
      description: 'The routes to a cluster, what is held against each, and the chosen one',
      query: { destination: 'The cluster', avoid: 'Clusters not to pass through, separated by commas' },
      answer: monitoringAnswers['/routing/trace'],
      reply(request) {
        const destination = requiredQuery(request, 'destination')
        if (views.routeTrace === undefined) throw new RequestRefusal(503, 'route tracing not available')
        const avoid = namesIn(queryText(request, 'avoid') ?? '')
        return answer(context, { destination, avoid_clusters: avoid, trace: views.routeTrace(destination, avoid) })
      },
    },
    {
      method: 'GET',
      path: '/routing/link-state',
      description: 'The link-state map: areas, entries and what was refused',
      answer: monitoringAnswers['/routing/link-state'],
      reply() {
        const state = views.linkState?.()
        if (state === undefined) throw new RequestRefusal(503, 'link-state status not available')
        return answer(context, { link_state: state })
      },
    },
  ]
}
