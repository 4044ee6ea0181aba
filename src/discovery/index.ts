/**
 * discovery: who may see what of the fabric, and the answers to those who ask. The namespace policy decides, the access gate counts and puts
 * denials on record, queries read a catalog through both. Knows no connections: a request comes with its caller. Start at policy.ts.
 *
 * What a node tells others of itself without being asked stands in delta-stream.ts (changes of its catalog) and summary-export.ts (its
 * services in summary); what it keeps of what others tell in summary-store.ts; a resolver's copy of the catalog in resolver.ts.
 */
export { type Access, createAccess } from './access.ts'
export { createCatalogQuery } from './catalog-query.ts'
export type { CatalogSource } from './catalog-source.ts'
export { createClusterMapQuery } from './cluster-map.ts'
export { startDeltaStream } from './delta-stream.ts'
export { createDescribe } from './describe.ts'
export { exportDenial, sourceDenial, viewerDenial } from './entry-names.ts'
export { createFunctions } from './functions.ts'
export { createNamespaces, type Namespaces } from './namespaces.ts'
export {
  createNamespacePolicy,
  type Decision,
  type DecisionReason,
  type NamespacePolicy,
  PolicyRulesError,
  type PolicySettings,
} from './policy.ts'
export type { Command } from './question.ts'
export type { Recall, Recalled } from './recall.ts'
export { createResolver, type Resolver, type ResolverSnapshot } from './resolver.ts'
export { readRules } from './rules.ts'
export { type HostingNodes, type NodeHealth, summarise } from './service-summaries.ts'
export { createStoreForward } from './store-forward.ts'
export { createStreamGuard, type StreamGuard } from './stream-guard.ts'
export { createSummaryExport, type ExportedSummaries, type SummaryExport } from './summary-export.ts'
export { createSummaryQueries } from './summary-queries.ts'
export { createSummaryStore, type SummaryStore } from './summary-store.ts'
export { createViewers, type Viewer, type Viewers } from './viewer.ts'
