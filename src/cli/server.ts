/** `mpreg server`: run a node in the foreground. */
import { existsSync, readFileSync } from 'node:fs'
import { type Command, Option } from 'commander'
import {
  createNode,
  createNodeFromFile,
  type Node,
  SettingsError,
  type SettingsInput,
  type StartOption,
  serverStartOptions,
  settingsFromOptions,
} from '../node/index.ts'
import { CommandFailure, EXIT_FAILURE, UsageError, verboseWanted } from './outcome.ts'

export function declareServerCommands(server: Command, program: Command): void {
  const start = server.command('start').description('Run a node until it is told to stop, configured by options.')
  for (const option of serverStartOptions()) start.addOption(commandLineOption(option))
  start.action(async (options: Record<string, unknown>) => {
    const input = settingsFromOptions(givenOnly(start, options))
    const verbose = verboseWanted(program.opts())
    const settings: SettingsInput = verbose ? { ...input, logLevel: 'DEBUG' } : input
    const node = await mending(
      (error) => new UsageError(error.message, { cause: error }),
      () => createNode(settings),
    )
    await serve(node)
  })

  server
    .command('start-config')
    .description('Run a node until it is told to stop, configured by a settings file (.toml or .json).')
    .argument('<file>', 'settings file')
    .action(async (file: string) => {
      if (!existsSync(file)) throw new UsageError(`Settings file '${file}' does not exist.`)
      const verbose = verboseWanted(program.opts())
      const node = await mending(
        (error) => new CommandFailure(`Error: ${error.message}`, { cause: error }),
        () => createNodeFromFile(file, verbose ? { logLevel: 'DEBUG' } : {}),
      )
      await serve(node, () => reloadRouting(node, file))
    })
}

/** On SIGHUP, as daemons do. A file that is wrong changes nothing, and says on standard error what is wrong with it. */
function reloadRouting(node: Node, file: string): void {
  try {
    node.reloadRouting(readFileSync(file, 'utf8'), file.endsWith('.json') ? 'json' : 'toml', file)
  } catch (error) {
    process.stderr.write(`Error: ${(error as Error).message}; the routing settings stay as they are\n`)
  }
}

function commandLineOption({ choices, default: value, flags, help, repeatable }: StartOption): Option {
  const text = flags.startsWith('--no-') ? `The opposite of --${flags.slice('--no-'.length)}.` : help
  const option = new Option(flags, value === undefined ? text : `${text} (default: ${value})`)
  if (choices !== undefined) option.choices([...choices])
  if (repeatable) option.argParser((word: string, before: readonly string[] = []) => [...before, word])
  return option
}

/** Options that were given on the command line; the rest have their defaults in the settings. */
function givenOnly(command: Command, options: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).filter(([name]) => command.getOptionValueSource(name) === 'cli'))
}

/** Wrong settings are the operator's to mend, where they came from: on the command line, or in a file. */
async function mending(failure: (error: SettingsError) => Error, create: () => Promise<Node>): Promise<Node> {
  try {
    return await create()
  } catch (error) {
    throw error instanceof SettingsError ? failure(error) : error
  }
}

async function serve(node: Node, onHangUp?: () => void): Promise<void> {
  const { started, stopped } = runUntilSignal(node)
  await started
  if (onHangUp !== undefined) process.on('SIGHUP', onHangUp)
  printEndpoint(node)
  await stopped
}

/** The lines that scripts read: each alone on its line, with the ports really bound. */
export function printEndpoint({ monitoringUrl, url }: Pick<Node, 'url' | 'monitoringUrl'>): void {
  const monitoring = monitoringUrl === null ? '' : `Monitoring endpoint: ${monitoringUrl}\nMPREG_MONITORING_URL=${monitoringUrl}\n`
  process.stdout.write(`Server endpoint: ${url}\nMPREG_URL=${url}\n${monitoring}`)
}

export interface Run {
  /** Resolves once the node listens. */
  readonly started: Promise<void>
  /** Resolves once it was told to stop, and has stopped. */
  readonly stopped: Promise<void>
  /** Aborts when it is told to stop. */
  readonly stopping: AbortSignal
}

/** Starts a node that stops in good order on the first SIGINT or SIGTERM, be it while it starts; a second one ends the process at once. */
export function runUntilSignal(node: Node): Run {
  const started = node.start()
  const stopping = new AbortController()
  const stopped = new Promise<void>((resolve, reject) => {
    const onSignal = () => {
      if (stopping.signal.aborted) process.exit(EXIT_FAILURE)
      stopping.abort()
      started.then(() => node.stop()).then(resolve, reject)
    }
    process.on('SIGINT', onSignal)
    process.on('SIGTERM', onSignal)
  })
  // Of a start that fails one hears through `started`.
  stopped.catch(() => {})
  return { started, stopped, stopping: stopping.signal }
}
