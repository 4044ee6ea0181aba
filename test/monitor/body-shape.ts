/**
 * Compares the shape of two JSON bodies: the members of every object, in their order, and the kind of every value. What a recorded body
 * of the Python implementation has, ours must have too; ours may have more.
 */

export interface ShapeOptions {
  /** Paths whose members are named by data, not by the protocol: their recorded keys may be missing. `*` stands for any one step. */
  readonly maps?: readonly string[]
  /** Paths that may be null on our side where the recording has a value that nobody measured. */
  readonly unmeasured?: readonly string[]
}

/** One line for each difference, empty when there is none. An integer and a float are the same kind. */
export function shapeDifferences(recorded: unknown, ours: unknown, options: ShapeOptions = {}): string[] {
  const differences: string[] = []
  compare('', recorded, ours)
  return differences

  function compare(path: string, expected: unknown, actual: unknown): void {
    const name = path === '' ? '(body)' : path
    if (actual === null && expected !== null && matches(options.unmeasured, path)) return
    // What is null in one node's recording has a value in another's, and the reverse: a null tells nothing of the shape.
    if (expected === null || actual === null) {
      if (actual === undefined) differences.push(`${name}: missing`)
      return
    }
    if (kindOf(expected) !== kindOf(actual)) {
      differences.push(`${name}: ${kindOf(expected)} expected, ${kindOf(actual)} found`)
      return
    }
    if (Array.isArray(expected) && Array.isArray(actual)) compareLists(path, expected, actual)
    else if (typeof expected === 'object' && typeof actual === 'object') compareObjects(path, expected as Members, actual as Members)
  }

  function compareLists(path: string, expected: readonly unknown[], actual: readonly unknown[]): void {
    const [sample] = expected
    if (sample === undefined) return
    for (const [at, element] of actual.entries()) compare(`${path}[${at}]`, sample, element)
  }

  function compareObjects(path: string, expected: Members, actual: Members): void {
    if (matches(options.maps, path)) {
      const sample = Object.values(expected)[0]
      if (sample !== undefined) for (const [key, value] of Object.entries(actual)) compare(join(path, key), sample, value)
      return
    }
    for (const [key, value] of Object.entries(expected)) {
      if (Object.hasOwn(actual, key)) compare(join(path, key), value, actual[key])
      else differences.push(`${join(path, key)}: missing`)
    }
    const wanted = Object.keys(expected)
    const common = Object.keys(actual).filter((key) => Object.hasOwn(expected, key))
    if (common.length === wanted.length && common.join() !== wanted.join()) {
      differences.push(`${path === '' ? '(body)' : path}: members in the order ${wanted.join(', ')} expected, ${common.join(', ')} found`)
    }
  }
}

type Members = Readonly<Record<string, unknown>>

function kindOf(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`
}

function matches(patterns: readonly string[] | undefined, path: string): boolean {
  const steps = path.replaceAll(/\[\d+\]/g, '').split('.')
  return (patterns ?? []).some((pattern) => {
    const wanted = pattern.split('.')
    return wanted.length === steps.length && wanted.every((step, at) => step === '*' || step === steps[at])
  })
}

/** Members named by clusters, endpoints or kinds, in the bodies of the monitoring service. */
export const MONITORING_MAPS = [
  'clusters',
  'health_summary.cluster_details',
  'topology.clusters',
  'connections.connections_by_cluster',
  'transport_health_snapshots',
  'unified_metrics.transport_health_snapshots',
  'unified_metrics.correlation_metrics.transport_health_scores',
  'link_state.area_hierarchy',
  'persistence_snapshots.fabric.snapshot_saved_counts',
  'persistence_snapshots.fabric.snapshot_restored_counts',
] as const

/** Numbers the Python implementation makes up; null is the honest answer where nothing was measured. */
export const MONITORING_UNMEASURED = [
  'connections.average_connection_latency_ms',
  'performance.latency.p99_ms',
  'performance_summary.p99_latency_ms',
  'routing_paths.average_path_length',
  'routing_paths.path_efficiency',
] as const
