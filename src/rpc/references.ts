/**
 * The dependency graph of a request: which commands refer to which, in what levels they run, and how a result replaces a reference.
 *
 * A string anywhere in `args` or `kwargs` (array elements, object values, never keys) that equals another command's name, or whose part
 * before the first dot does, is a reference. A command's own name is an ordinary string.
 */
import { type Command, encodeJson, isLossy, memberStarts, RawJson, replaceStrings, sliceAt, valueText } from '../wire/index.ts'

/** Commands refer to each other in a circle; nothing was run. */
class CycleError extends Error {
  override readonly name = 'CycleError'
  readonly code = 'command_cycle'
}

/** Commands by name; the last of several with one name wins. */
export function commandsByName(cmds: readonly Command[]): Map<string, Command> {
  const byName = new Map<string, Command>()
  for (const cmd of cmds) byName.set(cmd.name, cmd)
  return byName
}

/**
 * Levels in running order: each command sits one above the highest of those it refers to (Kahn's algorithm, a level at a time).
 * @throws CycleError naming the commands of one cycle
 */
export function levelsOf(byName: ReadonlyMap<string, Command>): Command[][] {
  const waitsFor = new Map<string, Set<string>>()
  const dependents = new Map<string, string[]>()
  let level: Command[] = []
  for (const [name, cmd] of byName) {
    const needed = referencesOf(cmd, byName)
    waitsFor.set(name, needed)
    for (const other of needed) {
      const list = dependents.get(other)
      if (list === undefined) dependents.set(other, [name])
      else list.push(name)
    }
    if (needed.size === 0) level.push(cmd)
  }
  const levels: Command[][] = []
  const order = new Map([...byName.keys()].map((name, index) => [name, index]))
  while (level.length > 0) {
    levels.push(level)
    const next: Command[] = []
    for (const { name } of level) {
      waitsFor.delete(name)
      for (const dependent of dependents.get(name) ?? []) {
        const needed = waitsFor.get(dependent)
        if (needed?.delete(name) && needed.size === 0) next.push(byName.get(dependent) as Command)
      }
    }
    level = next.sort((a, b) => (order.get(a.name) ?? 0) - (order.get(b.name) ?? 0))
  }
  if (waitsFor.size > 0) throw new CycleError(`commands refer to each other in a cycle: ${cycleIn(waitsFor).join(' -> ')}`)
  return levels
}

/** Names of those in `known` whose results a command uses. */
export function referencesOf(cmd: Command, known: ReadonlyMap<string, unknown>): Set<string> {
  const names = new Set<string>()
  collectReferences(cmd.args, known, names)
  for (const key in cmd.kwargs) collectReferences(cmd.kwargs[key], known, names)
  names.delete(cmd.name)
  return names
}

function collectReferences(value: unknown, byName: ReadonlyMap<string, unknown>, into: Set<string>): void {
  if (typeof value === 'string') {
    const name = referredName(value, byName)
    if (name !== undefined) into.add(name)
  } else if (value instanceof RawJson) {
    replaceStrings(value.text, (text) => {
      collectReferences(text, byName, into)
      return undefined
    })
  } else if (Array.isArray(value)) {
    for (const member of value) collectReferences(member, byName, into)
  } else if (typeof value === 'object' && value !== null) {
    for (const member of Object.values(value)) collectReferences(member, byName, into)
  }
}

function referredName(text: string, byName: ReadonlyMap<string, unknown>): string | undefined {
  if (byName.has(text)) return text
  const dot = text.indexOf('.')
  if (dot < 0) return undefined
  const base = text.slice(0, dot)
  return byName.has(base) ? base : undefined
}

/** Follows unmet references from any command left over; every one of them leads on to another, so the walk must close a circle. */
function cycleIn(waitsFor: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const path: string[] = []
  let at = waitsFor.keys().next().value as string
  while (!path.includes(at)) {
    path.push(at)
    at = waitsFor.get(at)?.values().next().value as string
  }
  return [...path.slice(path.indexOf(at)), at]
}

/**
 * The value with every reference replaced by the result it names. Results are JSON text: each consumer gets a value of its own, and lexemes
 * survive.
 */
export function substitute(value: unknown, resolve: Resolve): unknown {
  if (typeof value === 'string') {
    const text = resolve(value)
    return text === undefined ? value : valueFrom(text)
  }
  if (value instanceof RawJson) return new RawJson(replaceStrings(value.text, resolve))
  if (Array.isArray(value)) return value.map((member) => substitute(member, resolve))
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, substitute(member, resolve)]))
  }
  return value
}

/** JSON text of the result that a string refers to, or undefined when the string is just a string. */
export type Resolve = (text: string) => string | undefined

export interface ResolverDeps {
  /** Finished results, by command name. */
  readonly results: ReadonlyMap<string, string>
  /** A path that leads nowhere: the string stays as it is. */
  readonly unresolved: (reference: string) => void
  /** Told the size of every text handed out; throws when it has been enough. */
  readonly spend: (characters: number) => void
}

/** Resolves references of one request. Each result that is reached into is looked through once, however many references do so. */
export function createResolver({ results, spend, unresolved }: ResolverDeps): Resolve {
  const membersOf = new Map<string, ReadonlyMap<string, number>>()

  function members(name: string, text: string): ReadonlyMap<string, number> {
    let known = membersOf.get(name)
    if (known === undefined) {
      known = text.startsWith('{') ? memberStarts(text, 0) : new Map()
      membersOf.set(name, known)
    }
    return known
  }

  function field(name: string, text: string, path: readonly string[]): string | undefined {
    const start = members(name, text).get(path[0] as string)
    if (start === undefined) return undefined
    const first = valueText(text, start)
    return path.length === 1 ? first : sliceAt(first, path.slice(1))
  }

  return (text) => {
    const dot = text.indexOf('.')
    const name = dot < 0 ? text : text.slice(0, dot)
    const whole = results.get(name)
    if (whole === undefined) return undefined
    const found = dot < 0 ? whole : field(name, whole, text.slice(dot + 1).split('.'))
    if (found === undefined) unresolved(text)
    else spend(found.length)
    return found
  }
}

function valueFrom(text: string): unknown {
  return isLossy(text) ? new RawJson(text) : (JSON.parse(text) as unknown)
}

/** A value that holds carried text somewhere inside (after substitution into an array, say) as one carried value. */
export function carriedWhole(value: unknown): unknown {
  return typeof value === 'object' && value !== null && !(value instanceof RawJson) && holdsRaw(value)
    ? new RawJson(encodeJson(value))
    : value
}

function holdsRaw(value: object): boolean {
  return Object.values(value).some(
    (member) => member instanceof RawJson || (typeof member === 'object' && member !== null && holdsRaw(member)),
  )
}
