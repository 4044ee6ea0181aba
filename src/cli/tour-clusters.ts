/** The federation that `npm start` runs: who is in which cluster, owns what, and is told of whom. */
import type { SettingsInput } from '../node/index.ts'

/** In the order in which they start. `front` only takes requests. */
export const TOUR_NODES = ['front', 'shop', 'till', 'depot', 'gpu-0'] as const
export type TourNode = (typeof TOUR_NODES)[number]

type TourCluster = 'alpha' | 'beta' | 'gamma'

/** Bridges: only over these do clusters make links. Gamma is reached through beta or not at all. */
const BRIDGES: Readonly<Record<TourCluster, readonly TourCluster[]>> = { alpha: ['beta'], beta: ['alpha', 'gamma'], gamma: ['beta'] }

interface TourRole {
  readonly cluster: TourCluster
  readonly resources: readonly string[]
  /** Whom it asks for the others, in this order: the first that runs. */
  readonly seeds: readonly TourNode[]
}

export const TOUR_ROLES: Readonly<Record<TourNode, TourRole>> = {
  front: { cluster: 'alpha', resources: [], seeds: ['shop'] },
  shop: { cluster: 'alpha', resources: [], seeds: ['front'] },
  till: { cluster: 'beta', resources: ['ledger'], seeds: ['depot', 'front'] },
  depot: { cluster: 'beta', resources: [], seeds: ['till', 'front'] },
  'gpu-0': { cluster: 'gamma', resources: ['gpu-0'], seeds: ['till', 'depot'] },
}

export function tourSettings(name: TourNode): SettingsInput {
  const { cluster, resources } = TOUR_ROLES[name]
  return {
    name,
    clusterId: cluster,
    resources: [...resources],
    federationConfig: {
      federationMode: 'explicit_bridging',
      explicitBridges: BRIDGES[cluster].map((remoteClusterId) => ({ remoteClusterId })),
      // Traffic of all of them is carried and answered, whichever way it comes.
      allowedForeignClusterIds: (Object.keys(BRIDGES) as TourCluster[]).filter((other) => other !== cluster),
    },
  }
}
