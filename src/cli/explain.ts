/** `mpreg explain`: why a node decides as it does about a function, a route, a peer or a topic. */
import type { Command } from 'commander'
import type { ExplainedCandidate, Explanation } from '../telemetry/index.ts'
import { answerFailure } from './answers.ts'
import { type FormatFlags, formatOption, printBody } from './body-output.ts'
import { at, isObject, listAt } from './json-value.ts'
import { type MonitoringFlags, monitorClient, monitoringOptions } from './monitoring-options.ts'
import { collect } from './option-values.ts'
import { colors, localTime, printable } from './table.ts'

type ExplainFlags = MonitoringFlags & FormatFlags
type FunctionFlags = ExplainFlags & {
  readonly locs?: readonly string[]
  readonly functionId?: string
  readonly versionConstraint?: string
  readonly targetCluster?: string
}

const kinds = [
  ['route', 'cluster', 'How a cluster is reached: every way known, why it was refused, and which one wins.'],
  ['peer', 'node', 'Whether a node is dialled, linked, alive and listed, and why or why not.'],
  ['topic', 'topic', 'Who hears of messages on a topic, here and elsewhere.'],
] as const

export function declareExplainCommands(explain: Command): void {
  explaining(explain, 'function', 'function')
    .description('Which nodes offer a function, which one a call would go to, and why not to the others.')
    .option('--locs <resource>', 'resource the call asks for; repeatable', collect)
    .option('--function-id <id>', 'global id the call asks for')
    .option('--version-constraint <text>', 'versions the call asks for, such as ">=1.2,<2"')
    .option('--target-cluster <id>', 'cluster the call is to run in')
    .action((name: string, { functionId, locs, targetCluster, versionConstraint, ...flags }: FunctionFlags) =>
      show('function', flags, {
        name,
        ...(locs !== undefined && { resources: locs.join(',') }),
        ...(functionId !== undefined && { function_id: functionId }),
        ...(targetCluster !== undefined && { target_cluster: targetCluster }),
        ...(versionConstraint !== undefined && { version_constraint: versionConstraint }),
      }),
    )
  for (const [kind, subject, summary] of kinds) {
    explaining(explain, kind, subject)
      .description(summary)
      .action((name: string, flags: ExplainFlags) => show(kind, flags, { name }))
  }
}

function explaining(explain: Command, kind: string, subject: string): Command {
  return monitoringOptions(explain.command(kind)).argument('<name>', `the ${subject}`).addOption(formatOption('table'))
}

async function show(kind: string, { format = 'table', ...flags }: ExplainFlags, question: Readonly<Record<string, string>>): Promise<void> {
  const answer = await monitorClient(flags).getJson(`/explain/${kind}?${new URLSearchParams(question)}`)
  const { explanation } = answer.body
  if (format === 'table' && isExplanation(explanation)) process.stdout.write(`${explanationText(explanation).join('\n')}\n`)
  else printBody(answer.text, format)
  if (answer.status !== 200) throw answerFailure(answer)
}

/** As much as its presentation depends on. */
function isExplanation(value: unknown): value is Explanation {
  return typeof at(value, 'verdict') === 'string' && listAt(value, 'candidates').every((one) => isObject(one) && Array.isArray(one.reasons))
}

/** The verdict, then each candidate with what speaks for and against it, then what shows more. */
export function explanationText({ candidates, kind, name, next, reason, since, verdict }: Explanation): string[] {
  return [
    `${colors.bold(printable(`${kind} ${name}: ${verdict}`))}${since === null ? '' : ` since ${localTime(since)}`}`,
    printable(reason),
    ...candidates.flatMap((candidate) => ['', ...candidateText(candidate)]),
    ...(next.length > 0 ? ['', ...next.map((command) => `$ ${printable(command)}`)] : []),
  ]
}

function candidateText({ chosen, cluster_id, facts, id, qualifies, reasons }: ExplainedCandidate): string[] {
  const outcome = chosen ? colors.green('chosen') : qualifies ? 'would do' : colors.red('does not qualify')
  const details = Object.entries(facts).map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
  return [
    `${chosen ? '*' : '-'} ${printable(id)}${cluster_id === null ? '' : printable(` (${cluster_id})`)}: ${outcome}`,
    ...reasons.map(({ text }) => `    ${printable(text)}`),
    ...(details.length > 0 ? [colors.dim(printable(`    ${details.join('  ')}`))] : []),
  ]
}
