/**
 * What `npm start` runs: a node with sample functions on real sockets, a short tour of it through the client, and then the node stays up
 * for you to try.
 */
import { createColors } from 'picocolors'
import { type Client, type CommandInit, CommandNotFoundError, connect } from '../client-node.ts'
import { createNode } from '../node/index.ts'
import { EXIT_FAILURE, isDecorated, report } from './outcome.ts'
import { explanationLines } from './rpc-failure.ts'
import { registerSamples } from './sample-functions.ts'
import { printEndpoint, runUntilSignal } from './server.ts'

const colors = createColors(isDecorated(process.stdout))
/** Of the left column: what was asked. */
const WHAT_WIDTH = 34

try {
  const node = await createNode({ name: 'tour', resources: ['gpu-0'], logLevel: 'WARNING' })
  registerSamples(node)
  const { started, stopped, stopping } = runUntilSignal(node)
  await started
  printEndpoint(node)
  try {
    await tour(node.url)
  } catch (error) {
    // A tour that is cut short by Ctrl-C has not failed.
    if (!stopping.aborted) {
      await node.stop()
      throw error
    }
  }
  await stopped
} catch (error) {
  report(error, true)
  process.exitCode = EXIT_FAILURE
}

async function tour(url: string): Promise<void> {
  await using client = await connect({ url, reconnect: false })
  await callFunctions(client)
  await runGraph(client)
  await askForWhatIsNotThere(client)
  await followTopic(client)
  heading('Your turn')
  say(`The node stays up until Ctrl-C. In another terminal:

  export MPREG_URL=${url}
  bin/mpreg client call add 2 40
  bin/mpreg client call shop.price fig --version-constraint '<2'
  bin/mpreg client call train resnet --locs gpu-7
  bin/mpreg client call primes 5000000
  bin/mpreg client call rpc_list '{"namespace":"shop"}'
  bin/mpreg client subscribe 'orders.#' --backlog 600
  bin/mpreg client publish orders.eu.created '{"order":3}'`)
}

async function callFunctions(client: Client): Promise<void> {
  heading('1. Call a function by its name; say what it needs, not where it is')
  answer('add(2, 3)', await client.call('add', 2, 3))
  answer('shop.price("fig")', await client.call('shop.price', 'fig'))
  answer('shop.price("fig"), version <2', await client.callWith({ versionConstraint: '<2' }, 'shop.price', 'fig'))
  answer('train("resnet"), on gpu-0', await client.callWith({ locs: ['gpu-0'] }, 'train', 'resnet'))
  answer('primes(2000000), in a worker', await client.call('primes', 2_000_000))
}

async function runGraph(client: Client): Promise<void> {
  const cmds = [
    { name: 'fig', fun: 'shop.price', args: ['fig'] },
    { name: 'pear', fun: 'shop.price', args: ['pear'] },
    { name: 'figs', fun: 'shop.total', args: ['fig.amount', 10] },
    { name: 'pears', fun: 'shop.total', args: ['pear.amount', 4] },
    { name: 'bill', fun: 'add', args: ['figs', 'pears'] },
  ] satisfies CommandInit[]
  heading('2. Send a graph: an argument that names another command, or a field of it, waits for that result')
  for (const { args, fun, name } of cmds) say(`  ${name.padEnd(5)} = ${fun}(${args.map(show).join(', ')})`)
  const { executionSummary, intermediateResults } = await client.requestFull(cmds, {
    returnIntermediateResults: true,
    includeExecutionSummary: true,
  })
  for (const [level, { level_results }] of intermediateResults.entries()) answer(`level ${level + 1}, side by side`, level_results)
  say(
    `  ${show(executionSummary?.parallel_commands_executed)} commands, one request, ${shortMs(executionSummary?.total_execution_time_ms)} ms`,
  )
}

async function askForWhatIsNotThere(client: Client): Promise<void> {
  heading('3. Ask for what is not there, and hear why')
  await refused('train("resnet") >=2, on gpu-7', client.callWith({ locs: ['gpu-7'], versionConstraint: '>=2' }, 'train', 'resnet'))
  await refused('trian("resnet")', client.call('trian', 'resnet'))
}

async function refused(what: string, call: Promise<unknown>): Promise<void> {
  const error = await call.catch((thrown: unknown) => thrown)
  if (!(error instanceof CommandNotFoundError)) throw error
  say(`  ${what.padEnd(WHAT_WIDTH)} ${colors.yellow(String(error.details))}`)
  for (const line of explanationLines(error.explanation)) say(`    ${line}`)
}

async function followTopic(client: Client): Promise<void> {
  heading('4. Subscribe late: first comes what was missed, then what happens')
  await client.publish('orders.eu.created', { order: 1, item: 'fig' })
  say('  published orders.eu.created, and only now subscribed to orders.*.created with 60 s of backlog')
  const messages = client.messages('orders.*.created', { backlogSeconds: 60 })
  const { value: missed } = await messages.next()
  answer(`backlog ${missed.topic}`, missed.payload)
  await client.publish('orders.us.created', { order: 2, item: 'pear' })
  const { value: live } = await messages.next()
  answer(`live    ${live.topic}`, live.payload)
  await messages.return?.()
}

function heading(text: string): void {
  say(`\n${colors.bold(text)}`)
}

function answer(what: string, value: unknown): void {
  say(`  ${what.padEnd(WHAT_WIDTH)} ${colors.dim('->')} ${colors.green(show(value))}`)
}

function show(value: unknown): string {
  return JSON.stringify(value)
}

function shortMs(value: unknown): string {
  return Number(value).toFixed(1)
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
