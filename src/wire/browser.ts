/** The part of wire that clients use: text in and out, no validators, so that it also runs in a browser. */
export * from './errors.ts'
export * from './json.ts'
export * from './pubsub-client.ts'
export * from './rpc-client.ts'
