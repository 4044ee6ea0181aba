/** `mpreg client`: talk to a node. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { CallOptions, Client, ClientOptions, Message, RawJson } from '../client/index.ts'
import { argumentText, indentJson, jsonLine } from './json-output.ts'
import { EXIT_FAILURE, urlOf } from './outcome.ts'

/** The node's own deadline is 30 s: waiting a little longer lets it answer first. */
const TIMEOUT_SECONDS = 35

interface ConnectionFlags {
  readonly url?: string
  readonly token?: string
  readonly apiKey?: string
}

interface CallFlags extends ConnectionFlags {
  readonly locs?: readonly string[]
  readonly kwarg?: readonly string[]
  readonly functionId?: string
  readonly versionConstraint?: string
  readonly targetCluster?: string
  readonly timeout: number
}

export function declareClientCommands(client: Command): void {
  connecting(client.command('call'))
    .description('Call a function. Each argument is JSON, or else plain text.')
    .argument('<fun>', 'name of the function')
    .argument('[args...]', 'positional arguments')
    .option('--locs <resource>', 'resource the function must offer; repeatable', collect)
    .option('--kwarg <name=value>', 'keyword argument; repeatable', collect)
    .option('--function-id <id>', 'global id the function must have')
    .option('--version-constraint <text>', 'versions that will do, such as ">=1.2,<2"')
    .option('--target-cluster <id>', 'cluster to run in')
    .addOption(timeoutOption())
    .action(async (fun: string, words: string[], flags: CallFlags) => {
      await withClient(flags, async (connected, { RawJson }) => {
        const value = (word: string): RawJson => new RawJson(argumentText(word))
        const result = await connected.callRaw(callOptions(flags, value), fun, ...words.map(value))
        print(result.text)
      })
    })

  connecting(client.command('list-peers'))
    .description('Show the other nodes a node knows.')
    .option('--scope <scope>', 'how far to look: local, zone, region or global')
    .option('--cluster-id <id>', 'only peers of this cluster')
    .option('--target-cluster <id>', 'ask a node of this cluster')
    .addOption(timeoutOption())
    .action(async (flags: CallFlags & { readonly scope?: string; readonly clusterId?: string }) => {
      const query = {
        ...(flags.scope !== undefined && { scope: flags.scope }),
        ...(flags.clusterId !== undefined && { cluster_id: flags.clusterId }),
      }
      await withClient(flags, async (connected) => {
        const peers = await connected.callRaw(callOptions(flags), 'list_peers', ...(Object.keys(query).length > 0 ? [query] : []))
        print(peers.text)
      })
    })

  connecting(client.command('subscribe'))
    .description('Print messages on matching topics, one JSON object a line, until interrupted.')
    .argument('<patterns...>', 'topics; a segment may be * (exactly one) or # (any number)')
    .option('--backlog <seconds>', 'also print messages of the last so many seconds', number, 0)
    .addOption(new Option('--count <n>', 'end after so many messages').argParser(number))
    .action(async (patterns: string[], flags: ConnectionFlags & { readonly backlog: number; readonly count?: number }) => {
      await withClient(flags, async (connected) => {
        const messages = connected.messages(patterns, { backlogSeconds: flags.backlog, queueMax: 10_000 })
        process.once('SIGINT', interrupted)
        process.once('SIGTERM', interrupted)
        let count = 0
        if (flags.count === 0) return
        for await (const message of messages) {
          process.stdout.write(`${jsonLine(wireForm(message))}\n`)
          if (++count === flags.count) break
        }
      })
    })

  connecting(client.command('publish'))
    .description('Publish a message. The payload is JSON, or else plain text.')
    .argument('<topic>', 'topic, words separated by dots')
    .argument('<payload>', 'what to publish')
    .option('--header <name=value>', 'header of the message; repeatable', collect)
    .action(async (topic: string, payload: string, flags: ConnectionFlags & { readonly header?: readonly string[] }) => {
      await withClient(flags, async (connected, { RawJson }) => {
        const value = (word: string): RawJson => new RawJson(argumentText(word))
        await connected.publish(topic, value(payload), named(flags.header, value))
        print(JSON.stringify({ topic, accepted: true }))
      })
    })
}

function connecting(command: Command): Command {
  return command
    .option('--url <url>', 'node to talk to; default: MPREG_URL')
    .option('--token <token>', 'bearer token to show')
    .option('--api-key <key>', 'API key to show')
}

function timeoutOption(): Option {
  return new Option('--timeout <seconds>', 'longest wait for the answer').argParser(number).default(TIMEOUT_SECONDS)
}

type ClientRoom = typeof import('../client-node.ts')

async function withClient(flags: ConnectionFlags, use: (client: Client, room: ClientRoom) => Promise<void>): Promise<void> {
  const url = urlOf(flags)
  const room = await import('../client-node.ts')
  const options: ClientOptions = {
    url,
    reconnect: false,
    ...(flags.token !== undefined && { authToken: flags.token }),
    ...(flags.apiKey !== undefined && { apiKey: flags.apiKey }),
  }
  const client = await room.connect(options)
  try {
    await use(client, room)
  } finally {
    await client.close()
  }
}

function callOptions(flags: CallFlags, value?: (word: string) => unknown): CallOptions {
  const kwargs = value === undefined ? undefined : named(flags.kwarg, value)
  return {
    timeoutMs: flags.timeout * 1000,
    ...(kwargs !== undefined && { kwargs }),
    ...(flags.locs !== undefined && { locs: flags.locs }),
    ...(flags.functionId !== undefined && { functionId: flags.functionId }),
    ...(flags.versionConstraint !== undefined && { versionConstraint: flags.versionConstraint }),
    ...(flags.targetCluster !== undefined && { targetCluster: flags.targetCluster }),
  }
}

/** `name=value` words as an object. */
function named(words: readonly string[] | undefined, value: (word: string) => unknown): Record<string, unknown> | undefined {
  return words && Object.fromEntries(words.map((word) => [word.split('=', 1)[0] as string, value(word.slice(word.indexOf('=') + 1))]))
}

/** A message by its wire names, as every other output has them. */
function wireForm({ messageId, ...message }: Message): Record<string, unknown> {
  const { headers, payload, publisher, timestamp, topic } = message
  return { topic, payload, timestamp, message_id: messageId, publisher, headers }
}

function print(json: string): void {
  process.stdout.write(`${indentJson(json)}\n`)
}

function interrupted(): void {
  process.stderr.write('Aborted!\n')
  process.exit(EXIT_FAILURE)
}

function collect(word: string, before: readonly string[] = []): readonly string[] {
  return [...before, word]
}

function number(word: string): number {
  const value = Number(word)
  if (word.trim() === '' || !Number.isFinite(value) || value < 0) throw new InvalidArgumentError('Not a number of 0 or more.')
  return value
}
