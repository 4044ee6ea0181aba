/**
 * rpc: functions and the requests that run them. The registry knows what this node can run and why something does not qualify; the
 * executor turns a request into levels of commands, runs them and answers. Knows no connections. Start at executor.ts.
 */
export { type BuiltinName, isBuiltin } from './builtin-names.ts'
export type { Call, Caller } from './call.ts'
export {
  createExecutor,
  type Executor,
  type ExecutorOptions,
  type ExecutorSnapshot,
  type RemoteFunctions,
  type RequestObserver,
  type RequestSource,
} from './executor.ts'
export { createForwarder, type Forwarder, type ForwarderDeps, type ForwarderSnapshot } from './forwarder.ts'
export { describeFunction, type FunctionOptions } from './function.ts'
export type { CallMiddleware } from './middleware.ts'
export { type CallNode, createNodeCalls } from './node-call.ts'
export type { Absence, Candidate, NotFoundExplanation } from './not-found.ts'
export type { CallOutcome } from './outgoing-calls.ts'
export type { ParameterInit } from './parameters.ts'
export { createPlacements, type Placements } from './placement.ts'
export {
  createRegistry,
  type RegisteredFunction,
  RegistrationError,
  type Registry,
} from './registry.ts'
export { sharesSpec } from './sharing.ts'
export { type RpcSpec, type RpcSummary, summaryOf } from './spec.ts'
