/** One node of the fabric that `npm start` runs, in a process of its own: `tour-node.ts NAME [SEED_URL]`. Ends with the process that started it. */
import { createNode } from '../node/index.ts'
import { EXIT_FAILURE, report } from './outcome.ts'
import { registerSamples } from './sample-functions.ts'
import { type TourNode, tourSettings } from './tour-clusters.ts'

/** Told to the parent once the node listens. */
export interface TourNodeReady {
  readonly url: string
  readonly monitoringUrl: string | null
}

/** Short, so that a tour shows in seconds what takes a quiet fabric longer. */
const GOSSIP_INTERVAL_SECONDS = 0.5

const [name, seed] = process.argv.slice(2) as [TourNode, string | undefined]
try {
  const node = await createNode({
    ...tourSettings(name),
    peers: seed === undefined ? [] : [seed],
    gossipInterval: GOSSIP_INTERVAL_SECONDS,
    logLevel: 'ERROR',
  })
  registerSamples(node, name)
  const stop = () =>
    void node.stop().then(() => {
      if (process.connected) process.disconnect()
    })
  process.once('SIGTERM', stop)
  process.once('disconnect', stop)
  // Ctrl-C reaches the whole process group; the parent tells each node when to go.
  process.on('SIGINT', () => {})
  await node.start()
  process.send?.({ url: node.url, monitoringUrl: node.monitoringUrl } satisfies TourNodeReady)
} catch (error) {
  report(error, true)
  process.exit(EXIT_FAILURE)
}
