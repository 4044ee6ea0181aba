/**
 * base: generic algorithms with no I/O and no knowledge of MPREG.
 *
 * Every other room stands on this one, so it imports nothing but itself and runs unchanged in a browser. Time, chance and the log come
 * in through {@link Env}; only `real-env.ts` touches the world (system clock, timers, crypto). Start reading at `env.ts`, then take
 * the structure you came for: each file is one concept and opens with its promise, its cost and the source of its algorithm.
 */

export { type AdjacencyLists, adjacencyLists, articulation } from './articulation.ts'
export { heapPop, heapPush } from './binary-heap.ts'
export { blake2s } from './blake2s.ts'
export { BoundedQueue, type BoundedQueueOptions, type WhenFull } from './bounded-queue.ts'
export { copiedText } from './copied-text.ts'
export { type DeadlineHandle, DeadlineQueue, type DeadlineQueueDeps } from './deadline-queue.ts'
export type { Cancel, Clock, Env, LogLevel, LogScope, Random, Timers } from './env.ts'
export { Histogram, type HistogramBucket } from './histogram.ts'
export { LinkedList, type ListHandle } from './linked-list.ts'
export { hasOpenTelemetryContext, isOpenTelemetryRegistered } from './open-telemetry-global.ts'
export { createRandom, createSeededRandom } from './random.ts'
export { createRealEnv, createSystemRandom, macroTurn, type RealEnvOptions, realClock } from './real-env.ts'
export { RecentSet, type RecentSetOptions } from './recent-set.ts'
export { silentLog } from './silent-log.ts'
export { SlidingWindow, type SlidingWindowOptions } from './sliding-window.ts'
export { KeyedRateLimiter, type KeyedRateLimiterOptions, TokenBucket, type TokenBucketOptions } from './token-bucket.ts'
export { matchesTopicGlob, type PatternVerdict, validatePattern } from './topic-glob.ts'
export { TopicTrie, type TopicTrieOptions, type TopicTrieStats } from './topic-trie.ts'
export type { SpanAttributes, SpanInit, SpanKind, TraceContext, Tracer, TraceSpan } from './tracer.ts'
export { TransientMap } from './transient-map.ts'
export { createUlidFactory, decodeUlidTime, encodeUlidTime, isUlid } from './ulid.ts'
export {
  type CausalOrder,
  compareClocks,
  emptyClock,
  getTimestamp,
  happensBefore,
  InvalidVectorClockError,
  incrementClock,
  maxTimestamp,
  mergeClocks,
  requireTimestamp,
  sortedClockEntries,
  totalEvents,
  type VectorClock,
  vectorClock,
} from './vector-clock.ts'
export {
  compareVersions,
  constraintFromObject,
  constraintToObject,
  formatConstraint,
  formatVersion,
  InvalidVersionError,
  parseConstraint,
  parseVersion,
  satisfies,
  type Version,
  VersionConflictError,
  type VersionConstraint,
  type VersionConstraintObject,
} from './version.ts'
export {
  createVirtualEnv,
  createVirtualTime,
  type VirtualEnv,
  type VirtualEnvOptions,
  type VirtualTime,
  type VirtualTimeOptions,
} from './virtual-env.ts'
