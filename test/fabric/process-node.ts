/**
 * One node in a process of its own, for tests that kill, stop and cut off processes: settings as JSON in the first argument, told
 * `{ url, monitoringUrl }` when it is up. What its node knows it answers to the parent, who need not be able to reach it over the network.
 */
import { createNode, type SettingsInput } from '../../src/node/index.ts'

/** What the parent asks, and what of. */
export interface Question {
  readonly id: number
  readonly ask: 'peers' | 'functions' | 'call'
  readonly name?: string
}

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
process.on('message', (question: Question) => {
  answer(question).then(
    (value) => process.send?.({ id: question.id, value }),
    (error: Error) => process.send?.({ id: question.id, error: error.message }),
  )
})
process.send?.({ url: node.url, monitoringUrl: node.monitoringUrl })

async function answer({ ask, name = '' }: Question): Promise<unknown> {
  switch (ask) {
    case 'peers':
      return node.listPeers().map(({ url }) => url)
    case 'functions':
      return ((await node.call('rpc_list', { namespace: name, limit: 2000 })) as { items: unknown }).items
    case 'call':
      return node.call(name)
  }
}
