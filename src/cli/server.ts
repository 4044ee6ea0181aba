/** `mpreg server`: run a node in the foreground. */
import { existsSync } from 'node:fs'
import { type Command, Option } from 'commander'
import { createNode, createNodeFromFile, type Node, SettingsError, serverStartOptions, settingsFromOptions } from '../node/index.ts'
import { CommandFailure, EXIT_FAILURE, UsageError, verboseWanted } from './outcome.ts'

export function declareServerCommands(server: Command, program: Command): void {
  const start = server.command('start').description('Run a node until it is told to stop, configured by options.')
  for (const { choices, default: value, flags, help, repeatable } of serverStartOptions()) {
    const option = new Option(flags, value === undefined ? help : `${help} (default: ${value})`)
    if (choices !== undefined) option.choices([...choices])
    if (repeatable) option.argParser((word: string, before: readonly string[] = []) => [...before, word])
    start.addOption(option)
  }
  start.action(async (options: Record<string, unknown>) => {
    const input = settingsFromOptions(givenOnly(start, options))
    await serve(program, (verbose) => createNode(verbose ? { ...input, logLevel: 'DEBUG' } : input))
  })

  server
    .command('start-config')
    .description('Run a node until it is told to stop, configured by a settings file (.toml or .json).')
    .argument('<file>', 'settings file')
    .action(async (file: string) => {
      if (!existsSync(file)) throw new UsageError(`Settings file '${file}' does not exist.`)
      await serve(program, (verbose) => createNodeFromFile(file, verbose ? { logLevel: 'DEBUG' } : {}))
    })
}

/** Options that were given on the command line; the rest have their defaults in the settings. */
function givenOnly(command: Command, options: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).filter(([name]) => command.getOptionValueSource(name) === 'cli'))
}

async function serve(program: Command, create: (verbose: boolean) => Promise<Node>): Promise<void> {
  const node = await creating(() => create(verboseWanted(program.opts())))
  const stopped = untilSignal(() => node.stop())
  await node.start()
  printEndpoint(node)
  await stopped
}

/** Wrong settings are the operator's to mend: one line, no talk of the unexpected. */
async function creating(create: () => Promise<Node>): Promise<Node> {
  try {
    return await create()
  } catch (error) {
    if (error instanceof SettingsError) throw new CommandFailure(error.message, { cause: error })
    throw error
  }
}

/** The lines that scripts read: each alone on its line, with the port really bound. */
export function printEndpoint(node: Pick<Node, 'url'>): void {
  process.stdout.write(`Server endpoint: ${node.url}\nMPREG_URL=${node.url}\n`)
}

/** Resolves after the first SIGINT or SIGTERM once `stop` is done; a second signal ends the process at once. */
export function untilSignal(stop: () => Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    let stopping = false
    const onSignal = () => {
      if (stopping) process.exit(EXIT_FAILURE)
      stopping = true
      stop().then(resolve, reject)
    }
    process.on('SIGINT', onSignal)
    process.on('SIGTERM', onSignal)
  })
}
