/**
 * discovery: who may see what of the fabric, and the answers to those who ask. The namespace policy decides, the access gate counts and puts
 * denials on record, queries read a catalog through both. Knows no connections: a request comes with its caller. Start at policy.ts.
 */
export { type Access, createAccess } from './access.ts'
export type { CatalogSource } from './catalog-source.ts'
export { type Command, createNamespaces, type ExportedSummaries, type Namespaces, readRules } from './namespaces.ts'
export {
  createNamespacePolicy,
  type Decision,
  type DecisionReason,
  type NamespacePolicy,
  PolicyRulesError,
  type PolicySettings,
} from './policy.ts'
export { createViewers, type Viewer, type Viewers } from './viewer.ts'
