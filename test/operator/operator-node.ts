/**
 * One node in a process of its own, as an operator runs one: configured by a file, taking up its routing settings anew on SIGHUP, saying
 * goodbye on SIGTERM. Its functions are those that the faults need; who calls them is the command line.
 *
 *     operator-node.ts SETTINGS_FILE OFFER_JSON
 */
import { readFileSync } from 'node:fs'
import { createNodeFromFile } from '../../src/node/index.ts'

/** What its own function, `at.<cluster>`, is registered with. */
export interface Offer {
  readonly version: string
  readonly resources: readonly string[]
}

/** Told to the parent once the node listens. */
export interface OperatorNodeReady {
  readonly url: string
  readonly monitoringUrl: string
}

const MESSAGE = 'x'.repeat(1_000_000)

const [file, offered] = process.argv.slice(2) as [string, string]
const node = await createNodeFromFile(file)
const { clusterId, name } = node.settings
node.register(`at.${clusterId}`, () => clusterId, JSON.parse(offered) as Offer)
node.register(`block.${name}`, (ms: number) => {
  // Waits as a synchronous function does: nothing else happens in this process meanwhile.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
  return ms
})
node.register(`flood.${name}`, (topic: string, megabytes: number) => {
  for (let sent = 0; sent < megabytes; sent++) node.publish(topic, MESSAGE)
  return megabytes
})
await node.start()
const stop = () =>
  void node.stop().then(() => {
    if (process.connected) process.disconnect()
  })
process.once('SIGTERM', stop)
process.once('disconnect', stop)
process.on('SIGHUP', () => node.reloadRouting(readFileSync(file, 'utf8'), 'json', file))
process.send?.({ url: node.url, monitoringUrl: node.monitoringUrl ?? '' } satisfies OperatorNodeReady)
