/**
 * Diagnostic channels: lines of a fixed shape that tools parse, each kind with a switch of its own.
 *
 * A channel is on when its environment variable says so, when it is among the log's debug scopes, or when it was switched on at run time.
 * Its lines reach the sink whatever the log level is, at the level other tools expect them to have. Whoever writes a line asks first,
 * so that a channel that is off costs nothing but the question:
 *
 *     if (diagnostics.enabled('peer_dial')) {
 *       diagnostics.line('peer_dial', `[DIAG_PEER_DIAL] node=${word(nodeId)} loop connected_ratio=${fixed(ratio, 2)} interval=${seconds(interval, 3)}`)
 *     }
 */
import type { LogLevel } from '../base/index.ts'
import type { Log } from './log.ts'
import { type DiagnosticChannel, diagnosticChannels } from './scopes.ts'

/**
 * Kinds of lines. `connection` goes with the variable and the run-time switch of `peer_dial`, but not with its debug scope: who asks a
 * node why it dials whom does not want every attempt of every other connection of the process.
 */
export type DiagnosticLine = DiagnosticChannel | 'connection'

export interface DiagnosticSwitch {
  readonly channel: DiagnosticChannel
  readonly variable: string
  /** Debug scopes, compared as a whole, that switch it on too. */
  readonly scopes: readonly DiagnosticChannel[]
  readonly level: LogLevel
  /** The component that writes the lines. */
  readonly component: string
}

const SWITCHES: Readonly<Record<DiagnosticLine, DiagnosticSwitch>> = {
  peer_dial: { ...switchOf('peer_dial'), level: 'ERROR' },
  connection: { ...switchOf('peer_dial'), scopes: [], level: 'ERROR', component: 'core.connection' },
  peer_dial_policy: switchOf('peer_dial_policy'),
  discovery_loop: { ...switchOf('discovery_loop'), level: 'ERROR' },
  summary_ingress: { ...switchOf('summary_ingress'), scopes: ['summary_ingress', 'discovery_summary'] },
  discovery_summary: switchOf('discovery_summary'),
  peer_snapshot: switchOf('peer_snapshot'),
  catalog_snapshot: { ...switchOf('catalog_snapshot'), level: 'ERROR' },
  gossip_sched: { ...switchOf('gossip_sched'), component: 'fabric.gossip' },
  raft: { ...switchOf('raft'), component: 'raft.impl' },
}

function switchOf(channel: DiagnosticChannel): DiagnosticSwitch {
  return { channel, variable: `MPREG_DEBUG_${channel.toUpperCase()}`, scopes: [channel], level: 'WARNING', component: 'server' }
}

/** One per channel, for help texts and settings pages. */
export const diagnosticSwitches: readonly DiagnosticSwitch[] = diagnosticChannels.map((channel) => SWITCHES[channel])

export interface DiagnosticsDeps {
  /** Asked at every use, so that a change of the process's own variables is followed. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly log: Pick<Log, 'channelOn' | 'always'>
}

export interface DiagnosticsSnapshot {
  readonly enabled: readonly DiagnosticChannel[]
  /** Channels whose run-time switch overrides variable and scopes. */
  readonly overridden: readonly DiagnosticChannel[]
  /** Lines written, by kind; kinds without any are left out. */
  readonly lines: Readonly<Partial<Record<DiagnosticLine, number>>>
}

export interface Diagnostics {
  enabled(kind: DiagnosticLine): boolean
  /** Writes one line of a channel that is on; one of a channel that is off is left out. */
  line(kind: DiagnosticLine, text: string): void
  /** Switches a channel at run time; `undefined` gives it back to its variable and scopes. */
  set(channel: DiagnosticChannel, on: boolean | undefined): void
  snapshot(): DiagnosticsSnapshot
}

export function createDiagnostics({ environment, log }: DiagnosticsDeps): Diagnostics {
  const overrides = new Map<DiagnosticChannel, boolean>()
  const lines: Partial<Record<DiagnosticLine, number>> = {}

  function enabled(kind: DiagnosticLine): boolean {
    const { channel, variable, scopes } = SWITCHES[kind]
    return overrides.get(channel) ?? (isTruthy(environment[variable]) || scopes.some((scope) => log.channelOn(scope)))
  }

  return {
    enabled,
    line(kind, text) {
      if (!enabled(kind)) return
      lines[kind] = (lines[kind] ?? 0) + 1
      log.always(SWITCHES[kind].level, SWITCHES[kind].component, text)
    },
    set(channel, on) {
      if (on === undefined) overrides.delete(channel)
      else overrides.set(channel, on)
    },
    snapshot: () => ({
      enabled: diagnosticChannels.filter(enabled),
      overridden: diagnosticChannels.filter((channel) => overrides.has(channel)),
      lines: { ...lines },
    }),
  }
}

const TRUTHY: ReadonlySet<string> = new Set(['1', 'true', 'yes', 'on', 'enabled', 'debug'])

function isTruthy(value: string | undefined): boolean {
  return value !== undefined && TRUTHY.has(value.trim().toLowerCase())
}

/** A number with fixed decimals. */
export function fixed(value: number, decimals: number): string {
  return value.toFixed(decimals)
}

/** Seconds with fixed decimals and their unit: `1.667s`. */
export function seconds(value: number, decimals: number): string {
  return `${value.toFixed(decimals)}s`
}

export function flag(value: boolean): string {
  return value ? 'true' : 'false'
}

/** A value within a line: fields are parted by blanks, so it must have none, and it must not be empty. */
export function word(text: string): string {
  return text === '' ? '_' : text.replace(/\s/g, '_')
}

/** A list or map within a line: JSON without any blank, those inside of strings written as escapes. */
export function compactJson(value: unknown): string {
  return JSON.stringify(value).replace(/\s/g, (blank) => `\\u${blank.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Free text, which must be the last field of its line: on one line itself. */
export function restOfLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}
