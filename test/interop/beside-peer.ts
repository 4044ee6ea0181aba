/** A live node and a scripted peer on one modelled network, in virtual time; both end with the test. */
import { onTestFinished } from 'vitest'
import { createVirtualEnv } from '../../src/base/index.ts'
import { createNode, type Node, type SettingsInput } from '../../src/node/index.ts'
import { createMemoryNetwork } from '../../src/transport/index.ts'
import { ScriptedPeer, type ScriptedPeerOptions } from './scripted-peer.ts'

const NODE_PORT = 21050
export const PEER_PORT = 21040

/** @param prepare the node before it starts */
export async function startBesidePeer(
  settings: SettingsInput = {},
  peerOptions: Partial<ScriptedPeerOptions> = {},
  prepare: (node: Node) => void = () => {},
) {
  const env = createVirtualEnv({ seed: 7, startWall: 1_795_490_050 })
  const network = createMemoryNetwork({ env })
  const peer = new ScriptedPeer({ env, network, port: PEER_PORT, ...peerOptions })
  await peer.listen()
  const node = await createNode(
    { port: NODE_PORT, clusterId: 'p2p', gossipInterval: 0.5, monitoringEnabled: false, logLevel: 'CRITICAL', ...settings },
    { env, network },
  )
  prepare(node)
  const starting = node.start()
  await env.advance(0)
  await starting
  onTestFinished(async () => {
    const stopping = Promise.all([node.stop(), peer.stop()])
    await env.advance(5_000)
    await stopping
  })
  return { env, network, node, peer }
}
