/** The log: its switches, and its latest lines. */
import { LOG_LINES_MAX, logLevels, parseLogLevel } from '../../telemetry/index.ts'
import { type LogChange, logChange, monitoringAnswers } from '../../wire/index.ts'
import type { MonitorContext } from '../context.ts'
import { RequestRefusal } from '../errors.ts'
import { type MonitorRoute, queryCount, queryText } from '../route.ts'
import { answer } from './answer.ts'

const LINES_SHOWN = 200
const SCOPES_MAX = 200
const SCOPE_CHARACTERS_MAX = 200

export function logRoutes(context: MonitorContext): MonitorRoute[] {
  const { log } = context.views
  return [
    {
      method: 'GET',
      path: '/log',
      description: 'Log level and debug scopes in force',
      answer: monitoringAnswers['/log'],
      reply: () => answer(context, { log: log.status() }),
    },
    {
      method: 'POST',
      path: '/log',
      description: 'Change log level and debug scopes; what is left out stays as it is',
      body: logChange,
      answer: monitoringAnswers['/log'],
      reply: ({ body }) => answer(context, { log: log.change(requestedChange(body)) }),
    },
    {
      method: 'GET',
      path: '/log/lines',
      description: 'The latest lines of the log, oldest first',
      query: {
        scope: 'Only lines of scopes that begin so',
        level: `Only lines of at least this level: ${logLevels.join(', ')}`,
        limit: `How many at most, up to ${LOG_LINES_MAX}; without it ${LINES_SHOWN}`,
      },
      answer: monitoringAnswers['/log/lines'],
      reply(request) {
        const scope = queryText(request, 'scope')
        const level = queryText(request, 'level')
        const lines = log.lines({
          limit: queryCount(request, 'limit', LINES_SHOWN, LOG_LINES_MAX),
          ...(scope !== undefined && { scope }),
          ...(level !== undefined && { level: knownLevel(level) }),
        })
        return answer(context, { lines })
      },
    },
  ]
}

/** @throws RequestRefusal 400 */
function requestedChange(body: unknown): LogChange {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new RequestRefusal(400, 'the body must be a JSON object', ['level', 'debug_scopes'])
  }
  const { debug_scopes: scopes, level } = body as Record<string, unknown>
  if (level === undefined && scopes === undefined)
    throw new RequestRefusal(400, 'level or debug_scopes required', ['level', 'debug_scopes'])
  if (scopes !== undefined && !isScopeList(scopes)) {
    throw new RequestRefusal(
      400,
      `debug_scopes must be a list of at most ${SCOPES_MAX} names of at most ${SCOPE_CHARACTERS_MAX} characters`,
    )
  }
  return { ...(level !== undefined && { level: knownLevel(level) }), ...(scopes !== undefined && { debug_scopes: scopes }) }
}

/** @throws RequestRefusal 400 */
function knownLevel(level: unknown): NonNullable<ReturnType<typeof parseLogLevel>> {
  const known = typeof level === 'string' ? parseLogLevel(level) : undefined
  if (known === undefined)
    throw new RequestRefusal(400, `no log level ${JSON.stringify(level)}; there are ${logLevels.join(', ')}`, logLevels)
  return known
}

function isScopeList(value: unknown): value is string[] {
  return (
    Array.isArray(value) &&
    value.length <= SCOPES_MAX &&
    value.every((scope) => typeof scope === 'string' && scope.length <= SCOPE_CHARACTERS_MAX)
  )
}
