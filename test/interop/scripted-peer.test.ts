/**
 * One live node and a scripted peer that says what a node of the Python implementation was recorded saying. Both link directions, virtual time.
 */
import { describe, expect, it } from 'vitest'
import { encodeJson } from '../../src/wire/index.ts'
import { PEER_PORT, startBesidePeer } from './beside-peer.ts'
import { kindOf, problemsOf } from './reference-shape.ts'
import type { Heard, Json, ScriptedPeer } from './scripted-peer.ts'

const kinds = (heard: readonly Heard[]) => heard.map(({ frame }) => kindOf(frame as never))
const payload = (heard: Heard | undefined) => (heard?.frame.payload as Json | undefined)?.payload as Json

/** What the peer was told last. */
function lastStatus(peer: ScriptedPeer): { readonly metrics: Json; readonly monitoring_url?: string } {
  const told = peer.heard.findLast(({ frame }) => kindOf(frame as never) === 'server:STATUS')
  if (told === undefined) throw new Error('the peer was told no STATUS')
  return told.frame.server as { metrics: Json; monitoring_url?: string }
}

function expectReferenceShapes(peer: ScriptedPeer): void {
  const problems = peer.heard.flatMap(({ text }) => problemsOf(text))
  expect([...new Set(problems)]).toEqual([])
}

describe('a peer that speaks as recorded', () => {
  it('control plane check 16 and wire check 25: STATUS is answered by STATUS, then the acknowledgement, then a snapshot', async () => {
    const { env, node, peer } = await startBesidePeer()
    await peer.dial(node.url)
    peer.say({ ...peer.status(), u: 'first' })
    await env.advance(200)
    const onDialed = peer.heard.filter((heard) => heard.onDialed)
    expect(kinds(onDialed).slice(0, 3)).toEqual(['server:STATUS', 'response', 'fabric-gossip:catalog_update'])
    expect(onDialed[1]?.frame).toEqual({ r: 'STATUS', error: null, u: 'first', intermediate_results: [], execution_summary: null })
    expect(onDialed[2]?.frame.payload).toMatchObject({ ttl: 0, max_hops: 0, hop_count: 0 })
    expectReferenceShapes(peer)
  })

  it('control plane check 16: a node that dials says STATUS first, then its snapshot', async () => {
    const { env, peer } = await startBesidePeer({ peers: [`ws://127.0.0.1:${PEER_PORT}`] })
    await env.advance(1_000)
    const onAccepted = peer.heard.filter((heard) => !heard.onDialed)
    expect(kinds(onAccepted)[0]).toBe('server:STATUS')
    expect(kinds(onAccepted)).toContain('fabric-gossip:catalog_update')
    expect(kinds(onAccepted)).not.toContain('response')
    expectReferenceShapes(peer)
  })

  it('monitoring check 24: STATUS carries what is measured and nothing of systems that are not there, and it is accepted', async () => {
    const { env, node, peer } = await startBesidePeer({ peers: [`ws://127.0.0.1:${PEER_PORT}`] })
    node.announceMonitoring('http://127.0.0.1:50001')
    await env.advance(1_000)
    peer.say(peer.recorded('catalog-snapshot-functions', node.url), 'accepted')
    peer.say({ role: 'telepathy' }, 'accepted')
    await env.advance(1_500)
    peer.say(peer.status(), 'accepted')
    await env.advance(500)

    const told = peer.heard.filter((heard) => !heard.onDialed && kindOf(heard.frame as never) === 'server:STATUS')
    const { metrics, monitoring_url } = lastStatus(peer)
    expect(monitoring_url).toBe('http://127.0.0.1:50001')
    // It has answered each but the last, said its own twice, and two things besides.
    const answers = told.length - 1
    expect(metrics).toEqual({
      messages_processed: answers + 4,
      rpc_responses_skipped: answers,
      server_messages: 2,
      other_messages: 2,
      route_metrics: {
        announcements_accepted: 0,
        announcements_rejected: 0,
        withdrawals_received: 0,
        withdrawals_applied: 0,
        hold_down_rejects: 0,
        suppression_rejects: 0,
        routes_purged: 0,
        rejection_reasons: {},
        routes_active_total: 0,
        destinations_tracked: 0,
        routes_per_destination: {},
        convergence_seconds_avg: 0,
        convergence_seconds_max: 0,
      },
    })
    expect(told.at(-1)?.text).toContain('"convergence_seconds_avg":0.0,"convergence_seconds_max":0.0')
    expectReferenceShapes(peer)
    expect(peer.links).toBe(1)
    const [listed] = node.listPeers()
    expect(JSON.parse(encodeJson(listed))).toMatchObject({
      url: peer.url,
      status: 'ok',
      load: { status: 'ok', active_clients: 1, load_score: 1 },
    })
  })

  it('monitoring check 24: STATUS of a node with queues carries what they count, floats as floats, and the node is taken for what it is', async () => {
    const { env, node, peer } = await startBesidePeer({ enableDefaultQueue: true, peers: [`ws://127.0.0.1:${PEER_PORT}`] })
    await env.advance(500)
    peer.say(peer.recorded('catalog-snapshot-functions', node.url), 'accepted')
    peer.say(peer.status(), 'accepted')
    const { queues } = node
    queues?.create('jobs')
    queues?.get('jobs')?.subscribe({ subscriberId: 's', topicPattern: '#', deliver: () => {} })
    queues?.send('jobs', 't', 1)
    await env.advance(1_500)
    const { metrics } = lastStatus(peer)
    expect(metrics.queue_metrics).toEqual({
      total_queues: 1,
      total_messages_sent: 1,
      total_messages_received: 1,
      total_messages_acknowledged: 1,
      total_messages_failed: 0,
      active_subscriptions: 1,
      success_rate: 1,
    })
    expect(metrics.route_metrics).toMatchObject({ routes_active_total: 0 })
    const told = peer.heard.filter(({ frame }) => kindOf(frame as never) === 'server:STATUS').at(-1)?.text
    expect(told).toContain('"success_rate":1.0}')
    const nodes = peer.heard.flatMap(
      ({ frame }) => ((frame.payload as Json | undefined)?.payload as { nodes?: Json[] } | undefined)?.nodes ?? [],
    )
    expect(nodes.find(({ node_id }) => node_id === node.url)).toMatchObject({ capabilities: ['queue', 'rpc'] })
    expectReferenceShapes(peer)
    expect(JSON.parse(encodeJson(node.listPeers()))).toMatchObject([{ url: peer.url, load: { load_score: 1 } }])
  })

  it('is told STATUS once in a round, as long as the formula says: every half second with one peer and a gossip interval of 0.5 s', async () => {
    const { env, peer } = await startBesidePeer({ peers: [`ws://127.0.0.1:${PEER_PORT}`] })
    const statuses = () => peer.heard.filter(({ frame }) => kindOf(frame as never) === 'server:STATUS').length
    await env.advance(5_000)
    const before = statuses()
    await env.advance(10_000)
    expect(statuses() - before).toBe(20)
  })

  it('is told how its routes fare', async () => {
    const { env, node, peer } = await startBesidePeer(
      { peers: [`ws://127.0.0.1:${PEER_PORT}`], federationConfig: { federationMode: 'permissive_bridging' } },
      { clusterId: 'elsewhere' },
    )
    await env.advance(1_000)
    peer.say(peer.recorded('route-advertisement', node.url), 'accepted')
    await env.advance(1_000)
    expect(lastStatus(peer).metrics.route_metrics).toMatchObject({
      announcements_accepted: 1,
      routes_active_total: 1,
      routes_per_destination: { elsewhere: 1 },
    })
    expectReferenceShapes(peer)
  })

  it('joins, gossips, calls, is called and leaves', async () => {
    const { env, node, peer } = await startBesidePeer({}, {}, (own) => own.register('whoami_q', () => 'q'))
    await peer.dial(node.url)
    peer.say(peer.status())
    peer.say(peer.recorded('catalog-snapshot-functions'))
    await env.advance(1_000)
    expect(node.listPeers().map(({ url }) => url)).toEqual([peer.url])

    // It calls a function of the node, over the link it dialed.
    peer.say(peer.recorded('rpc-request'))
    await env.advance(100)
    const response = peer.heard.find(({ frame }) => kindOf(frame as never) === 'fabric-message:rpc:rpc-response')
    expect(payload(response)).toMatchObject({ success: true, result: 'q', responder: node.url })

    // It is called: a function it announced runs there.
    const calling = node.call('whoami_p')
    await env.advance(100)
    const request = peer.heard.find(({ frame }) => kindOf(frame as never) === 'fabric-message:rpc:rpc-request')
    expect(payload(request)).toMatchObject({ command: 'whoami_p', target_node: peer.url, reply_to: node.url })
    const answer = peer.recorded('rpc-response')
    const id = payload(request).request_id as string
    const inner = answer.payload as Json
    peer.say({
      ...answer,
      payload: {
        ...inner,
        message_id: id,
        payload: { ...(inner.payload as Json), request_id: id },
        headers: { ...(inner.headers as Json), correlation_id: id },
      },
    })
    await env.advance(100)
    expect(await calling).toBe('p')

    // Publications reach it once it has subscribed, and it reaches subscribers here.
    const got: string[] = []
    node.subscribe(['p2p.#'], (message) => void got.push(message.text))
    peer.say(peer.recorded('catalog-topic'))
    peer.say(peer.recorded('pubsub-broadcast'))
    await env.advance(1_000)
    node.publish('p2p.there', { x: 2 })
    await env.advance(100)
    expect(got[0]).toContain('"payload":{"x":1}')
    const publications = peer.heard.filter(({ frame }) => kindOf(frame as never).startsWith('fabric-message:pubsub'))
    expect(publications).toHaveLength(1)

    // It leaves, and is refused until its grace is over.
    peer.say(peer.recorded('goodbye'))
    await env.advance(500)
    expect(peer.heard.at(-1)?.frame.r ?? peer.heard.find(({ frame }) => frame.r === 'GOODBYE_PROCESSED')).toBeDefined()
    expect(node.listPeers()).toEqual([])
    expect(peer.links).toBe(0)
    expectReferenceShapes(peer)
  })

  it('control plane check 39 and wire check 28: links stay up through five idle minutes with the default gossip interval', async () => {
    const { env, node, peer } = await startBesidePeer({ gossipInterval: 5, peers: [`ws://127.0.0.1:${PEER_PORT}`] })
    await peer.dial(node.url)
    peer.say(peer.status())
    await env.advance(2_000)
    const linksBefore = peer.links
    // The Python implementation keeps its own dialled links busy with STATUS.
    const stop = env.timers.every(5_000, () => peer.say(peer.status(), 'dialed'))
    await env.advance(300_000)
    stop()
    expect(peer.links).toBe(linksBefore)
    expect(peer.closes).toEqual([])
    expectReferenceShapes(peer)
  })

  it('wire check 34 and control plane check 40: no frame over 1 MiB goes to a peer that dialled us, with 10,000 functions to tell', async () => {
    const { env, node, peer } = await startBesidePeer({}, {}, (own) => {
      for (let i = 0; i < 10_000; i++) own.register(`bulk.f${i}`, () => i)
    })
    await peer.dial(node.url)
    peer.say(peer.status())
    await env.advance(10_000)
    expect(Math.max(...peer.heard.map(({ text }) => Buffer.byteLength(text)))).toBeLessThan(1024 * 1024)
    const told = new Set<string>()
    for (const { frame } of peer.heard) {
      const delta = (frame.payload as Json | undefined)?.payload as { functions?: { identity: { name: string } }[] } | undefined
      for (const { identity } of delta?.functions ?? []) told.add(identity.name)
    }
    expect([...told].filter((name) => name.startsWith('bulk.'))).toHaveLength(10_000)
    expect(peer.closes).toEqual([])
  })

  it('control plane check 17 and wire check 26: a foreign cluster is refused, and nothing of it is kept', async () => {
    const { env, node, peer } = await startBesidePeer({}, { clusterId: 'elsewhere' })
    await peer.dial(node.url)
    peer.say(peer.status())
    peer.say(peer.recorded('catalog-snapshot-functions'))
    await env.advance(500)
    expect(peer.heard.find(({ frame }) => frame.error)?.frame.error).toMatchObject({
      code: 1003,
      message: expect.stringContaining('cluster_id mismatch'),
    })
    expect(peer.links).toBe(0)
    expect(node.listPeers()).toEqual([])
  })

  it('control plane check 15 and wire check 29: what nobody can read is counted and skipped, and the link stays', async () => {
    const { env, node, peer } = await startBesidePeer()
    await peer.dial(node.url)
    peer.say(peer.status())
    await env.advance(200)
    const strange = peer.recorded('catalog-node')
    peer.say({ ...strange, payload: { ...(strange.payload as Json), message_type: 'telepathy' } })
    peer.say({ role: 'fabric-message', payload: { message_id: 'x' } })
    await env.advance(200)
    expect(peer.links).toBe(1)
    expect(node.snapshot().fabric?.gossip.unreadable_messages).toBe(1)
    expect(node.snapshot().reach?.malformed).toBe(1)
  })
  it('wire check 30: a request on a link it dialled is answered with headers of the answer, and the path of the request', async () => {
    const { env, node, peer } = await startBesidePeer({}, {}, (own) => own.register('whoami_q', () => 'q'))
    await peer.dial(node.url)
    peer.say(peer.status())
    await env.advance(200)
    const request = peer.recorded('rpc-request')
    const envelope = request.payload as Json
    const asked = envelope.payload as Json
    peer.say({
      ...request,
      payload: {
        ...envelope,
        payload: {
          ...asked,
          command: 'echo',
          function_id: null,
          version_constraint: null,
          args: ['hello'],
          kwargs: {},
          reply_to: peer.url,
        },
        headers: { ...(envelope.headers as Json), routing_path: [peer.url] },
      },
    })
    await env.advance(200)
    const answer = peer.heard.find(({ frame }) => kindOf(frame as never) === 'fabric-message:rpc:rpc-response')?.frame.payload as Json
    expect(answer.message_id).toBe(envelope.message_id)
    expect(answer.headers).toMatchObject({ routing_path: [node.url] })
    expect(answer.payload).toMatchObject({
      request_id: asked.request_id,
      success: true,
      result: 'hello',
      routing_path: [peer.url, node.url],
    })
    expectReferenceShapes(peer)
  })
})
