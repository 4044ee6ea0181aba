/** What the messages of calls between nodes look like from outside, and how they are made. */
import {
  encodeFabricMessage,
  encodeJson,
  type FabricHeaders,
  type FabricMessage,
  type FabricRpcRequest,
  type FabricRpcResponse,
  type FabricScan,
  OutboundFrame,
  type PayloadScan,
  RawJson,
  type RpcErrorObject,
  scannedMember,
  scannedText,
  spliceFabricFrame,
} from '../wire/index.ts'

export type Outcome = Pick<FabricRpcResponse, 'success' | 'result' | 'error'>

/** What an answer needs of its request. */
export type Answerable = Pick<FabricRpcRequest, 'command' | 'reply_to' | 'request_id'>

/** What a hop needs to know of a payload. Texts that are absent are empty. */
export interface Glance extends Answerable {
  readonly kind: string
  readonly target_cluster: string
  readonly target_node: string
  path(): readonly unknown[]
  federationPath(): readonly string[]
  remainingHops(): number | null
}

/** Of a response, besides its result, with room for long paths. */
export const ENVELOPE_BYTES = 4096
const NULL = new RawJson('null')

export function glanceAt(scan: PayloadScan): Glance {
  const text = (name: string) => scannedText(scan, name) ?? ''
  const list = (name: string): readonly unknown[] => {
    try {
      const value: unknown = JSON.parse(scannedMember(scan, name) ?? '[]')
      return Array.isArray(value) ? value : []
    } catch {
      return []
    }
  }
  return {
    kind: text('kind'),
    request_id: text('request_id'),
    command: text('command'),
    reply_to: text('reply_to'),
    target_cluster: text('target_cluster'),
    target_node: text('target_node'),
    path: () => list('routing_path'),
    federationPath: () => list('federation_path').filter((cluster) => typeof cluster === 'string'),
    remainingHops() {
      const hops = Number.parseInt(scannedMember(scan, 'federation_remaining_hops') ?? '', 10)
      return Number.isNaN(hops) ? null : hops
    },
  }
}

export function failure(error: RawJson): Outcome {
  return { success: false, result: NULL, error }
}

/** The message with other headers; from its text, if it came as one, without printing the payload anew. */
export function passedOn(message: FabricMessage, headers: FabricHeaders, scan: FabricScan | undefined): OutboundFrame {
  const value = { role: 'fabric-message', payload: { ...message, headers } } as const
  return new OutboundFrame(value, ({ payload }) => {
    if (scan === undefined) return encodeFabricMessage(payload)
    return spliceFabricFrame(scan, headers, payload.payload === scan.message.payload ? undefined : payload.payload)
  })
}

export function frameOf(message: FabricMessage): OutboundFrame {
  return new OutboundFrame({ role: 'fabric-message', payload: message } as const, ({ payload }) => encodeFabricMessage(payload))
}

export function errorValue(value: Readonly<Record<string, unknown>>): RawJson {
  return new RawJson(encodeJson(value))
}

/** The protocol's error value of a function that failed, with what this implementation knows besides. */
export function failureOf(command: string, error: unknown, object: RpcErrorObject | undefined): Readonly<Record<string, unknown>> {
  const text =
    error instanceof Error
      ? error.message
      : typeof error === 'object' && error !== null
        ? String((error as { message?: unknown }).message)
        : String(error)
  const type = error instanceof Error ? error.name || error.constructor.name : 'Error'
  const more = object === undefined ? {} : { code: object.code, message: object.message, details: object.details ?? null }
  return { error: text, command, error_type: type, ...more }
}

export function deadlineOf({ metadata }: FabricHeaders): number {
  const deadline = (JSON.parse(metadata.text) as { deadline_ms?: unknown }).deadline_ms
  return typeof deadline === 'number' && deadline >= 0 ? deadline : Number.POSITIVE_INFINITY
}
