import { describe, expect, it } from 'vitest'
import { createLog } from './log.ts'
import { LOG_LINES_CHARACTERS_MAX, LOG_LINES_MAX } from './log-ring.ts'

function loggedBy(write: (log: ReturnType<typeof createLog>) => void) {
  let now = 0
  const log = createLog({ clock: { wall: () => now++, monotonic: () => 0 }, level: 'INFO', debugScopes: ['fabric'], sink: () => {} })
  write(log)
  return log
}

describe('the latest lines of a log', () => {
  it('are those that were written, oldest first, with the stack of their cause', () => {
    const log = loggedBy(({ root }) => {
      root.debug('switched off')
      root.scope('fabric.gossip').debug('cycle')
      root.scope('server').error('request failed', new Error('why'))
    })
    const [cycle, failed] = log.lines()
    expect(cycle).toEqual({ timestamp: 0, level: 'DEBUG', scope: 'fabric.gossip', message: 'cycle' })
    expect(failed).toMatchObject({ timestamp: 1, level: 'ERROR', scope: 'server', message: 'request failed' })
    expect(failed?.error).toMatch(/^Error: why\n/)
  })

  it('can be narrowed by scope, as debug scopes are written, by level, and to the newest', () => {
    const log = loggedBy(({ root }) => {
      for (const scope of ['fabric.gossip', 'fabric.router', 'server']) {
        root.scope(scope).info(`${scope} is well`)
        root.scope(scope).warn(`${scope} is not`)
      }
    })
    const told = (query: Parameters<typeof log.lines>[0]) => log.lines(query).map(({ message }) => message)
    expect(told({ scope: 'mpreg.fabric.gossip' })).toEqual(['fabric.gossip is well', 'fabric.gossip is not'])
    expect(told({ scope: 'fabric', level: 'WARNING' })).toEqual(['fabric.gossip is not', 'fabric.router is not'])
    expect(told({ limit: 1 })).toEqual(['server is not'])
  })

  it('are no more than so many, and no more than so much', () => {
    const many = loggedBy(({ root }) => {
      for (let i = 0; i < LOG_LINES_MAX + 5; i++) root.info(`line ${i}`)
    }).lines()
    expect(many).toHaveLength(LOG_LINES_MAX)
    expect(many[0]?.message).toBe('line 5')

    const long = loggedBy(({ root }) => {
      for (let i = 0; i < LOG_LINES_MAX; i++) root.info('x'.repeat(1_000_000))
    }).lines()
    const characters = long.reduce((sum, { message }) => sum + message.length, 0)
    expect(characters).toBeLessThanOrEqual(LOG_LINES_CHARACTERS_MAX)
    expect(long.length, 'one line can not push out all others').toBeGreaterThan(20)
    expect(long[0]?.message).toMatch(/x … \d+ more characters$/)
  })
})
