/**
 * What can be done to a fabric, in words: the vocabulary that scenarios and the explorer's plans share.
 *
 *     start n1 · stop n1 · crash n1 [silent] · restart n1
 *     partition n0 n1 | n2 n3 · cut n0 n1 · heal · flap n0 n1
 *     stall n1 5s · skew n1 -600 · drift n1 200
 */
import type { Fabric } from './sim-fabric.ts'

export class CommandError extends Error {
  override readonly name = 'CommandError'
}

/** The node a word such as `n3` names. @throws CommandError */
export function nodeIndex(word: string | undefined): number {
  const match = /^n(\d+)$/.exec(word ?? '')
  if (match === null) throw new CommandError(`expected a node such as n0, got '${word ?? ''}'`)
  return Number(match[1])
}

/** `250ms`, `5s`, `2m` in ms. @throws CommandError */
export function durationMs(word: string | undefined): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(word ?? '')
  if (match === null) throw new CommandError(`expected a time such as 250ms, 5s or 2m, got '${word ?? ''}'`)
  return Number(match[1]) * { ms: 1, s: 1000, m: 60_000 }[match[2] as 'ms' | 's' | 'm']
}

function number(word: string | undefined): number {
  const value = Number(word)
  if (word === undefined || !Number.isFinite(value)) throw new CommandError(`expected a number, got '${word ?? ''}'`)
  return value
}

/** Every node a command names. */
export function nodesNamed(words: readonly string[]): number[] {
  return words.filter((word) => /^n\d+$/.test(word)).map(nodeIndex)
}

/**
 * Inflicts a fault, or ends one. Starting and stopping take time: their promise is returned and wants time to be driven.
 * @returns undefined for a word that is no fault
 * @throws CommandError for a fault that is not spelled right
 */
export function inflict(fabric: Fabric, [verb, ...rest]: readonly string[]): Promise<void> | true | undefined {
  switch (verb) {
    case 'start':
      return fabric.starting(nodeIndex(rest[0]))
    case 'stop':
      return fabric.stopping(nodeIndex(rest[0]))
    case 'crash':
      fabric.crash(nodeIndex(rest[0]), { silent: rest[1] === 'silent' })
      return true
    case 'restart':
      fabric.crash(nodeIndex(rest[0]))
      return fabric.starting(nodeIndex(rest[0]))
    case 'partition':
      fabric.partition(...islands(rest))
      return true
    case 'cut':
      fabric.cut(nodeIndex(rest[0]), nodeIndex(rest[1]))
      return true
    case 'heal':
      fabric.heal()
      return true
    case 'flap':
      fabric.flap(nodeIndex(rest[0]), nodeIndex(rest[1]))
      return true
    case 'stall':
      fabric.stall(nodeIndex(rest[0]), durationMs(rest[1]))
      return true
    case 'skew':
      fabric.skew(nodeIndex(rest[0]), number(rest[1]))
      return true
    case 'drift':
      fabric.drift(nodeIndex(rest[0]), number(rest[1]))
      return true
    default:
      return undefined
  }
}

function islands(words: readonly string[]): number[][] {
  const groups: number[][] = [[]]
  for (const word of words) {
    if (word === '|') groups.push([])
    else groups.at(-1)?.push(nodeIndex(word))
  }
  return groups.filter((group) => group.length > 0)
}
