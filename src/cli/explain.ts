/** `mpreg explain`: why a node decides as it does about a function, a route, a peer, a topic or a queue. */
import type { Command } from 'commander'
import { duration, type Evidence, type ExplainedCandidate, type Explanation } from '../telemetry/index.ts'
import { answerFailure } from './answers.ts'
import { type FormatFlags, formatOption, printBody } from './body-output.ts'
import { at, isObject, listAt, numberAt } from './json-value.ts'
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
  ['queue', 'queue', 'Which nodes have a queue, where a message would go, and why messages were given up.'],
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
  if (format === 'table' && isExplanation(explanation)) {
    const now = numberAt(answer.body, 'timestamp') ?? Date.now() / 1000
    process.stdout.write(`${explanationText(explanation, now).join('\n')}\n`)
  } else printBody(answer.text, format)
  if (answer.status !== 200) throw answerFailure(answer)
}

/** As much as its presentation depends on. */
function isExplanation(value: unknown): value is Explanation {
  const hasEvidence = (one: unknown) => typeof at(one, 'what') === 'string' && (at(one, 'at') === null || numberAt(one, 'at') !== undefined)
  return (
    typeof at(value, 'verdict') === 'string' &&
    listAt(value, 'candidates').every((one) => isObject(one) && Array.isArray(one.reasons)) &&
    listAt(value, 'evidence').every(hasEvidence)
  )
}

/** The verdict, then what it is based on, then what shows more. `now` is the node's, in Unix seconds. */
function explanationText({ candidates, evidence, kind, name, next, reason, since, verdict }: Explanation, now: number): string[] {
  const ago = kind === 'peer' && since !== null ? `, ${age(since, now)}` : ''
  return [
    `${colors.bold(printable(`${kind} ${name}: ${verdict}`))}${since === null ? '' : ` since ${localTime(since)}${ago}`}`,
    printable(reason),
    // It says in a few words what the candidates are made of.
    ...(evidence === undefined
      ? candidates.flatMap((candidate) => ['', ...candidateText(candidate)])
      : evidence.length === 0
        ? []
        : ['', ...evidenceLines(evidence, now)]),
    ...(next.length > 0 ? ['', ...next.map((command) => `$ ${printable(command)}`)] : []),
  ]
}

/** What holds now by the part of the node that says so, what has happened by its age. */
function evidenceLines(evidence: readonly Evidence[], now: number): string[] {
  const heads = evidence.map(({ at, what }) => (at === null ? what : age(at, now)))
  const width = Math.max(...heads.map((head) => head.length))
  return evidence.map(({ text }, index) => printable(`  ${(heads[index] ?? '').padEnd(width)}  ${text}`))
}

function age(at: number, now: number): string {
  return `${duration(Math.max(0, now - at))} ago`
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
