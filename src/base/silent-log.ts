import type { LogScope } from './env.ts'

const drop = (): void => {}

/** The log that drops everything: the default of virtual environments and of library use without a configured log. */
export const silentLog: LogScope = {
  debugOn: false,
  traceOn: false,
  trace: drop,
  debug: drop,
  info: drop,
  success: drop,
  warn: drop,
  error: drop,
  critical: drop,
  scope: () => silentLog,
}
