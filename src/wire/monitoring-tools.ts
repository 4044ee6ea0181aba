/**
 * What a node tells over HTTP to those who look after it: its index of paths, whether it can take work, and its log switches.
 * The protocol of the Python implementation has only the index of these.
 */
import { flag, list, oneOf, optional, type ReadOnly, record, text, time } from './monitoring-fields.ts'

/** A path that can be asked. Parameters appear as `{cluster_id}`. */
export const monitoringEndpoint = record({ path: text, method: oneOf(['GET', 'POST'] as const), description: text })
export type MonitoringEndpoint = ReadOnly<typeof monitoringEndpoint>

/** What a node must be able to do before a load balancer sends it work, each part by itself. */
export const readiness = record({
  ready: flag,
  checks: list(record({ name: text, ok: flag, detail: text })),
})
export type Readiness = ReadOnly<typeof readiness>

export const logStatus = record({
  level: text,
  debug_scopes: list(text),
  /** What can be named in `debug_scopes`. */
  known_scopes: list(text),
  /** About scopes that match nothing. */
  warnings: list(text),
})
export type LogStatus = ReadOnly<typeof logStatus>

/** What is left out stays as it is. */
export const logChange = record({ level: optional(text), debug_scopes: optional(list(text)) })
export type LogChange = ReadOnly<typeof logChange>

export const LOG_LEVELS = ['TRACE', 'DEBUG', 'INFO', 'SUCCESS', 'WARNING', 'ERROR', 'CRITICAL'] as const

/** A line of the log, as it was written. */
export const logLine = record({
  timestamp: time,
  level: oneOf(LOG_LEVELS),
  scope: text,
  message: text,
  /** The stack of what caused it, and of the causes of that. */
  error: optional(text),
})
export type LogLine = ReadOnly<typeof logLine>
