import { describe, expect, it } from 'vitest'
import { createEndpointRegistry } from './endpoint-registry.ts'

describe('endpoint registry', () => {
  it('shows endpoints by what they serve, and nothing for what has none', () => {
    let now = 100
    const registry = createEndpointRegistry(() => now)
    expect(registry.snapshot()).toEqual({})
    expect(registry.detailedSnapshot()).toEqual({ last_updated: null, assignments: [] })
    registry.record({ connectionType: 'client', protocol: 'ws', host: '127.0.0.1', port: 1 })
    now = 101
    registry.record({ connectionType: 'client', protocol: 'tcp', host: '::1', port: 2 })
    expect(registry.snapshot()).toEqual({ client: { ws: 'ws://127.0.0.1:1', tcp: 'tcp://[::1]:2' } })
    expect(registry.endpoint('client', 'ws')).toBe('ws://127.0.0.1:1')
    expect(registry.endpoint('internal', 'ws')).toBeUndefined()
    expect(registry.detailedSnapshot()).toEqual({
      last_updated: 101,
      assignments: [
        { connection_type: 'client', protocol: 'tcp', host: '::1', port: 2, endpoint: 'tcp://[::1]:2' },
        { connection_type: 'client', protocol: 'ws', host: '127.0.0.1', port: 1, endpoint: 'ws://127.0.0.1:1' },
      ],
    })
  })

  it('keeps the newer entry of a key, and releases only what the caller recorded', () => {
    const registry = createEndpointRegistry()
    registry.record({ connectionType: 'client', protocol: 'ws', host: 'a', port: 1 })
    registry.record({ connectionType: 'client', protocol: 'ws', host: 'a', port: 2 })
    registry.release('client', 'ws', 'ws://a:1')
    expect(registry.endpoint('client', 'ws')).toBe('ws://a:2')
    registry.release('client', 'ws')
    expect(registry.assignments()).toEqual([])
  })
})
