/** A Moleculer node that owns the service `bench`. */
import { createBroker, type MoleculerInput } from '../moleculer.ts'
import { roleInput, serveRole } from '../role.ts'

const broker = createBroker(roleInput<MoleculerInput>())
broker.createService({
  name: 'bench',
  actions: { echo: (context: { params: { text: string } }) => context.params.text },
})
await broker.start()
serveRole({})
