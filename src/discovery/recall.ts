/** Between a query and its evaluation: an answer may be one that was computed before. */
export interface Recalled<T> {
  readonly items: readonly T[]
  /** Unix seconds of the computation. */
  readonly generatedAt: number
}

/**
 * @param kind `catalog` for `catalog_query`, `cluster_map` for `cluster_map_v2`
 * @param key equal for queries that have equal answers, the viewer's part in it included
 */
export type Recall = <T>(kind: 'catalog' | 'cluster_map', key: string, compute: () => readonly T[]) => Recalled<T>
