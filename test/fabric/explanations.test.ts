/** Explanations read off running nodes: what they say, and that it is what then happens. */
import { describe, expect, it, onTestFinished } from 'vitest'
import { createTestFabric, type TestFabric } from '../../src/testing.ts'
import { createFederation } from './clusters.ts'

async function cluster(nodes: number): Promise<TestFabric> {
  const fabric = await createTestFabric({
    nodes,
    seed: 1,
    settings: (index) => ({ gossipInterval: 0.5, resources: index === 1 ? ['gpu'] : [] }),
  })
  onTestFinished(() => fabric.close())
  await fabric.until(() => fabric.converged(), 10_000)
  return fabric
}

async function known(fabric: TestFabric, name: string): Promise<void> {
  const seen = () => fabric.live.every((index) => fabric.node(index).explain.function(name).candidates.length > 0)
  expect(await fabric.until(seen, 5_000)).toBe(true)
}

describe('explaining a function', () => {
  it('names the node that runs it, and why it and not the other', async () => {
    const fabric = await cluster(3)
    fabric.register(1, 'where', () => 1, { version: '1.0.0' })
    fabric.register(2, 'where', () => 2, { version: '2.0.0' })
    await known(fabric, 'where')
    await fabric.until(() => [0, 1].every((index) => fabric.node(index).explain.function('where').candidates.length === 2), 5_000)
    const explained = fabric.node(0).explain.function('where')
    expect(explained).toMatchObject({
      kind: 'function',
      name: 'where',
      verdict: 'runs_there',
      candidates: [
        { chosen: true, qualifies: true },
        { chosen: false, qualifies: true, reasons: [{ code: 'passed_over' }] },
      ],
    })
    expect(`ws://n${await fabric.call(0, 'where')}:7000`).toBe(explained.candidates[0]?.id)
    expect(fabric.node(1).explain.function('where')).toMatchObject({
      verdict: 'runs_here',
      candidates: [{ id: 'ws://n1:7000', chosen: true }, {}],
    })
  })

  it('says what each candidate lacks, in agreement with the error of the call', async () => {
    const fabric = await cluster(3)
    fabric.register(1, 'train', () => 1, { version: '1.2.0', resources: ['cpu'] })
    await known(fabric, 'train')
    for (const [question, options, codes] of [
      [{ version_constraint: '>=2.0.0' }, { versionConstraint: '>=2.0.0' }, ['version']],
      [{ resources: ['disk'] }, { locs: ['disk'] }, ['resource']],
      [{ function_id: 'other' }, { functionId: 'other' }, ['function_id']],
      [
        { resources: ['gpu'], version_constraint: '<1.0.0' },
        { locs: ['gpu'], versionConstraint: '<1.0.0' },
        ['version', 'resource', 'resource_of_node_only'],
      ],
    ] as const) {
      const explained = fabric.node(0).explain.function('train', question)
      expect(explained.verdict).toBe('no_candidate_qualifies')
      expect(explained.candidates.map(({ reasons }) => reasons.map(({ code }) => code))).toEqual([codes])
      const error = await fabric.settle(
        fabric
          .node(0)
          .callWith(options, 'train')
          .catch((thrown: { explanation?: unknown }) => JSON.stringify(thrown.explanation)),
      )
      for (const { code, text } of explained.candidates[0]?.reasons ?? [])
        if (code !== 'resource_of_node_only') expect(error).toContain(text)
      expect(fabric.node(0).explain.function('train', question).since).not.toBeNull()
    }
  })

  it('mentions that the node which is chosen has refused such calls of late, as the error of the call does', async () => {
    const { callFrom, fabric, routed } = await createFederation({
      nodes: { alpha: 1, beta: 1, gamma: 1 },
      bridges: [
        ['alpha', 'beta'],
        ['beta', 'gamma'],
      ],
      admitted: { gamma: ['beta'] },
    })
    onTestFinished(() => fabric.close())
    const explained = () => fabric.node(0).explain.function('at.gamma')
    expect(await fabric.until(() => routed() && explained().verdict === 'runs_there', 30_000)).toBe(true)
    expect(explained().reason).toBe('1.0.0 on ws://n2:7000: the only one that qualifies')
    const refusal = { error: 'fabric_forward_failed', command: 'at.gamma', target_cluster: 'gamma', reason: 'cluster_not_admitted' }
    expect(await callFrom(0, 'gamma')).toEqual({ ...refusal, refused_by: 'ws://n2:7000' })
    await fabric.advance(20_000)
    expect(explained()).toMatchObject({
      verdict: 'runs_there',
      reason:
        '1.0.0 on ws://n2:7000: the only one that qualifies; but such calls were refused by ws://n2:7000 once, 20 s ago: cluster_not_admitted',
      candidates: [
        {
          chosen: true,
          reasons: [{ code: 'chosen' }, { code: 'cluster_not_admitted', text: 'calls of it were refused by ws://n2:7000 once, 20 s ago' }],
        },
      ],
      next: expect.arrayContaining(['mpreg doctor']),
    })
    await callFrom(0, 'gamma')
    expect(explained().reason).toMatch(/refused by ws:\/\/n2:7000 2 times, the last \d+ s ago: cluster_not_admitted$/)
    await fabric.advance(301_000)
    expect(explained().reason).toBe('1.0.0 on ws://n2:7000: the only one that qualifies')
  })

  it('says since when only of calls that were made: a question nobody has asked has no beginning', async () => {
    const fabric = await cluster(2)
    fabric.register(1, 'train', () => 1, { version: '1.2.0' })
    await known(fabric, 'train')
    const since = (constraint: string) => fabric.node(0).explain.function('train', { version_constraint: constraint }).since
    const call = (versionConstraint: string) =>
      fabric.settle(
        fabric
          .node(0)
          .callWith({ versionConstraint }, 'train')
          .catch(() => {}),
      )
    expect(since('>=2.0.0')).toBeNull()
    const called = fabric.env(0).clock.wall()
    await call('>=2.0.0')
    await fabric.advance(10_000)
    await call('>=2.0.0')
    expect(since('>=2.0.0')).toBeCloseTo(called, 1)
    expect(since('>=3.0.0'), 'for the same reason, and yet nobody asked').toBeNull()
    expect(fabric.node(0).explain.function('train').since).toBeNull()
    await call('>=3.0.0')
    expect(since('>=3.0.0')).toBeGreaterThan(called + 5)
  })

  it('tells a malformed constraint from one nobody satisfies', async () => {
    const fabric = await cluster(1)
    expect(fabric.node(0).explain.function('echo', { version_constraint: '>=' })).toMatchObject({
      verdict: 'invalid_constraint',
      candidates: [],
    })
  })

  it('says since when a function is gone, and does not suggest that very name', async () => {
    const fabric = await cluster(2)
    fabric.register(1, 'price', () => 1)
    await known(fabric, 'price')
    fabric.unregister(1, 'price')
    await fabric.until(() => fabric.node(0).explain.function('price').verdict === 'gone', 5_000)
    const at = fabric.env(0).clock.wall()
    await fabric.advance(30_000)
    const explained = fabric.node(0).explain.function('price')
    expect(explained).toMatchObject({ verdict: 'gone', candidates: [] })
    expect(explained.since).toBeCloseTo(at, 0)
    expect(explained.reason).toContain('ws://n1:7000')
    expect(explained.reason).not.toContain('did you mean')
  })

  it('calls a function gone from the moment the lease of its dead node ends, whoever clears it away and when', async () => {
    const fabric = await cluster(2)
    fabric.register(1, 'price', () => 1)
    await known(fabric, 'price')
    fabric.crash(1)
    const verdicts = new Set<string>()
    for (let second = 0; second < 180; second++) {
      const { reason, verdict } = fabric.node(0).explain.function('price')
      if ([...verdicts].at(-1) !== verdict) verdicts.add(verdict)
      expect(reason).not.toContain('did you mean')
      await fabric.advance(1_000)
    }
    expect([...verdicts]).toEqual(['runs_there', 'no_candidate_qualifies', 'gone'])
  })

  it('suggests the nearest name for one that was never there', async () => {
    const fabric = await cluster(2)
    fabric.register(1, 'price', () => 1)
    await known(fabric, 'price')
    expect(fabric.node(0).explain.function('prise')).toMatchObject({
      verdict: 'unknown',
      reason: "no node registers 'prise'; did you mean 'price'?",
    })
  })

  it('says that the only node that has it is dead', async () => {
    const fabric = await cluster(3)
    fabric.register(1, 'price', () => 1)
    await known(fabric, 'price')
    fabric.crash(1)
    await fabric.advance(8_000)
    expect(fabric.node(0).explain.function('price')).toMatchObject({
      verdict: 'no_candidate_qualifies',
      candidates: [{ id: 'ws://n1:7000', reasons: [{ code: 'node_failed' }] }],
    })
  })

  it('says that the way to its cluster is too long', async () => {
    const { fabric } = await createFederation({
      nodes: { alpha: 1, beta: 1, gamma: 1 },
      bridges: [
        ['alpha', 'beta'],
        ['beta', 'gamma'],
      ],
      settings: { fabricRoutingMaxHops: 1, fabricRouteFallbackNeighbor: false },
    })
    onTestFinished(() => fabric.close())
    await known(fabric, 'at.gamma')
    await fabric.advance(5_000)
    expect(fabric.node(0).explain.function('at.gamma')).toMatchObject({
      verdict: 'unreachable',
      candidates: [{ cluster_id: 'gamma', qualifies: false, chosen: true, reasons: [{ code: 'hop_budget_exhausted' }] }],
      next: ['mpreg explain route gamma', 'mpreg explain peer ws://n2:7000', expect.any(String)],
    })
    expect(fabric.node(0).explain.route('gamma')).toMatchObject({ kind: 'route', verdict: 'no_way' })
    expect(fabric.node(0).explain.route('beta')).toMatchObject({
      verdict: 'routed',
      candidates: [{ id: 'alpha > beta', chosen: true, reasons: [{ code: 'chosen' }] }],
    })
    expect(fabric.node(0).explain.route('alpha')).toMatchObject({ verdict: 'local' })
  })
})

describe('explaining a route', () => {
  it('to a cluster nobody ever announced says so, names those there are, and what to ask next', async () => {
    const { fabric, routed } = await createFederation({
      nodes: { alpha: 1, beta: 1, gamma: 1 },
      bridges: [
        ['alpha', 'beta'],
        ['beta', 'gamma'],
      ],
    })
    onTestFinished(() => fabric.close())
    expect(await fabric.until(routed, 20_000)).toBe(true)
    const misspelt = fabric.node(0).explain.route('gama')
    expect(misspelt).toMatchObject({ verdict: 'unknown', since: null, next: ['mpreg explain route gamma'] })
    expect(misspelt.reason).toBe(
      "no node known here is of cluster 'gama', and nobody announces a way to it; did you mean 'gamma'? Known clusters: alpha, beta, gamma. " +
        'A message for it would be handed to ws://n1:7000, in the hope that it knows more',
    )
    expect(misspelt.candidates).toEqual([])
    const other = fabric.node(0).explain.route('somewhere-else')
    expect(other.reason).toContain('nobody announces a way to it. Known clusters: alpha, beta, gamma. A message')
    expect(other.next).toEqual(['mpreg discovery cluster-map --url ws://n0:7000'])
    expect(fabric.node(0).explain.route('gamma').verdict).toBe('routed')
  })

  it('says of a node whose clock is more than a minute behind that announcements are refused as dated ahead', async () => {
    const bridges = [
      ['alpha', 'beta'],
      ['beta', 'gamma'],
    ] as const
    const { fabric, routed } = await createFederation({ nodes: { alpha: 1, beta: 1, gamma: 1 }, bridges })
    onTestFinished(() => fabric.close())
    expect(await fabric.until(routed, 20_000)).toBe(true)
    fabric.skew(0, -167)
    await fabric.advance(60_000)
    const codes = fabric
      .node(0)
      .explain.route('gamma')
      .candidates.flatMap(({ reasons }) => reasons.map(({ code }) => code))
    expect(codes).toContain('future_timestamp')
  })

  it('does not call a cluster unknown whose only node has left the way out', async () => {
    const { fabric, routed } = await createFederation({ nodes: { alpha: 1, beta: 1 }, bridges: [['alpha', 'beta']] })
    onTestFinished(() => fabric.close())
    expect(await fabric.until(routed, 20_000)).toBe(true)
    fabric.crash(1)
    await fabric.advance(10_000)
    expect(fabric.node(0).explain.route('beta').verdict).toBe('no_way')
  })
})

describe('explaining a peer', () => {
  it('follows it from linked to vanished and back, and to departed', async () => {
    const fabric = await cluster(3)
    const verdict = () => fabric.node(0).explain.peer('ws://n2:7000').verdict
    expect(verdict()).toBe('linked')
    fabric.crash(2)
    await fabric.advance(1_000)
    expect(verdict()).toBe('suspected')
    await fabric.advance(8_000)
    expect(verdict()).toBe('vanished')
    expect(fabric.node(0).explain.peer('ws://n2:7000').since).toBeGreaterThan(0)
    await fabric.start(2)
    expect(await fabric.until(() => verdict() === 'linked', 5_000)).toBe(true)
    await fabric.stop(2)
    await fabric.advance(1_000)
    expect(verdict()).toBe('departed')
    expect(fabric.node(0).explain.peer('ws://n9:7000')).toMatchObject({ verdict: 'unknown', evidence: [] })
    expect(fabric.node(0).explain.peer('ws://n0:7000').verdict).toBe('self')
  })

  it('guesses who is meant by a misspelt id, and says of a name that nodes go by ids, and which there are', async () => {
    const fabric = await cluster(3)
    const { explain, settings } = fabric.node(0)
    expect(explain.peer('n1:7000')).toMatchObject({
      verdict: 'unknown',
      reason: "no node of this id is known here; did you mean 'ws://n1:7000'? Known nodes: ws://n0:7000, ws://n1:7000, ws://n2:7000",
      next: ['mpreg explain peer ws://n1:7000'],
    })
    expect(explain.peer('f1')).toMatchObject({
      verdict: 'unknown',
      reason: expect.stringMatching(/The id of a node is its URL.* Known nodes: ws:\/\/n0:7000, ws:\/\/n1:7000, ws:\/\/n2:7000$/),
      next: ['mpreg client list-peers --url ws://n0:7000'],
    })
    expect(explain.peer(settings.name)).toMatchObject({ reason: 'it is the name of this node, whose id is ws://n0:7000' })
  })

  it('puts what holds now before what has happened, the latest last', async () => {
    const fabric = await cluster(3)
    const evidence = () => fabric.node(0).explain.peer('ws://n2:7000').evidence ?? []
    expect(evidence().filter(({ at }) => at === null)).toEqual([
      { what: 'link', at: null, text: expect.stringMatching(/^open, dialled by (?:this|that) node; \d+ frames sent/) },
      { what: 'failure detection', at: null, text: expect.stringMatching(/^alive: /) },
      { what: 'list of peers', at: null, text: 'listed' },
    ])
    fabric.crash(2)
    await fabric.advance(9_000)
    const told = evidence()
    expect(told.filter(({ at }) => at === null).map(({ text, what }) => `${what}: ${text}`)).toEqual([
      'link: none; made once, lost once',
      expect.stringMatching(/^dialling: backing_off: \d+ failures in a row(?:, the next try in \d+ s)?; Failed to connect/),
      expect.stringMatching(/^failure detection: failed: .+, first said by ws:/),
      'list of peers: not listed: membership_failed',
    ])
    const events = told.filter(({ at }) => at !== null)
    expect(events.map(({ at }) => at)).toEqual(events.map(({ at }) => at).toSorted((a, b) => Number(a) - Number(b)))
    const texts = events.map(({ text }) => text)
    expect(texts[0]).toMatch(/linked|joined/)
    expect(texts).toContainEqual(expect.stringMatching(/^link lost: closed/))
    expect(texts).toContainEqual(expect.stringMatching(/^found dead: suspicion_timeout/))
    expect(texts).toContainEqual(expect.stringMatching(/^a dial failed, \d+ times in all$/))
    expect(told.indexOf(events[0] as never)).toBe(4)
  })
})

describe('explaining a topic', () => {
  it('names who gets a message, and who has no subscription', async () => {
    const fabric = await cluster(3)
    const topic = () => fabric.node(0).explain.topic('news.today')
    expect(topic()).toMatchObject({ kind: 'topic', verdict: 'no_subscribers' })
    const client = await fabric.client(1)
    await fabric.settle(client.subscribe('news.*', () => {}))
    expect(await fabric.until(() => topic().verdict === 'delivered', 5_000)).toBe(true)
    expect(topic().candidates[0]).toMatchObject({ id: 'ws://n1:7000', chosen: true, reasons: [{ code: 'direct' }] })
    expect(
      topic()
        .candidates.slice(1)
        .every(({ reasons }) => reasons[0]?.code === 'no_matching_subscription'),
    ).toBe(true)
  })
})
