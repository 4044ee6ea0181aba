/** One node in a process of its own, for tests that kill and stop processes: settings as JSON in the first argument, told `{ url }` when it is up. */
import { createNode, type SettingsInput } from '../../src/node/index.ts'

const node = await createNode({ monitoringEnabled: false, logLevel: 'ERROR', ...(JSON.parse(process.argv[2] ?? '{}') as SettingsInput) })
node.register(`own.${node.settings.name}`, () => node.settings.name)
node.register('shared', () => node.settings.name)
await node.start()
process.once(
  'SIGTERM',
  () =>
    void node.stop().then(() => {
      if (process.connected) process.disconnect()
    }),
)
process.once('disconnect', () => process.exit(0))
process.send?.({ url: node.url })
