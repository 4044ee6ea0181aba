/**
 * Dialed connections: our STATUS goes out first; the connection is a link once the peer's own STATUS has said who it is. A refusal, which
 * comes as an error answer and a close, is a failed dial with its reason. No `server` frame is ever answered here: the other side would
 * take the answer for an unknown request.
 */
import type { CloseInfo, Connection, ConnectionHandlers } from '../../transport/index.ts'
import { errorLine, type Frame, FrameError, type GoodbyeBody, glanceAtFrame, type StatusBody, serverFrame } from '../../wire/index.ts'
import { EARLY_FRAMES_MAX, IDENTIFY_TIMEOUT_MS } from './constants.ts'
import { type DialRefusal, DialRefused } from './dial-refused.ts'
import type { OwnedLink, PeerLink } from './links.ts'
import { newLink, newStatusTrack, type PeerCore, type Refusal, type RefusalReason } from './peer-core.ts'

export interface DialedOptions {
  /** Default {@link IDENTIFY_TIMEOUT_MS}. */
  readonly timeoutMs?: number
}

/**
 * Takes over a connection this node opened.
 * @param expectedNodeId what was dialed; a peer that calls itself otherwise is kept under its own name, and the other becomes an alias
 * @param context what the dial was for, for the log
 * @returns the link; it takes the place of one dialed before under another name
 * @throws DialRefused
 */
export function adoptDialed(
  core: PeerCore,
  connection: Connection,
  expectedNodeId: string,
  context: string,
  { timeoutMs = IDENTIFY_TIMEOUT_MS }: DialedOptions = {},
): Promise<PeerLink> {
  const { counters, env, links } = core
  const { traffic } = counters
  counters.dials++

  return new Promise((resolve, reject) => {
    const status = newStatusTrack()
    let link: OwnedLink | undefined
    let settled = false
    let early: { readonly frame: Frame; readonly text: string | undefined }[] = []

    function settle(): boolean {
      if (settled) return false
      settled = true
      cancelTimeout()
      return true
    }

    function fail(reason: DialRefusal, detail: string): void {
      if (!settle()) return
      early = []
      counters.dialsRefused++
      core.oncePerPeer.log(`dial ${expectedNodeId}`, (more) =>
        env.log
          .scope('core.connection')
          .info(
            `dialed peer is no link peer=${expectedNodeId} context=${context} reason=${reason}${detail === '' ? '' : `: ${detail}`}${more}`,
          ),
      )
      connection.close(1000, reason)
      reject(new DialRefused(expectedNodeId, reason, detail))
    }

    function refuse(refusal: Refusal, nodeId: string, clusterId: string): void {
      core.remember(refusal, connection.remote, nodeId, clusterId)
      fail(DIAL_REFUSALS[refusal.reason], refusal.message)
    }

    function identified(body: StatusBody): void {
      const { server_url: nodeId, cluster_id: clusterId, instance_id: instanceId = '' } = body
      const refusal = core.objection(nodeId, clusterId, instanceId, connection)
      if (refusal?.reason === 'self') core.addAlias(expectedNodeId, core.deps.nodeId)
      if (refusal !== undefined) return refuse(refusal, nodeId, clusterId)
      if (nodeId !== expectedNodeId) core.addAlias(expectedNodeId, nodeId)
      // The newest wins, as it does on the other side: both ends then keep the same connection.
      if (links.get(nodeId)?.dialed?.isOpen) counters.dialsDuplicate++
      settle()
      counters.dialsLinked++
      link = newLink(connection, { kind: 'dialed', nodeId, clusterId, instanceId, credential: undefined }, status)
      const first = core.register(link)
      core.heard(link, body)
      if (first) core.established(link)
      resolve(link)
      const waiting = early
      early = []
      for (const { frame, text } of waiting) if (!link.gone) core.dispatch(link, frame, text)
    }

    function laterStatus(known: OwnedLink, body: StatusBody): void {
      const instanceId = body.instance_id ?? ''
      const otherInstance = instanceId !== '' && known.instanceId !== '' && instanceId !== known.instanceId
      if (body.server_url !== known.nodeId || body.cluster_id !== known.clusterId || otherInstance) {
        counters.rebindsRefused++
        return
      }
      if (core.departures.isDeparted(known.nodeId, instanceId)) core.drop(known.nodeId, 'departed', 'Peer is marked departed')
      else core.heard(known, body)
    }

    function server(frame: Frame): void {
      traffic.server_messages++
      let body: StatusBody | GoodbyeBody
      try {
        body = serverFrame.parse(frame).server
      } catch (error) {
        if (!(error instanceof FrameError)) throw error
        counters.statusesInvalid++
        if (link === undefined) fail('invalid_status', errorLine(error))
        return
      }
      if (body.what === 'STATUS') {
        if (link === undefined) identified(body)
        else laterStatus(link, body)
      } else if (link === undefined) fail('departed', body.reason)
      else if (core.ignoreGoodbye(body, link) === undefined) core.depart(body)
    }

    function answered(frame: Frame): void {
      traffic.rpc_responses_skipped++
      const error = frame.error as { message?: unknown; details?: unknown } | null | undefined
      if (error !== undefined && error !== null) {
        const text = typeof error.message === 'string' ? error.message.slice(0, COMPLAINT_MAX) : 'an error without a message'
        if (link === undefined) fail('refused_by_peer', text)
        else link.complaint = text
        return
      }
      if (frame.r !== 'STATUS' || frame.u !== status.awaitedU) return
      status.awaitedU = ''
      if (link !== undefined) links.noteRoundTrip(link.nodeId, env.clock.monotonic() - status.sentAtMs)
    }

    function receive(frame: Frame, text: string | undefined): void {
      if ((settled && link === undefined) || link?.gone === true) return
      traffic.messages_processed++
      if (frame.role === 'server') return server(frame)
      if ('r' in frame) return answered(frame)
      traffic.other_messages++
      if (link !== undefined) return void core.dispatch(link, frame, text)
      // Gossip may overtake the status it should follow: it waits for it.
      if (early.length < EARLY_FRAMES_MAX) early.push({ frame, text })
      else counters.earlyFramesDropped++
    }

    const handlers: ConnectionHandlers = {
      message(text) {
        let frame: Frame
        try {
          frame = glanceAtFrame(text)
        } catch (error) {
          handlers.malformed(error as Error)
          return
        }
        receive(frame, text)
      },
      object: (value) => receive(value as Frame, undefined),
      malformed(error) {
        counters.framesMalformed++
        core.oncePerPeer.log(`frame ${connection.remote}`, (more) =>
          env.log.scope('core.connection').warn(`frame skipped peer=${expectedNodeId} reason=${errorLine(error)}${more}`),
        )
      },
      close(info: CloseInfo) {
        if (link !== undefined) core.closed(link, info)
        else fail('closed', `${info.code} ${info.reason}`.trim())
      },
    }

    const cancelTimeout = env.timers.after(timeoutMs, () => fail('timeout', `${timeoutMs} ms`))
    connection.attach(handlers)
    if (core.stopping) fail('stopping', '')
    else core.sendStatus({ connection, status })
  })
}

const COMPLAINT_MAX = 300

const DIAL_REFUSALS: Readonly<Record<RefusalReason, DialRefusal>> = {
  departed: 'departed',
  federation: 'refused_by_federation',
  self: 'self',
  own_id_in_use: 'own_id_in_use',
  identity_required: 'refused_by_federation',
  identity_in_use: 'refused_by_federation',
  invalid_id: 'invalid_status',
  too_many_peers: 'refused_by_federation',
  rate_limited: 'refused_by_federation',
  stopping: 'stopping',
}
