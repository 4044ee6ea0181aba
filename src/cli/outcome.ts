/** How a command ends: exit codes, and what is printed about a failure. Results go to standard output, everything about failures is one line. */
import { RpcError } from '../client/index.ts'

export const EXIT_OK = 0
export const EXIT_FAILURE = 1
export const EXIT_USAGE = 2

/** The command line itself is wrong: answered with the usage of the command and exit code 2. */
export class UsageError extends Error {}

/** A failure with a text of its own: `Error: <text>` on standard error and exit code 1. */
export class CommandFailure extends Error {}

export function verboseWanted(options: { readonly verbose?: boolean }): boolean {
  return options.verbose === true || /^(?:1|true|yes|on|enabled|debug)$/i.test((process.env.MPREG_CLI_VERBOSE ?? '').trim())
}

/** The URL given, or the one in the environment. @throws UsageError */
export function urlOf(options: { readonly url?: string }): string {
  const url = options.url ?? process.env.MPREG_URL
  if (url === undefined || url === '') throw new UsageError('Provide --url or set MPREG_URL.')
  return url
}

/** Prints what went wrong: the node's own errors with code and details, everything else as one line, with its stack only on request. */
export function report(error: unknown, verbose: boolean): void {
  if (error instanceof RpcError) {
    process.stderr.write(`Error ${error.rpcCode}: ${error.message}\n`)
    if (error.details !== null && error.details !== undefined) process.stderr.write(`${detailText(error.details)}\n`)
    for (const line of explanationLines(error.explanation)) process.stderr.write(`  ${line}\n`)
  } else if (error instanceof CommandFailure) process.stderr.write(`Error: ${error.message}\n`)
  else {
    const mark = process.stdout.isTTY && process.env.NO_COLOR === undefined ? '❌ ' : ''
    process.stdout.write(`${mark}Unexpected error: ${firstLine(error)}\n`)
  }
  if (verbose && error instanceof Error && error.stack !== undefined) process.stderr.write(`${error.stack}\n`)
}

function detailText(details: unknown): string {
  return typeof details === 'string' ? details : JSON.stringify(details, null, 2)
}

function explanationLines(explanation: unknown): string[] {
  if (typeof explanation !== 'object' || explanation === null) return []
  const { candidates = [], similar = [] } = explanation as {
    candidates?: readonly { function_id: string; version: string; node_id: string; reasons: readonly string[] }[]
    similar?: readonly string[]
  }
  const lines = candidates.map((c) => `${c.function_id} ${c.version} on ${c.node_id}: ${c.reasons.join('; ')}`)
  return similar.length > 0 ? [...lines, `did you mean ${similar.join(' or ')}?`] : lines
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? ''
}
