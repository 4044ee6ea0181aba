/** One name, one id: across the whole catalog a function's name and its id belong to each other. */
import { MpregError } from '../../wire/index.ts'

/** What stands against an entry that maps a name to an id. */
export interface FunctionConflict {
  readonly kind: 'name' | 'id'
  /** The one that is taken. */
  readonly taken: string
  /** What it is mapped to. */
  readonly mappedTo: string
}

/** A local function under a name or id that is another function's. */
export class FunctionConflictError extends MpregError {
  override readonly name = 'FunctionConflictError'
  readonly code: 'name_conflict' | 'id_conflict'

  constructor({ kind, taken, mappedTo }: FunctionConflict) {
    super(`Function ${kind} conflict: ${taken} already mapped to ${mappedTo}`)
    this.code = kind === 'name' ? 'name_conflict' : 'id_conflict'
  }
}
