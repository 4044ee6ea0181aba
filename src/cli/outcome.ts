/**
 * How a command ends: exit codes, and what is printed about a failure. Results go to standard output; a failure is told in as few lines as
 * it takes, its stack only on request.
 */

export const EXIT_OK = 0
export const EXIT_FAILURE = 1
export const EXIT_USAGE = 2

/** The command line itself is wrong: answered with the usage of the command and exit code 2. */
export class UsageError extends Error {}

/** A failure that was foreseen. Its message is printed as it is, on standard error; exit code 1. */
export class CommandFailure extends Error {}

export function verboseWanted(options: { readonly verbose?: boolean }): boolean {
  return options.verbose === true || /^(?:1|true|yes|on|enabled|debug)$/i.test((process.env.MPREG_CLI_VERBOSE ?? '').trim())
}

/** Emoji and colours are for people who look at a terminal, and did not say that they want none. */
export function isDecorated(stream: { readonly isTTY?: boolean }): boolean {
  return stream.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb'
}

export function report(error: unknown, verbose: boolean): void {
  if (error instanceof CommandFailure) process.stderr.write(`${error.message}\n`)
  else process.stdout.write(`${isDecorated(process.stdout) ? '❌ ' : ''}Unexpected error: ${firstLine(error)}\n`)
  if (!verbose || !(error instanceof Error)) return
  const { stack } = error instanceof CommandFailure && error.cause instanceof Error ? error.cause : error
  if (stack !== undefined) process.stderr.write(`${stack}\n`)
}

/** A system error without a message, such as several refused connections at once, still has a code. */
function firstLine(error: unknown): string {
  const { code, message = String(error) } = error as { code?: unknown; message?: string }
  return (message || String(code ?? error)).split('\n', 1)[0] ?? ''
}
