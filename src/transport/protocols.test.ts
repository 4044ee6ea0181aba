import { describe, expect, it } from 'vitest'
import { PROTOCOL_IDS, protocolDescriptor, protocolDescriptors } from './protocols.ts'

describe('protocol descriptors', () => {
  it('exist for every protocol, with the same fields', () => {
    expect(Object.keys(protocolDescriptors())).toEqual(PROTOCOL_IDS)
    for (const id of PROTOCOL_IDS) {
      expect(protocolDescriptor(id)).toMatchObject({
        version: '1.0',
        max_message_size: 20_971_520,
        supports_binary: true,
        supports_streaming: true,
        connection_oriented: true,
      })
    }
  })

  it.each([
    ['ws', 'WebSocket', 'websocket-frames', ['none', 'TLS'], ['none', 'bearer', 'api-key'], ['python', 'javascript', 'curl']],
    ['wss', 'WebSocket Secure', 'websocket-frames', ['TLS'], ['none', 'bearer', 'api-key', 'client-cert'], ['python']],
    ['tcp', 'TCP', 'length-prefixed', ['none'], ['none'], ['python', 'go', 'c']],
    ['tcps', 'TCP Secure', 'length-prefixed', ['TLS'], ['none', 'client-cert'], ['python']],
  ])('say what %s offers', (id, name, message_framing, security_schemes, auth_methods, examples) => {
    const descriptor = protocolDescriptor(id.toUpperCase())
    expect(descriptor).toMatchObject({ name, message_framing, security_schemes, auth_methods })
    expect(Object.keys(descriptor.metadata.external_client_examples as object)).toEqual(examples)
  })

  it('do not exist for anything else', () => {
    expect(() => protocolDescriptor('quic')).toThrow('Unsupported transport protocol: quic')
  })
})
