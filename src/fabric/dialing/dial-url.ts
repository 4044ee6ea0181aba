/** Where to dial a node: among the endpoints it announced, those meant for nodes, by protocol; without any, its node id. */
import { hostForUrl } from '../../transport/index.ts'
import type { TransportEndpoint } from '../../wire/index.ts'

const PROTOCOLS = ['wss', 'ws', 'tcps', 'tcp']

export function dialUrlOf(nodeId: string, endpoints: readonly TransportEndpoint[]): string {
  const internal = endpoints.filter(({ connection_type }) => connection_type === 'internal')
  const eligible = internal.length > 0 ? internal : endpoints
  for (const protocol of PROTOCOLS) {
    const found = eligible.find((endpoint) => endpoint.protocol === protocol && endpoint.host !== '' && endpoint.port > 0)
    if (found !== undefined) return `${protocol}://${hostForUrl(found.host)}:${found.port}`
  }
  return nodeId
}
