/** One publisher and its subscribers, each our client on a connection of its own. */
import { connect } from '../../src/client-node.ts'
import { fanOut } from '../fan-out.ts'
import { roleInput, serveRole } from '../role.ts'

export interface SubscribersInput {
  readonly url: string
  readonly payload: string
  readonly subscribers: number
}

const { url, payload, subscribers } = roleInput<SubscribersInput>()
const publisher = await connect(url)
const load = fanOut(subscribers, (acknowledged) => {
  publisher.publish('bench.orders.created', payload).then(acknowledged)
})
for (let i = 0; i < subscribers; i++) await (await connect(url)).subscribe('bench.*.created', load.delivered)
serveRole(load.operations)
