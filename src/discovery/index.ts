/**
 * discovery: who may see what of the fabric, and the answers to those who ask. The namespace policy decides, the access gate counts and puts
 * denials on record, queries read a catalog through both. Knows no connections: a request comes with its caller. Start at policy.ts.
 */
export { type Access, createAccess } from './access.ts'
export { createCatalogQuery } from './catalog-query.ts'
export type { CatalogSource } from './catalog-source.ts'
export { createClusterMapQuery } from './cluster-map.ts'
export { createDescribe } from './describe.ts'
export { sourceDenial, viewerDenial } from './entry-names.ts'
export { createFunctions } from './functions.ts'
export { createNamespaces, type ExportedSummaries, type Namespaces, readRules } from './namespaces.ts'
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
export { createViewers, type Viewer, type Viewers } from './viewer.ts'
