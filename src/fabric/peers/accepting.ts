/**
 * Accepted connections: any of them may turn out to be a peer's. The first `server` frame that passes binds the identity, once; until then
 * frames of the fabric are refused, so that nobody enters the catalog past the authorisation.
 */
import type { CloseInfo, Connection, OutboundObject } from '../../transport/index.ts'
import {
  encodeRpcError,
  encodeServerReply,
  errorLine,
  type Frame,
  FrameError,
  type GoodbyeBody,
  OutboundFrame,
  RPC_CODES,
  type StatusBody,
  serverFrame,
} from '../../wire/index.ts'
import { ACCEPTED_LINKS_MAX, ID_LENGTH_MAX } from './constants.ts'
import { type OwnedLink, type PeerLink, transmit } from './links.ts'
import { type GoodbyeIgnored, newLink, newStatusTrack, type PeerCore, type Refusal } from './peer-core.ts'

/**
 * `handled`: nothing left to do. `refused`: counted and, where the protocol has an answer, answered. `not_served`: no frame for peers, or
 * nobody serves its role; the caller answers as it does for any unknown role.
 */
export type AcceptedOutcome = 'handled' | 'refused' | 'not_served'

/** One accepted connection, from the first frame that only nodes send. */
export interface AcceptedPeer {
  /** Once the connection is identified: whose it is. */
  readonly link: PeerLink | undefined
  /** A frame of role `server`, or of any other role that peers serve. Answers go out in the order the protocol fixes. */
  receive(frame: Frame, text: string | undefined): AcceptedOutcome
  /** To be called once, when the connection has ended. */
  closed(info: CloseInfo): void
}

/** What WebSocket allows for a close reason, bytes. */
const CLOSE_REASON_MAX = 120

const IGNORED_TEXT: Readonly<Record<GoodbyeIgnored, string>> = {
  third_party: 'a node says goodbye for itself only',
  foreign_instance: 'another process answers for this url',
  own_id: 'this is the url of the node asked',
}

export function createAccepted(core: PeerCore, connection: Connection): AcceptedPeer {
  const { counters, deps, links, options } = core
  let link: OwnedLink | undefined

  function send(frame: OutboundObject): void {
    try {
      transmit(connection, frame)
    } catch {
      // Smaller than any limit a connection has: one that refuses it is beyond help, and will end.
    }
  }

  function answer(u: string, r: 'STATUS' | 'GOODBYE_PROCESSED'): void {
    const value = { r, error: null, u, intermediate_results: [], execution_summary: null }
    send(new OutboundFrame(value, () => encodeServerReply(u, r)))
  }

  function answerError(u: string, code: number, message: string, details: unknown = null): void {
    const text = encodeRpcError(u, { code, message, details })
    send(new OutboundFrame(JSON.parse(text) as object, () => text))
  }

  /** The peer is told why, and the connection ends. */
  function refuse(u: string, refusal: Refusal, nodeId: string, clusterId: string): AcceptedOutcome {
    core.remember(refusal, connection.remote, nodeId, clusterId)
    answerError(u, RPC_CODES.executionFailed, refusal.message)
    connection.close(1000, refusal.message.slice(0, CLOSE_REASON_MAX))
    return 'refused'
  }

  /** What speaks against the credential of the connection. */
  function credentialObjection(nodeId: string): Refusal | undefined {
    if (options.requirePeerIdentity !== true) return undefined
    const { method, name } = connection.identity
    if (method === 'none' || name === undefined) {
      return { reason: 'identity_required', message: 'Connection rejected: a peer credential is required.' }
    }
    if (options.credentialPerNode === false) return undefined
    const holder = links.nodeOfCredential(name)
    if (holder !== undefined && holder !== nodeId) {
      return { reason: 'identity_in_use', message: `Connection rejected: credential '${name}' is in use by ${holder}.` }
    }
    const current = links.get(nodeId)?.accepted
    if (current?.isOpen && current.credential !== undefined && current.credential !== name) {
      return { reason: 'identity_in_use', message: `Connection rejected: ${nodeId} is linked with another credential.` }
    }
    return undefined
  }

  function roomObjection(nodeId: string): Refusal | undefined {
    if (links.acceptedCount < ACCEPTED_LINKS_MAX || links.get(nodeId)?.accepted !== undefined) return undefined
    return { reason: 'too_many_peers', message: 'Connection rejected: too many peers.' }
  }

  function firstStatus(body: StatusBody, u: string): AcceptedOutcome {
    const { server_url: nodeId, cluster_id: clusterId, instance_id: instanceId = '' } = body
    const refusal =
      core.objection(nodeId, clusterId, instanceId, connection) ??
      credentialObjection(nodeId) ??
      roomObjection(nodeId) ??
      core.rateObjection(clusterId)
    if (refusal !== undefined) {
      // A dialer that finds itself behind an alias learns so from our status.
      if (refusal.reason === 'self') core.sendStatus({ connection, status: newStatusTrack() })
      return refuse(u, refusal, nodeId, clusterId)
    }
    link = newLink(connection, { kind: 'accepted', nodeId, clusterId, instanceId, credential: connection.identity.name })
    const first = core.register(link)
    core.sendStatus(link)
    core.heard(link, body)
    answer(u, 'STATUS')
    // Last, for those who hear of it send at once.
    if (first) core.established(link)
    return 'handled'
  }

  function laterStatus(known: OwnedLink, body: StatusBody, u: string): AcceptedOutcome {
    const instanceId = body.instance_id ?? ''
    const otherInstance = instanceId !== '' && known.instanceId !== '' && instanceId !== known.instanceId
    if (body.server_url !== known.nodeId || body.cluster_id !== known.clusterId || otherInstance) {
      counters.rebindsRefused++
      answerError(u, RPC_CODES.executionFailed, 'Status refused', `the connection is identified as ${known.nodeId}`)
      return 'refused'
    }
    if (core.departures.isDeparted(known.nodeId, instanceId)) {
      const refusal = { reason: 'departed', message: 'Peer is marked departed' } as const
      refuse(u, refusal, known.nodeId, known.clusterId)
      core.drop(known.nodeId, 'departed', refusal.message)
      return 'refused'
    }
    core.heard(known, body)
    answer(u, 'STATUS')
    return 'handled'
  }

  function goodbye(body: GoodbyeBody, u: string): AcceptedOutcome {
    const { departing_node_url: nodeId, cluster_id: clusterId } = body
    if (link === undefined) {
      const refusal = core.objection(nodeId, clusterId, '', connection) ?? credentialObjection(nodeId)
      // Saying it twice is no offence, and nobody can say it for us.
      if (refusal !== undefined && refusal.reason !== 'departed' && refusal.reason !== 'own_id_in_use') {
        return refuse(u, refusal, nodeId, clusterId)
      }
    }
    const ignored = core.ignoreGoodbye(body, link)
    if (ignored !== undefined) {
      answerError(u, RPC_CODES.executionFailed, 'Goodbye ignored', IGNORED_TEXT[ignored])
      return 'refused'
    }
    answer(u, 'GOODBYE_PROCESSED')
    core.depart(body)
    connection.close(1000, `goodbye: ${body.reason}`)
    return 'handled'
  }

  function server(frame: Frame): AcceptedOutcome {
    const u = typeof frame.u === 'string' && frame.u.length <= ID_LENGTH_MAX ? frame.u : 'unknown'
    const what = (frame.server as { what?: unknown } | null | undefined)?.what
    if (what !== 'STATUS' && what !== 'GOODBYE') {
      counters.framesMalformed++
      const shown = typeof what === 'string' ? what.slice(0, 100) : what === undefined || what === null ? 'None' : typeof what
      answerError(u, RPC_CODES.unknownServerMessage, `Unknown server message type: ${shown}`)
      return 'refused'
    }
    let body: StatusBody | GoodbyeBody
    try {
      body = serverFrame.parse(frame).server
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      counters.statusesInvalid++
      answerError(u, RPC_CODES.internal, 'Internal server error', errorLine(error))
      return 'refused'
    }
    if (body.what === 'GOODBYE') return goodbye(body, u)
    return link === undefined ? firstStatus(body, u) : laterStatus(link, body, u)
  }

  return {
    get link() {
      return link?.gone === true ? undefined : link
    },

    receive(frame, text) {
      // Closing already: what was under way is read no more.
      if (link?.gone === true) return 'refused'
      if (frame.role === 'server') return server(frame)
      if (typeof frame.role !== 'string' || deps.roles.get(frame.role) === undefined) return 'not_served'
      if (link === undefined) {
        counters.fabricFramesRefused++
        core.oncePerPeer.log(`unidentified ${connection.remote}`, (more) =>
          core.env.log
            .scope('fabric.connection')
            .warn(`frame refused remote=${connection.remote} role=${String(frame.role)}: no STATUS came before it${more}`),
        )
        return 'refused'
      }
      core.dispatch(link, frame, text)
      return 'handled'
    },

    closed(info) {
      if (link !== undefined) core.closed(link, info)
    },
  }
}
