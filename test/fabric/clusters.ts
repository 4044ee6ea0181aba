/** Federations in virtual time: clusters of nodes, and bridges between some of them. */

import type { SettingsInput } from '../../src/node/index.ts'
import { createTestFabric, type TestFabric } from '../../src/testing.ts'

export interface ClusterPlan {
  /** Number of nodes by cluster. */
  readonly nodes: Readonly<Record<string, number>>
  /** Pairs of clusters with a bridge between them: the last node of the one dials the first of the other. */
  readonly bridges: readonly (readonly [string, string])[]
  /** Clusters whose nodes and traffic a cluster lets in; default: all. */
  readonly admitted?: Readonly<Record<string, readonly string[]>>
  readonly seed?: number
  readonly settings?: SettingsInput
  /** Of the nodes of a cluster. */
  readonly settingsOf?: (cluster: string) => SettingsInput
}

export interface Federation {
  readonly fabric: TestFabric
  readonly clusters: readonly string[]
  /** Indices of the nodes of a cluster. */
  members(cluster: string): readonly number[]
  /** Whether every node has a route to every other cluster. */
  routed(): boolean
  /** Calls the function of a cluster from a node; the name of the cluster if all is well, else the error. */
  callFrom(index: number, cluster: string): Promise<unknown>
  /** Ends the links between two clusters, and keeps them from coming back. */
  sever(a: string, b: string): void
  /** Sum over all nodes of a number of the snapshot. */
  sum(of: (snapshot: ReturnType<ReturnType<TestFabric['node']>['snapshot']>) => number | undefined): number
}

/** Every cluster bridges to its neighbours only, whomever it admits; each node offers `at.<cluster>`, which answers with the cluster's name. */
export async function createFederation({
  admitted = {},
  bridges,
  nodes,
  seed = 1,
  settings = {},
  settingsOf = () => ({}),
}: ClusterPlan): Promise<Federation> {
  const clusters = Object.keys(nodes)
  const clusterOf = clusters.flatMap((cluster) => Array.from({ length: nodes[cluster] as number }, () => cluster))
  const members = (cluster: string) => clusterOf.flatMap((of, index) => (of === cluster ? [index] : []))
  const url = (index: number) => `ws://n${index}:7000`
  const neighbours = (cluster: string) => bridges.flatMap(([a, b]) => (a === cluster ? [b] : b === cluster ? [a] : []))

  function seeds(index: number): string[] {
    const cluster = clusterOf[index] as string
    const own = members(cluster)
    const first = own[0] as number
    const across = index === own.at(-1) ? bridges.flatMap(([a, b]) => (a === cluster ? [url(members(b)[0] as number)] : [])) : []
    return index === first ? across : [url(first), ...across]
  }

  const fabric = await createTestFabric({
    nodes: clusterOf.length,
    seed,
    settings: (index) => {
      const cluster = clusterOf[index] as string
      return {
        gossipInterval: 0.5,
        clusterId: cluster,
        peers: seeds(index),
        federationConfig: {
          federationMode: 'explicit_bridging',
          explicitBridges: neighbours(cluster).map((remoteClusterId) => ({ remoteClusterId })),
          allowedForeignClusterIds: admitted[cluster] ?? clusters.filter((other) => other !== cluster),
        },
        ...settings,
        ...settingsOf(cluster),
      }
    },
  })
  for (const [index, cluster] of clusterOf.entries()) fabric.register(index, `at.${cluster}`, () => cluster)

  return {
    fabric,
    clusters,
    members,
    routed: () =>
      fabric.live.every((index) => {
        const tracked = fabric.node(index).snapshot().fabric?.routing.routes.statistics.destinations_tracked ?? 0
        return tracked === clusters.length - 1
      }),
    callFrom: (index, cluster) => fabric.call(index, `at.${cluster}`).catch((error: Error) => error),
    sever(a, b) {
      for (const i of members(a)) {
        for (const j of members(b)) {
          fabric.cut(i, j)
          fabric.cut(j, i)
          fabric.flap(i, j)
        }
      }
    },
    sum: (of) => fabric.live.reduce((total, index) => total + (of(fabric.node(index).snapshot()) ?? 0), 0),
  }
}
