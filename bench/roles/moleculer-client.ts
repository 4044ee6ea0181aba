/** A Moleculer node that calls the service of the other one. */
import { promiseLoad } from '../load.ts'
import { createBroker, type MoleculerInput } from '../moleculer.ts'
import { roleInput, serveRole } from '../role.ts'

const input = roleInput<MoleculerInput & { readonly payload: string }>()
const broker = createBroker(input)
await broker.start()
await broker.waitForServices('bench')

const { payload } = input
serveRole(promiseLoad(() => broker.call('bench.echo', { text: payload })))
