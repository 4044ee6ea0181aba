/** `mpreg queue`: the queues of a fabric, by way of the functions of any node that has some. */
import { randomUUID } from 'node:crypto'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { type Client, ConnectionLostError, RequestTimeoutError, RpcError } from '../client-node.ts'
import { type FormatFlags, formatOption, printBody } from './body-output.ts'
import { type ConnectionFlags, collectPair, connecting, pairs, timeoutOption, value, withClient } from './client.ts'
import { indentJson } from './json-output.ts'
import { textAt } from './json-value.ts'
import { positiveInteger } from './option-values.ts'
import { CommandFailure } from './outcome.ts'

type ListedFlags = ConnectionFlags & FormatFlags

interface ClusterFlags extends ConnectionFlags {
  readonly targetCluster?: string
}

interface SendFlags extends ConnectionFlags {
  readonly topic?: string
  readonly guarantee?: string
  readonly option?: readonly string[]
  readonly targetCluster?: string
  readonly id?: string
  readonly timeout: number
}

interface ReceiveFlags extends ConnectionFlags {
  readonly max: number
  readonly wait: number
  readonly subscriber: string
  readonly ack: boolean
}

/** What the node may take beyond the wait, ms. */
const ANSWER_MS = 15_000
const WAIT_SECONDS_MAX = 20

export function declareQueueCommands(queue: Command): void {
  connecting(queue.command('list'))
    .description('Queues of all nodes, as far as the node knows.')
    .argument('[pattern]', 'only names that match; * and # are wildcards')
    .addOption(formatOption('table'))
    .action((pattern: string | undefined, { format = 'table', ...flags }: ListedFlags) =>
      withClient(flags, async (client) => {
        const text = await ask(client, 'queue_list', { pattern: pattern ?? null })
        printBody(`{"queues":${text}}`, format)
      }),
    )

  connecting(queue.command('create'))
    .description('Make a queue on the node, or on another one of its cluster if it has none.')
    .argument('<queue>', 'its name')
    .option('--option <name=value>', 'of its configuration, such as max_retries=5; repeatable', collectPair)
    .addOption(clusterOption())
    .action((name: string, { option, targetCluster, ...flags }: ClusterFlags & { option?: readonly string[] }) =>
      withClient(flags, async (client) => {
        const kwargs = { queue_name: name, config: pairs(option) ?? null, target_cluster: targetCluster ?? null }
        const text = await ask(client, 'queue_create', kwargs)
        show(text, textAt(JSON.parse(text), 'error_message'))
      }),
    )

  connecting(queue.command('delete'))
    .description('End a queue with all its messages.')
    .argument('<queue>', 'its name')
    .addOption(clusterOption())
    .action((name: string, { targetCluster, ...flags }: ClusterFlags) =>
      withClient(flags, async (client) =>
        show(await ask(client, 'queue_delete', { queue_name: name, target_cluster: targetCluster ?? null })),
      ),
    )

  connecting(queue.command('info'))
    .description('Configuration and counts of a queue.')
    .argument('<queue>', 'its name')
    .addOption(formatOption('table'))
    .action((name: string, { format = 'table', ...flags }: ListedFlags) =>
      withClient(flags, async (client) => printBody(await ask(client, 'queue_info', { queue_name: name }), format)),
    )

  connecting(queue.command('send'))
    .description('Send a message. The payload is JSON, or else plain text.')
    .argument('<queue>', 'its name')
    .argument('<payload>', 'what to send')
    .option('--topic <topic>', 'of the message; default: the name of the queue')
    .option('--guarantee <guarantee>', 'fire_and_forget, at_least_once, broadcast or quorum')
    .option('--option <name=value>', 'such as priority=5 or delay_seconds=10; repeatable', collectPair)
    .option('--target-cluster <id>', 'cluster of the queue; default: the best that has it')
    .option('--id <id>', 'of the message: sent again under its id it is taken once; default: a new one')
    .addOption(timeoutOption())
    .action((name: string, payload: string, flags: SendFlags) => withClient(flags, (client) => send(client, name, payload, flags)))

  connecting(queue.command('receive'))
    .description('Print messages, and acknowledge each that was printed.')
    .argument('<queue>', 'its name')
    .option('--max <n>', 'most messages', positiveInteger, 1)
    .option('--wait <seconds>', `how long to wait for the first, at most ${WAIT_SECONDS_MAX}`, waitSeconds, 0)
    .option('--subscriber <id>', 'name of the consumer', 'cli')
    .option('--no-ack', 'do not acknowledge: the messages come back after their visibility timeout')
    .action((name: string, { ack, max, subscriber, wait, ...flags }: ReceiveFlags) =>
      withClient(flags, async (client) => {
        const kwargs = { queue_name: name, max_messages: max, wait_seconds: wait, subscriber_id: subscriber }
        const text = await ask(client, 'queue_receive', kwargs, wait * 1000 + ANSWER_MS)
        await written(`${indentJson(text)}\n`)
        if (ack) await acknowledge(client, name, subscriber, JSON.parse(text) as Received[])
      }),
    )

  connecting(queue.command('dead-letters'))
    .description('Messages that were given up, oldest first, and why.')
    .argument('<queue>', 'its name')
    .option('--limit <n>', 'most of them', positiveInteger, 100)
    .addOption(formatOption('json'))
    .action((name: string, { format = 'json', limit, ...flags }: ListedFlags & { limit: number }) =>
      withClient(flags, async (client) => {
        const text = await ask(client, 'queue_dead_letters', { queue_name: name, limit })
        printBody(`{"dead_letters":${text}}`, format)
      }),
    )

  connecting(queue.command('redrive'))
    .description('Put dead letters back into their queue.')
    .argument('<queue>', 'its name')
    .option('--message <id>', 'only this one')
    .addOption(clusterOption())
    .action((name: string, { message, targetCluster, ...flags }: ClusterFlags & { message?: string }) =>
      withClient(flags, async (client) => {
        const kwargs = { queue_name: name, message_id: message ?? null, target_cluster: targetCluster ?? null }
        const text = await ask(client, 'queue_redrive', kwargs)
        const isThere = message === undefined || (JSON.parse(text) as { redriven: number }).redriven > 0
        show(text, isThere ? undefined : `Queue ${name} has no dead letter ${message}, or no room for it.`)
      }),
    )
}

async function send(client: Client, name: string, payload: string, flags: SendFlags): Promise<void> {
  const { guarantee, id = randomUUID(), option, targetCluster, timeout, topic } = flags
  const kwargs = {
    queue_name: name,
    payload: value(payload),
    topic: topic ?? null,
    options: pairs(option) ?? null,
    message_id: id,
    ...(guarantee !== undefined && { delivery_guarantee: guarantee }),
    ...(targetCluster !== undefined && { target_cluster: targetCluster }),
  }
  const again = `To send it again without the risk of a second one, add --id ${id} within five minutes.`
  let text: string
  try {
    text = await ask(client, 'queue_send', kwargs, timeout * 1000)
  } catch (error) {
    if (!isUnknown(error)) throw error
    throw new CommandFailure(`Not known whether queue ${name} has message ${id}: ${(error as Error).message}\n${again}`, { cause: error })
  }
  const failure = textAt(JSON.parse(text), 'error_message')
  show(text, failure?.includes('not known') === true ? `${failure}\n${again}` : failure)
}

/** The request had left, and nobody has said what became of it. */
function isUnknown(error: unknown): boolean {
  if (error instanceof RpcError) return error.rpcCode === RPC_TIMED_OUT
  return error instanceof RequestTimeoutError || error instanceof ConnectionLostError
}

const RPC_TIMED_OUT = 1004

function clusterOption(): Option {
  return new Option('--target-cluster <id>', 'cluster of the queue; default: that of the node')
}

interface Received {
  readonly message_id: string
  readonly attempt: number
}

/** Resolves when the text has left. When nobody reads standard output any more, the program ends instead. */
function written(text: string): Promise<void> {
  return new Promise((resolve, reject) => process.stdout.write(text, (error) => (error ? reject(error) : resolve())))
}

async function acknowledge(client: Client, queue: string, subscriber: string, messages: readonly Received[]): Promise<void> {
  const late: string[] = []
  for (const { attempt, message_id } of messages) {
    const kwargs = { queue_name: queue, message_id, subscriber_id: subscriber, attempt }
    const answer = await ask(client, 'queue_ack', kwargs)
    if (!answer.includes('true')) late.push(message_id)
  }
  if (late.length > 0) throw new CommandFailure(`not acknowledged in time, and delivered again: ${late.join(', ')}`)
}

/** JSON text of the answer, as it came. */
async function ask(client: Client, fun: string, kwargs: Readonly<Record<string, unknown>>, timeoutMs = ANSWER_MS): Promise<string> {
  return (await client.callRaw({ kwargs, timeoutMs }, fun)).text
}

function show(text: string, failure?: string): void {
  process.stdout.write(`${indentJson(text)}\n`)
  if (failure !== undefined) throw new CommandFailure(failure)
}

function waitSeconds(word: string): number {
  const number = Number(word)
  if (word.trim() === '' || !(number >= 0) || number > WAIT_SECONDS_MAX) {
    throw new InvalidArgumentError(`Expected a number of seconds from 0 to ${WAIT_SECONDS_MAX}.`)
  }
  return number
}
