/** An Env over the real clock whose log is kept, for tests that ask what was said. */

import { createRealEnv, type Env, type LogScope, silentLog } from '../../src/base/index.ts'

export interface RecordedEnv extends Env {
  readonly lines: string[]
}

export function recordedEnv(): RecordedEnv {
  const lines: string[] = []
  const keep = (level: string) => (message: string) => void lines.push(`${level} ${message}`)
  const log: LogScope = {
    ...silentLog,
    debugOn: true,
    debug: keep('DEBUG'),
    info: keep('INFO'),
    warn: keep('WARNING'),
    error: keep('ERROR'),
    scope: () => log,
  }
  return { ...createRealEnv({ log }), lines }
}
