/**
 * Export of service summaries: what a cluster tells others of its services, round by round.
 *
 * Each round everything goes out in one message, which renews the lifetime of what has not changed; a namespace has a message of its own
 * when it changed, and otherwise often enough that who follows only that namespace never loses it. A service that is gone is taken back by
 * a summary without endpoints that ends at once: readers replace what they hold by what is newer, and know no other way to forget.
 */
import type { Cancel, Env } from '../base/index.ts'
import {
  compareCodePoints,
  encodeMessage,
  type Message,
  namespaceMatches,
  RawJson,
  type Scope,
  type ServiceSummary,
  type SummaryMessage,
  summaryMessage,
  summaryTopic,
} from '../wire/index.ts'
import { EXPORTED_NAMESPACES_MAX, SUMMARIES_PER_MESSAGE_MAX, WITHDRAWN_TTL_SECONDS } from './constants.ts'
import { createHoldDown } from './hold-down.ts'
import type { StoreForward } from './store-forward.ts'

export interface SummaryExportOptions {
  /** 0 or less: one round, at the start. */
  readonly intervalSeconds: number
  /** Null: none. */
  readonly scope: Scope | null
  /** Publish on the topic without a scope too. */
  readonly includeUnscoped: boolean
  /** Namespaces exported, with all below them; none: all. */
  readonly namespaces: readonly string[]
  readonly holdDownSeconds: number
  /** Lifetime of a summary. */
  readonly ttlSeconds: number
  readonly storeForwardSeconds: number
}

export interface SummaryExportDeps {
  readonly env: Env
  nodeId(): string
  readonly clusterId: string
  /** Name of the node. */
  readonly publisher: string
  /** What may be exported now, to the scope of the options. */
  summaries(): readonly ServiceSummary[]
  /** To subscribers here and on other nodes. @param told what is in it */
  publish(message: Message, told: Pick<SummaryMessage, 'namespaces' | 'summaries'>): void
  readonly storeForward: StoreForward
}

export interface NamespaceExport {
  readonly namespace: string
  /** Rounds it was part of. */
  readonly exports_total: number
  readonly summaries_exported: number
  readonly last_export_at: number
  readonly last_export_count: number
}

export interface SummaryExportSnapshot {
  /** Rounds. */
  readonly exports_total: number
  readonly summaries_exported: number
  readonly last_export_count: number
  readonly last_export_namespaces: readonly string[]
  /** Changes of a namespace that were put off. */
  readonly hold_downs_total: number
  readonly store_forward_queued: number
  readonly per_namespace: readonly NamespaceExport[]
  readonly last_export_at?: number
}

export interface SummaryExport {
  /** Begins with a round. */
  start(): void
  stop(): void
  /** One round, now. */
  round(): void
  /** What was exported of a namespace and those below it; undefined: nothing. */
  exportedOf(namespace: string): ExportedSummaries | undefined
  snapshot(): SummaryExportSnapshot
}

export interface ExportedSummaries {
  readonly summaries_exported: number
  /** Unix seconds. */
  readonly last_export_at: number
}

export function createSummaryExport(deps: SummaryExportDeps, options: SummaryExportOptions): SummaryExport {
  const { clusterId, env, publisher, storeForward } = deps
  const { clock, random, timers } = env
  const { includeUnscoped, intervalSeconds, namespaces, scope, storeForwardSeconds, ttlSeconds } = options
  const holdDown = createHoldDown(options.holdDownSeconds)
  const topics = (namespace?: string): readonly string[] => [
    ...(scope === null ? [] : [summaryTopic(scope, namespace)]),
    ...(scope === null || includeUnscoped ? [summaryTopic(null, namespace)] : []),
  ]
  /** A namespace that has not changed for so long is told again: before its summaries end, and before it leaves the store. */
  const tellAgainSeconds = Math.min(ttlSeconds / 2, storeForwardSeconds > 0 ? storeForwardSeconds / 2 : Number.POSITIVE_INFINITY)
  /** When a namespace last had a message of its own, Unix seconds. */
  const toldAt = new Map<string, number>()
  /** The one exported longest ago comes first. */
  const figures = new Map<string, NamespaceExport>()
  let totals = { exports_total: 0, summaries_exported: 0, last_export_count: 0, hold_downs_total: 0 }
  let lastNamespaces: readonly string[] = []
  let lastExportAt: number | undefined
  /** Namespaces of the last round without figures. */
  let uncounted = 0
  let cancel: Cancel | undefined

  function current(): Map<string, ServiceSummary[]> {
    const byNamespace = new Map<string, ServiceSummary[]>()
    for (const summary of deps.summaries()) {
      const { namespace } = summary
      if (namespaces.length > 0 && !namespaces.some((exported) => namespaceMatches(exported, namespace))) continue
      const known = byNamespace.get(namespace)
      if (known === undefined) byNamespace.set(namespace, [summary])
      else known.push(summary)
    }
    return byNamespace
  }

  function round(): void {
    const now = clock.wall()
    const found = current()
    const all: ServiceSummary[] = []
    const own = new Map<string, readonly ServiceSummary[]>()
    for (const namespace of [...holdDown.namespaces]) {
      if (found.has(namespace)) continue
      const withdrawn = holdDown.forget(namespace).map((summary) => withdrawal(summary, now))
      toldAt.delete(namespace)
      all.push(...withdrawn)
      own.set(namespace, withdrawn)
    }
    let exported = 0
    const uncountedBefore = uncounted
    uncounted = 0
    for (const [namespace, summaries] of found) {
      const decision = holdDown.decide(namespace, summaries, now)
      const told = [...decision.summaries, ...decision.gone.map((summary) => withdrawal(summary, now))]
      all.push(...told)
      if (decision.verdict === 'held') totals.hold_downs_total++
      const since = now - (toldAt.get(namespace) ?? Number.NEGATIVE_INFINITY)
      // Below 0 the clock was put back.
      const isDue = since < 0 || since >= tellAgainSeconds
      if (isDue || decision.verdict === 'new' || decision.verdict === 'changed') own.set(namespace, told)
      count(namespace, decision.summaries.length, now, (other) => found.has(other))
      exported += decision.summaries.length
    }
    for (const [namespace, told] of own) {
      if (found.has(namespace)) toldAt.set(namespace, now)
      publish(topics(namespace), told, now)
    }
    if (all.length > 0) publish(topics(), all, now)
    if (uncounted > 0 && uncountedBefore === 0) {
      env.log.scope('cluster').warn(`${uncounted} exported namespaces have no figures: only ${EXPORTED_NAMESPACES_MAX} have`)
    }
    totals = {
      ...totals,
      exports_total: totals.exports_total + 1,
      summaries_exported: totals.summaries_exported + exported,
      last_export_count: exported,
    }
    lastNamespaces = [...found.keys()].sort(compareCodePoints)
    lastExportAt = now
  }

  /** Figures of what is exported no more make room for others, those of the same round do not: they would take turns for ever. */
  function count(namespace: string, summaries: number, now: number, isExported: (namespace: string) => boolean): void {
    const before = figures.get(namespace)
    if (before === undefined && figures.size >= EXPORTED_NAMESPACES_MAX) {
      const [oldest = ''] = figures.keys()
      if (isExported(oldest)) {
        uncounted++
        return
      }
      figures.delete(oldest)
    }
    figures.delete(namespace)
    figures.set(namespace, {
      namespace,
      exports_total: (before?.exports_total ?? 0) + 1,
      summaries_exported: (before?.summaries_exported ?? 0) + summaries,
      last_export_at: now,
      last_export_count: summaries,
    })
  }

  function publish(onTopics: readonly string[], summaries: readonly ServiceSummary[], now: number): void {
    const sorted = [...summaries].sort(byService)
    for (let at = 0; at < sorted.length; at += SUMMARIES_PER_MESSAGE_MAX) {
      publishSome(onTopics, sorted.slice(at, at + SUMMARIES_PER_MESSAGE_MAX), now)
    }
  }

  function publishSome(onTopics: readonly string[], summaries: readonly ServiceSummary[], now: number): void {
    const told = { summaries, namespaces: [...new Set(summaries.map(({ namespace }) => namespace))].sort(compareCodePoints) }
    const source = { source_node: deps.nodeId(), source_cluster: clusterId, published_at: now }
    const payload = new RawJson(summaryMessage.write({ ...told, ...source, ...(scope !== null && { scope }) }))
    const headers = { event: 'discovery.summary_export', cluster_id: clusterId }
    for (const topic of onTopics) {
      const messageId = random.ulid()
      const text = encodeMessage({ topic, payload, timestamp: now, messageId, publisher, headers })
      const message = { topic, timestamp: now, messageId, publisher, text }
      storeForward.add(message)
      deps.publish(message, told)
    }
  }

  return {
    start() {
      round()
      if (intervalSeconds > 0) cancel = timers.every(intervalSeconds * 1000, round)
    },
    stop: () => cancel?.(),
    round,
    exportedOf(namespace) {
      const exported = [...figures.values()].filter((each) => namespaceMatches(namespace, each.namespace))
      if (exported.length === 0) return undefined
      return {
        summaries_exported: exported.reduce((sum, each) => sum + each.summaries_exported, 0),
        last_export_at: Math.max(...exported.map((each) => each.last_export_at)),
      }
    },
    snapshot: () => ({
      ...totals,
      last_export_namespaces: lastNamespaces,
      store_forward_queued: storeForward.size,
      per_namespace: [...figures.values()].sort((a, b) => compareCodePoints(a.namespace, b.namespace)),
      ...(lastExportAt !== undefined && { last_export_at: lastExportAt }),
    }),
  }
}

function withdrawal(summary: ServiceSummary, now: number): ServiceSummary {
  return { ...summary, endpoint_count: 0, health_band: 'critical', generated_at: now, ttl_seconds: WITHDRAWN_TTL_SECONDS }
}

function byService(a: ServiceSummary, b: ServiceSummary): number {
  return compareCodePoints(a.namespace, b.namespace) || compareCodePoints(a.service_id, b.service_id)
}
