/** One publisher and its subscribers over the bare `ws` library; nobody looks at what arrives. */
import { once } from 'node:events'
import { WebSocket } from 'ws'
import { fanOut } from '../fan-out.ts'
import { roleInput, serveRole } from '../role.ts'

export interface RawSubscribersInput {
  readonly url: string
  readonly publication: string
  readonly subscribers: number
}

const { url, publication, subscribers } = roleInput<RawSubscribersInput>()
const publicationBytes = Buffer.from(publication)

const publisher = await open()
let acknowledge = (): void => {}
publisher.on('message', () => acknowledge())

const load = fanOut(subscribers, (acknowledged) => {
  acknowledge = acknowledged
  publisher.send(publicationBytes)
})
for (let i = 0; i < subscribers; i++) (await open()).on('message', load.delivered)
serveRole(load.operations)

async function open(): Promise<WebSocket> {
  const socket = new WebSocket(url, { perMessageDeflate: false })
  await once(socket, 'open')
  return socket
}
