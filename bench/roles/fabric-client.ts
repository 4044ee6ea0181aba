/** Our client on one node of a fabric, calling a function that may be elsewhere. */
import { connect } from '../../src/client-node.ts'
import { promiseLoad } from '../load.ts'
import { roleInput, serveRole } from '../role.ts'

export interface CallClientInput {
  readonly url: string
  readonly payload: string
  readonly fun: string
}

const { fun, payload, url } = roleInput<CallClientInput>()
const client = await connect(url)
const PATIENCE_MS = 30_000
const started = performance.now()
// The function's announcement may still be on its way to the node.
for (;;) {
  try {
    await client.call(fun, payload)
    break
  } catch (error) {
    if (performance.now() - started > PATIENCE_MS) throw error
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
serveRole(promiseLoad(() => client.call(fun, payload)))
