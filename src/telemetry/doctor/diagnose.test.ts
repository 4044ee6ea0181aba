import { describe, expect, it } from 'vitest'
import type { Refusal, WantedFunction } from '../refusals.ts'
import { diagnose, nodesToAsk } from './diagnose.ts'
import type { AlertFacts, FunctionFacts, NodeFacts, PeerFacts, UnreachableNode } from './node-facts.ts'
import { gonePeer, NOW, sampleLink, sampleMesh, sampleNode, samplePeer } from './sample-facts.ts'

const refusal = (fields: Partial<Refusal>): Refusal => ({
  kind: 'call',
  subject: 'quote',
  reason: 'version',
  count: 1,
  first_at: NOW - 10,
  last_at: NOW - 10,
  detail: '',
  ...fields,
})
/** The last of them ten seconds ago, one a second. */
const asked = (count: number): Partial<Refusal> => ({
  count,
  first_at: NOW - 9 - count,
  latest_at: [12, 11, 10].slice(-count).map((ago) => NOW - ago),
})
const refusing = (fields: Partial<Refusal>, node: Partial<NodeFacts> = {}) => [sampleNode('a', { refusals: [refusal(fields)], ...node })]
const seeing = (peer: PeerFacts, node: Partial<NodeFacts> = {}) => [sampleNode('a', { peers: [peer], ...node })]
const destination = (fields: Partial<NodeFacts['routes']['destinations'][number]>) => ({
  routes: {
    routes_active: 0,
    rejection_reasons: {},
    destinations: [{ cluster_id: 'gamma', nodes: 2, routes: 0, plan_reason: 'no_fabric_path', planned_path: [], ...fields }],
  },
})
const keysOf = (standing: 'active' | 'lapsed', pinned: boolean, expires_at: number | null) => ({
  keys: {
    clusters: [
      {
        cluster_id: 'gamma',
        standing,
        pinned,
        keys: [{ key_id: 'k', source: 'configured', primary: true, active: standing === 'active', expires_at }],
      },
    ],
  },
})
const dial = (fields: Partial<NonNullable<PeerFacts['dial']>>) => ({
  url: 'b',
  source: 'seed' as const,
  reason: 'backing_off',
  failures: 3,
  successes_total: 0,
  next_at: NOW + 5,
  last_error: 'refused',
  ...fields,
})
/** Linked, to the last of several processes, each of which came after one that crashed so many seconds ago. */
const restarted = (...secondsAgo: readonly number[]) => sampleLink({ crash_restarts_at: secondsAgo.map((ago) => NOW - ago) })
const neverLinked = { linked: false, link: null, listed: false, liveness: null, clock_offset_seconds: null }
const wanted = (fields: Partial<WantedFunction>): WantedFunction => ({
  version_constraint: null,
  resources: [],
  function_id: null,
  target_cluster: null,
  ...fields,
})
/** A node that has the function that is asked for. */
const offering = (fields: Partial<FunctionFacts>): NodeFacts =>
  sampleNode('b', { functions: [{ name: 'quote', function_id: 'quote', version: '1.0.0', resources: [], ...fields }] })
const alert = (fields: Partial<AlertFacts>): AlertFacts => ({
  alert_id: 'alpha_error_rate_percent_critical',
  severity: 'critical',
  metric: 'error_rate_percent',
  cluster_id: 'alpha',
  current_value: 12.34,
  threshold_value: 10,
  message: 'Critical error rate in cluster alpha: 12.3%',
  since: NOW - 60,
  ...fields,
})
const alarmed = (fields: Partial<AlertFacts>, node: Partial<NodeFacts> = {}) => [sampleNode('a', { alerts: [alert(fields)], ...node })]
const unanswered = (fields: Partial<UnreachableNode>): UnreachableNode => ({
  node_id: 'b',
  monitoring_url: 'http://b',
  reason: 'refused',
  error: 'ECONNREFUSED',
  ...fields,
})

interface Case {
  readonly facts: readonly NodeFacts[]
  readonly unreachable?: readonly UnreachableNode[]
  /** `severity code node subject` of each finding. */
  readonly finds: readonly string[]
}

const CASES: Readonly<Record<string, Case>> = {
  'a healthy mesh': { facts: sampleMesh('a', 'b', 'c'), finds: [] },
  'nobody at all': { facts: [], finds: [] },

  'a node that failure detection found dead': { facts: seeing(gonePeer('b', 20)), finds: ['critical peer_vanished b b'] },
  'a node that has been gone for long': { facts: seeing(gonePeer('b', 1_000)), finds: ['warning peer_vanished b b'] },
  'a link that broke a moment ago': { facts: seeing(gonePeer('b', 3, { liveness: 'suspect' })), finds: [] },
  'a link that broke, and is not back': { facts: seeing(gonePeer('b', 6, { liveness: 'suspect' })), finds: ['critical peer_vanished b b'] },
  'a link that broke a moment ago, and nothing listens there': {
    facts: seeing(gonePeer('b', 1, { liveness: 'suspect' })),
    unreachable: [unanswered({})],
    finds: ['critical peer_vanished b b'],
  },
  'a node that said goodbye': {
    facts: seeing(gonePeer('b', 20, { departed: true, liveness: 'left', hidden_reason: 'departed' })),
    finds: [],
  },
  'a node that said goodbye, and is asked all the same': {
    facts: seeing(gonePeer('b', 20, { departed: true, liveness: 'left' })),
    unreachable: [unanswered({})],
    finds: [],
  },
  'a node that one takes for dead, and that answers': {
    facts: [...seeing(gonePeer('b', 20)), sampleNode('b')],
    finds: [],
  },
  'a node that one takes for dead, and another has a live link to': {
    facts: [...seeing(gonePeer('b', 20)), sampleNode('c', { peers: [samplePeer('b')] })],
    finds: [],
  },
  'a node others have links to, whose monitoring is closed': {
    facts: seeing(samplePeer('b')),
    unreachable: [unanswered({})],
    finds: ['warning monitoring_unreachable b b'],
  },
  'a url nobody knows': {
    facts: [],
    unreachable: [unanswered({ node_id: null })],
    finds: ['critical monitoring_unreachable http://b http://b'],
  },
  'a node that takes connections and does not answer': {
    facts: seeing(gonePeer('b', 20)),
    unreachable: [unanswered({ reason: 'silent', error: 'no answer' })],
    finds: ['critical event_loop_stalled b b'],
  },

  'a node whose monitoring does not answer in time, and which others suspect over an open link': {
    facts: seeing(samplePeer('b', { liveness: 'suspect' })),
    unreachable: [unanswered({ reason: 'timeout', error: 'no answer in 3 s' })],
    finds: ['critical event_loop_stalled b b'],
  },
  'a node whose monitoring does not answer in time, and which is alive': {
    facts: seeing(samplePeer('b')),
    unreachable: [unanswered({ reason: 'timeout', error: 'no answer in 3 s' })],
    finds: ['warning monitoring_unreachable b b'],
  },

  'a configured peer never reached, of a node with other links': {
    facts: [sampleNode('a', { peers: [samplePeer('c'), samplePeer('b', { ...neverLinked, dial: dial({}) })] }), sampleNode('c')],
    finds: ['warning seed_unreachable a b'],
  },
  'a configured peer never reached, of a node without links': {
    facts: seeing(samplePeer('b', { ...neverLinked, dial: dial({}) })),
    finds: ['critical seed_unreachable a b'],
  },
  'a configured peer not reached yet': {
    facts: seeing(samplePeer('b', { ...neverLinked, dial: dial({}) }), { uptime_seconds: 3 }),
    finds: [],
  },
  'a live node that one cannot dial': {
    facts: [...seeing(samplePeer('b', { linked: false, link: null, dial: dial({ source: 'directory' }) })), sampleNode('b')],
    finds: ['warning link_missing a a and b'],
  },

  'two reconnects': { facts: seeing(samplePeer('b', { link: sampleLink({ reconnects_10m: 2 }) })), finds: [] },
  'three reconnects': {
    facts: seeing(samplePeer('b', { link: sampleLink({ reconnects_10m: 3 }) })),
    finds: ['warning link_flapping a a and b'],
  },
  'reconnects seen from both ends': {
    facts: [
      sampleNode('a', { peers: [samplePeer('b', { link: sampleLink({ reconnects_10m: 3 }) })] }),
      sampleNode('b', { peers: [samplePeer('a', { link: sampleLink({ reconnects_10m: 4 }) })] }),
    ],
    finds: ['warning link_flapping a a and b'],
  },
  'a node that reconnects to everybody': {
    facts: ['a', 'c', 'd'].map((id) => sampleNode(id, { peers: [samplePeer('b', { link: sampleLink({ reconnects_10m: 5 }) })] })),
    finds: ['warning link_flapping b b'],
  },

  'a node that crashed and came back twice': {
    facts: [...seeing(samplePeer('b', { link: restarted(20, 10) })), sampleNode('b', { uptime_seconds: 10 })],
    finds: [],
  },
  'a node that keeps crashing': {
    facts: [...seeing(samplePeer('b', { link: restarted(25, 17, 10) })), sampleNode('b', { uptime_seconds: 10 })],
    finds: ['warning node_restarting b b'],
  },
  'a node that keeps crashing, as everybody sees': {
    facts: ['a', 'c', 'd'].map((id) => sampleNode(id, { peers: [samplePeer('b', { link: restarted(25, 17, 10) })] })),
    finds: ['warning node_restarting b b'],
  },
  'a node that keeps crashing, and is down': {
    facts: seeing(gonePeer('b', 20, { link: { ...gonePeer('b', 20).link, ...restarted(45, 37, 30), direction: null } })),
    unreachable: [unanswered({})],
    finds: ['critical node_restarting b b'],
  },
  'a node that crashed again and again, a while ago': {
    facts: seeing(samplePeer('b', { link: restarted(500, 450, 400) })),
    finds: [],
  },
  'a node that crashed once a day': { facts: seeing(samplePeer('b', { link: restarted(200_000, 100_000, 10) })), finds: [] },
  'a node that kept crashing, and said goodbye': {
    facts: seeing(gonePeer('b', 5, { departed: true, liveness: 'left', link: restarted(25, 17, 10) })),
    finds: [],
  },

  'a critical alert that lasts': { facts: alarmed({}), finds: ['critical alert_active a error_rate_percent of cluster alpha'] },
  'an emergency': { facts: alarmed({ severity: 'emergency' }), finds: ['critical alert_active a error_rate_percent of cluster alpha'] },
  'an alert that tells of what may become a fault': { facts: alarmed({ severity: 'error' }), finds: [] },
  'a critical alert of this moment': { facts: alarmed({ since: NOW - 4 }), finds: [] },
  'a critical alert of two nodes about their cluster': {
    facts: [...alarmed({}), sampleNode('b', { alerts: [alert({})] })],
    finds: ['critical alert_active a error_rate_percent of cluster alpha'],
  },
  'a critical alert, and calls that explain it': {
    facts: alarmed({}, { refusals: [refusal({ ...asked(3), reason: 'unknown' })] }),
    finds: ['critical function_unknown a quote'],
  },
  'a critical alert, and a slip that does not explain it': {
    facts: alarmed({}, { refusals: [refusal({ ...asked(1), reason: 'unknown' })] }),
    finds: ['critical alert_active a error_rate_percent of cluster alpha', 'info function_unknown a quote'],
  },
  'a critical alert of a node whose event loop stood still': {
    facts: [{ ...stalled(NOW - 10, 2_500), alerts: [alert({ metric: 'avg_latency_ms' })] }],
    finds: ['critical event_loop_stalled a a'],
  },
  'a critical alert about something else than the calls that are refused': {
    facts: alarmed(
      { metric: 'memory_usage_percent' },
      { refusals: [refusal({ ...asked(3), reason: 'unknown' })], peers: [gonePeer('b', 20)] },
    ),
    finds: [
      'critical alert_active a memory_usage_percent of cluster alpha',
      'critical peer_vanished b b',
      'warning function_unknown a quote',
    ],
  },
  'a critical alert about a cluster that a node has vanished from': {
    facts: alarmed({}, { peers: [gonePeer('b', 20)] }),
    finds: ['critical peer_vanished b b'],
  },

  'a version nobody has': { facts: refusing(asked(3)), finds: ['warning version_unsatisfied a quote'] },
  'a version nobody had, long ago': { facts: refusing({ ...asked(3), last_at: NOW - 400 }), finds: [] },
  'a resource nobody offers': { facts: refusing({ ...asked(3), reason: 'resource' }), finds: ['warning resource_missing a quote'] },
  'a function id nobody has': { facts: refusing({ ...asked(3), reason: 'function_id' }), finds: ['warning function_id_unknown a quote'] },
  'an unknown function': { facts: refusing({ ...asked(3), reason: 'unknown' }), finds: ['warning function_unknown a quote'] },
  'a version asked for once': { facts: refusing(asked(1)), finds: ['info version_unsatisfied a quote'] },
  'a function asked for once': { facts: refusing({ ...asked(1), reason: 'unknown' }), finds: ['info function_unknown a quote'] },
  'a function asked for twice': { facts: refusing({ ...asked(2), reason: 'unknown' }), finds: ['info function_unknown a quote'] },
  'a function asked for often, and of late once': {
    facts: refusing({ ...asked(50), reason: 'unknown', latest_at: [NOW - 900, NOW - 600, NOW - 10] }),
    finds: ['info function_unknown a quote'],
  },
  'a function asked for once at each of three nodes': {
    facts: ['a', 'b', 'c'].map((id) => sampleNode(id, { refusals: [refusal({ ...asked(1), reason: 'unknown' })] })),
    finds: ['warning function_unknown a quote'],
  },
  'a function asked for often at a node that does not tell when': {
    facts: refusing({ reason: 'unknown', count: 3 }),
    finds: ['warning function_unknown a quote'],
  },
  'a function unknown then, and there now': {
    facts: refusing({ reason: 'unknown' }, { functions: [{ name: 'quote', function_id: 'q', version: '1.0.0', resources: [] }] }),
    finds: [],
  },
  'a function that went with its node': {
    facts: [
      sampleNode('a', {
        peers: [gonePeer('b', 20)],
        refusals: [refusal({ reason: 'gone', detail: 'last offered by b (1.0.0), which was not heard of' })],
      }),
    ],
    finds: ['critical peer_vanished b b'],
  },
  'a function that was taken back': {
    facts: refusing({ reason: 'gone', detail: 'last offered by b' }),
    finds: ['warning function_gone a quote'],
  },
  'a function this node keeps out': { facts: refusing({ reason: 'policy' }), finds: ['warning policy_blocks_function a quote'] },
  'a function refused to other clusters, seen from both sides': {
    facts: [...refusing({ reason: 'policy' }), sampleNode('b', { refusals: [refusal({ kind: 'admission', reason: 'function_blocked' })] })],
    finds: ['warning policy_blocks_function b quote'],
  },

  'a cluster turned away, by two nodes': {
    facts: ['a', 'b'].map((id) => sampleNode(id, { refusals: [refusal({ kind: 'peer', subject: 'gamma', reason: 'federation' })] })),
    finds: ['warning policy_blocks_peer a clusters alpha and gamma'],
  },
  'a configured peer that a rule forbids': {
    facts: seeing(samplePeer('b', { ...neverLinked, cluster_id: 'gamma', dial: dial({ reason: 'refused', failures: 1 }) })),
    finds: ['warning policy_blocks_peer a clusters alpha and gamma'],
  },
  'a node that was refused because it is leaving': { facts: refusing({ kind: 'peer', subject: 'b', reason: 'departed' }), finds: [] },
  'a node without a credential': {
    facts: refusing({ kind: 'peer', subject: 'b', reason: 'identity_required' }),
    finds: ['warning peer_refused a b'],
  },
  'a version that has come': {
    facts: [...refusing({ wanted: wanted({ version_constraint: '>=2' }) }), offering({ version: '2.1.0' })],
    finds: [],
  },
  'a version that has not come': {
    facts: [...refusing({ ...asked(3), wanted: wanted({ version_constraint: '>=2' }) }), offering({ version: '1.9.0' })],
    finds: ['warning version_unsatisfied a quote'],
  },
  'a resource that has come without the version': {
    facts: [
      ...refusing({ ...asked(3), reason: 'resource', wanted: wanted({ version_constraint: '>=2', resources: ['gpu'] }) }),
      offering({ resources: ['gpu'] }),
    ],
    finds: ['warning resource_missing a quote'],
  },
  'a function that has come to another cluster than the one asked for': {
    facts: [...refusing({ ...asked(3), reason: 'resource', wanted: wanted({ target_cluster: 'beta' }) }), offering({})],
    finds: ['warning resource_missing a quote'],
  },

  'a route a policy refuses, and no other': {
    facts: refusing(
      { kind: 'announcement', subject: 'gamma', reason: 'neighbor_policy' },
      destination({ plan_reason: 'fallback_neighbor' }),
    ),
    finds: ['warning policy_blocks_route a gamma'],
  },
  'a route a policy refuses, and a better one': {
    facts: refusing({ kind: 'announcement', subject: 'gamma', reason: 'policy' }, destination({ routes: 1, plan_reason: 'ok' })),
    finds: [],
  },
  'a reserved topic': {
    facts: refusing({ kind: 'publication', subject: 'mpreg.x', reason: 'topic_refused' }),
    finds: ['warning publication_refused a mpreg.x'],
  },

  'a way that is too long': {
    facts: [sampleNode('a', destination({ plan_reason: 'hop_budget_exhausted', planned_path: ['alpha', 'beta', 'gamma'] }))],
    finds: ['warning hop_budget_exhausted a fabric_routing_max_hops'],
  },
  'a way that is too long for a message': {
    facts: refusing({ kind: 'route', subject: 'gamma', reason: 'hop_budget_exhausted' }),
    finds: ['critical hop_budget_exhausted a fabric_routing_max_hops'],
  },
  'a cluster no way leads to': { facts: [sampleNode('a', destination({}))], finds: ['warning cluster_unreachable a gamma'] },
  'a cluster no way leads to yet': { facts: [sampleNode('a', { ...destination({}), uptime_seconds: 5 })], finds: [] },
  'a cluster no way leads to since a node vanished': {
    facts: [sampleNode('a', { ...destination({}), peers: [gonePeer('b', 20)] })],
    finds: ['critical peer_vanished b b'],
  },
  'a cluster no way leads to, and a link that flaps elsewhere': {
    facts: [sampleNode('a', { ...destination({}), peers: [samplePeer('b', { link: sampleLink({ reconnects_10m: 3 }) })] })],
    finds: ['warning cluster_unreachable a gamma', 'warning link_flapping a a and b'],
  },
  'a cluster no way leads to, and a link that flaps to another than the way leads over': {
    facts: [
      sampleNode('a', {
        ...destination({ planned_path: ['alpha', 'beta', 'gamma'], plan_reason: 'no_live_peer' }),
        peers: [samplePeer('d', { cluster_id: 'delta', link: sampleLink({ reconnects_10m: 3 }) })],
      }),
    ],
    finds: ['warning cluster_unreachable a gamma', 'warning link_flapping a a and d'],
  },
  'a cluster no way leads to, and a link that flaps on the way': {
    facts: [
      sampleNode('a', {
        ...destination({ planned_path: ['alpha', 'beta', 'gamma'], plan_reason: 'no_live_peer' }),
        peers: [samplePeer('b', { cluster_id: 'beta', link: sampleLink({ reconnects_10m: 3 }) })],
      }),
    ],
    finds: ['warning link_flapping a a and b'],
  },
  'a cluster whose only way was over a node that vanished': {
    facts: [
      sampleNode('a', { ...destination({ cluster_id: 'delta' }), peers: [gonePeer('b', 20, { cluster_id: 'beta' })] }),
      sampleNode('c', {
        cluster_id: 'gamma',
        peers: [gonePeer('b', 20, { cluster_id: 'beta' }), samplePeer('d', { cluster_id: 'delta' })],
      }),
    ],
    finds: ['critical peer_vanished b b'],
  },
  'a cluster no way leads to, and a node that vanished beside the way': {
    facts: [
      sampleNode('a', {
        ...destination({}),
        peers: [samplePeer('c', { cluster_id: 'gamma' }), gonePeer('b', 20, { cluster_id: 'beta' })],
      }),
    ],
    finds: ['critical peer_vanished b b', 'warning cluster_unreachable a gamma'],
  },

  'an expired key the operator gave': {
    facts: [sampleNode('a', keysOf('lapsed', true, NOW - 60))],
    finds: ['warning route_key_expired a gamma'],
  },
  'an expired key where signatures are demanded': {
    facts: ['a', 'b'].map((id) =>
      sampleNode(id, {
        ...keysOf('lapsed', true, NOW - 60),
        ...destination({}),
        refusals: [refusal({ kind: 'announcement', subject: 'gamma', reason: 'signature', detail: 'keys_lapsed' })],
      }),
    ),
    finds: ['critical route_key_expired a gamma'],
  },
  'an expired key of a cluster that is gone': { facts: [sampleNode('a', keysOf('lapsed', false, NOW - 60))], finds: [] },
  'a key that ends tomorrow': {
    facts: [sampleNode('a', keysOf('active', true, NOW + 86_400))],
    finds: ['warning route_key_expiring a gamma'],
  },
  'a learned key that ends tomorrow': { facts: [sampleNode('a', keysOf('active', false, NOW + 86_400))], finds: [] },
  'a key that ends in a year': { facts: [sampleNode('a', keysOf('active', true, NOW + 31_536_000))], finds: [] },
  'a cluster said to have a valid key, and no such key': {
    facts: [sampleNode('a', { keys: { clusters: [{ cluster_id: 'gamma', standing: 'active', pinned: true, keys: [] }] } })],
    finds: [],
  },
  'a signature that is wrong': {
    facts: refusing({ kind: 'announcement', subject: 'gamma', reason: 'signature', detail: 'bad_signature' }),
    finds: ['critical route_signature_refused a gamma'],
  },

  'a key that was missing, and is there again': {
    facts: refusing(
      { kind: 'announcement', subject: 'gamma', reason: 'signature', detail: 'keys_lapsed, told by b' },
      keysOf('active', true, null),
    ),
    finds: [],
  },

  'a stall': { facts: [stalled(NOW - 20, 2_500)], finds: ['warning event_loop_stalled a a'] },
  'a pause': { facts: [stalled(NOW - 20, 700)], finds: [] },
  'a stall long ago': { facts: [stalled(NOW - 400, 2_500)], finds: [] },
  'a stall while starting': { facts: [{ ...stalled(NOW - 1, 2_500), uptime_seconds: 3 }], finds: [] },
  'a reader that is slow': {
    facts: [sampleNode('a', { slow_consumers: [{ remote: 'x:1', kind: 'client', buffered_bytes: 5_000_000, since: NOW - 9 }] })],
    finds: ['warning slow_consumer a x:1'],
  },
  'a reader that was cut off': {
    facts: refusing({ kind: 'slow_consumer', subject: 'x:1', reason: 'dropped' }),
    finds: ['warning slow_consumer a x:1'],
  },

  'a clock that is off': {
    facts: sampleMesh('a', 'b', 'c').map((node) => (node.node_id === 'b' ? { ...node, wall_clock: NOW + 600 } : node)),
    finds: ['critical clock_skewed b b'],
  },
  'a clock that is off, of a node that was not asked': {
    facts: sampleMesh('a', 'b').map((node) => ({ ...node, peers: [...node.peers, samplePeer('c', { clock_offset_seconds: -45 })] })),
    finds: ['warning clock_skewed c c'],
  },
  'clocks a little apart': {
    facts: sampleMesh('a', 'b', 'c').map((node, index) => ({ ...node, wall_clock: NOW + 10 * index })),
    finds: [],
  },
  'a key that is expired only by a clock that is off': {
    facts: sampleMesh('a', 'b', 'c').map((node) =>
      node.node_id === 'b' ? { ...node, wall_clock: NOW + 600, ...keysOf('lapsed', true, NOW + 60) } : node,
    ),
    finds: ['critical clock_skewed b b'],
  },
}

function stalled(at: number, ms: number): NodeFacts {
  const node = sampleNode('a')
  return { ...node, process: { ...node.process, stalls: [{ at, ms }] } }
}

describe('a diagnosis', () => {
  it.each(Object.entries(CASES))('of %s', (_name, { facts, finds, unreachable }) => {
    const found = diagnose(facts, unreachable)
    expect(found.map(({ code, node, severity, subject }) => `${severity} ${code} ${node} ${subject}`)).toEqual(finds)
    for (const { command, evidence, remedy, summary } of found) {
      expect(summary).toMatch(/\.$/)
      expect(remedy).toMatch(/\.$/)
      expect(command).not.toBe('')
      expect(evidence.length).toBeGreaterThan(0)
    }
  })

  it('makes the word of five nodes about one dead peer one finding, with the evidence of all', () => {
    const found = diagnose(['a', 'c', 'd', 'e', 'f'].map((id) => sampleNode(id, { peers: [gonePeer('b', 20)] })))
    expect(found).toHaveLength(1)
    expect(found[0]?.evidence.map((line) => line.slice(0, 2))).toEqual(['a:', 'c:', 'd:', 'e:', 'f:'])
  })

  it('tells of a node that keeps crashing how many processes there were, since when, and how old the last one is', () => {
    const [found] = diagnose([...seeing(samplePeer('b', { link: restarted(25, 17, 10) })), sampleNode('b', { uptime_seconds: 11 })])
    expect(found?.summary).toBe(
      'Node b keeps crashing: within 25 s it ended without a goodbye and was started again 3 times, the last time 10 s ago.',
    )
    expect(found?.evidence).toEqual([
      'b: has been up for 11 s',
      'a: linked to 3 new processes of it since 25 s ago, each after one that said no goodbye; the last 10 s ago',
    ])
    expect(found?.command).toBe('mpreg explain peer b')
  })

  it('tells of an alert what it says, and where more of it is', () => {
    expect(diagnose(alarmed({}))).toMatchObject([
      {
        summary: 'An alert of node a lasts: Critical error rate in cluster alpha: 12.3%.',
        evidence: ['a: error_rate_percent is 12.3, the limit is 10, since 60 s'],
        remedy: expect.stringContaining('mpreg monitor acknowledge alpha_error_rate_percent_critical'),
        command: 'mpreg monitor alerts --url http://a',
      },
    ])
  })

  it.each([
    ['an open link', { linked: true, link: sampleLink({ connected_since: NOW - 200, last_disconnect_at: NOW - 300 }) }],
    ['a goodbye before', { link: sampleLink({ last_disconnect_at: NOW - 300, last_disconnect_why: 'goodbye' }) }],
    ['a link that broke, and a node that lived on', { link: sampleLink({ last_disconnect_at: NOW - 300, last_disconnect_why: 'closed' }) }],
  ])('counts the absence of a dead node from its end, not from an earlier one: %s', (_what, peer) => {
    const [found] = diagnose(seeing(gonePeer('b', 18, peer)))
    expect(found?.summary).toBe('Node b of cluster alpha has been gone for 13 s, and did not say goodbye.')
    expect(found?.evidence).toEqual(['a: failure detection found it dead 13 s ago'])
  })

  it('makes a cause as severe as the worst it brings about, and names all of that, whatever else shows it', () => {
    const clusters = Array.from({ length: 15 }, (_, index) => `far-${String(index).padStart(2, '0')}`)
    const { routes } = destination({ planned_path: ['alpha', 'beta', 'gamma'], plan_reason: 'no_live_peer' })
    const [sample] = routes.destinations
    const watchers = Array.from({ length: 20 }, (_, index) =>
      sampleNode(`a${index}`, {
        peers: [samplePeer('b', { cluster_id: 'beta', link: sampleLink({ reconnects_10m: 5 }) })],
        routes: {
          ...routes,
          destinations: clusters.map((cluster_id) => ({ ...(sample as typeof sample & object), cluster_id })),
        },
        refusals: [refusal({ kind: 'route', subject: 'far-07', reason: 'no_live_peer' })],
      }),
    )
    const found = diagnose(watchers)
    expect(found.map(({ code, severity }) => `${severity} ${code}`)).toEqual(['critical link_flapping'])
    const evidence = found[0]?.evidence ?? []
    expect(evidence.filter((line) => line.startsWith('hence: '))[0]).toContain('far-07')
    for (const cluster of clusters) expect(evidence.join('\n')).toContain(cluster)
    expect(evidence.at(-1)).toMatch(/^hence 3 more: cluster_unreachable \(far-12\), /)
  })

  it('takes for over what is longer ago than whoever asks wants to know', () => {
    const link = sampleLink({ reconnects_10m: 3, last_disconnect_at: NOW - 10 })
    const facts = [{ ...stalled(NOW - 10, 2_500), refusals: [refusal(asked(3))], peers: [samplePeer('b', { link })] }]
    expect(diagnose(facts, [], { recentSeconds: 11 }).map(({ code }) => code)).toEqual(['event_loop_stalled', 'version_unsatisfied'])
    expect(diagnose(facts, [], { recentSeconds: 9 })).toEqual([])
  })

  it('says of what was asked for only once that it may be a slip, and of what is asked for again and again that it is', () => {
    const summary = (count: number) => diagnose(refusing({ ...asked(count), reason: 'unknown' }))[0]?.summary
    expect(summary(1)).toBe("Node a was asked once for 'quote', which no node registers.")
    expect(summary(2)).toBe("Node a was asked twice for 'quote', which no node registers.")
    expect(summary(3)).toBe("Node a is asked for 'quote', which no node registers.")
  })

  it('has explained what was asked for, not just the name', () => {
    const asked = wanted({ version_constraint: '>=2', resources: ['gpu', "a'b"], function_id: 'q-1', target_cluster: 'beta' })
    expect(diagnose(refusing({ wanted: asked }))[0]?.command).toBe(
      `mpreg explain function quote --locs gpu --locs 'a'\\''b' --function-id q-1 --version-constraint '>=2' --target-cluster beta`,
    )
    expect(diagnose(refusing({ reason: 'unknown', wanted: wanted({}) }))[0]?.command).toBe('mpreg explain function quote')
  })

  it('puts the most severe first', () => {
    const [node] = refusing({ reason: 'unknown' })
    const found = diagnose([
      { ...(node as NodeFacts), peers: [gonePeer('b', 20), samplePeer('c', { link: sampleLink({ reconnects_10m: 3 }) })] },
    ])
    expect(found.map(({ severity }) => severity)).toEqual(['critical', 'warning', 'info'])
  })

  it('says with two clocks that one of them is wrong, and with the clock of who asks which one', () => {
    const facts = sampleMesh('a', 'b').map((node) => (node.node_id === 'a' ? { ...node, wall_clock: NOW - 600 } : node))
    expect(diagnose(facts)[0]?.summary).toContain('one of the two is wrong')
    expect(diagnose(facts, [], { observedAt: NOW }).map(({ node }) => node)).toEqual(['a'])
  })
})

describe('whom to ask next', () => {
  it('is everybody with monitoring who was not asked and has not left', () => {
    const facts = [
      sampleNode('a', {
        peers: [samplePeer('b'), samplePeer('c', { departed: true }), samplePeer('d', { monitoring_url: null }), samplePeer('e')],
      }),
    ]
    expect(nodesToAsk(facts, new Set(['http://e']))).toEqual([{ node_id: 'b', monitoring_url: 'http://b' }])
  })
})
