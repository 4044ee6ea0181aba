/** `mpreg doctor`: asks all nodes of a fabric for their facts, has them judged, and prints what is wrong and what to do. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { diagnose, type Finding } from '../telemetry/index.ts'
import { bodyText, type FormatFlags, formatOption, notice, printJson } from './body-output.ts'
import { type FabricWalk, walkFabric } from './fabric-walk.ts'
import { monitoringUrls, type SeveralMonitoringFlags, severalMonitoringOptions, tokenOf } from './monitoring-options.ts'
import { positiveSeconds } from './option-values.ts'
import { EXIT_FAILURE } from './outcome.ts'
import { colored, colors, printable } from './table.ts'

export interface WalkFlags extends SeveralMonitoringFlags {
  readonly shareToken?: boolean
}

type DoctorFlags = WalkFlags & FormatFlags & { readonly since?: number }

const NODE_TIMEOUT_SECONDS = 3
/** A broken connection is noticed in milliseconds, and a new one made or refused in a few hundred. */
const SECOND_LOOK_AFTER_MS = 1_000

export function declareDoctor(command: Command): void {
  walkOptions(command)
    .addOption(formatOption('table'))
    .option('--since <seconds>', 'count what failed within this time, and take what is longer ago for over; default: 300', positiveSeconds)
    .action(async (flags: DoctorFlags) => {
      const { findings, walk } = await examine(flags)
      print(walk, findings, flags.format ?? 'table')
      if (!isHealthy(findings)) process.exitCode = EXIT_FAILURE
    })
}

interface Examined {
  readonly walk: FabricWalk
  readonly findings: readonly Finding[]
}

/**
 * A node that has this moment ended is alive for those that have not noticed yet. Before it is said that nothing but its monitoring is
 * missing, a second look shows whether that was all.
 */
async function examine(flags: DoctorFlags): Promise<Examined> {
  const first = await look(flags)
  const isOpen = first.findings.some(({ code }) => code === 'monitoring_unreachable')
  const isKnown = first.walk.unreachable.some(({ node_id, reason }) => node_id !== null && reason === 'refused')
  if (!isOpen || !isKnown) return first
  await sleep(SECOND_LOOK_AFTER_MS)
  return look(flags)
}

async function look(flags: DoctorFlags): Promise<Examined> {
  const walk = await walkFabric(monitoringUrls(flags), walkOptionsOf(flags))
  const findings = diagnose(
    walk.nodes.map(({ facts }) => facts),
    walk.unreachable,
    { observedAt: Date.now() / 1000, ...(flags.since !== undefined && { recentSeconds: flags.since }) },
  )
  return { walk, findings }
}

/** Options of commands that go from the named nodes to all others. */
export function walkOptions(command: Command): Command {
  return severalMonitoringOptions(command, NODE_TIMEOUT_SECONDS).option(
    '--share-token',
    'show the token to nodes that are found through others, too',
  )
}

/** @throws UsageError */
export function walkOptionsOf(flags: WalkFlags): Parameters<typeof walkFabric>[1] {
  return { token: tokenOf(flags), sharesToken: flags.shareToken === true, timeoutMs: flags.timeout * 1000 }
}

function print(walk: FabricWalk, findings: readonly Finding[], format: NonNullable<FormatFlags['format']>): void {
  const { nodes, unmonitored, unreachable } = walk
  if (format === 'json') {
    return printJson({
      healthy: isHealthy(findings),
      nodes: nodes.map(({ client, facts }) => ({ node_id: facts.node_id, cluster_id: facts.cluster_id, monitoring_url: client.url })),
      unreachable,
      unmonitored,
      findings,
    })
  }
  notice(
    `Nodes examined: ${nodes.length}.${unmonitored.length > 0 ? ` No monitoring service is known of ${printable(unmonitored.join(', '))}.` : ''}`,
  )
  const isCompact = format === 'compact'
  const verdict = isHealthy(findings) ? ['healthy'] : []
  const texts = isCompact
    ? findings.map((finding) => bodyText(JSON.stringify({ finding: [finding] }), 'compact'))
    : findings.map(findingText)
  process.stdout.write(`${[...verdict, ...texts].join(isCompact ? '\n' : '\n\n')}\n`)
}

/** What may be a slip of whoever asked is told, and is no fault of the fabric. */
function isHealthy(findings: readonly Finding[]): boolean {
  return findings.every(({ severity }) => severity === 'info')
}

function findingText({ code, command, evidence, node, remedy, severity, subject, summary }: Finding): string {
  const about = subject === '' || subject === node ? node : `${node}, about ${subject}`
  return [
    `${colored(severity)}: ${colors.bold(printable(summary))}`,
    `  ${printable(`${code} at ${about}`)}`,
    ...evidence.map((line) => `  - ${printable(line)}`),
    `  what to do: ${printable(remedy)}`,
    ...(command === '' ? [] : [`  $ ${printable(command)}`]),
  ].join('\n')
}
