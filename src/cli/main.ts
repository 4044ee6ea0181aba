/**
 * The `mpreg` command. Declares the command tree and turns outcomes into exit codes; what a command does lives in the file of its group,
 * which is loaded only when the command line names the group: a client command does not pay for the server.
 */
import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { topCommands } from './commands.ts'
import { abortOnInterrupt } from './interrupt.ts'
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE, report, UsageError, verboseWanted } from './outcome.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }

const program = new Command('mpreg')
  .description('MPREG Fabric Federation Management CLI: run the nodes of a fabric, look at them, and have their decisions explained.')
  .version(`mpreg, version ${version}`, '--version', 'print the version')
  .option('-v, --verbose', 'log at DEBUG, and show stack traces of failures')
  .helpOption('--help', 'show what a command does and takes')
  .helpCommand(false)
  .showSuggestionAfterError()
  .configureHelp({ showGlobalOptions: false })
  .configureOutput({ outputError: () => {} })
  .exitOverride()

const declared = new Set<string>()
const words = process.argv.slice(2)
const named = words.find((word) => !word.startsWith('-'))
const context = { program, version, whole: () => declare(() => true) }
for (const { name, summary } of topCommands) program.command(name).description(summary)
await declare((name) => name === named)
for (const group of program.commands) inherit(group)

abortOnInterrupt()
// Whoever read our output has seen enough, `head` for example: nothing is left to do, and nobody to tell.
process.stdout.on('error', () => process.exit(EXIT_FAILURE))

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = exitCodeOf(error)
}

/** Has the commands that are wanted declare what belongs to them. */
async function declare(wanted: (name: string) => boolean): Promise<Command> {
  for (const { declare: declareInto, name } of topCommands) {
    const command = program.commands.find((child) => child.name() === name)
    if (command === undefined || declared.has(name) || !wanted(name)) continue
    declared.add(name)
    await declareInto(command, context)
  }
  return program
}

/** Sub-commands do not take over these settings by themselves. */
function inherit(command: Command): void {
  command
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .helpOption('--help', 'show this help')
    .helpCommand(false)
  for (const child of command.commands) inherit(child)
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) {
    if (error.code === 'commander.version' || error.code === 'commander.helpDisplayed') return EXIT_OK
    // A group without a command has shown its help; anything else gets the usage of the command that was meant.
    if (error.code !== 'commander.help') usage(capitalised(error.message.replace(/^error: /, '')))
    return EXIT_USAGE
  }
  if (error instanceof UsageError) {
    usage(error.message)
    return EXIT_USAGE
  }
  report(error, verboseWanted(program.opts<{ verbose?: boolean }>()))
  return EXIT_FAILURE
}

function usage(message: string): void {
  const command = addressed(program, words)
  const path: string[] = []
  for (let at: Command | null = command; at !== null; at = at.parent) path.unshift(at.name())
  process.stderr.write(`Usage: ${path.join(' ')} ${command.usage()}\nTry '${path.join(' ')} --help'.\n\nError: ${message}\n`)
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** The command that the words of the command line lead to. */
function addressed(root: Command, words: readonly string[]): Command {
  let command = root
  for (const word of words) {
    if (word.startsWith('-')) continue
    const next = command.commands.find((child) => child.name() === word)
    if (next === undefined) break
    command = next
  }
  return command
}
