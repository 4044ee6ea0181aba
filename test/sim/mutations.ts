/**
 * Bugs to plant: each is one edit of the sources, of the kind a hurried change makes. The explorer must find every one of them.
 */
export interface Mutation {
  readonly component: string
  /** What is then wrong. */
  readonly bug: string
  /** Violations it may show as. */
  readonly kinds: readonly string[]
  readonly file: string
  /** Must stand in the file exactly once. */
  readonly original: string
  readonly planted: string
}

export const mutations: readonly Mutation[] = [
  {
    component: 'catalog',
    bug: 'what a node takes back leaves no trace that others could hear of',
    kinds: ['not_converged'],
    file: 'src/fabric/catalog/owner-record.ts',
    original: 'this.removals.push({ kind, key, version } as OwnerRemoval)',
    planted: 'if (version < 0) this.removals.push({ kind, key, version } as OwnerRemoval)',
  },
  {
    component: 'membership',
    bug: 'a wrong suspicion is answered without an incarnation that outdoes it',
    kinds: ['not_converged', 'call_failed'],
    file: 'src/fabric/membership/hearing.ts',
    original: 'incarnation = event.incarnation + 1\n    const answer',
    planted: 'incarnation = event.incarnation\n    const answer',
  },
  {
    component: 'peers',
    bug: 'the list of linked nodes is not made anew when one is added',
    kinds: ['message_lost', 'not_converged', 'call_failed', 'departed_listed'],
    file: 'src/fabric/peers/links.ts',
    original: 'peers.set(nodeId, peer)\n        listsChanged()',
    planted: 'peers.set(nodeId, peer)',
  },
  {
    component: 'sync',
    bug: 'what a node lacks is not asked for',
    kinds: ['not_converged'],
    file: 'src/fabric/sync/sync.ts',
    original: 'if (requests.wanted(stamp, from)) wishes.push(wishFor(owner, epoch))\n          break',
    planted: 'break',
  },
  {
    component: 'rpc',
    bug: 'a request that was sent is sent again elsewhere when the link is lost',
    kinds: ['executed_twice'],
    file: 'src/rpc/outgoing-calls.ts',
    original:
      // biome-ignore lint/suspicious/noTemplateCurlyInString: source text
      'call.settle({ error: new NodeLostError(`${why} before ${call.target} answered; the call may or may not have been executed`) })',
    planted:
      "call.settle({ move: 'unsent', value: errorValue({ error: 'fabric_forward_failed', command: '', target_cluster: '', reason: why }) })",
  },
  {
    component: 'pubsub',
    bug: 'the nodes a topic goes to are remembered when subscriptions have changed',
    kinds: ['message_lost'],
    file: 'src/pubsub/topic-plan.ts',
    original: 'if (generation !== catalog.generation || nowMs - sinceMs >= PLAN_AGE_MAX_MS) {',
    planted: 'if (nowMs - sinceMs >= PLAN_AGE_MAX_MS) {',
  },
]
