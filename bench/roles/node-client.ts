/** Our client, as an application uses it. */
import { connect } from '/tmp/stub-client.ts'
import { promiseLoad } from '../load.ts'
import { roleInput, serveRole } from '../role.ts'

const { url, payload } = roleInput<{ readonly url: string; readonly payload: string }>()
const client = await connect(url)
serveRole(promiseLoad(() => client.call('bench.echo', payload)))
