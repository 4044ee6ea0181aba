/** `mpreg doctor`: asks all nodes of a fabric for their facts, has them judged, and prints what is wrong and what to do. */
import type { Command } from 'commander'
import { diagnose, type Finding } from '../telemetry/index.ts'
import { bodyText, type FormatFlags, formatOption, notice, printJson } from './body-output.ts'
import { type FabricWalk, walkFabric } from './fabric-walk.ts'
import { monitoringUrls, type SeveralMonitoringFlags, severalMonitoringOptions, tokenOf } from './monitoring-options.ts'
import { EXIT_FAILURE } from './outcome.ts'
import { colored, colors, printable } from './table.ts'

export interface WalkFlags extends SeveralMonitoringFlags {
  readonly shareToken?: boolean
}

const NODE_TIMEOUT_SECONDS = 3

export function declareDoctor(command: Command): void {
  walkOptions(command)
    .addOption(formatOption('table'))
    .action(async (flags: WalkFlags & FormatFlags) => {
      const walk = await walkFabric(monitoringUrls(flags), walkOptionsOf(flags))
      const findings = diagnose(
        walk.nodes.map(({ facts }) => facts),
        walk.unreachable,
        Date.now() / 1000,
      )
      print(walk, findings, flags.format ?? 'table')
      if (findings.length > 0) process.exitCode = EXIT_FAILURE
    })
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
      healthy: findings.length === 0,
      nodes: nodes.map(({ client, facts }) => ({ node_id: facts.node_id, cluster_id: facts.cluster_id, monitoring_url: client.url })),
      unreachable,
      unmonitored,
      findings,
    })
  }
  notice(
    `Nodes examined: ${nodes.length}.${unmonitored.length > 0 ? ` No monitoring service is known of ${printable(unmonitored.join(', '))}.` : ''}`,
  )
  if (findings.length === 0) process.stdout.write('healthy\n')
  else if (format === 'compact') process.stdout.write(`${bodyText(JSON.stringify({ finding: findings }), 'compact')}\n`)
  else process.stdout.write(`${findings.map(findingText).join('\n\n')}\n`)
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
