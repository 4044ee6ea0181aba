/**
 * What the explorer does to a fabric, and when: drawn from a seed, kept as text so that a failing plan can be cut down, saved and replayed.
 *
 *     1250 crash n3 silent
 *     1900 call n0 shared
 */
import type { Random } from '../base/index.ts'
import { CommandError } from './commands.ts'

export interface Action {
  /** Virtual ms since the nodes were started. */
  readonly atMs: number
  readonly words: readonly string[]
}

export interface PlanOptions {
  readonly nodes: number
  /** Time the actions are spread over, ms. */
  readonly durationMs: number
  /** Mean time between two actions, ms. */
  readonly pauseMs: number
  /** Clusters the nodes form; default 1. */
  readonly clusters?: number | undefined
}

/**
 * How far a clock is moved at most, s. Nodes of one cluster bear any difference. Between clusters a minute is all there may be
 * (docs/federation.md), so there even several moves must not come to that.
 */
const SKEW_SECONDS_MAX = { cluster: 600, federation: 10 } as const

const TOPICS = ['t.a', 't.b', 't.c'] as const
const PATTERNS = ['t.a', 't.*', 't.#', '#'] as const
/** Functions nodes come and go with, beside those each has from the start. */
const EXTRA_FUNCTIONS = ['extra.0', 'extra.1', 'extra.2', 'extra.3'] as const

/** How often each kind of action is drawn, relative to the others. */
const WEIGHTS = {
  call: 30,
  publish: 12,
  subscribe: 6,
  register: 8,
  unregister: 5,
  crash: 4,
  stop: 4,
  start: 9,
  partition: 2,
  cut: 2,
  heal: 4,
  flap: 3,
  stall: 3,
  skew: 2,
  drift: 1,
} as const
type Kind = keyof typeof WEIGHTS

const TOTAL = Object.values(WEIGHTS).reduce((sum, weight) => sum + weight, 0)

/** A plan that keeps at least half of the nodes running, so that there is something left to watch. */
export function drawPlan(random: Random, { clusters = 1, durationMs, nodes, pauseMs }: PlanOptions): Action[] {
  const skewMax = SKEW_SECONDS_MAX[clusters > 1 ? 'federation' : 'cluster']
  const plan: Action[] = []
  const down = new Set<number>()
  const offered = new Set<string>()
  const node = () => `n${random.int(nodes)}`

  function words(kind: Kind): string[] | undefined {
    switch (kind) {
      case 'call': {
        const target = random.pick(['shared', `own.${node()}`, random.pick(EXTRA_FUNCTIONS) as string, 'nowhere'])
        return ['call', node(), target as string]
      }
      case 'publish':
        return ['publish', node(), random.pick(TOPICS) as string]
      case 'subscribe':
        return ['subscribe', node(), random.pick(PATTERNS) as string]
      case 'register': {
        const offer = `${node()} ${random.pick(EXTRA_FUNCTIONS)}`
        offered.add(offer)
        return ['register', ...offer.split(' ')]
      }
      case 'unregister': {
        const offer = random.pick([...offered])
        if (offer === undefined) return undefined
        offered.delete(offer)
        return ['unregister', ...offer.split(' ')]
      }
      case 'crash':
      case 'stop': {
        const victim = random.int(nodes)
        if (down.has(victim) || (down.size + 1) * 2 > nodes) return undefined
        down.add(victim)
        if (kind === 'stop') return ['stop', `n${victim}`]
        return random.next() < 0.5 ? ['crash', `n${victim}`] : ['crash', `n${victim}`, 'silent']
      }
      case 'start': {
        const back = random.pick([...down])
        if (back === undefined) return undefined
        down.delete(back)
        return ['start', `n${back}`]
      }
      case 'partition': {
        const some = random.sample(
          Array.from({ length: nodes }, (_, i) => i),
          1 + random.int(Math.max(1, nodes - 1)),
        )
        return ['partition', ...some.sort((a, b) => a - b).map((i) => `n${i}`)]
      }
      case 'cut':
      case 'flap': {
        const [a, b] = random.sample(
          Array.from({ length: nodes }, (_, i) => i),
          2,
        )
        return b === undefined ? undefined : [kind, `n${a}`, `n${b}`]
      }
      case 'heal':
        return ['heal']
      case 'stall':
        return ['stall', node(), `${Math.round(10 ** (2 + 2.2 * random.next()))}ms`]
      case 'skew':
        return ['skew', node(), String(Math.round((random.next() - 0.5) * 2 * skewMax))]
      case 'drift':
        return ['drift', node(), String(random.int(401) - 200)]
    }
  }

  for (let atMs = pauseMs; atMs < durationMs; atMs += Math.max(1, Math.round(-pauseMs * Math.log(1 - random.next())))) {
    const action = words(drawKind(random))
    if (action !== undefined) plan.push({ atMs, words: action })
  }
  return plan
}

function drawKind(random: Random): Kind {
  let left = random.next() * TOTAL
  for (const [kind, weight] of Object.entries(WEIGHTS)) {
    left -= weight
    if (left < 0) return kind as Kind
  }
  return 'call'
}

export function printPlan(plan: readonly Action[]): string {
  return plan.map(({ atMs, words }) => `${atMs} ${words.join(' ')}\n`).join('')
}

/** @throws CommandError naming the line */
export function parsePlan(text: string): Action[] {
  return text.split('\n').flatMap((line, index) => {
    const [at, ...words] = line.trim().split(/\s+/)
    // A `#` further on is part of a topic pattern.
    if (at === undefined || at === '' || at.startsWith('#')) return []
    if (!/^\d+$/.test(at) || words.length === 0) throw new CommandError(`line ${index + 1}: expected '<ms> <action>', got '${line}'`)
    return [{ atMs: Number(at), words }]
  })
}
