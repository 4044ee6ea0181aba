/**
 * The log of one node: levels, debug scopes, and the format of a line.
 *
 * Text lines keep the shape that existing tools parse:
 *
 *     2026-01-31 09:05:07.042 | WARNING  | mpreg.fabric.gossip:-:0 - no peer answered
 *
 * The three parts `module:function:line` are kept, but function and line are always `-` and `0`: finding them would cost a stack capture
 * for every line, and the component's scope already says where to look. A message is one line whatever it contains (control
 * characters are escaped, so that a peer can not forge a record); the stack of an error follows, indented.
 *
 * Each node of a process has its own log; there is no global state here, and no I/O: records go to the sink that was handed in.
 *
 * @example
 * const log = createLog({ clock, level: 'INFO', debugScopes: ['fabric.gossip'], sink: (record) => process.stderr.write(`${record}\n`) })
 * const gossip = log.root.scope('fabric.gossip')
 * if (gossip.debugOn) gossip.debug('cycle: 3 targets')
 */
import type { Clock, LogLevel, LogScope } from '../base/index.ts'
import type { LogLine } from '../wire/index.ts'
import { severity } from './log-levels.ts'
import { createLogRing, type LogLinesQuery } from './log-ring.ts'
import { type DiagnosticChannel, moduleName, scopeSelects } from './scopes.ts'

export type LogFormat = 'text' | 'json'

/** Takes one whole record without its final newline. Returning false, or throwing, means that the record was lost. */
export type LogSink = (record: string) => unknown

export interface LogOptions {
  readonly clock: Clock
  readonly level: LogLevel
  /** Scopes whose DEBUG lines are wanted although `level` is higher; see {@link scopeSelects}. */
  readonly debugScopes: readonly string[]
  readonly sink: LogSink
  /** Default `text`. */
  readonly format?: LogFormat
  /** Paint the level of text lines with ANSI colours. */
  readonly colour?: boolean
}

export interface LogSnapshot {
  readonly level: LogLevel
  readonly debugScopes: readonly string[]
  /** Records handed to the sink, by level. */
  readonly lines: Readonly<Record<LogLevel, number>>
  /** Records the sink lost. */
  readonly dropped: number
}

export interface Log {
  /** Logs as `mpreg`; `root.scope(name)` is the log of a component. */
  readonly root: LogScope
  setLevel(level: LogLevel): void
  setDebugScopes(scopes: readonly string[]): void
  /** Whether a diagnostic channel is among the debug scopes. */
  channelOn(channel: DiagnosticChannel): boolean
  /** Writes a line whatever the level and the debug scopes are; for diagnostic channels, which have switches of their own. */
  always(level: LogLevel, scope: string, message: string): void
  /** The latest lines that were written, oldest first. */
  lines(query?: LogLinesQuery): readonly LogLine[]
  snapshot(): LogSnapshot
}

export function createLog(options: LogOptions): Log {
  const { clock, sink } = options
  const render = options.format === 'json' ? renderJson : textRenderer(options.colour ?? false)
  const lines: Record<LogLevel, number> = { TRACE: 0, DEBUG: 0, INFO: 0, SUCCESS: 0, WARNING: 0, ERROR: 0, CRITICAL: 0 }
  let { level, debugScopes } = options
  let dropped = 0
  const scopes = new Map<string, ComponentLog>()
  const ring = createLogRing()

  const core: LogCore = {
    admits: (wanted) => severity[wanted] >= severity[level],
    admitsDebugOf: (scope) => severity.DEBUG >= severity[level] || debugScopes.some((configured) => scopeSelects(configured, scope)),
    write(recordLevel, scope, message, cause) {
      lines[recordLevel]++
      const line: LogLine = {
        timestamp: clock.wall(),
        level: recordLevel,
        scope,
        message,
        ...(cause !== undefined && { error: describeCause(cause) }),
      }
      ring.keep(line)
      if (!deliver(sink, render(line))) dropped++
    },
    scope(name) {
      let found = scopes.get(name)
      if (found === undefined) {
        found = new ComponentLog(name, core)
        scopes.set(name, found)
      }
      return found
    },
  }

  function refresh(): void {
    for (const scope of scopes.values()) scope.refresh()
  }

  return {
    root: core.scope('mpreg'),
    setLevel(wanted) {
      level = wanted
      refresh()
    },
    setDebugScopes(wanted) {
      debugScopes = [...wanted]
      refresh()
    },
    channelOn: (channel) => debugScopes.some((configured) => configured.trim() === channel),
    always: (recordLevel, scope, message) => core.write(recordLevel, scope, message),
    lines: ring.lines,
    snapshot: () => ({ level, debugScopes, lines: { ...lines }, dropped }),
  }
}

interface LogCore {
  admits(level: LogLevel): boolean
  admitsDebugOf(scope: string): boolean
  write(level: LogLevel, scope: string, message: string, cause?: unknown): void
  scope(name: string): LogScope
}

/** A class, so that `debugOn` and `traceOn` are plain fields: reading them must not cost a call. */
class ComponentLog implements LogScope {
  debugOn = false
  traceOn = false
  readonly #name: string
  readonly #core: LogCore

  constructor(name: string, core: LogCore) {
    this.#name = name
    this.#core = core
    this.refresh()
  }

  refresh(): void {
    this.debugOn = this.#core.admitsDebugOf(this.#name)
    this.traceOn = this.#core.admits('TRACE')
  }

  trace(message: string): void {
    if (this.traceOn) this.#core.write('TRACE', this.#name, message)
  }

  debug(message: string): void {
    if (this.debugOn) this.#core.write('DEBUG', this.#name, message)
  }

  info(message: string): void {
    this.#write('INFO', message)
  }

  success(message: string): void {
    this.#write('SUCCESS', message)
  }

  warn(message: string): void {
    this.#write('WARNING', message)
  }

  error(message: string, cause?: unknown): void {
    this.#write('ERROR', message, cause)
  }

  critical(message: string, cause?: unknown): void {
    this.#write('CRITICAL', message, cause)
  }

  scope(name: string): LogScope {
    return this.#core.scope(name)
  }

  #write(level: LogLevel, message: string, cause?: unknown): void {
    if (this.#core.admits(level)) this.#core.write(level, this.#name, message, cause)
  }
}

function deliver(sink: LogSink, record: string): boolean {
  try {
    return sink(record) !== false
  } catch {
    return false
  }
}

/** `time` is UTC; `error` is there only when the record has a cause. */
function renderJson({ timestamp, ...line }: LogLine): string {
  return JSON.stringify({ time: new Date(Math.round(timestamp * 1000)).toISOString(), ...line })
}

const levelColours: Readonly<Record<LogLevel, string>> = {
  TRACE: '\x1b[36m',
  DEBUG: '\x1b[34m',
  INFO: '\x1b[1m',
  SUCCESS: '\x1b[32m',
  WARNING: '\x1b[33m',
  ERROR: '\x1b[31m',
  CRITICAL: '\x1b[1;31m',
}

function textRenderer(colour: boolean): (line: LogLine) => string {
  const formatTime = localTimeFormatter()
  return ({ error, level, message, scope, timestamp }) => {
    const padded = level.padEnd(8)
    const shown = colour ? `${levelColours[level]}${padded}\x1b[0m` : padded
    const line = `${formatTime(timestamp)} | ${shown} | ${moduleName(scope)}:-:0 - ${escapeControls(message)}`
    return error === undefined ? line : `${line}\n${indent(error)}`
  }
}

/** `YYYY-MM-DD HH:MM:SS.mmm` in local time. The part down to the second is kept between calls: a busy log repeats it. */
function localTimeFormatter(): (wall: number) => string {
  let keptSecond = Number.NaN
  let keptText = ''
  return (wall) => {
    const ms = Math.round(wall * 1000)
    const second = Math.floor(ms / 1000)
    if (second !== keptSecond) {
      const date = new Date(second * 1000)
      const day = `${digits(date.getFullYear(), 4)}-${digits(date.getMonth() + 1, 2)}-${digits(date.getDate(), 2)}`
      keptText = `${day} ${digits(date.getHours(), 2)}:${digits(date.getMinutes(), 2)}:${digits(date.getSeconds(), 2)}`
      keptSecond = second
    }
    return `${keptText}.${digits(ms - second * 1000, 3)}`
  }
}

function digits(value: number, width: number): string {
  return String(value).padStart(width, '0')
}

/** How many errors of a `cause` chain are shown. */
const causesMax = 5

/** Stack of an error and of the errors it names as its cause; any other value as text. */
function describeCause(cause: unknown): string {
  const parts: string[] = []
  for (let current = cause; current !== undefined && parts.length < causesMax; ) {
    parts.push(current instanceof Error ? (current.stack ?? String(current)) : textOf(current))
    current = current instanceof Error ? current.cause : undefined
  }
  return parts.join('\ncaused by: ')
}

function textOf(value: unknown): string {
  try {
    return typeof value === 'object' ? JSON.stringify(value) : String(value)
  } catch {
    return Object.prototype.toString.call(value)
  }
}

function indent(text: string): string {
  return text
    .split(/\r\n|[\r\n\u2028\u2029]/)
    .map((line) => `  ${escapeControls(line)}`)
    .join('\n')
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a terminal or a line-based tool
const controls = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028\u2029]/g

function escapeControls(text: string): string {
  return text.replace(controls, (character) => {
    if (character === '\n') return '\\n'
    if (character === '\r') return '\\r'
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}
