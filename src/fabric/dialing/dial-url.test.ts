import { describe, expect, it } from 'vitest'
import { dialUrlOf } from './dial-url.ts'

const endpoint = (protocol: string, port = 9001, more: { connection_type?: 'internal' | 'client'; host?: string } = {}) => {
  const { connection_type = 'internal', host = 'node.example.org' } = more
  return { connection_type, protocol, host, port, endpoint: `${protocol}://${host}:${port}` }
}

describe('the url a node is dialed at', () => {
  it('is the endpoint of the best protocol', () => {
    expect(dialUrlOf('id', [endpoint('tcp'), endpoint('tcps'), endpoint('ws', 1), endpoint('ws', 2), endpoint('wss', 3)])).toBe(
      'wss://node.example.org:3',
    )
    expect(dialUrlOf('id', [endpoint('tcp'), endpoint('tcps'), endpoint('ws', 1), endpoint('ws', 2)])).toBe('ws://node.example.org:1')
    expect(dialUrlOf('id', [endpoint('tcp'), endpoint('tcps')])).toBe('tcps://node.example.org:9001')
  })

  it('is one meant for nodes, if there is any', () => {
    expect(dialUrlOf('id', [endpoint('wss', 1, { connection_type: 'client' }), endpoint('tcp', 2)])).toBe('tcp://node.example.org:2')
    expect(dialUrlOf('id', [endpoint('wss', 1, { connection_type: 'client' })])).toBe('wss://node.example.org:1')
  })

  it('is the node id when no endpoint can be dialed', () => {
    expect(dialUrlOf('ws://id:1', [])).toBe('ws://id:1')
    expect(dialUrlOf('ws://id:1', [endpoint('http'), endpoint('ws', 0), endpoint('ws', 1, { host: '' })])).toBe('ws://id:1')
  })

  it('writes an IPv6 address as a url does', () => {
    expect(dialUrlOf('id', [endpoint('ws', 1, { host: '::1' })])).toBe('ws://[::1]:1')
    expect(dialUrlOf('id', [endpoint('ws', 1, { host: '[::1]' })])).toBe('ws://[::1]:1')
  })
})
