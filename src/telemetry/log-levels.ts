/** The levels of the log, and which of two is the more severe. */
import type { LogLevel } from '../base/index.ts'
import { LOG_LEVELS } from '../wire/index.ts'

/** Severities as numbers, so that levels can be compared. */
export const severity: Readonly<Record<LogLevel, number>> = {
  TRACE: 5,
  DEBUG: 10,
  INFO: 20,
  SUCCESS: 25,
  WARNING: 30,
  ERROR: 40,
  CRITICAL: 50,
}

/** All levels in ascending order. */
export const logLevels: readonly LogLevel[] = LOG_LEVELS

/** The level named by `text` in any case, or `undefined`. */
export function parseLogLevel(text: string): LogLevel | undefined {
  const name = text.trim().toUpperCase()
  return logLevels.find((level) => level === name)
}
