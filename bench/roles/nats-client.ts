/** The calling side of NATS: request/reply with the library's default, one shared inbox. */
import { connect } from '@nats-io/transport-node'
import { promiseLoad } from '../load.ts'
import { roleInput, serveRole } from '../role.ts'

const { url, payload } = roleInput<{ readonly url: string; readonly payload: string }>()
const connection = await connect({ servers: url })
serveRole(promiseLoad(() => connection.request('echo', payload)))
