/** The part of wire that clients use: text in and out, no validators, so that it also runs in a browser. */
export { MpregError, RPC_CODES, RpcError } from './errors.ts'
export { EncodingError, float, parseJson, RawJson, sliceAt } from './json.ts'
export { encodePublish, encodeSubscribe, encodeUnsubscribe } from './pubsub-client.ts'
export { type CommandInit, encodeRpcRequest, type RequestInit } from './rpc-client.ts'
export type { TraceHop } from './trace-context.ts'
