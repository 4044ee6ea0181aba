/** What `cluster_map` and `summary_query` say about where to connect. Whatever is not as expected is left out: a map of another version must not end a client. */

export interface ClusterEndpoint {
  readonly url: string
  readonly nodeId: string
  readonly clusterId: string
  readonly region: string
  /** The node's own measure of how busy it is; 0 when it is unknown. */
  readonly loadScore: number
}

/** All URLs that nodes advertise, or their ids where they advertise none; each URL once. */
export function endpointsIn(map: unknown): ClusterEndpoint[] {
  const { nodes } = asObject(map)
  if (!Array.isArray(nodes)) return []
  const endpoints = new Map<string, ClusterEndpoint>()
  for (const node of nodes) {
    const { node_id, cluster_id, region, advertised_urls, load } = asObject(node)
    if (typeof node_id !== 'string' || node_id === '') continue
    const { load_score } = asObject(load)
    const urls = Array.isArray(advertised_urls) ? advertised_urls.filter((url) => typeof url === 'string' && url !== '') : []
    for (const url of urls.length > 0 ? urls : [node_id]) {
      if (endpoints.has(url)) continue
      endpoints.set(url, {
        url,
        nodeId: node_id,
        clusterId: typeof cluster_id === 'string' ? cluster_id : '',
        region: typeof region === 'string' ? region : '',
        loadScore: typeof load_score === 'number' ? load_score : 0,
      })
    }
  }
  return [...endpoints.values()]
}

/** The clusters that a summary of exactly this function comes from, with the URLs by which requests get in. */
export function clustersIn(summaries: unknown, fun: string): { cluster: string; ingress: readonly string[] }[] {
  const { items, ingress } = asObject(summaries)
  if (!Array.isArray(items)) return []
  const clusters = new Set<string>()
  for (const item of items) {
    const { service_id, source_cluster } = asObject(item)
    if (service_id === fun && typeof source_cluster === 'string') clusters.add(source_cluster)
  }
  return Array.from(clusters, (cluster) => {
    const urls = asObject(ingress)[cluster]
    return { cluster, ingress: Array.isArray(urls) ? urls.filter((url) => typeof url === 'string') : [] }
  })
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
