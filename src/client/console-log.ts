/** The log of a client nobody gave one: warnings and errors go to the console, so that a subscriber that throws is not a secret. */
import { type LogScope, silentLog } from '../base/index.ts'

export const consoleLog: LogScope = {
  ...silentLog,
  warn: (message) => console.warn(`mpreg: ${message}`),
  error: report,
  critical: report,
  scope: () => consoleLog,
}

function report(message: string, cause?: unknown): void {
  if (cause === undefined) console.error(`mpreg: ${message}`)
  else console.error(`mpreg: ${message}:`, cause)
}
