/** The bare `ws` library as a client: sends the request frame we would send, one `send` a message, and looks at no answer. */
import { once } from 'node:events'
import { WebSocket } from 'ws'
import { callbackLoad } from '../load.ts'
import { roleInput, serveRole } from '../role.ts'

export interface RawClientInput {
  readonly url: string
  readonly request: string
}

const { url, request } = roleInput<RawClientInput>()
const requestBytes = Buffer.from(request)
const socket = new WebSocket(url, { perMessageDeflate: false })
await once(socket, 'open')

serveRole(
  callbackLoad(
    () => socket.send(requestBytes),
    (receive) => socket.on('message', receive),
  ),
)
