/**
 * node: settings in, a running node out. The only room that knows all others and wires them together; nothing below it knows it.
 * Start at node.ts; session.ts is what happens on one connection.
 */

export type { PublishMiddleware } from './middleware.ts'
export { createNode, createNodeFromFile } from './node.ts'
export type { Node, NodeDeps } from './node-api.ts'
export type { NodeSnapshot } from './node-snapshot.ts'
export type { NodeQueues } from './queues-api.ts'
export type { RouteTrace } from './routing.ts'
export * from './settings/index.ts'
export type { WorkerFunction } from './worker-pool.ts'
