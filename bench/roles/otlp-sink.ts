/** A collector that takes whatever it is sent and looks at none of it. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { serveRole } from '../role.ts'

const server = createServer((request, response) => {
  request.resume().on('end', () => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'))
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')

const operations = { url: () => `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
export type OtlpSinkRole = typeof operations
serveRole(operations)
