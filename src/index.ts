/**
 * MPREG: RPC, events, queues and cache over one fabric of nodes.
 *
 * `createNode` runs a node in this process; `connect` talks to one from anywhere. The client alone, which also runs in browsers, is
 * `mpreg/client`.
 */
export * from './client-node.ts'
export {
  createNode,
  type Node,
  type NodeQueues,
  type NodeSnapshot,
  type PublishMiddleware,
  SettingsError,
  type SettingsInput,
  type WorkerFunction,
} from './node/index.ts'
export { type Call, type Caller, type CallMiddleware, type FunctionOptions, RegistrationError } from './rpc/index.ts'
export { basicEscalationPolicy, clusterRule, consoleChannel, severityRule, slackChannel, webhookChannel } from './telemetry/index.ts'
