/** What a node counts, part by part, as of now. */
import type { ExchangeSnapshot } from '../pubsub/index.ts'
import type { QueuesSnapshot } from '../queue/index.ts'
import type { ExecutorSnapshot } from '../rpc/index.ts'
import type { DiscoverySnapshot } from './discovery.ts'
import type { DiscoveryStreamsSnapshot } from './discovery-streams.ts'
import type { FabricSnapshot } from './fabric.ts'
import type { OtlpSnapshot } from './otlp.ts'
import type { ReachSnapshot } from './reach.ts'
import type { FrameCounters } from './session.ts'
import type { WorkerPoolSnapshot } from './worker-pool.ts'

export interface NodeSnapshot {
  readonly node_id: string
  readonly cluster_id: string
  readonly instance_id: string
  readonly uptime_seconds: number
  readonly connections: number
  readonly connections_total: number
  readonly functions: number
  readonly frames: Readonly<FrameCounters>
  readonly rpc: ExecutorSnapshot
  readonly workers: WorkerPoolSnapshot
  readonly pubsub: ExchangeSnapshot
  /** Undefined without queues. */
  readonly queues: QueuesSnapshot | undefined
  readonly discovery: DiscoverySnapshot
  readonly streams: DiscoveryStreamsSnapshot
  /** Undefined before the start. */
  readonly fabric: FabricSnapshot | undefined
  /** Calls and publications between nodes; undefined before the start. */
  readonly reach: ReachSnapshot | undefined
  /** Spans sent to a collector; undefined without one. */
  readonly tracing: OtlpSnapshot | undefined
}
