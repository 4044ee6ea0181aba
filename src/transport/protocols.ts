/**
 * What each protocol offers, in a form programs can read: for documentation, for tools, and for people writing a client in another
 * language, who find a working example of the framing here.
 */

import { MESSAGE_BYTES_MAX, TCP_KEEPALIVE_IDLE_MS } from './constants.ts'
import { InvalidUrlError } from './errors.ts'
import type { ProtocolId } from './transport.ts'

export type SocketProtocolId = Exclude<ProtocolId, 'memory'>

export interface ProtocolDescriptor {
  readonly name: string
  readonly version: string
  readonly description: string
  readonly message_framing: 'websocket-frames' | 'length-prefixed'
  readonly max_message_size: number
  readonly supports_binary: boolean
  readonly supports_streaming: boolean
  readonly connection_oriented: boolean
  readonly security_schemes: readonly ('none' | 'TLS')[]
  readonly auth_methods: readonly ('none' | 'bearer' | 'api-key' | 'client-cert')[]
  readonly metadata: Readonly<Record<string, unknown>>
}

/** All four, in the order of their port offsets. */
export const PROTOCOL_IDS: readonly SocketProtocolId[] = ['ws', 'wss', 'tcp', 'tcps']

/** @throws InvalidUrlError `Unsupported transport protocol: <id>`. */
export function protocolDescriptor(id: string): ProtocolDescriptor {
  const descriptor = DESCRIPTORS[id.toLowerCase() as SocketProtocolId]
  if (descriptor === undefined) throw new InvalidUrlError(`Unsupported transport protocol: ${id}`)
  return descriptor
}

export function protocolDescriptors(): Readonly<Record<SocketProtocolId, ProtocolDescriptor>> {
  return DESCRIPTORS
}

const COMMON = {
  version: '1.0',
  max_message_size: MESSAGE_BYTES_MAX,
  supports_binary: true,
  supports_streaming: true,
  connection_oriented: true,
} as const

const AUTH_HEADERS = { bearer: 'Authorization: Bearer <token>', 'api-key': 'X-API-Key: <key>' }
const TLS_VERSIONS = ['1.2', '1.3']
const CIPHERS = "The platform's defaults; forward-secret AEAD suites are preferred"

const WIRE_PROTOCOL = {
  frame_format: 'uint32 length, then that many bytes of UTF-8 JSON',
  header_size: 4,
  length_encoding: 'unsigned 32-bit, big-endian',
  max_message_size: MESSAGE_BYTES_MAX,
}

const PYTHON_WEBSOCKET = `import json, websocket                     # pip install websocket-client

link = websocket.create_connection("ws://127.0.0.1:PORT/")
link.send_binary(json.dumps({"role": "rpc", "u": "1", "cmds": [
    {"name": "answer", "fun": "echo", "args": [42], "kwargs": {}}]}).encode())
print(json.loads(link.recv())["r"]["answer"])
`

const PYTHON_WEBSOCKET_TLS = `import ssl, websocket                      # pip install websocket-client

trust = ssl.create_default_context(cafile="ca.pem")
link = websocket.create_connection("wss://localhost:PORT/", sslopt={"context": trust},
                                   header=["Authorization: Bearer TOKEN"])
link.send_binary(b'{"role":"rpc","u":"1","cmds":[{"name":"x","fun":"echo","args":[1],"kwargs":{}}]}')
print(link.recv())
`

const JAVASCRIPT_WEBSOCKET = `const link = new WebSocket('ws://127.0.0.1:PORT')
link.onopen = () => link.send(JSON.stringify({
  role: 'rpc', u: '1', cmds: [{ name: 'answer', fun: 'echo', args: [42], kwargs: {} }],
}))
link.onmessage = async ({ data }) => console.log(JSON.parse(await data.text()).r.answer)
`

const CURL_WEBSOCKET = `# shows the upgrade (101) and prints what the node sends; for a dialogue use a WebSocket tool such as websocat
curl --include --no-buffer http://127.0.0.1:PORT/ \\
  --header 'Connection: Upgrade' --header 'Upgrade: websocket' \\
  --header 'Sec-WebSocket-Version: 13' --header 'Sec-WebSocket-Key: MTIzNDU2Nzg5MDEyMzQ1Ng=='
`

const PYTHON_TCP = `import json, socket, struct

def frame(document):
    body = json.dumps(document).encode()
    return struct.pack("!I", len(body)) + body

with socket.create_connection(("127.0.0.1", PORT)) as link, link.makefile("rb") as incoming:
    link.sendall(frame({"role": "rpc", "u": "1", "cmds": [
        {"name": "answer", "fun": "echo", "args": [42], "kwargs": {}}]}))
    (size,) = struct.unpack("!I", incoming.read(4))
    print(json.loads(incoming.read(size))["r"]["answer"])
`

const GO_TCP = `package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"net"
)

func main() {
	link, err := net.Dial("tcp", "127.0.0.1:PORT")
	if err != nil {
		log.Fatal(err)
	}
	defer link.Close()
	body := []byte(\`{"role":"rpc","u":"1","cmds":[{"name":"x","fun":"echo","args":[1],"kwargs":{}}]}\`)
	link.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...))
	var size uint32
	if err := binary.Read(link, binary.BigEndian, &size); err != nil {
		log.Fatal(err)
	}
	answer := make([]byte, size)
	io.ReadFull(link, answer)
	fmt.Println(string(answer))
}
`

const C_TCP = `/* error handling left out; link is a connected stream socket */
#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

void send_frame(int link, const char *json) {
    uint32_t size = htonl((uint32_t)strlen(json));
    send(link, &size, sizeof size, 0);
    send(link, json, strlen(json), 0);
}

ssize_t receive_frame(int link, char *into, size_t room) {
    uint32_t size;
    if (recv(link, &size, sizeof size, MSG_WAITALL) != sizeof size) return -1;
    size = ntohl(size);
    return size > room ? -1 : recv(link, into, size, MSG_WAITALL);
}
`

const PYTHON_TCP_TLS = `import socket, ssl, struct

trust = ssl.create_default_context(cafile="ca.pem")
# trust.load_cert_chain("client.pem", "client.key")   when the server asks for a certificate
with socket.create_connection(("localhost", PORT)) as plain, \\
     trust.wrap_socket(plain, server_hostname="localhost") as link:
    body = b'{"role":"rpc","u":"1","cmds":[{"name":"x","fun":"echo","args":[1],"kwargs":{}}]}'
    link.sendall(struct.pack("!I", len(body)) + body)
    incoming = link.makefile("rb")
    print(incoming.read(struct.unpack("!I", incoming.read(4))[0]))
`

const DESCRIPTORS: Readonly<Record<SocketProtocolId, ProtocolDescriptor>> = {
  ws: {
    ...COMMON,
    name: 'WebSocket',
    description: 'One JSON document a WebSocket message',
    message_framing: 'websocket-frames',
    security_schemes: ['none', 'TLS'],
    auth_methods: ['none', 'bearer', 'api-key'],
    metadata: {
      rfc: 'RFC 6455',
      subprotocols: [],
      extensions: [],
      auth_headers: AUTH_HEADERS,
      ping_pong: 'WebSocket ping and pong frames, every 20 seconds from either side',
      external_client_examples: { python: PYTHON_WEBSOCKET, javascript: JAVASCRIPT_WEBSOCKET, curl: CURL_WEBSOCKET },
    },
  },
  wss: {
    ...COMMON,
    name: 'WebSocket Secure',
    description: 'One JSON document a WebSocket message, encrypted',
    message_framing: 'websocket-frames',
    security_schemes: ['TLS'],
    auth_methods: ['none', 'bearer', 'api-key', 'client-cert'],
    metadata: {
      rfc: 'RFC 6455 over RFC 8446',
      tls_versions: TLS_VERSIONS,
      cipher_suites: CIPHERS,
      auth_headers: AUTH_HEADERS,
      external_client_examples: { python: PYTHON_WEBSOCKET_TLS },
    },
  },
  tcp: {
    ...COMMON,
    name: 'TCP',
    description: 'One JSON document behind a four-byte length',
    message_framing: 'length-prefixed',
    security_schemes: ['none'],
    auth_methods: ['none'],
    metadata: {
      wire_protocol: {
        ...WIRE_PROTOCOL,
        streaming_support: true,
        streaming_marker: '0xFFFFFFFF',
        streaming_format: 'marker, then chunks, the last of them flagged END',
        chunk_header: 'uint32 length, uint32 flags',
        stream_flags: { CONTINUE: '0x01', END: '0x02', ERROR: '0x04' },
      },
      ping_pong: { ping_frame: '00000004 50494e47', pong_frame: '00000004 504f4e47', description: 'Answered by the transport itself' },
      keepalive: { tcp_keepalive: 'SO_KEEPALIVE on both sides', keepalive_idle: `${TCP_KEEPALIVE_IDLE_MS / 1000} seconds` },
      external_client_examples: { python: PYTHON_TCP, go: GO_TCP, c: C_TCP },
    },
  },
  tcps: {
    ...COMMON,
    name: 'TCP Secure',
    description: 'One JSON document behind a four-byte length, encrypted',
    message_framing: 'length-prefixed',
    security_schemes: ['TLS'],
    auth_methods: ['none', 'client-cert'],
    metadata: {
      wire_protocol: { ...WIRE_PROTOCOL, encryption: 'TLS below the framing' },
      tls_config: {
        tls_versions: TLS_VERSIONS,
        cipher_suites: CIPHERS,
        client_certificates: 'Asked for when the listener verifies; the common name is the identity',
      },
      external_client_examples: { python: PYTHON_TCP_TLS },
    },
  },
}
