/**
 * What a change of the catalog looks like in the log, for two readers: who asks why routing decides as it does (`fabric.router`) wants one line
 * for each update that changed something or lost something to the rules; who asks where a function went (`cluster`) wants the functions and
 * nodes by name.
 */
import type { LogScope } from '../../base/index.ts'
import type { CatalogDelta } from '../../wire/index.ts'
import type { Applied, ChangeSource } from './changes.ts'

/** Names listed in one line; the rest is a number. */
const NAMES_MAX = 20

export interface ChangeLines {
  changed(applied: Applied, source: ChangeSource): void
}

export function createChangeLines(log: LogScope): ChangeLines {
  const router = log.scope('fabric.router')
  const cluster = log.scope('cluster')
  return {
    changed(applied, source) {
      if (router.debugOn && (applied.changed || applied.refused.length > 0)) router.debug(updateLine(applied, source))
      if (cluster.debugOn) for (const line of viewLines(applied, source)) cluster.debug(line)
    },
  }
}

function updateLine({ counts, delta, refused }: Applied, source: ChangeSource): string {
  const numbers = Object.entries(counts).filter(([, count]) => count > 0)
  const reasons = new Map<string, number>()
  for (const { reason } of refused) reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
  const what = [...numbers, ...[...reasons].map(([reason, count]) => [`refused_${reason}`, count] as const)]
  return `catalog update ${delta.update_id} source=${sourceText(source)} ${what.map(([name, count]) => `${name}=${count}`).join(' ') || 'refreshed'}`
}

/** Announced, not gained: an announcement may take the place of an older one of the same. */
function viewLines({ counts, delta }: Applied, source: ChangeSource): string[] {
  const from = `source=${sourceText(source)}`
  const lines: string[] = []
  const tell = (what: string, count: number, names: readonly string[]): void => {
    if (count === 0) return
    const more = names.length > NAMES_MAX ? ` and ${names.length - NAMES_MAX} more` : ''
    lines.push(`${what} ${names.slice(0, NAMES_MAX).join(' ')}${more} ${from}`)
  }
  const functionName = ({ identity, node_id }: CatalogDelta['functions'][number]): string =>
    `${identity.name}@${identity.version}(${node_id})`
  tell('functions announced', counts.functions_added, delta.functions.map(functionName))
  tell('functions withdrawn', counts.functions_removed, delta.function_removals.map(functionName as (removal: object) => string))
  tell('nodes announced', counts.nodes_added, delta.nodes.map(nodeName))
  tell('nodes withdrawn', counts.nodes_removed, delta.node_removals.map(nodeName))
  return lines
}

function nodeName({ cluster_id, node_id }: { readonly cluster_id: string; readonly node_id: string }): string {
  return `${node_id}(${cluster_id})`
}

function sourceText(source: ChangeSource): string {
  return 'from' in source ? `${source.kind}:${source.from}` : source.kind
}
