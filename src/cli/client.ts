/** `mpreg client`: talk to a node. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { type CallOptions, type Client, connect, type Message, RawJson, RpcError } from '../client-node.ts'
import { argumentText, indentJson, jsonLine } from './json-output.ts'
import { collect, positiveInteger } from './option-values.ts'
import { CommandFailure, UsageError } from './outcome.ts'
import { rpcFailureLines } from './rpc-failure.ts'

/** The node's own deadline is 30 s: waiting a little longer lets it answer first. */
const TIMEOUT_SECONDS = 35
/** Messages that may wait while standard output is slow. */
const WAITING_MAX = 10_000

export interface ConnectionFlags {
  readonly url?: string
  readonly token?: string
  readonly apiKey?: string
}

export interface CallFlags extends ConnectionFlags {
  readonly locs?: readonly string[]
  readonly kwarg?: readonly string[]
  readonly functionId?: string
  readonly versionConstraint?: string
  readonly targetCluster?: string
  readonly timeout: number
}

interface PeerFlags extends CallFlags {
  readonly scope?: string
  readonly clusterId?: string
}

interface SubscribeFlags extends ConnectionFlags {
  readonly backlog: number
  readonly count?: number
}

interface PublishFlags extends ConnectionFlags {
  readonly header?: readonly string[]
}

export function declareClientCommands(client: Command): void {
  callable(client.command('call'))
    .description('Call a function. Each argument is JSON, or else plain text.')
    .action((fun: string, words: string[], flags: CallFlags) =>
      withClient(flags, async (connected) => print((await connected.callRaw(callOptions(flags), fun, ...words.map(value))).text)),
    )

  connecting(client.command('list-peers'))
    .description('Show the other nodes a node knows.')
    .option('--scope <scope>', 'how far to look: local, zone, region or global')
    .option('--cluster-id <id>', 'only peers of this cluster')
    .option('--target-cluster <id>', 'ask a node of this cluster')
    .addOption(timeoutOption())
    .action((flags: PeerFlags) =>
      withClient(flags, async (connected) => {
        const query = {
          ...(flags.scope !== undefined && { scope: flags.scope }),
          ...(flags.clusterId !== undefined && { cluster_id: flags.clusterId }),
        }
        const args = Object.keys(query).length > 0 ? [query] : []
        print((await connected.callRaw(callOptions(flags), 'list_peers', ...args)).text)
      }),
    )

  connecting(client.command('subscribe'))
    .description('Print messages on matching topics, one JSON object a line, until interrupted.')
    .argument('<patterns...>', 'topics; a segment may be * (exactly one) or # (any number)')
    .option('--backlog <seconds>', 'also print messages of the last so many seconds', seconds, 0)
    .option('--count <n>', 'end after so many messages', positiveInteger)
    .action((patterns: string[], flags: SubscribeFlags) =>
      withClient(flags, async (connected) => {
        let count = 0
        for await (const message of connected.messages(patterns, { backlogSeconds: flags.backlog, queueMax: WAITING_MAX })) {
          process.stdout.write(`${jsonLine(wireForm(message))}\n`)
          if (++count === flags.count) break
        }
      }),
    )

  connecting(client.command('publish'))
    .description('Publish a message. The payload is JSON, or else plain text.')
    .argument('<topic>', 'topic, words separated by dots')
    .argument('<payload>', 'what to publish')
    .option('--header <name=value>', 'header of the message; repeatable', collectPair)
    .action((topic: string, payload: string, flags: PublishFlags) =>
      withClient(flags, async (connected) => {
        await connected.publish(topic, value(payload), pairs(flags.header))
        print(JSON.stringify({ topic, accepted: true }))
      }),
    )
}

/** A command that calls a function. */
export function callable(command: Command): Command {
  return connecting(command)
    .argument('<fun>', 'name of the function')
    .argument('[args...]', 'positional arguments')
    .option('--locs <resource>', 'resource the function must offer; repeatable', collect)
    .option('--kwarg <name=value>', 'keyword argument; repeatable', collectPair)
    .option('--function-id <id>', 'global id the function must have')
    .option('--version-constraint <text>', 'versions that will do, such as ">=1.2,<2"')
    .option('--target-cluster <id>', 'cluster to run in')
    .addOption(timeoutOption())
}

export function connecting(command: Command): Command {
  return command
    .option('--url <url>', 'node to talk to; default: MPREG_URL')
    .option('--token <token>', 'bearer token to show')
    .option('--api-key <key>', 'API key to show')
}

export function timeoutOption(): Option {
  return new Option('--timeout <seconds>', 'longest wait for the answer').argParser(seconds).default(TIMEOUT_SECONDS)
}

/** @throws UsageError without a usable URL; CommandFailure for an error the node answered with */
export async function withClient(
  { apiKey, token, url = process.env.MPREG_URL }: ConnectionFlags,
  use: (client: Client) => Promise<void>,
): Promise<void> {
  if (url === undefined || url === '') throw new UsageError('Provide --url or set MPREG_URL.')
  if (!/^(?:ws|tcp)s?:\/\/./i.test(url)) throw new UsageError(`'${url}' is not the URL of a node; those look like ws://127.0.0.1:10000.`)
  const client = await connect({
    url,
    reconnect: false,
    // A function that failed on another node is a failure here too.
    raiseRemoteFailures: true,
    ...(token !== undefined && { authToken: token }),
    ...(apiKey !== undefined && { apiKey }),
  })
  try {
    await use(client)
  } catch (error) {
    if (error instanceof RpcError) throw new CommandFailure(rpcFailureLines(error).join('\n'), { cause: error })
    throw error
  } finally {
    await client.close()
  }
}

export function callOptions(flags: CallFlags): CallOptions {
  const kwargs = pairs(flags.kwarg)
  return {
    timeoutMs: flags.timeout * 1000,
    ...(kwargs !== undefined && { kwargs }),
    ...(flags.locs !== undefined && { locs: flags.locs }),
    ...(flags.functionId !== undefined && { functionId: flags.functionId }),
    ...(flags.versionConstraint !== undefined && { versionConstraint: flags.versionConstraint }),
    ...(flags.targetCluster !== undefined && { targetCluster: flags.targetCluster }),
  }
}

/** A word of the command line as the value it is sent as, number lexemes kept. */
export function value(word: string): RawJson {
  return new RawJson(argumentText(word))
}

/** `name=value` words as an object. */
export function pairs(words: readonly string[] | undefined): Record<string, RawJson> | undefined {
  return (
    words &&
    Object.fromEntries(
      words.map((pair) => {
        const at = pair.indexOf('=')
        return [pair.slice(0, at), value(pair.slice(at + 1))]
      }),
    )
  )
}

/** A message by its wire names, as every other output has them. */
function wireForm({ headers, messageId, payload, publisher, timestamp, topic }: Message): Record<string, unknown> {
  return { topic, payload, timestamp, message_id: messageId, publisher, headers }
}

export function print(json: string): void {
  process.stdout.write(`${indentJson(json)}\n`)
}

export function collectPair(word: string, before?: readonly string[]): readonly string[] {
  if (word.indexOf('=') < 1) throw new InvalidArgumentError('Expected name=value.')
  return collect(word, before)
}

function seconds(word: string): number {
  const number = Number(word)
  if (word.trim() === '' || !Number.isFinite(number) || number < 0) throw new InvalidArgumentError('Expected a number of 0 or more.')
  return number
}
