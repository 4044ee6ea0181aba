/** What a command asks of a function, as the registry and the catalog look for it. */
import { parseConstraint, type VersionConstraint } from '../base/index.ts'
import type { Command } from '../wire/index.ts'
import type { Selector } from './registry.ts'

/** @throws ConstraintError for a malformed version constraint */
export function selectorOf(cmd: Command): Selector {
  return {
    fun: cmd.fun,
    functionId: cmd.function_id,
    constraint: cmd.version_constraint === null ? null : constraintOf(cmd.version_constraint),
    constraintText: cmd.version_constraint,
    resources: cmd.locs,
    targetCluster: cmd.target_cluster,
  }
}

/** A malformed version constraint, by the name callers of the reference know. */
class ConstraintError extends Error {
  override readonly name = 'ValueError'
  readonly code = 'invalid_version_constraint'
}

function constraintOf(text: string): VersionConstraint {
  try {
    return parseConstraint(text)
  } catch (error) {
    throw new ConstraintError((error as Error).message, { cause: error })
  }
}
