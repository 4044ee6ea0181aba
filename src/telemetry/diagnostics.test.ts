import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  compactJson,
  createDiagnostics,
  type DiagnosticLine,
  diagnosticSwitches,
  fixed,
  flag,
  restOfLine,
  seconds,
  word,
} from './diagnostics.ts'
import { createLog } from './log.ts'
import { diagnosticChannels } from './scopes.ts'

function captured(environment: Record<string, string | undefined> = {}, debugScopes: readonly string[] = []) {
  const records: string[] = []
  const clock = { wall: () => 1_700_000_000, monotonic: () => 0 }
  const log = createLog({ clock, level: 'CRITICAL', debugScopes, sink: (record) => records.push(record) })
  return { diagnostics: createDiagnostics({ environment, log }), log, records, environment }
}

const kinds: readonly DiagnosticLine[] = [...diagnosticChannels, 'connection']
const allOff = (diagnostics: { enabled(kind: DiagnosticLine): boolean }) => kinds.every((kind) => !diagnostics.enabled(kind))

describe('a diagnostic switch', () => {
  it.each(['1', 'true', 'yes', 'on', 'enabled', 'debug', 'Yes', ' TRUE ', '\tOn\n'])('is on when its variable is %j', (value) => {
    for (const { channel, variable } of diagnosticSwitches) {
      expect(captured({ [variable]: value }).diagnostics.enabled(channel)).toBe(true)
    }
  })

  it.each(['0', 'false', 'no', 'off', '', ' ', '2', 'y', 'truely', undefined])('is off when its variable is %j', (value) => {
    expect(allOff(captured(Object.fromEntries(diagnosticSwitches.map(({ variable }) => [variable, value]))).diagnostics)).toBe(true)
  })

  it('bears the names operators know', () => {
    expect(diagnosticSwitches.map(({ variable, scopes, level }) => `${variable} ${scopes.join(',')} ${level}`)).toEqual([
      'MPREG_DEBUG_PEER_DIAL peer_dial ERROR',
      'MPREG_DEBUG_PEER_DIAL_POLICY peer_dial_policy WARNING',
      'MPREG_DEBUG_DISCOVERY_LOOP discovery_loop ERROR',
      'MPREG_DEBUG_SUMMARY_INGRESS summary_ingress,discovery_summary WARNING',
      'MPREG_DEBUG_DISCOVERY_SUMMARY discovery_summary WARNING',
      'MPREG_DEBUG_CATALOG_SNAPSHOT catalog_snapshot ERROR',
      'MPREG_DEBUG_PEER_SNAPSHOT peer_snapshot WARNING',
      'MPREG_DEBUG_GOSSIP_SCHED gossip_sched WARNING',
      'MPREG_DEBUG_RAFT raft WARNING',
    ])
  })

  it('is turned on by a debug scope that equals its name, blanks around it aside, and by no other', () => {
    expect(captured({}, [' peer_dial ']).diagnostics.enabled('peer_dial')).toBe(true)
    expect(allOff(captured({}, ['peer', 'peer_dia', 'peer_dial_policies', 'server', 'mpreg']).diagnostics)).toBe(true)
    expect(captured({}, ['discovery_summary']).diagnostics.enabled('summary_ingress')).toBe(true)
    expect(captured({}, ['summary_ingress']).diagnostics.enabled('discovery_summary')).toBe(false)
  })

  it('shows attempts of connections by the variable of peer_dial only, not by its scope', () => {
    expect(captured({}, ['peer_dial']).diagnostics.enabled('connection')).toBe(false)
    expect(captured({ MPREG_DEBUG_PEER_DIAL: 'on' }).diagnostics.enabled('connection')).toBe(true)
  })

  it('follows variable and scopes as they change', () => {
    const { diagnostics, environment, log } = captured()
    environment.MPREG_DEBUG_RAFT = '1'
    expect(diagnostics.enabled('raft')).toBe(true)
    environment.MPREG_DEBUG_RAFT = '0'
    expect(diagnostics.enabled('raft')).toBe(false)
    log.setDebugScopes(['raft'])
    expect(diagnostics.enabled('raft')).toBe(true)
  })

  it('can be overridden at run time in both directions, and given back', () => {
    const { diagnostics } = captured({ MPREG_DEBUG_PEER_DIAL: '1' })
    diagnostics.set('peer_dial', false)
    diagnostics.set('raft', true)
    expect(diagnostics.snapshot()).toEqual({ enabled: ['raft'], overridden: ['peer_dial', 'raft'], lines: {} })
    expect(diagnostics.enabled('connection')).toBe(false)
    diagnostics.set('peer_dial', undefined)
    diagnostics.set('raft', undefined)
    expect(diagnostics.snapshot()).toEqual({ enabled: ['peer_dial'], overridden: [], lines: {} })
  })
})

describe('a diagnostic line', () => {
  it('passes whatever the log level is, at the level of its channel', () => {
    const { diagnostics, records } = captured({ MPREG_DEBUG_PEER_DIAL: '1' }, ['gossip_sched'])
    diagnostics.line('peer_dial', '[DIAG_PEER_DIAL] node=a')
    diagnostics.line('connection', '[DIAG_CONN] connect_start')
    diagnostics.line('gossip_sched', '[DIAG_GOSSIP_SCHED] node=a')
    expect(records.map((record) => record.slice(24))).toEqual([
      '| ERROR    | mpreg.server:-:0 - [DIAG_PEER_DIAL] node=a',
      '| ERROR    | mpreg.core.connection:-:0 - [DIAG_CONN] connect_start',
      '| WARNING  | mpreg.fabric.gossip:-:0 - [DIAG_GOSSIP_SCHED] node=a',
    ])
    expect(diagnostics.snapshot().lines).toEqual({ peer_dial: 1, connection: 1, gossip_sched: 1 })
  })

  it('of a channel that is off is left out', () => {
    const { diagnostics, records } = captured()
    for (const kind of kinds) diagnostics.line(kind, 'text')
    expect(records).toEqual([])
  })
})

describe('values in a diagnostic line', () => {
  it('have fixed decimals, lower-case booleans and compact lists', () => {
    expect([fixed(1 / 3, 2), fixed(2, 2), seconds(1.66666, 3), seconds(0, 4), flag(true), flag(false)]).toEqual([
      '0.33',
      '2.00',
      '1.667s',
      '0.0000s',
      'true',
      'false',
    ])
    expect(compactJson(['a', { b: null }])).toBe('["a",{"b":null}]')
  })

  it('never break their field apart, whatever a name or list holds', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(word(text)).toMatch(/^\S+$/)
        expect(compactJson([text])).toMatch(/^\S+$/)
        expect(JSON.parse(compactJson([text]))).toEqual([text])
        expect(restOfLine(text)).not.toMatch(/[\r\n\u2028\u2029]/)
      }),
    )
    expect(word('NO NAME PROVIDED')).toBe('NO_NAME_PROVIDED')
  })
})
