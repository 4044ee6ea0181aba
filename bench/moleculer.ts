/** Moleculer with its own TCP transporter, the fastest of its transporters that needs no broker; everything else at its default. */
import { ServiceBroker } from 'moleculer'

export interface MoleculerInput {
  readonly nodeId: string
  readonly port: number
  /** `host:port/node id` of both nodes. */
  readonly urls: readonly string[]
}

export function createBroker({ nodeId, port, urls }: MoleculerInput): ServiceBroker {
  return new ServiceBroker({
    nodeID: nodeId,
    logger: false,
    transporter: { type: 'TCP', options: { udpDiscovery: false, useHostname: false, port, urls: urls.join(',') } },
  })
}
