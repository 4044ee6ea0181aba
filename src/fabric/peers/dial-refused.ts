/** A dialed connection that did not become a link, and why. */
import { MpregError } from '../../wire/index.ts'

export type DialRefusal =
  /** The peer answered with an error: it does not want us. `detail` is its text. */
  | 'refused_by_peer'
  /** The peer's cluster or node is not one this node talks to. */
  | 'refused_by_federation'
  /** The peer said goodbye and its grace period has not passed. */
  | 'departed'
  /** The url leads back to this very process. */
  | 'self'
  /** Another process uses this node's id. */
  | 'own_id_in_use'
  /** What it sent as STATUS was none. */
  | 'invalid_status'
  /** The connection ended before the peer told its status. */
  | 'closed'
  /** The peer told no status in time. */
  | 'timeout'
  /** This node is shutting down. */
  | 'stopping'

export class DialRefused extends MpregError {
  override readonly name = 'DialRefused'
  readonly code = 'dial_refused'
  readonly reason: DialRefusal
  readonly detail: string
  /** What was dialed, as the caller knew it. */
  readonly nodeId: string

  constructor(nodeId: string, reason: DialRefusal, detail: string) {
    super(`No link to ${nodeId}: ${SENTENCES[reason]}${detail === '' ? '' : ` (${detail})`}`)
    this.nodeId = nodeId
    this.reason = reason
    this.detail = detail
  }

  /** Dialing again soon can not help. */
  get lasting(): boolean {
    return this.reason !== 'closed' && this.reason !== 'timeout'
  }
}

const SENTENCES: Readonly<Record<DialRefusal, string>> = {
  refused_by_peer: 'it refused the connection',
  refused_by_federation: 'the federation settings exclude it',
  departed: 'it has said goodbye',
  self: 'the url leads to this node itself',
  own_id_in_use: "it uses this node's id",
  invalid_status: 'it sent no valid status',
  closed: 'the connection ended before it told its status',
  timeout: 'it told no status in time',
  stopping: 'this node is shutting down',
}
