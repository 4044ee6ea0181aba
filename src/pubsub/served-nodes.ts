/**
 * Who is served already: a member of a message's `metadata` by which a sender tells receivers to whom they need not forward.
 *
 * Without it every receiver forwards to all subscribers that are not in the path of its own copy: among N nodes N² copies, of which all but
 * N are suppressed as duplicates. The protocol also allows to list the others in `routing_path`, but each one listed there costs a hop of
 * the budget, and none is left for nodes that the sender can not reach. Here the value is the nodes' tokens, sorted and strung together; in
 * the usual case, when sender and receiver know the same subscribers, it equals what the receiver would write itself, and comparing two
 * texts is all there is to do. Nodes of the Python implementation pass `metadata` on and do not look into it.
 *
 * A second member names those of them that are left to the receiver, because the sender has no link to them. It may be a node that has had
 * the message already, to which this copy would otherwise say nothing new.
 */
import { encodeJson, RawJson, scanObject } from '../wire/index.ts'
import { TOKEN_LENGTH } from './node-token.ts'

const SERVED = 'pubsub_served'
const LEFT = 'pubsub_left'
const TOKENS_MAX = 10_000
const EMPTY = '{}'

/** The tokens as they travel. */
export function servedText(tokens: Iterable<string>): string {
  return [...tokens].sort().join('')
}

/** The served nodes, if the metadata name them. */
export function readServed(metadata: RawJson): string | undefined {
  return read(metadata, SERVED)
}

/** Those of them that are left to the receiver. */
export function readLeft(metadata: RawJson): string | undefined {
  return read(metadata, LEFT)
}

function read(metadata: RawJson, member: string): string | undefined {
  if (metadata.text === EMPTY || !metadata.text.includes(member)) return undefined
  const value = (metadata.parse() as Record<string, unknown>)[member]
  const fits = typeof value === 'string' && value.length % TOKEN_LENGTH === 0 && value.length <= TOKENS_MAX * TOKEN_LENGTH
  return fits ? value : undefined
}

export function tokensIn(served: string): Set<string> {
  const tokens = new Set<string>()
  for (let at = 0; at < served.length; at += TOKEN_LENGTH) tokens.add(served.slice(at, at + TOKEN_LENGTH))
  return tokens
}

/** The metadata with the members set, or without them, and everything else in it as it came. */
export function withServed(metadata: RawJson, served?: string, left?: string): RawJson {
  const members: string[] = []
  if (metadata.text !== EMPTY) {
    scanObject(metadata.text, 0, (key, from, to) => {
      if (key !== SERVED && key !== LEFT) members.push(`${encodeJson(key)}:${metadata.text.slice(from, to)}`)
    })
  }
  if (served !== undefined) members.push(`"${SERVED}":"${served}"`)
  if (left !== undefined) members.push(`"${LEFT}":"${left}"`)
  return new RawJson(`{${members.join()}}`)
}

/** Nodes that look after a subscriber of which the sender has not heard. */
const NEWCOMER_SERVERS = 3

/**
 * Whether a node is among the few of those served that also serve a subscriber the sender did not know: those that come next in the circle of
 * tokens. If all who have heard of it did, a newcomer would get as many copies as there are subscribers.
 */
export function servesNewcomer(own: string, newcomer: string, served: ReadonlySet<string>): boolean {
  if (!served.has(own)) return true
  let nearer = 0
  for (const token of served) {
    const isNearer = newcomer < own ? token > newcomer && token < own : token > newcomer || token < own
    if (isNearer && ++nearer === NEWCOMER_SERVERS) return false
  }
  return true
}
