/** `mpreg sim`: run fabrics in virtual time, from scenarios or at random. */
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { type Client, connectWith } from '../client/index.ts'
import {
  type BlockOutcome,
  CommandError,
  explore,
  type FabricDeps,
  minimiseRun,
  parsePlan,
  printPlan,
  type RunResult,
  runScenario,
} from '../sim/index.ts'
import { positiveInteger } from './option-values.ts'
import { CommandFailure, UsageError } from './outcome.ts'

const NODES = 20
const STORM_SECONDS = 30

interface ExploreFlags {
  readonly seed: number
  readonly runs: number
  readonly nodes: number
  readonly storm: number
  readonly clusters: number
  readonly log?: string
  readonly minimise: boolean
}

interface ReplayFlags {
  readonly seed: number
  readonly nodes: number
  readonly storm: number
  readonly clusters: number
  readonly scenario?: string
}

/** A function that failed on another node is a failure here too. */
const deps: FabricDeps<Client> = { connect: (dial, options) => connectWith(dial, { ...options, raiseRemoteFailures: true }) }

export function declareSimCommands(sim: Command): void {
  sim
    .command('run')
    .description('Run scenario files: commands, and the output they must have.')
    .argument('<files...>', 'scenario files')
    .option('--update', 'write the output they have into the files')
    .action(async (files: string[], { update }: { update?: boolean }) => {
      let failed = 0
      for (const file of files) failed += await runFile(file, update === true)
      if (failed > 0) throw new CommandFailure(`${failed} blocks have another output than expected; --update accepts it`)
    })

  sim
    .command('explore')
    .description('Shake fabrics at random and watch for what must never happen.')
    .addOption(seedOption())
    .addOption(new Option('--runs <number>', 'seeds to try, one after another').argParser(positiveInteger).default(1))
    .addOption(nodesOption())
    .addOption(stormOption())
    .addOption(clustersOption())
    .option('--log <file>', 'write what happens to a file, or to standard output with -')
    .option('--no-minimise', 'do not cut a failing run down to what matters')
    .action(async ({ clusters, log, minimise, nodes, runs, seed, storm }: ExploreFlags) => {
      const sink = openLog(log)
      const tell = (line: string) => (log === '-' ? process.stderr : process.stdout).write(`${line}\n`)
      try {
        for (let run = 0; run < runs; run++) {
          const options = { seed: seed + run, nodes, clusters, stormMs: storm * 1000, ...(sink && { log: sink.write }) }
          sink?.write(`# seed ${options.seed}, ${nodes} nodes`)
          const result = await explore(deps, options)
          tell(summary(result))
          if (result.violation !== undefined) throw new CommandFailure(await failureReport(options, result, minimise))
        }
      } finally {
        sink?.close()
      }
    })

  sim
    .command('replay')
    .description('Repeat a run of the explorer, and print everything that happens.')
    .addOption(seedOption())
    .addOption(nodesOption())
    .addOption(stormOption())
    .addOption(clustersOption())
    .option('--scenario <file>', 'what to do, instead of what the seed says')
    .action(async ({ clusters, nodes, scenario, seed, storm }: ReplayFlags) => {
      const plan = scenario === undefined ? undefined : understood(scenario, () => parsePlan(readText(scenario)))
      const log = (line: string) => void process.stdout.write(`${line}\n`)
      const options = { seed, nodes, clusters, stormMs: storm * 1000, ...(plan && { plan }), log }
      const result = await understood(scenario ?? 'the plan', () => explore(deps, options))
      process.stdout.write(`${summary(result)}\n`)
      if (result.violation !== undefined) throw new CommandFailure(violationLine(result))
    })
}

async function runFile(file: string, update: boolean): Promise<number> {
  const text = readText(file)
  const result = await understood(file, () => runScenario(deps, text))
  if (update) {
    if (result.text !== text) writeFileSync(file, result.text)
    process.stdout.write(`${file}: ${result.text === text ? 'unchanged' : 'updated'}\n`)
    return 0
  }
  const wrong = result.blocks.filter((block) => !block.ok)
  for (const block of wrong) process.stdout.write(difference(file, block))
  process.stdout.write(`${file}: ${result.blocks.length - wrong.length} of ${result.blocks.length} blocks as expected\n`)
  return wrong.length
}

function difference(file: string, { actual, commands, expected, line }: BlockOutcome): string {
  const lines = [`${file}:${line}`, ...commands.map((text) => `  ${text}`)]
  for (const text of expected) if (!actual.includes(text)) lines.push(`- ${text}`)
  for (const text of actual) lines.push(`${expected.includes(text) ? ' ' : '+'} ${text}`)
  return `${lines.join('\n')}\n\n`
}

/** Makes the run small, keeps the plan, and says how to repeat it. */
async function failureReport(
  options: { seed: number; nodes: number; clusters: number; stormMs: number },
  result: RunResult,
  isMinimised: boolean,
): Promise<string> {
  const { clusters, nodes, seed, stormMs } = options
  const storm = stormMs === STORM_SECONDS * 1000 ? '' : ` --storm ${stormMs / 1000}`
  const federation = clusters === 1 ? '' : ` --clusters ${clusters}`
  const asFound = `  mpreg sim replay --seed ${seed} --nodes ${nodes}${federation}${storm}`
  if (!isMinimised) return [violationLine(result), 'Replay with:', asFound].join('\n')
  const small = await minimiseRun(deps, options, result)
  const file = join(tmpdir(), `mpreg-sim-${seed}.plan`)
  writeFileSync(file, `# ${violationLine(result)}\n${printPlan(small.plan)}`)
  return [
    violationLine(result),
    `Cut down from ${result.plan.length} to ${small.plan.length} actions on ${small.nodes} nodes (${small.runs} runs):`,
    printPlan(small.plan).trimEnd(),
    'Replay with:',
    `  mpreg sim replay --seed ${seed} --nodes ${small.nodes}${federation}${storm} --scenario ${file}`,
    'or as it was found:',
    asFound,
  ].join('\n')
}

function violationLine({ seed, violation }: RunResult): string {
  if (violation === undefined) return `seed ${seed}: no violation`
  return `seed ${seed}: ${violation.kind} on ${violation.host} at ${(violation.atMs / 1000).toFixed(3)} s: ${violation.message}`
}

function summary(result: RunResult): string {
  const { agreedAfterMs, counters, nodes, plan, seed, violation, virtualMs } = result
  if (violation !== undefined) return violationLine(result)
  return `seed ${seed}: ok, ${nodes} nodes, ${plan.length} actions, ${(virtualMs / 1000).toFixed(1)} s virtual, agreed ${((agreedAfterMs ?? 0) / 1000).toFixed(1)} s after the storm, ${counters.values} values, ${counters.errors} errors, ${counters.published} published, ${counters.delivered} delivered`
}

function openLog(target: string | undefined): { write(line: string): void; close(): void } | undefined {
  if (target === undefined) return undefined
  if (target === '-') return { write: (line) => void process.stdout.write(`${line}\n`), close: () => {} }
  const file = openSync(target, 'w')
  return { write: (line) => void writeSync(file, `${line}\n`), close: () => closeSync(file) }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new UsageError(`File '${file}' does not exist.`, { cause: error })
    throw error
  }
}

/** A file that is no scenario is a mistake in the file, not in the program. */
function understood<T>(file: string, read: () => T): T {
  const failure = (error: unknown) =>
    error instanceof CommandError ? new CommandFailure(`${file}: ${error.message}`, { cause: error }) : error
  try {
    const result = read()
    if (!(result instanceof Promise)) return result
    return result.catch((error) => {
      throw failure(error)
    }) as T
  } catch (error) {
    throw failure(error)
  }
}

function seedOption(): Option {
  return new Option('--seed <number>', 'fixes every decision').argParser(integer).default(1)
}

function nodesOption(): Option {
  return new Option('--nodes <number>', 'size of the fabric').argParser(positiveInteger).default(NODES)
}

function clustersOption(): Option {
  return new Option('--clusters <number>', 'clusters the nodes belong to in turn, with bridges in a ring')
    .argParser(positiveInteger)
    .default(1)
}

function stormOption(): Option {
  return new Option('--storm <seconds>', 'length of the storm').argParser(positiveInteger).default(STORM_SECONDS)
}

function integer(word: string): number {
  const number = Number(word)
  if (!Number.isSafeInteger(number) || number < 0) throw new InvalidArgumentError('Expected a whole number of 0 or more.')
  return number
}
