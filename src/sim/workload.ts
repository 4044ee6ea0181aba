/**
 * What clients do to a fabric while it is being shaken, and what they were promised: each call is answered once, with a value or a typed
 * error, and runs at most once; each message reaches a subscriber at most once.
 */
import { matchesTopicGlob, type Random } from '../base/index.ts'
import type { Fabric, SimClient } from './sim-fabric.ts'

/** Longest a call may stay open, ms: dialling (30 s), waiting for the answer (35 s), and a little. */
const CALL_OPEN_MAX_MS = 70_000

/** One call in so many comes with a burst of so many more of the same node. */
const BURST_EVERY = 3
const BURST_CALLS = 4

export interface WorkloadCounters {
  values: number
  errors: number
  published: number
  delivered: number
}

export interface Workload {
  readonly counters: Readonly<WorkloadCounters>
  /** Calls that are not answered yet. */
  readonly open: number
  /** Registers a function that answers with its node's name and the number of the call. */
  offer(index: number, name: string): void
  /** Takes such a function back. */
  withdraw(index: number, name: string): void
  call(index: number, fun: string): void
  subscribe(index: number, pattern: string): void
  publish(index: number, topic: string): void
  /** Looks for calls that stay open too long. */
  check(): void
  /** Without faults everything works: each node calls some others, and what one publishes all get once. Drives time. */
  proveHealthy(random: Random): Promise<void>
}

interface OpenCall {
  readonly index: number
  readonly fun: string
  readonly sinceMs: number
  /** Whether nobody waits any more. */
  readonly isGone: (() => boolean) | undefined
}

export function createWorkload<C extends SimClient>(fabric: Fabric<C>): Workload {
  const counters: WorkloadCounters = { values: 0, errors: 0, published: 0, delivered: 0 }
  const open = new Map<number, OpenCall>()
  const executions = new Map<number, string>()
  const clients = new Map<number, Promise<C>>()
  const offered = new Set<string>()
  let numbered = 0

  function clientOf(index: number): Promise<C> {
    let client = clients.get(index)
    if (client === undefined) {
      client = fabric.opening(index)
      clients.set(index, client)
      // The node was not there: the next one to ask tries again.
      client.catch(() => clients.delete(index))
    }
    return client
  }

  function ran(id: number, name: string): void {
    const before = executions.get(id)
    if (before !== undefined) fabric.fault('executed_twice', name, `runs call ${id}, which ran on ${before} already`)
    executions.set(id, name)
  }

  function answered(id: number, index: number, fun: string, value: unknown): void {
    counters.values++
    open.delete(id)
    fabric.note(`n${index}`, `call ${id} ${fun} -> ${JSON.stringify(value)}`)
    const expected = fun.startsWith('own.') ? `${fun.slice('own.'.length)} ${id}` : new RegExp(`^n\\d+ ${id}$`)
    const right =
      fun !== 'nowhere' && typeof value === 'string' && (typeof expected === 'string' ? value === expected : expected.test(value))
    if (!right) fabric.fault('wrong_answer', `n${index}`, `call ${id} of ${fun} got ${JSON.stringify(value)}`)
  }

  function failed(what: string, index: number, error: unknown): void {
    counters.errors++
    const { code, message, name } = error as { code?: unknown; message?: string; name?: string }
    fabric.note(`n${index}`, `${what} -> ${name} ${String(code)} ${message?.split('\n', 1)[0]}`)
    if (code === undefined) fabric.fault('untyped_error', `n${index}`, `${what} failed with ${name}: ${message}`)
  }

  function ask(index: number, fun: string, send: (id: number) => Promise<unknown>, isGone?: () => boolean): void {
    const id = ++numbered
    open.set(id, { index, fun, sinceMs: fabric.nowMs, isGone })
    send(id).then(
      (value) => answered(id, index, fun, value),
      (error) => {
        open.delete(id)
        failed(`call ${id} ${fun}`, index, error)
      },
    )
  }

  function watchSubscription(name: string, pattern: string): (message: { readonly topic: string; readonly payload: unknown }) => void {
    const seen = new Set<unknown>()
    return ({ payload, topic }) => {
      counters.delivered++
      fabric.note(name, `got ${String(payload)} on ${topic}`)
      if (!matchesTopicGlob(pattern, topic)) fabric.fault('delivered_unasked', name, `got a message on ${topic}, subscribed to ${pattern}`)
      if (seen.has(payload)) fabric.fault('delivered_twice', name, `got message ${String(payload)} again`)
      seen.add(payload)
    }
  }

  async function proveCalls(random: Random): Promise<void> {
    const { live } = fabric
    const clients = await fabric.settle(Promise.all(live.map((index) => fabric.opening(index))))
    const calls = live.flatMap((index, at) => random.sample(live, 3).map((target) => proveCall(index, clients[at] as C, `own.n${target}`)))
    await fabric.settle(Promise.all(calls))
    await fabric.settle(Promise.all(clients.map((client) => client.close())))
  }

  async function proveCall(index: number, client: C, fun: string): Promise<void> {
    const id = ++numbered
    try {
      answered(id, index, fun, await client.call(fun, id))
    } catch (error) {
      fabric.fault(
        'call_failed',
        `n${index}`,
        `call of ${fun} failed without any fault: ${(error as Error).message} ${JSON.stringify((error as { details?: unknown }).details ?? '')}`,
      )
    }
  }

  async function provePublications(): Promise<void> {
    const { live } = fabric
    const got = new Map<number, string[]>()
    const members: C[] = []
    for (const index of live) {
      const client = await fabric.client(index)
      const received: string[] = []
      got.set(index, received)
      // Whoever remembers where messages of this topic go must notice the subscriptions that follow.
      await fabric.settle(client.publish('proof.of', `early word of n${index}`))
      await fabric.settle(
        client.subscribe('proof.#', ({ payload }) => {
          if (String(payload).startsWith('from ')) received.push(String(payload))
        }),
      )
      members.push(client)
    }
    await fabric.until(() => fabric.converged(), 30_000, 250)
    const expected: string[] = []
    for (const [at, client] of members.entries()) {
      const text = `from n${live[at]}`
      expected.push(text)
      await fabric.settle(client.publish('proof.of', text))
    }
    await fabric.advance(5_000)
    for (const [index, received] of got) {
      const missing = expected.filter((text) => !received.includes(text))
      if (missing.length > 0) fabric.fault('message_lost', `n${index}`, `its subscriber did not get messages ${missing.join(', ')}`)
      if (received.length > expected.length - missing.length)
        fabric.fault('delivered_twice', `n${index}`, `its subscriber got ${received.length} messages, of ${expected.length} sent`)
    }
    for (const client of members) await fabric.settle(client.close())
  }

  return {
    counters,
    get open() {
      return open.size
    },

    withdraw(index, name) {
      if (offered.delete(`${index} ${name}`)) fabric.unregister(index, name)
    },

    offer(index, name) {
      if (offered.has(`${index} ${name}`)) return
      offered.add(`${index} ${name}`)
      const answer = (id: number) => `n${index} ${id}`
      fabric.register(
        index,
        name,
        (id: number) => {
          ran(id, `n${index}`)
          // Some take a while, so that faults meet calls under way.
          if (id % 3 !== 0) return answer(id)
          return new Promise((resolve) => fabric.env(index).timers.after(100 * (id % 50), () => resolve(answer(id))))
        },
        { params: { id: 'int' } },
      )
    },

    call(index, fun) {
      ask(index, fun, (id) => clientOf(index).then((client) => client.call(fun, id)))
      // A client's calls arrive one by one. Those a node makes itself within a turn travel together.
      if (numbered % BURST_EVERY !== 0 || !fabric.live.includes(index)) return
      const node = fabric.node(index)
      // With its process a node's own calls are gone, too.
      const isGone = (): boolean => !fabric.live.includes(index) || fabric.node(index) !== node
      for (let i = 0; i < BURST_CALLS; i++) ask(index, fun, (id) => node.call(fun, id).then(thrown), isGone)
    },

    subscribe(index, pattern) {
      const name = `c${index}.sub${++numbered}`
      clientOf(index)
        .then((client) => client.subscribe(pattern, watchSubscription(name, pattern)))
        .then(
          () => fabric.note(name, `subscribed to ${pattern}`),
          (error) => failed(`subscribe ${pattern}`, index, error),
        )
    },

    publish(index, topic) {
      const id = ++numbered
      counters.published++
      clientOf(index)
        .then((client) => client.publish(topic, id))
        .then(
          () => fabric.note(`n${index}`, `published ${id} on ${topic}`),
          (error) => failed(`publish ${id} ${topic}`, index, error),
        )
    },

    check() {
      for (const [id, { fun, index, isGone, sinceMs }] of open) {
        if (isGone?.()) {
          open.delete(id)
          continue
        }
        if (fabric.nowMs - sinceMs <= CALL_OPEN_MAX_MS) continue
        fabric.fault('call_unanswered', `n${index}`, `call ${id} of ${fun} has no answer after ${CALL_OPEN_MAX_MS / 1000} s`)
        open.delete(id)
      }
    },

    async proveHealthy(random) {
      await proveCalls(random)
      await provePublications()
    },
  }
}

/** To a node itself the failure of a function elsewhere is a value; here it counts as what a client would make of it. */
function thrown(value: unknown): unknown {
  const { command, error } = (typeof value === 'object' && value !== null ? value : {}) as { command?: unknown; error?: unknown }
  if (typeof error !== 'string' || typeof command !== 'string') return value
  throw Object.assign(new Error(error), { code: 'remote_failure' })
}
