/** The options by which a command finds the monitoring service of a node, and what they stand for. */
import { readFileSync } from 'node:fs'
import { type Command, Option } from 'commander'
import { createMonitorClient, type MonitorClient } from './monitor-client.ts'
import { collect, positiveSeconds } from './option-values.ts'
import { UsageError } from './outcome.ts'

export interface MonitoringFlags {
  readonly url?: string
  readonly token?: string
  readonly tokenFile?: string
  readonly timeout: number
}

/** The same where a command may be pointed at several nodes. */
export interface SeveralMonitoringFlags extends Omit<MonitoringFlags, 'url'> {
  readonly url?: readonly string[]
}

const TIMEOUT_SECONDS = 30

/** Options of a command that asks one node. */
export function monitoringOptions(command: Command): Command {
  return withCredentials(command.option('--url <url>', 'monitoring service of the node; default: MPREG_MONITORING_URL'), TIMEOUT_SECONDS)
}

/** Options of a command that asks several nodes. `timeoutSeconds` is the longest wait for one of them. */
export function severalMonitoringOptions(command: Command, timeoutSeconds: number): Command {
  return withCredentials(
    command.option('--url <url>', 'monitoring service of a node; repeatable; default: MPREG_MONITORING_URL', collect),
    timeoutSeconds,
  )
}

/** @throws UsageError without a usable URL or token file */
export function monitorClient(flags: MonitoringFlags): MonitorClient {
  return createMonitorClient({ url: monitoringUrl(flags.url), token: tokenOf(flags), timeoutMs: flags.timeout * 1000 })
}

/** @throws UsageError without a usable URL or token file */
export function monitoringUrls({ url = [] }: SeveralMonitoringFlags): readonly string[] {
  return url.length === 0 ? [monitoringUrl(undefined)] : url.map(monitoringUrl)
}

/** The token to show, from the command line, a file or the environment. @throws UsageError */
export function tokenOf({ token, tokenFile }: Pick<MonitoringFlags, 'token' | 'tokenFile'>): string | undefined {
  if (token !== undefined && tokenFile !== undefined) throw new UsageError('Give --token or --token-file, not both.')
  const given = tokenFile === undefined ? (token ?? process.env.MPREG_MONITORING_TOKEN ?? '') : readToken(tokenFile)
  const trimmed = given.trim()
  if (/[^\x21-\x7e]/.test(trimmed)) throw new UsageError('A token is one word of printable ASCII characters.')
  return trimmed === '' ? undefined : trimmed
}

/** Whether some node is named at all, be it by the environment. */
export function isMonitoringNamed({ url }: Pick<MonitoringFlags, 'url'>): boolean {
  return (url ?? process.env.MPREG_MONITORING_URL ?? '') !== ''
}

function monitoringUrl(given: string | undefined): string {
  const url = given ?? process.env.MPREG_MONITORING_URL ?? ''
  if (url === '') throw new UsageError('Provide --url or set MPREG_MONITORING_URL.')
  if (!isHttpUrl(url)) throw new UsageError(`'${url}' is not the URL of a monitoring service; those look like http://127.0.0.1:50000.`)
  return url.replace(/\/+$/, '')
}

export function isHttpUrl(url: string): boolean {
  return /^https?:\/\/[^/]/i.test(url) && URL.canParse(url)
}

function withCredentials(command: Command, timeoutSeconds: number): Command {
  return command
    .option('--token <token>', 'bearer token to show; others on this machine may see it in the list of processes')
    .option('--token-file <file>', 'file that holds the token; default: MPREG_MONITORING_TOKEN')
    .addOption(new Option('--timeout <seconds>', 'longest wait for an answer').argParser(positiveSeconds).default(timeoutSeconds))
}

function readToken(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new UsageError(code === 'ENOENT' ? `Token file '${file}' does not exist.` : `Token file '${file}': ${message}`, { cause: error })
  }
}
