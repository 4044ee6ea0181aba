/**
 * The latest lines of a log, kept in memory: for whoever asks a node what it said, and has no way to its standard error.
 *
 * Bounded in lines and in characters, so that neither a chatty scope nor a long stack decides how much memory it takes. Only lines that
 * were written are kept: a line that level and scopes switch off is not here either.
 */
import { BoundedQueue, type LogLevel } from '../base/index.ts'
import type { LogLine } from '../wire/index.ts'
import { severity } from './log-levels.ts'
import { scopeSelects } from './scopes.ts'

/** Which lines are wanted; what is left out restricts nothing. */
export interface LogLinesQuery {
  /** A prefix, as in `log_debug_scopes`. */
  readonly scope?: string
  /** The lowest severity. */
  readonly level?: LogLevel
  /** At most so many, the latest. */
  readonly limit?: number
}

export interface LogRing {
  keep(line: LogLine): void
  /** Oldest first. */
  lines(query?: LogLinesQuery): readonly LogLine[]
}

export const LOG_LINES_MAX = 1_000
export const LOG_LINES_CHARACTERS_MAX = 256 * 1024
/** Of one line; a longer one is cut, so that it does not push out all others. */
const LINE_CHARACTERS_MAX = 8 * 1024

export function createLogRing(): LogRing {
  const kept = new BoundedQueue<LogLine>({ capacity: LOG_LINES_MAX, whenFull: 'drop-oldest', onDrop: (line) => (characters -= size(line)) })
  let characters = 0

  return {
    keep(line) {
      const short = cut(line)
      characters += size(short)
      kept.push(short)
      while (characters > LOG_LINES_CHARACTERS_MAX) characters -= size(kept.shift() as LogLine)
    },

    lines({ level, limit = LOG_LINES_MAX, scope } = {}) {
      const floor = level === undefined ? Number.NEGATIVE_INFINITY : severity[level]
      const found = [...kept].filter((line) => severity[line.level] >= floor && (scope === undefined || scopeSelects(scope, line.scope)))
      return found.slice(-limit)
    },
  }
}

function cut(line: LogLine): LogLine {
  if (size(line) <= LINE_CHARACTERS_MAX) return line
  const { error, message } = line
  const short = { ...line, message: shortened(message, LINE_CHARACTERS_MAX) }
  return error === undefined ? short : { ...short, error: shortened(error, Math.max(0, LINE_CHARACTERS_MAX - message.length)) }
}

function shortened(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max)} … ${text.length - max} more characters`
}

function size({ error = '', message, scope }: LogLine): number {
  return message.length + error.length + scope.length
}
