/**
 * What `npm start` runs: a node with a few functions and resources on real sockets, a short tour of it through the client, and then the
 * node stays up for you to try.
 */
import { fileURLToPath } from 'node:url'
import { type Client, CommandNotFoundError, connect } from '../client-node.ts'
import { createNode, type Node } from '../node/index.ts'
import { printEndpoint, untilSignal } from './server.ts'

const PRICES: Readonly<Record<string, number>> = { apple: 0.4, pear: 0.55, fig: 1.2 }

function registerSamples(node: Node): void {
  node.register('add', (a: number, b: number) => a + b, { params: { a: 'float', b: 'float' }, returns: 'float', doc: 'Add two numbers.' })
  node.register('shop.price', (item: string) => ({ item, amount: PRICES[item] ?? 1, currency: 'EUR' }), {
    params: { item: 'str' },
    returns: 'dict',
    doc: 'Look up what an item costs.',
  })
  node.register(
    'shop.price',
    (item: string) => ({ item, amount: Math.round((PRICES[item] ?? 1) * 108) / 100, currency: 'EUR', taxed: true }),
    {
      version: '2.0.0',
      params: { item: 'str' },
      returns: 'dict',
      doc: 'The same, tax included.',
    },
  )
  node.register('shop.total', (price: number, count: number) => Math.round(price * count * 100) / 100, {
    params: { price: 'float', count: 'int' },
    returns: 'float',
  })
  node.register('train', (model: string) => `${model} trained on the GPU`, {
    params: { model: 'str' },
    resources: ['gpu-0'],
    doc: 'Needs a GPU.',
  })
  node.register('wait', (ms: number) => new Promise((resolve) => setTimeout(resolve, ms, ms)), {
    params: { ms: 'int' },
    doc: 'Answer late.',
  })
  node.register(
    'primes',
    { module: sampleModule(), export: 'countPrimes' },
    { params: { below: 'int' }, returns: 'int', doc: 'CPU-bound: runs in a worker.' },
  )
}

function sampleModule(): string {
  return fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './sample-work.ts' : './sample-work.js', import.meta.url))
}

const node = await createNode({ name: 'tour', resources: ['gpu-0'], monitoringEnabled: false, logLevel: 'WARNING' })
registerSamples(node)
const stopped = untilSignal(() => node.stop())
await node.start()
printEndpoint(node)
await tour(node.url)
await stopped

async function tour(url: string): Promise<void> {
  const client = await connect(url)
  await callAFunction(client)
  await runAGraph(client)
  await askForWhatIsNotThere(client)
  await followATopic(client)
  await client.close()
  say(`
The node stays up. Try, in another terminal:

  export MPREG_URL=${url}
  bin/mpreg client call add 2 40
  bin/mpreg client call shop.price fig --version-constraint '<2'
  bin/mpreg client call train resnet --locs gpu-0
  bin/mpreg client call primes 2000000
  bin/mpreg client call rpc_list '{"namespace":"shop"}'
  bin/mpreg client subscribe 'orders.#' --backlog 600

Ctrl-C stops it.`)
}

async function callAFunction(client: Client): Promise<void> {
  heading('A call')
  say(`  add(2, 3)                              -> ${show(await client.call('add', 2, 3))}`)
  say(`  train("resnet") on resource gpu-0      -> ${show(await client.callWith({ locs: ['gpu-0'] }, 'train', 'resnet'))}`)
  say(`  shop.price("fig"), any version         -> ${show(await client.call('shop.price', 'fig'))}`)
  say(`  shop.price("fig"), version <2          -> ${show(await client.callWith({ versionConstraint: '<2' }, 'shop.price', 'fig'))}`)
}

async function runAGraph(client: Client): Promise<void> {
  heading('A dependency graph: results flow from one command to the next, by name and field')
  const { executionSummary, results } = await client.requestFull(
    [
      { name: 'fig', fun: 'shop.price', args: ['fig'] },
      { name: 'pear', fun: 'shop.price', args: ['pear'] },
      { name: 'figs', fun: 'shop.total', args: ['fig.amount', 10] },
      { name: 'pears', fun: 'shop.total', args: ['pear.amount', 4] },
      { name: 'bill', fun: 'add', args: ['figs', 'pears'] },
    ],
    { includeExecutionSummary: true },
  )
  say(`  fig, pear -> figs = fig.amount * 10, pears = pear.amount * 4 -> bill = ${show(results.bill)}`)
  say(`  ${show(executionSummary?.parallel_commands_executed)} commands in ${show(executionSummary?.total_levels)} levels`)
}

async function askForWhatIsNotThere(client: Client): Promise<void> {
  heading('A function that does not fit: the node says why')
  const error = await client.callWith({ locs: ['gpu-7'], versionConstraint: '>=2' }, 'train', 'resnet').catch((thrown: unknown) => thrown)
  if (!(error instanceof CommandNotFoundError)) throw error
  say(`  train("resnet") on gpu-7, version >=2  -> ${String(error.details)}`)
  const { candidates } = error.explanation as { candidates: readonly { version: string; node_id: string; reasons: readonly string[] }[] }
  for (const { node_id, reasons, version } of candidates) say(`    ${version} on ${node_id}: ${reasons.join('; ')}`)
}

async function followATopic(client: Client): Promise<void> {
  heading('A topic: a late subscriber gets the backlog first, then what comes')
  await client.publish('orders.eu.created', { order: 1, item: 'fig' })
  const two = Promise.withResolvers<void>()
  let count = 0
  await client.subscribe(
    'orders.*.created',
    (message) => {
      say(`  orders.*.created received ${message.topic} ${show(message.payload)}`)
      if (++count === 2) two.resolve()
    },
    { backlogSeconds: 60 },
  )
  await client.publish('orders.us.created', { order: 2, item: 'pear' })
  await two.promise
}

function heading(text: string): void {
  say(`\n${text}`)
}

function show(value: unknown): string {
  return JSON.stringify(value)
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
