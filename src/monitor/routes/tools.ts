/** For those who look after the node: explanations, the doctor's facts, and event timelines. */
import { monitoringAnswers } from '../../wire/index.ts'
import type { MonitorContext } from '../context.ts'
import { RequestRefusal } from '../errors.ts'
import { type MonitorRoute, namesIn, pathParameter, queryText, requiredQuery } from '../route.ts'
import type { ExplainViews, FunctionQuestion } from '../views.ts'
import { answer } from './answer.ts'

export function toolRoutes(context: MonitorContext): MonitorRoute[] {
  const { views } = context
  return [
    explainFunctionRoute(context, 'Which nodes have a function, why each does or does not qualify, and which one a call would go to'),
    explainRoute(context, 'route', 'Where a message for a cluster would go, and why'),
    explainRoute(context, 'peer', 'What is known of another node: link, dialling, failure detection, why it is hidden'),
    explainRoute(context, 'topic', 'Who subscribes to a topic, and where a publication would go'),
    explainRoute(context, 'queue', 'Which nodes have a queue, where a message would go, and why messages of it were given up'),
    {
      method: 'GET',
      path: '/diagnosis',
      description: 'The facts that `mpreg doctor` judges',
      answer: monitoringAnswers['/diagnosis'],
      reply: () => answer(context, { diagnosis: views.diagnosis() }),
    },
    {
      method: 'GET',
      path: '/timelines/{id}',
      description: 'What happened to a request: its events in the order of time, by correlation or tracking id',
      answer: monitoringAnswers['/timelines/{id}'],
      reply(request) {
        const id = pathParameter(request, 'id')
        return answer(context, { id, events: views.timeline(id) })
      },
    },
  ]
}

function explainRoute(context: MonitorContext, kind: Exclude<keyof ExplainViews, 'function'>, description: string): MonitorRoute {
  return {
    method: 'GET',
    path: `/explain/${kind}`,
    description,
    query: { name: `The ${kind === 'route' ? 'cluster' : kind === 'peer' ? 'node id' : kind}` },
    answer: monitoringAnswers[`/explain/${kind}`],
    reply(request) {
      const name = requiredQuery(request, 'name')
      return explained(context, kind, name, context.views.explain[kind](name))
    },
  }
}

/** A function is asked for as a call asks for it. */
function explainFunctionRoute(context: MonitorContext, description: string): MonitorRoute {
  return {
    method: 'GET',
    path: '/explain/function',
    description,
    query: {
      name: 'The function',
      version_constraint: 'Versions that will do',
      resources: 'Resources it must offer, separated by commas',
      function_id: 'Global id it must have',
      target_cluster: 'Cluster it must run in',
    },
    answer: monitoringAnswers['/explain/function'],
    reply(request) {
      const name = requiredQuery(request, 'name')
      const given = (parameter: string) => queryText(request, parameter)
      const [constraint, resources, id, cluster] = ['version_constraint', 'resources', 'function_id', 'target_cluster'].map(given)
      const question: FunctionQuestion = {
        ...(constraint !== undefined && { version_constraint: constraint }),
        ...(resources !== undefined && { resources: namesIn(resources) }),
        ...(id !== undefined && { function_id: id }),
        ...(cluster !== undefined && { target_cluster: cluster }),
      }
      return explained(context, 'function', name, context.views.explain.function(name, question))
    },
  }
}

/** @throws RequestRefusal 404 */
function explained(context: MonitorContext, kind: keyof ExplainViews, name: string, explanation: object | undefined): object {
  if (explanation === undefined) throw new RequestRefusal(404, `this node knows nothing of the ${kind} ${JSON.stringify(name)}`)
  return answer(context, { name, explanation })
}
