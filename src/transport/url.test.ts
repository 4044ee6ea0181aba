import { describe, expect, it } from 'vitest'
import { advertisableUrl, isWildcardHost, parseDialUrl, withoutQuery } from './url.ts'

describe('URLs to dial', () => {
  it('take the scheme in any case', () => {
    expect(parseDialUrl('WS://Host:1/x?y')).toMatchObject({ scheme: 'ws', host: 'host', port: 1 })
    expect(parseDialUrl('tcpS://[::1]:2')).toMatchObject({ scheme: 'tcps', host: '::1', port: 2 })
    expect(parseDialUrl('wss://host').port).toBe(443)
  })

  it.each([
    ['http://a:1', 'Unsupported transport protocol: http'],
    ['UDP://a:1', 'Unsupported transport protocol: udp'],
    ['nonsense', 'Unsupported transport protocol: '],
    ['tcp://host', 'Invalid TCP URL: tcp://host'],
    ['tcp://:80', 'Invalid TCP URL: tcp://:80'],
    ['tcps://', 'Invalid TCP URL: tcps://'],
    ['ws://', 'Invalid WebSocket URL: ws://'],
  ])('refuse %s', (url, message) => {
    expect(() => parseDialUrl(url)).toThrow(message)
  })

  it('are shown without query and password', () => {
    expect(withoutQuery(new URL('ws://u:p@host:1/path?access_token=secret'))).toBe('ws://host:1/path')
  })
})

describe('URLs to advertise', () => {
  it('are those of the listener', () => {
    expect(advertisableUrl('ws', '10.0.0.1', 80)).toBe('ws://10.0.0.1:80')
    expect(advertisableUrl('tcp', 'fe80::1', 80)).toBe('tcp://[fe80::1]:80')
  })

  it.each(['0.0.0.0', '::', '[::]', '', '*', '0:0:0:0:0:0:0:0'])('are never a wildcard: %j', (host) => {
    expect(isWildcardHost(host)).toBe(true)
    expect(() => advertisableUrl('ws', host, 80)).toThrow('nobody can dial')
    expect(advertisableUrl('ws', host, 80, 'ws://node.example:80')).toBe('ws://node.example:80')
  })

  it('are not taken on faith when explicit', () => {
    expect(() => advertisableUrl('ws', '10.0.0.1', 80, 'ws://0.0.0.0:80')).toThrow('wildcard')
    expect(isWildcardHost('10.0.0.0')).toBe(false)
    expect(isWildcardHost('::1')).toBe(false)
  })
})
