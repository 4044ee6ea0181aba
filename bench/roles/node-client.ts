/** Our client, as an application uses it. */
import { connect } from '../../src/client-node.ts'
import { promiseLoad } from '../load.ts'
import { roleInput, serveRole } from '../role.ts'

interface Functions {
  'bench.echo'(text: string): string
}

const { url, payload } = roleInput<{ readonly url: string; readonly payload: string }>()
const client = await connect<Functions>(url)
serveRole(promiseLoad(() => client.call('bench.echo', payload)))
