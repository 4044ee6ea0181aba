/**
 * Telemetry: what a node tells about itself. Pure over `Clock`; it opens no socket, file or HTTP server, and knows no other room
 * than base. Start reading at log.ts (levels, format) and scopes.ts (who logs under which name).
 */

export {
  createDiagnostics,
  type Diagnostics,
  type DiagnosticsDeps,
  type DiagnosticsSnapshot,
  fixed,
  flag,
  restOfLine,
  seconds,
  word,
} from './diagnostics.ts'
export { createLog, type Log, type LogFormat, type LogOptions, type LogSink, type LogSnapshot, logLevels } from './log.ts'
export { nearestName } from './nearest-name.ts'
export { logOncePer, type OncePer, type OncePerOptions, type OncePerSnapshot } from './once-per.ts'
export {
  type DiagnosticChannel,
  diagnosticChannels,
  type LogComponent,
  logComponents,
  unknownScopeWarnings,
} from './scopes.ts'
