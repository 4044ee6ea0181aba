import { describe, expect, it } from 'vitest'
import { float } from './json.ts'
import { encodeServerFrame, GOODBYE_REASONS, serverFrame } from './server.ts'

const frame = (server: unknown): unknown => JSON.parse(JSON.stringify({ role: 'server', server, u: '1' }))

describe('server frames', () => {
  it('print times as floats and metrics as they are marked', () => {
    expect(
      encodeServerFrame('1', {
        what: 'STATUS',
        server_url: 'ws://a:1',
        cluster_id: 'c',
        timestamp: 5,
        metrics: { success_rate: float(1), total: 1 },
      }),
    ).toBe(
      '{"role":"server","server":{"what":"STATUS","server_url":"ws://a:1","cluster_id":"c","timestamp":5.0,"metrics":{"success_rate":1.0,"total":1}},"u":"1"}',
    )
  })

  it('carry the extensions of nodes that have some', () => {
    const status = { what: 'STATUS', server_url: 'ws://a:1', cluster_id: 'c' } as const
    expect(serverFrame.check(JSON.parse(encodeServerFrame('1', { ...status, extensions: ['sync/1'] })))).toBe(true)
    expect(() => serverFrame.parse(frame({ ...status, extensions: 'sync/1' }))).toThrow('server.extensions must be an array')
  })

  it.each(GOODBYE_REASONS)('know the reason %s', (reason) => {
    const body = { what: 'GOODBYE', departing_node_url: 'ws://a:1', cluster_id: 'c', reason } as const
    expect(serverFrame.check(JSON.parse(encodeServerFrame('1', body)))).toBe(true)
  })

  it.each<[server: unknown, message: string]>([
    [undefined, 'server is required'],
    [[], 'server must be an object'],
    [{ what: 'HELLO' }, 'server.what must be "STATUS" or "GOODBYE"'],
    [{ what: 'STATUS', cluster_id: 'c' }, 'server.server_url is required'],
    [{ what: 'GOODBYE', departing_node_url: 'a', cluster_id: 'c', reason: 'bored' }, 'server.reason must be "graceful_shutdown" or'],
  ])('refuse %o: %s', (server, message) => {
    expect(() => serverFrame.parse(frame(server))).toThrow(message)
  })
})
