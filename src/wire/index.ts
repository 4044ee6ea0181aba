/**
 * wire: everything that crosses a socket: frame types, validators, encoders, error codes. No behaviour.
 * Start at rpc.ts for a request and its answer, json.ts for how values stay lossless.
 */
export * from './errors.ts'
export * from './fabric.ts'
export * from './json.ts'
export * from './pubsub.ts'
export * from './pubsub-client.ts'
export * from './rpc.ts'
export * from './rpc-client.ts'
export * from './server.ts'
export * from './canonical.ts'
