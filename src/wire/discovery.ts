/**
 * Namespaces, and the records about who may see them.
 *
 * A namespace is a dotted name; a filter or a rule for `svc` covers `svc` and everything below it, but not `svc2`.
 */
import { functionIdentity, SCOPES, type Scope } from './catalog.ts'
import { scopeNamed } from './discovery-query.ts'
import { FrameError } from './errors.ts'
import {
  bool,
  type Field,
  float,
  list,
  natural,
  omittable,
  type RecordField,
  type RecordOf,
  rawObject,
  record,
  text,
  textSet,
  texts,
  time,
} from './fields.ts'

/** Whether a name is what the filter says, or below it. An empty filter covers everything. */
export function namespaceMatches(filter: string, name: string): boolean {
  return filter === '' || name === filter || name.startsWith(`${filter}.`)
}

/** A name up to its last dot; empty without one. */
export function namespaceOf(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf('.')))
}

/** Left out while empty. */
function unlessEmpty<T>(field: Field<readonly T[]>): Field<readonly T[] | undefined> {
  return {
    ...omittable(field),
    read(value, reading, at) {
      const items = value === undefined || value === null ? [] : field.read(value, reading, at)
      return items.length === 0 ? undefined : items
    },
    write: (items) => (items === undefined || items.length === 0 ? undefined : field.write(items)),
  }
}

/** One object may stand for a list of one. */
function many<T>(element: Field<T>): Field<readonly T[]> {
  const elements = list(element)
  const asList = (value: unknown): unknown => (value === undefined || value === null || Array.isArray(value) ? value : [value])
  return { ...elements, read: (value, reading, at) => elements.read(asList(value), reading, at) }
}

/**
 * Names that restrict something: a list, or one by itself. What is left out restricts nothing, so what was meant as a name and is none must
 * not read as left out.
 */
const names: RecordField<readonly string[]> = {
  ...textSet,
  read(value, reading, at) {
    const given = value === undefined || value === null ? [] : Array.isArray(value) ? value : [value]
    const wrong = given.find((one) => typeof one !== 'string' && typeof one !== 'number')
    if (wrong !== undefined) throw new FrameError('', `must be a list of names, not of ${JSON.stringify(wrong).slice(0, 40)}`)
    const read = textSet.read(
      given.map((one) => String(one).trim()),
      reading,
      at,
    )
    if (given.length > 0 && read.length === 0) throw new FrameError('', 'has only empty names; for no restriction give an empty list')
    return read
  },
}

/** Scopes in any case; `cluster` is an older name of `zone`. */
const scopeSet: RecordField<readonly Scope[]> = {
  ...names,
  read(value, reading, at) {
    const scopes = names.read(value, reading, at).map((word) => {
      const scope = scopeNamed(word)
      if (scope === undefined) throw new FrameError('', `must be of ${SCOPES.join(', ')}, not ${word.slice(0, 40)}`)
      return scope
    })
    return [...new Set(scopes)].sort()
  },
  write: names.write,
}

/** A time in which summaries may leave the cluster. */
export const cutoverWindow = record({
  starts_at: float(0),
  /** Open-ended without. */
  ends_at: omittable(float()),
  /** Scopes exported in the window; none: those of the rule. */
  export_scopes: unlessEmpty(scopeSet),
  allow_summaries: omittable(bool()),
})
export type CutoverWindow = RecordOf<typeof cutoverWindow>

export const namespaceRule = record({
  namespace: text(''),
  /** Clusters that may announce entries here; none: all. */
  owners: names,
  /** Clusters that may see it. With neither clusters nor tenants everyone may. */
  visibility: names,
  visibility_tenants: unlessEmpty(names),
  export_scopes: scopeSet,
  allow_summaries: bool(false),
  cutover_windows: unlessEmpty(many(cutoverWindow)),
  policy_version: omittable(text()),
})
export type NamespaceRule = RecordOf<typeof namespaceRule>

/** That somebody checked or changed the rules. */
export const policyAuditEntry = record({
  event: text(),
  timestamp: time(),
  actor: omittable(text()),
  valid: bool(),
  rule_count: natural(),
  errors: unlessEmpty(texts),
})
export type PolicyAuditEntry = RecordOf<typeof policyAuditEntry>

/** That somebody was not shown something. */
export const accessAuditEntry = record({
  /** The command. */
  event: text(),
  timestamp: time(),
  viewer_cluster_id: text(),
  viewer_tenant_id: omittable(text()),
  /** Name of the credential that was shown, where one was. */
  viewer_credential: omittable(text()),
  namespace: omittable(text()),
  allowed: bool(),
  reason: text(),
})
export type AccessAuditEntry = RecordOf<typeof accessAuditEntry>

/** What a node answers about its own functions, as far as another passes it on. */
export const describedFunctions = record({ items: list(record({ identity: functionIdentity, spec: omittable(rawObject) })) })
