/**
 * Equal-cost multipath: several equally cheap paths to a destination that share no edge, used in turn.
 *
 * Each destination has a turn of its own, so that traffic to one does not decide the path of another.
 */
import type { FederationGraph } from '../graph/federation-graph.ts'
import { conditionsKey, meetsConditions, type PathConditions } from '../graph/path-conditions.ts'
import type { Path, PathRouter } from '../graph/path-router.ts'
import { ROTATIONS_MAX } from './constants.ts'

export interface PathRotation {
  /** The path whose turn it is among those that meet the conditions; with `takesTurn` the next one is another. */
  next(target: string, hopsMax: number, conditions: PathConditions, takesTurn: boolean): Path | undefined
}

export interface PathRotationDeps {
  readonly graph: Pick<FederationGraph, 'version' | 'neighborsOf'>
  readonly router: PathRouter
}

interface Rotation {
  /** Of the graph; the paths hold until it changes. */
  readonly version: number
  readonly paths: readonly Path[]
  turn: number
}

const NO_CONDITIONS: PathConditions = {}

/** @param pathsMax how many paths at most take turns; 1 is no rotation */
export function createPathRotation({ graph, router }: PathRotationDeps, source: string, pathsMax: number): PathRotation {
  /** By hop limit, destination and conditions; found longest ago first. */
  const rotations = new Map<string, Rotation>()

  function rotationOf(target: string, hopsMax: number, conditions: PathConditions, conditionsText: string): Rotation {
    const key = `${hopsMax}\0${target}\0${conditionsText}`
    const { version } = graph
    const known = rotations.get(key)
    if (known?.version === version) return known
    if (known !== undefined) rotations.delete(key)
    else if (rotations.size >= ROTATIONS_MAX) rotations.delete(rotations.keys().next().value as string)
    const paths = router.findMultiplePaths(source, target, pathsMax, hopsMax, { ...conditions, equalCostOnly: true })
    const rotation = { version, paths, turn: known?.turn ?? 0 }
    rotations.set(key, rotation)
    return rotation
  }

  return {
    next(target, hopsMax, conditions, takesTurn) {
      if (pathsMax <= 1) return router.findOptimalPath(source, target, hopsMax, conditions)
      let rotation = rotationOf(target, hopsMax, NO_CONDITIONS, '')
      if (rotation.paths.length === 0) return undefined
      let paths = rotation.paths.filter((path) => meetsConditions(path, conditions))
      if (paths.length === 0) {
        rotation = rotationOf(target, hopsMax, conditions, conditionsKey(graph, source, conditions))
        paths = [...rotation.paths]
      }
      const path = paths[rotation.turn % paths.length]
      if (takesTurn) rotation.turn++
      return path
    },
  }
}
