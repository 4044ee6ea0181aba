/**
 * Scenarios: text files with commands for a simulated fabric and, under each block of them, the output they must have.
 *
 *     fabric 3 seed=1
 *     register n2 who name
 *     until converged 10s
 *     ----
 *     converged
 *
 *     call n0 who
 *     ----
 *     "n2"
 *
 * A block is lines of commands, a line `----`, and the expected output up to an empty line. Lines that begin with `#` are comments. A
 * command that has nothing to tell prints nothing. The result holds the file with the output it really had; after an update, review reads the
 * difference. (After etcd's datadriven tests, and CockroachDB's.)
 */
import { CommandError, durationMs, inflict, nodeIndex } from './commands.ts'
import type { Conditions, Latency } from './conditions.ts'
import { createFabric, type Fabric, type FabricDeps, type SimClient } from './sim-fabric.ts'
import { SimulationFaultError } from './world.ts'

/** A stretch of a scenario file: either text that is kept as it is, or a block of commands. */
interface Block {
  /** Number of the first line. */
  readonly line: number
  readonly commands: readonly string[]
  readonly expected: readonly string[]
}
type Piece = { readonly kept: string } | Block

export interface BlockOutcome extends Block {
  readonly actual: readonly string[]
  readonly ok: boolean
}

export interface ScenarioResult {
  readonly ok: boolean
  readonly blocks: readonly BlockOutcome[]
  /** The file as it would be with the output of this run. */
  readonly text: string
}

export interface ScenarioOptions {
  readonly log?: (line: string) => void
}

/** Runs a scenario from its text. @throws CommandError for a file that is none; what a command does wrong is its output. */
export async function runScenario<C extends SimClient>(
  deps: FabricDeps<C>,
  text: string,
  options: ScenarioOptions = {},
): Promise<ScenarioResult> {
  const pieces = parseScenario(text)
  const session = new Session(deps, options)
  const blocks: BlockOutcome[] = []
  const out: string[] = []
  try {
    for (const piece of pieces) {
      if ('kept' in piece) {
        out.push(piece.kept)
        continue
      }
      const actual: string[] = []
      for (const command of piece.commands) actual.push(...(await session.run(command)))
      const ok = actual.length === piece.expected.length && actual.every((line, index) => line === piece.expected[index])
      blocks.push({ ...piece, actual, ok })
      out.push(...piece.commands, SEPARATOR, ...actual)
    }
  } finally {
    session.close()
  }
  return { ok: blocks.every((block) => block.ok), blocks, text: `${out.join('\n').trimEnd()}\n` }
}

const SEPARATOR = '----'

function parseScenario(text: string): Piece[] {
  const pieces: Piece[] = []
  const lines = text.trimEnd().split('\n')
  for (let at = 0; at < lines.length; ) {
    const line = lines[at] as string
    if (line.trim() === '' || line.startsWith('#')) {
      pieces.push({ kept: line })
      at++
      continue
    }
    const first = at
    while (at < lines.length && lines[at] !== SEPARATOR && lines[at]?.trim() !== '') at++
    if (lines[at] !== SEPARATOR) throw new CommandError(`line ${first + 1}: the commands have no line '${SEPARATOR}' under them`)
    const commands = lines.slice(first, at)
    const from = ++at
    while (at < lines.length && lines[at]?.trim() !== '') at++
    pieces.push({ line: first + 1, commands, expected: lines.slice(from, at) })
  }
  return pieces
}

interface Subscriber {
  readonly got: string[]
}

/** The fabric of one scenario, and what its commands do to it. */
class Session<C extends SimClient> {
  readonly #deps: FabricDeps<C>
  readonly #options: ScenarioOptions
  #fabric: Fabric<C> | undefined
  readonly #subscribers = new Map<string, Subscriber>()

  constructor(deps: FabricDeps<C>, options: ScenarioOptions) {
    this.#deps = deps
    this.#options = options
  }

  close(): void {
    this.#fabric?.close()
  }

  /** The output of one command. */
  async run(line: string): Promise<string[]> {
    const words = line.trim().split(/\s+/)
    try {
      return await this.#command(words, line)
    } catch (error) {
      if (error instanceof SimulationFaultError) return [`FAULT ${error.message}`]
      if (error instanceof CommandError) return [`unusable: ${error.message}`]
      const { code, message = String(error) } = error as { code?: unknown; message?: string }
      return [`error ${code === undefined ? '' : `${String(code)}: `}${message.split('\n', 1)[0]}`]
    }
  }

  get #running(): Fabric<C> {
    if (this.#fabric === undefined) throw new CommandError("there is no fabric yet: begin with 'fabric <nodes>'")
    return this.#fabric
  }

  async #command(words: readonly string[], line: string): Promise<string[]> {
    const [verb, ...rest] = words
    if (verb === 'fabric') {
      await this.#create(rest)
      return []
    }
    const fabric = this.#running
    const index = () => nodeIndex(rest[0])
    switch (verb) {
      case 'register':
        fabric.register(index(), rest[1] ?? '', behaviour(fabric, index(), rest.slice(2)))
        return []
      case 'unregister':
        return [`${fabric.unregister(index(), rest[1] ?? '')} removed`]
      case 'call':
        return [JSON.stringify(await fabric.call(index(), rest[1] ?? '', ...rest.slice(2).map(wordValue)))]
      case 'subscribe':
        return this.#subscribe(index(), rest[1] ?? '', rest[2] ?? '')
      case 'publish': {
        const client = await fabric.client(index())
        await fabric.settle(client.publish(rest[1] ?? '', wordValue(rest.slice(2).join(' '))))
        await fabric.settle(client.close())
        return []
      }
      case 'received': {
        const subscriber = this.#subscribers.get(rest[0] ?? '')
        if (subscriber === undefined) throw new CommandError(`there is no subscriber '${rest[0]}'`)
        const got = subscriber.got.splice(0)
        return got.length === 0 ? ['nothing'] : got
      }
      case 'advance':
        await fabric.advance(durationMs(rest[0]))
        return []
      case 'until':
        return this.#until(rest)
      case 'latency':
        return this.#condition(rest, (value, more) => ({ latency: latencyOf(value, more) }))
      case 'loss':
        return this.#condition(rest, (value) => ({ loss: Number(value) }))
      case 'bandwidth':
        return this.#condition(rest, (value) => ({ bytesPerSecond: Number(value) }))
      case 'peers':
        return this.#each(rest, (node) => fabric.view(node)?.peers.map(hostOf))
      case 'functions':
        return this.#each(rest, (node) => this.#functions(node))
      case 'disagreements': {
        const found = fabric.disagreements()
        return found.length === 0 ? ['none'] : found
      }
      case 'log':
        return fabric
          .records(index())
          .filter((record) => rest[1] === undefined || record.level === rest[1].toUpperCase())
          .map(({ atMs, level, message, scope }) => `${(atMs / 1000).toFixed(3)} ${level} ${scope}: ${message}`)
    }
    const done = inflict(fabric as unknown as Fabric, words)
    if (done === undefined) throw new CommandError(`no such command: '${line.trim()}'`)
    if (done !== true) await fabric.settle(done)
    return []
  }

  async #create(words: readonly string[]): Promise<void> {
    this.#fabric?.close()
    this.#subscribers.clear()
    const settings: Record<string, unknown> = {}
    let seed: number | string = 1
    for (const word of words.slice(1)) {
      const at = word.indexOf('=')
      if (at < 1) throw new CommandError(`expected a setting such as gossip_interval=1, got '${word}'`)
      const name = word.slice(0, at)
      const value = wordValue(word.slice(at + 1))
      if (name === 'seed') seed = value as number | string
      else settings[name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())] = value
    }
    const nodes = Number(words[0])
    if (!Number.isSafeInteger(nodes) || nodes < 1) throw new CommandError(`expected a number of nodes, got '${words[0]}'`)
    const { log } = this.#options
    this.#fabric = await createFabric(this.#deps, { nodes, seed, settings, ...(log && { log }) })
  }

  async #subscribe(index: number, pattern: string, name: string): Promise<string[]> {
    if (name === '') throw new CommandError("a subscriber has a name: 'subscribe n0 orders.# shop'")
    const got: string[] = []
    const client = await this.#running.client(index)
    await this.#running.settle(client.subscribe(pattern, ({ payload, topic }) => got.push(`${topic} ${JSON.stringify(payload)}`)))
    this.#subscribers.set(name, { got })
    return []
  }

  async #until([condition, limit]: readonly string[]): Promise<string[]> {
    if (condition !== 'converged') throw new CommandError(`expected 'until converged <time>', got '${condition ?? ''}'`)
    const fabric = this.#running
    const met = await fabric.until(() => fabric.converged(), durationMs(limit), 50)
    return met ? ['converged'] : ['not converged', ...fabric.disagreements()]
  }

  #condition(words: readonly string[], of: (value: string, more: readonly string[]) => Partial<Conditions>): string[] {
    const [from, to, value, ...more] = words
    if (value === undefined) throw new CommandError("expected '<from> <to> <value>'")
    this.#running.conditions(nodeIndex(from), nodeIndex(to), of(value, more))
    return []
  }

  /** One line for a node, or for each that is up. */
  #each(words: readonly string[], of: (index: number) => readonly string[] | undefined): string[] {
    const nodes = words[0] === undefined ? this.#running.live : [nodeIndex(words[0])]
    return nodes.map((node) => `n${node}: ${of(node)?.join(' ') || '-'}`)
  }

  /** Functions a node knows, with where they are; built-in ones are on every node and left out. */
  #functions(index: number): string[] | undefined {
    const fabric = this.#running
    const view = fabric.view(index)
    if (view === undefined) return undefined
    const found: string[] = []
    for (const [owner, entries] of view.catalog) {
      for (const entry of entries) {
        const name = /^functions ([^@]+)@/.exec(entry)?.[1]
        if (name !== undefined && fabric.isOffered(name)) found.push(`${name}@${hostOf(owner)}`)
      }
    }
    return found.sort()
  }
}

/** What a registered function does: `name` (its node's), `echo` (its arguments), `sum`, `fail <text>`, `after <time>` (its node's, later). */
function behaviour(fabric: Fabric<SimClient>, index: number, [kind = 'name', ...rest]: readonly string[]): (...args: unknown[]) => unknown {
  switch (kind) {
    case 'name':
      return () => `n${index}`
    case 'echo':
      return (...args) => args
    case 'sum':
      return (...args) => args.reduce((sum: number, value) => sum + Number(value), 0)
    case 'fail':
      return () => {
        throw new Error(rest.join(' '))
      }
    case 'after': {
      const ms = durationMs(rest[0])
      return () => new Promise((resolve) => fabric.env(index).timers.after(ms, () => resolve(`n${index}`)))
    }
    default:
      throw new CommandError(`no such behaviour: '${kind}'`)
  }
}

/** A word as JSON, or else as the text it is. */
function wordValue(word: string): unknown {
  try {
    return JSON.parse(word)
  } catch {
    return word
  }
}

function latencyOf(value: string, [upper, sigma]: readonly string[]): Latency {
  if (value === 'lognormal') return { kind: 'lognormal', medianMs: durationMs(upper), sigma: Number(sigma) }
  return upper === undefined ? durationMs(value) : { kind: 'uniform', minMs: durationMs(value), maxMs: durationMs(upper) }
}

/** `n3` of `ws://n3:7000`. */
function hostOf(url: string): string {
  return /^\w+:\/\/([^:]+)/.exec(url)?.[1] ?? url
}
