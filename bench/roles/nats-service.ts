/** The service side of NATS: answers each request with what it carries. The broker itself, nats-server, is a third process. */
import { connect } from '@nats-io/transport-node'
import { roleInput, serveRole } from '../role.ts'

const connection = await connect({ servers: roleInput<{ readonly url: string }>().url })
connection.subscribe('echo', {
  callback(_error, message) {
    message.respond(message.data)
  },
})
await connection.flush()
serveRole({})
