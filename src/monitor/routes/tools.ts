/** For those who look after the node: explanations, the doctor's facts, event timelines, and the log switches. */
import { logLevels } from '../../telemetry/index.ts'
import { type LogChange, logChange, monitoringAnswers } from '../../wire/index.ts'
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
    {
      method: 'GET',
      path: '/log',
      description: 'Log level and debug scopes in force',
      answer: monitoringAnswers['/log'],
      reply: () => answer(context, { log: views.log.status() }),
    },
    {
      method: 'POST',
      path: '/log',
      description: 'Change log level and debug scopes; what is left out stays as it is',
      body: logChange,
      answer: monitoringAnswers['/log'],
      reply: ({ body }) => answer(context, { log: views.log.change(requestedChange(body)) }),
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

const SCOPES_MAX = 200
const SCOPE_CHARACTERS_MAX = 200

/** @throws RequestRefusal 400 */
function requestedChange(body: unknown): LogChange {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new RequestRefusal(400, 'the body must be a JSON object', ['level', 'debug_scopes'])
  }
  const { debug_scopes: scopes, level } = body as Record<string, unknown>
  if (level === undefined && scopes === undefined)
    throw new RequestRefusal(400, 'level or debug_scopes required', ['level', 'debug_scopes'])
  const parsed = typeof level === 'string' ? logLevels.find((known) => known === level.trim().toUpperCase()) : undefined
  if (level !== undefined && parsed === undefined) {
    throw new RequestRefusal(400, `no log level ${JSON.stringify(level)}; there are ${logLevels.join(', ')}`, logLevels)
  }
  if (scopes !== undefined && !isScopeList(scopes)) {
    throw new RequestRefusal(
      400,
      `debug_scopes must be a list of at most ${SCOPES_MAX} names of at most ${SCOPE_CHARACTERS_MAX} characters`,
    )
  }
  return { ...(parsed !== undefined && { level: parsed }), ...(scopes !== undefined && { debug_scopes: scopes }) }
}

function isScopeList(value: unknown): value is string[] {
  return (
    Array.isArray(value) &&
    value.length <= SCOPES_MAX &&
    value.every((scope) => typeof scope === 'string' && scope.length <= SCOPE_CHARACTERS_MAX)
  )
}
