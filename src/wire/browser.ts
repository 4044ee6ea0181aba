/** The part of wire that clients use: text in and out, no validators, so that it also runs in a browser. */
export { errorLine, FrameError, MpregError, RPC_CODES, RpcError, type RpcErrorObject } from './errors.ts'
export {
  EncodingError,
  encodeJson,
  float,
  floatText,
  isLossy,
  JSON_DEPTH_MAX,
  type JsonValue,
  parseJson,
  RawJson,
  scanObject,
  sliceAt,
} from './json.ts'
export { encodeMessage, encodePublish, encodeSubscribe, encodeUnsubscribe, type MessageInit, type SubscribeInit } from './pubsub-client.ts'
export { type CommandInit, encodeRpcRequest, type RequestInit } from './rpc-client.ts'
