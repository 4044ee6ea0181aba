/** Why a node that is announced is no candidate for anything now. */
import type { ExplainedReason } from '../telemetry/index.ts'
import type { Fabric } from './fabric.ts'

export function nodeProblem({ catalog, membership, peers }: Fabric, id: string): ExplainedReason | undefined {
  if (peers.departures.isDeparted(id)) return { code: 'node_departed', text: 'its node has said goodbye' }
  const state = membership.stateOf(id)
  if (state === 'failed' || state === 'left') return { code: `node_${state}`, text: `its node has ${state}` }
  if (peers.sender.isConnected(id) || peers.statusOf(id)?.status !== 'disconnected') return undefined
  // A node that is not suspected, and whose record lives, is somebody's neighbour, if not ours: there is a way to it.
  if (state !== 'suspect' && catalog.isVersioned(id)) return undefined
  return { code: 'node_disconnected', text: 'its node is disconnected' }
}
