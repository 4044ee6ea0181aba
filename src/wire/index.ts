/**
 * wire: everything that crosses a socket: frame types, validators, encoders, error codes. No behaviour.
 * Start at rpc.ts for a request and its answer, json.ts for how values stay lossless.
 */

export * from './cache.ts'
export * from './canonical.ts'
export * from './catalog.ts'
export * from './consensus.ts'
export * from './errors.ts'
export * from './fabric.ts'
export * from './fabric-bundle.ts'
export * from './fabric-call.ts'
export * from './fabric-payloads.ts'
export * from './frame.ts'
export * from './gossip.ts'
export * from './json.ts'
export * from './outbound.ts'
export * from './pubsub.ts'
export * from './pubsub-client.ts'
export * from './routes.ts'
export * from './rpc.ts'
export * from './rpc-client.ts'
export * from './server.ts'
export * from './swim.ts'
export * from './sync.ts'
