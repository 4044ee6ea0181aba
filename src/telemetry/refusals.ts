/**
 * The memory behind "why was this refused, and since when".
 *
 * Whatever refuses something (a call nobody can serve, a route not believed, a peer turned away) records it here under a kind, a subject
 * and a reason. Equal refusals are counted, not listed, so that a client that fails a thousand times a second leaves one record. When the
 * ledger is full the record refused longest ago makes room.
 */
import type { Clock } from '../base/index.ts'
import { ASKED_TIMES } from './doctor/thresholds.ts'

export type RefusalKind =
  /** A command no function could be found for, or that could not be sent to where it is. Subject: the function. */
  | 'call'
  /** A route message that was not believed. Subject: the destination cluster. */
  | 'announcement'
  /** A message for a cluster that could not go on. Subject: the cluster. */
  | 'route'
  /** A node that was not taken for a peer. Subject: its cluster where the rule is about clusters, else its node id. */
  | 'peer'
  /** A dial that failed. Subject: the url. */
  | 'dial'
  /** A request of another cluster that was not served. Subject: the function. */
  | 'admission'
  /** A call another node would not serve, as its answer said. Subject: the function and the node called; detail: who refused. */
  | 'remote_call'
  /** Something that was not published. Subject: the topic. */
  | 'publication'
  /** A catalog entry kept out by the operator's rules. Subject: the function, else the node. */
  | 'catalog'
  /** Something discovery did not show or do. Subject: the namespace, else the command. */
  | 'discovery'
  /** A connection that was cut because it did not read. Subject: who it was. */
  | 'slow_consumer'

/** What a refused call asked of a function besides its name, so that one can tell when it would be served. */
export interface WantedFunction {
  readonly version_constraint: string | null
  readonly resources: readonly string[]
  readonly function_id: string | null
  readonly target_cluster: string | null
}

export interface Refusal {
  readonly kind: RefusalKind
  readonly subject: string
  readonly reason: string
  readonly count: number
  /** Unix seconds. */
  readonly first_at: number
  readonly last_at: number
  /** Of the last few, Unix seconds, the latest last: often today is not what often this year is. Absent: not told. */
  readonly latest_at?: readonly number[]
  /** What was said the last time; may be empty. */
  readonly detail: string
  /** Of a call, where functions of the name are known: what was asked for the last time. */
  readonly wanted?: WantedFunction
  /** Unix seconds since when exactly that has been asked for, and nothing else for this reason. */
  readonly wanted_since?: number
}

export interface RefusalLedgerSnapshot {
  readonly kept: number
  readonly max: number
  readonly recorded_total: number
  /** Records that made room for others. */
  readonly forgotten_total: number
}

export interface RefusalLedger {
  /** Constant time, whatever is kept. */
  record(kind: RefusalKind, subject: string, reason: string, detail?: string, wanted?: WantedFunction): void
  /** What is kept of one subject, the latest first. */
  of(kind: RefusalKind, subject: string): Refusal[]
  /** The latest first. @param max at most so many */
  list(max?: number): Refusal[]
  snapshot(): RefusalLedgerSnapshot
}

export interface RefusalLedgerOptions {
  /** Records kept. */
  readonly max: number
}

/** Characters kept of each text: subjects and details may come from a peer. */
const TEXT_MAX = 300
/** Texts in what was wanted, resources among them. */
const WANTED_TEXTS_MAX = 32

export function createRefusalLedger(clock: Pick<Clock, 'wall'>, { max }: RefusalLedgerOptions): RefusalLedger {
  /** The one refused longest ago first. */
  const records = new Map<string, Refusal>()
  let recorded = 0
  let forgotten = 0

  return {
    record(kind, givenSubject, reason, detail = '', wanted = undefined) {
      const subject = givenSubject.slice(0, TEXT_MAX)
      const key = `${kind}\n${reason}\n${subject}`
      const now = clock.wall()
      const known = records.get(key)
      recorded++
      records.delete(key)
      records.set(key, {
        kind,
        subject,
        reason,
        count: (known?.count ?? 0) + 1,
        first_at: known?.first_at ?? now,
        last_at: now,
        latest_at: [...(known?.latest_at ?? []), now].slice(-ASKED_TIMES),
        detail: detail.slice(0, TEXT_MAX),
        ...(wanted !== undefined && isShort(wanted) && { wanted, wanted_since: wantedSince(known ?? {}, wanted) ?? now }),
      })
      if (records.size <= max) return
      records.delete(records.keys().next().value as string)
      forgotten++
    },
    of: (kind, subject) => latestFirst(records).filter((record) => record.kind === kind && record.subject === subject.slice(0, TEXT_MAX)),
    list: (limit = max) => latestFirst(records).slice(0, limit),
    snapshot: () => ({ kept: records.size, max, recorded_total: recorded, forgotten_total: forgotten }),
  }
}

/** The subject of refused calls of a function on a certain node. */
export function remoteCall(fun: string, nodeId: string): string {
  return `${fun} on ${nodeId}`
}

/** Undefined where something else was wanted the last time. */
export function wantedSince(
  { wanted, wanted_since }: Pick<Refusal, 'wanted' | 'wanted_since'>,
  question: WantedFunction,
): number | undefined {
  if (wanted === undefined) return undefined
  const { function_id, resources, target_cluster, version_constraint } = question
  const isSame =
    wanted.version_constraint === version_constraint &&
    wanted.function_id === function_id &&
    wanted.target_cluster === target_cluster &&
    wanted.resources.length === resources.length &&
    wanted.resources.every((resource, index) => resource === resources[index])
  return isSame ? wanted_since : undefined
}

/** Texts of a request may be of any length, and half a constraint would say something else. */
function isShort({ function_id, resources, target_cluster, version_constraint }: WantedFunction): boolean {
  const texts = [version_constraint ?? '', function_id ?? '', target_cluster ?? '', ...resources]
  return texts.length <= WANTED_TEXTS_MAX && texts.every(({ length }) => length <= TEXT_MAX)
}

function latestFirst(records: ReadonlyMap<string, Refusal>): Refusal[] {
  return [...records.values()].reverse()
}
