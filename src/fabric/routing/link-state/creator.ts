/**
 * Who made a link-state update. The nodes of a cluster all speak for the cluster, each of its own links; what one says must not overwrite what
 * another says.
 */
import type { GossipMessage, LinkStateUpdate } from '../../../wire/index.ts'

/** What follows the node id in the message id. One counter serves all areas, so the area need not be in it. */
export function messageIdSuffix({ origin, sequence }: Pick<LinkStateUpdate, 'origin' | 'sequence'>): string {
  return `${origin}:${sequence}`
}

/** The node that made an update: the first on its way, or the one its message id begins with. */
export function creatorOf(
  message: Pick<GossipMessage, 'message_id' | 'propagation_path' | 'sender_id'>,
  update: Pick<LinkStateUpdate, 'origin' | 'sequence'>,
): string {
  const first = message.propagation_path[0]
  if (first !== undefined && first !== '') return first
  const suffix = `:${messageIdSuffix(update)}`
  const { message_id: id } = message
  return id.endsWith(suffix) && id.length > suffix.length ? id.slice(0, -suffix.length) : message.sender_id
}
