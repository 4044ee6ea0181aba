/** A bare TCP client with a four-byte length before each message: sends the request frame we would send, one write each. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { callbackLoad } from '../load.ts'
import { frameOf, onFrames } from '../raw-tcp.ts'
import { roleInput, serveRole } from '../role.ts'
import type { RawClientInput } from './raw-ws-client.ts'

const { url, request } = roleInput<RawClientInput>()
const { hostname, port } = new URL(url.replace('tcp:', 'http:'))
const socket = connect({ host: hostname, port: Number(port), noDelay: true })
await once(socket, 'connect')

const frame = frameOf(request)
serveRole(
  callbackLoad(
    () => socket.write(frame),
    (receive) => onFrames(socket, receive),
  ),
)
