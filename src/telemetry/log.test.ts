import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createLog, type LogOptions } from './log.ts'
import { logLevels, parseLogLevel } from './log-levels.ts'

const wall = new Date(2026, 0, 31, 9, 5, 7, 42).getTime() / 1000

function captured(options: Partial<LogOptions> = {}) {
  const records: string[] = []
  const clock = { wall: () => wall, monotonic: () => 0 }
  const log = createLog({ clock, level: 'INFO', debugScopes: [], sink: (record) => records.push(record), ...options })
  return { log, records }
}

/** Message part of each record. */
function messages(records: readonly string[]): string[] {
  return records.map((record) => record.slice(record.indexOf(' - ') + 3))
}

describe('a text line', () => {
  it('is local time, padded level, three-part position and message', () => {
    const { log, records } = captured()
    log.root.scope('fabric.gossip').warn('no peer answered')
    log.root.info('started')
    expect(records).toEqual([
      '2026-01-31 09:05:07.042 | WARNING  | mpreg.fabric.gossip:-:0 - no peer answered',
      '2026-01-31 09:05:07.042 | INFO     | mpreg:-:0 - started',
    ])
  })

  it('can be taken apart by the pattern that tools use, whatever the message', () => {
    fc.assert(
      fc.property(fc.constantFrom(...logLevels), fc.string({ unit: 'binary' }), (level, message) => {
        const { log, records } = captured({ level: 'TRACE' })
        const scope = log.root.scope('core.transport.factory')
        const write = {
          TRACE: 'trace',
          DEBUG: 'debug',
          INFO: 'info',
          SUCCESS: 'success',
          WARNING: 'warn',
          ERROR: 'error',
          CRITICAL: 'critical',
        }
        scope[write[level] as 'info'](message)
        expect(records).toHaveLength(1)
        expect(records[0]).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} \| [A-Z ]{8} \| [\w.]+:\S+:\d+ - [^\n\r]*$/u)
      }),
    )
  })

  it('shows every millisecond of the wire clock', () => {
    let ms = 1000
    const records: string[] = []
    const log = createLog({
      clock: { wall: () => ms / 1000, monotonic: () => 0 },
      level: 'INFO',
      debugScopes: [],
      sink: (record) => records.push(record),
    })
    for (; ms < 3000; ms++) log.root.info('')
    expect(records.map((record) => record.slice(20, 23))).toEqual(
      Array.from({ length: 2000 }, (_, index) => String(index % 1000).padStart(3, '0')),
    )
  })

  it('does not let a message forge a second record', () => {
    const { log, records } = captured()
    log.root.info('hello\n2026-01-31 09:05:07.042 | ERROR    | mpreg:-:0 - forged\u001b[2J')
    expect(records[0]?.split('\n')).toHaveLength(1)
    expect(records[0]).toContain('hello\\n2026')
    expect(records[0]).toContain('\\u001b[2J')
  })

  it('is followed by the indented stack of its cause, and of the cause of that', () => {
    const { log, records } = captured()
    log.root.error('request failed', new Error('outer', { cause: new TypeError('inner') }))
    const [line, ...stack] = records[0]?.split('\n') ?? []
    expect(line).toMatch(/ERROR {4}\| mpreg:-:0 - request failed$/)
    expect(stack[0]).toBe('  Error: outer')
    expect(stack).toContain('  caused by: TypeError: inner')
    expect(stack.every((each) => each.startsWith('  '))).toBe(true)
  })

  it('takes any value for a cause', () => {
    const circular: Record<string, unknown> = {}
    circular.self = circular
    const { log, records } = captured()
    for (const cause of ['text', { reason: 1 }, null, circular, Object.create(null)]) log.root.error('failed', cause)
    expect(records.map((record) => record.split('\n')[1])).toEqual(['  text', '  {"reason":1}', '  null', '  [object Object]', '  {}'])
  })

  it('is painted only when asked', () => {
    const { log, records } = captured({ colour: true })
    log.root.error('failed')
    expect(records[0]).toContain('| \u001b[31mERROR   \u001b[0m |')
  })
})

describe('a JSON line', () => {
  it('is one object with time, level, scope and message', () => {
    const { log, records } = captured({ format: 'json' })
    log.root.scope('server').success('ready\nnow')
    expect(records[0]).not.toContain('\n')
    expect(JSON.parse(records[0] ?? '')).toEqual({
      time: new Date(wall * 1000).toISOString(),
      level: 'SUCCESS',
      scope: 'server',
      message: 'ready\nnow',
    })
  })

  it('carries the stack of a cause', () => {
    const { log, records } = captured({ format: 'json' })
    log.root.critical('failed', new Error('why'))
    expect(JSON.parse(records[0] ?? '').error).toMatch(/^Error: why\n/)
  })
})

describe('levels', () => {
  it('admit themselves and everything above', () => {
    const { log, records } = captured({ level: 'WARNING' })
    const scope = log.root.scope('server')
    scope.trace('trace')
    scope.debug('debug')
    scope.info('info')
    scope.success('success')
    scope.warn('warning')
    scope.error('error')
    scope.critical('critical')
    expect(messages(records)).toEqual(['warning', 'error', 'critical'])
  })

  it('are read in any case', () => {
    expect([' debug', 'Warning', 'CRITICAL', 'warn', ''].map(parseLogLevel)).toEqual(['DEBUG', 'WARNING', 'CRITICAL', undefined, undefined])
  })
})

describe('debug scopes', () => {
  it('rpc check 39: log_debug_scopes=["fabric.router"] at INFO prints DEBUG lines of mpreg.fabric.router only', () => {
    const { log, records } = captured({ debugScopes: ['fabric.router'] })
    for (const scope of ['fabric.router', 'fabric.route_control', 'fabric.gossip', 'server', 'mpreg']) {
      log.root.scope(scope).debug('debug')
      log.root.scope(scope).trace('trace')
    }
    expect(records).toEqual(['2026-01-31 09:05:07.042 | DEBUG    | mpreg.fabric.router:-:0 - debug'])
  })

  it('never print a line twice, whatever the level', () => {
    for (const level of ['TRACE', 'DEBUG'] as const) {
      const { log, records } = captured({ level, debugScopes: ['server', 'mpreg.server', 'mpreg'] })
      log.root.scope('server').debug('once')
      expect(records).toHaveLength(1)
    }
  })

  it('and level change at run time, for logs handed out before', () => {
    const { log } = captured()
    const scope = log.root.scope('fabric.gossip')
    const flags = () => [scope.debugOn, scope.traceOn]
    expect(flags()).toEqual([false, false])
    log.setDebugScopes(['fabric'])
    expect(flags()).toEqual([true, false])
    log.setDebugScopes([])
    log.setLevel('TRACE')
    expect(flags()).toEqual([true, true])
    log.setLevel('DEBUG')
    expect(flags()).toEqual([true, false])
    log.setLevel('ERROR')
    expect(flags()).toEqual([false, false])
  })

  it('switch diagnostic channels by their exact name', () => {
    const { log } = captured({ debugScopes: ['peer_dial_policy'] })
    expect([log.channelOn('peer_dial_policy'), log.channelOn('peer_dial')]).toEqual([true, false])
  })
})

describe('a log', () => {
  it('hands out one scope per name, from wherever it is asked', () => {
    const { log } = captured()
    expect(log.root.scope('server').scope('dns')).toBe(log.root.scope('dns'))
  })

  it('is independent of the other logs of the process', () => {
    const quiet = captured({ level: 'CRITICAL' })
    const verbose = captured({ level: 'DEBUG' })
    for (const { log } of [quiet, verbose]) log.root.debug('debug')
    expect([quiet.records.length, verbose.records.length]).toEqual([0, 1])
  })

  it('counts records by level, and those its sink lost', () => {
    let sink: () => unknown = () => true
    const { log } = captured({ sink: () => sink() })
    log.root.info('one')
    sink = () => false
    log.root.warn('two')
    sink = () => {
      throw new Error('disk full')
    }
    log.root.warn('three')
    const { lines, dropped } = log.snapshot()
    expect({ info: lines.INFO, warning: lines.WARNING, dropped }).toEqual({ info: 1, warning: 2, dropped: 2 })
  })
})
