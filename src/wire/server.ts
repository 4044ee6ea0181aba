/** `server` frames: STATUS (handshake, keep-alive and health of a peer in one) and GOODBYE. */
import { type Static, Type } from 'typebox'
import { encodeJson, float } from './json.ts'
import { FreeObject, frameSchema } from './schema.ts'

const FunctionCatalogEntry = Type.Object({
  name: Type.String(),
  function_id: Type.String(),
  version: Type.String(),
  resources: Type.Array(Type.String()),
})

const Status = Type.Object({
  what: Type.Literal('STATUS'),
  server_url: Type.String(),
  cluster_id: Type.String(),
  instance_id: Type.Optional(Type.String()),
  timestamp: Type.Optional(Type.Number()),
  status: Type.Optional(Type.String()),
  active_clients: Type.Optional(Type.Integer()),
  peer_count: Type.Optional(Type.Integer()),
  funs: Type.Optional(Type.Array(Type.String())),
  locs: Type.Optional(Type.Array(Type.String())),
  function_catalog: Type.Optional(Type.Array(FunctionCatalogEntry)),
  advertised_urls: Type.Optional(Type.Array(Type.String())),
  metrics: Type.Optional(FreeObject),
  /** What the sender can do beyond the common protocol: `name/version` each. Reference nodes neither send nor read it. */
  extensions: Type.Optional(Type.Array(Type.String())),
  /** Where the sender can be asked about itself over HTTP. Reference nodes neither send nor read it. */
  monitoring_url: Type.Optional(Type.String()),
})

export const GOODBYE_REASONS = ['graceful_shutdown', 'maintenance', 'cluster_rebalance', 'manual_removal'] as const
export type GoodbyeReason = (typeof GOODBYE_REASONS)[number]

const Goodbye = Type.Object({
  what: Type.Literal('GOODBYE'),
  departing_node_url: Type.String(),
  cluster_id: Type.String(),
  reason: Type.Enum(GOODBYE_REASONS),
  instance_id: Type.Optional(Type.String()),
  timestamp: Type.Optional(Type.Number()),
})

export type StatusBody = Static<typeof Status>
export type GoodbyeBody = Static<typeof Goodbye>

export const serverFrame = frameSchema(
  Type.Object({ role: Type.Literal('server'), server: Type.Union([Status, Goodbye]), u: Type.String() }),
)

/** Floats inside `metrics` are the caller's to mark: `float(0)`. @throws EncodingError */
export function encodeServerFrame(u: string, body: StatusBody | GoodbyeBody): string {
  const timed = body.timestamp === undefined ? body : { ...body, timestamp: float(body.timestamp) }
  return `{"role":"server","server":${encodeJson(timed)},"u":${encodeJson(u)}}`
}
