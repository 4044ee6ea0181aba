/**
 * What `npm start` runs: five nodes of three clusters with sample functions, each in a process of its own on a real socket, a short tour of
 * them through one client, and then they stay up for you to try.
 */
import { createColors } from 'picocolors'
import { type Client, type CommandInit, CommandNotFoundError, connect } from '../client-node.ts'
import type { RouteTrace } from '../node/index.ts'
import { EXIT_FAILURE, isDecorated, report } from './outcome.ts'
import { explanationLines } from './rpc-failure.ts'
import { printEndpoint } from './server.ts'
import { TOUR_NODES, TOUR_ROLES } from './tour-clusters.ts'
import { createTourFabric, type TourFabric } from './tour-fabric.ts'

const colors = createColors(isDecorated(process.stdout))
/** Of the left column: what was asked. */
const WHAT_WIDTH = 36
/** How long the tour waits for the fabric to agree on something. */
const PATIENCE_MS = 15_000
const LOOK_AGAIN_MS = 50

const fabric = createTourFabric()
/** Where the first node can be asked about itself. */
let frontMonitoring: string | null = null
const stopping = new AbortController()
const stopped = new Promise<void>((resolve) => {
  const onSignal = () => {
    if (stopping.signal.aborted) process.exit(EXIT_FAILURE)
    stopping.abort()
    fabric.stop().then(resolve)
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
})

try {
  await tour(fabric)
  await stopped
} catch (error) {
  // A tour that is cut short by Ctrl-C has not failed.
  if (stopping.signal.aborted) {
    await stopped
    // One that was just starting.
    await fabric.stop()
  } else {
    await fabric.stop()
    report(error, true)
    process.exitCode = EXIT_FAILURE
  }
}

async function tour(fabric: TourFabric): Promise<void> {
  const url = await startNodes(fabric)
  await using client = await connect({ url, reconnect: false })
  await meet(client)
  await callFunctions(client)
  await runGraph(client)
  await askForWhatIsNotThere(client)
  await followTopic(client, fabric)
  await crossClusters(client)
  await loseTwoNodes(client, fabric)
  heading('Your turn')
  say(`The nodes stay up until Ctrl-C. In another terminal (any node will do):

  export MPREG_URL=${url}
  bin/mpreg client list-peers
  bin/mpreg client call add 2 40
  bin/mpreg client call shop.price fig --version-constraint '<2'
  bin/mpreg client call train resnet --locs gpu-7
  bin/mpreg client call primes 5000000
  bin/mpreg client call route.to gamma
  bin/mpreg client call rpc_list '{"namespace":"shop"}'
  bin/mpreg client subscribe 'orders.#' --backlog 600
  bin/mpreg client publish orders.eu.created '{"order":3}' --url ${fabric.urlOf('shop')}

  export MPREG_MONITORING_URL=${frontMonitoring}
  bin/mpreg doctor            # healthy; names what this tour asked for once, in vain
  bin/mpreg top --once
  bin/mpreg explain function train
  bin/mpreg monitor status`)
}

async function startNodes(fabric: TourFabric): Promise<string> {
  heading('Five nodes in three clusters, each a process that is told of one other')
  for (const name of TOUR_NODES) {
    stopping.signal.throwIfAborted()
    const { monitoringUrl, url } = await fabric.start(name)
    if (name === 'front') {
      printEndpoint({ url, monitoringUrl })
      frontMonitoring = monitoringUrl
    }
    const { cluster, resources } = TOUR_ROLES[name]
    say(`  ${cluster.padEnd(5)}  ${name.padEnd(5)}  ${url}${colors.dim(resources.length > 0 ? `  owns ${resources.join(', ')}` : '')}`)
  }
  return fabric.urlOf('front')
}

async function meet(client: Client): Promise<void> {
  const started = performance.now()
  await until('all nodes known', async () => (await peersOf(client)).length === TOUR_NODES.length - 1)
  await until('all functions known', async () => (await knows(client, 'forecast')) && (await knows(client, 'add')))
  say('  bridges: alpha - beta - gamma; none between alpha and gamma')
  say(`  front knows the other four and what they can do after ${Math.round(performance.now() - started)} ms`)
}

async function callFunctions(client: Client): Promise<void> {
  heading('1. Call a function by its name; say what it needs, not where it is')
  answer('add(2, 3)', await client.call('add', 2, 3))
  answer('shop.price("fig")', await client.call('shop.price', 'fig'))
  answer('shop.price("fig"), version <2', await client.callWith({ versionConstraint: '<2' }, 'shop.price', 'fig'))
  answer('train("resnet"), needs gpu-0', await client.callWith({ locs: ['gpu-0'] }, 'train', 'resnet'))
  answer('primes(2000000), in a worker', await client.call('primes', 2_000_000))
}

async function runGraph(client: Client): Promise<void> {
  const cmds = [
    { name: 'price', fun: 'shop.price', args: ['fig'] },
    { name: 'stock', fun: 'stock.of', args: ['fig'] },
    { name: 'plan', fun: 'forecast', args: ['fig', 'stock.count'], locs: ['gpu-0'] },
    { name: 'bill', fun: 'till.total', args: ['price.amount', 'plan.order'] },
  ] satisfies CommandInit[]
  heading('2. Send a graph: an argument that names another command, or a field of it, waits for that result')
  for (const { args, fun, name } of cmds) say(`  ${name.padEnd(5)} = ${fun}(${args.map(show).join(', ')})`)
  const { executionSummary, intermediateResults } = await client.requestFull(cmds, {
    returnIntermediateResults: true,
    includeExecutionSummary: true,
  })
  for (const [level, { level_results }] of intermediateResults.entries()) answer(`level ${level + 1}`, level_results)
  say(
    `  ${show(executionSummary?.parallel_commands_executed)} commands on shop, gpu-0 and till, one request, ${shortMs(executionSummary?.total_execution_time_ms)} ms`,
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

async function followTopic(client: Client, fabric: TourFabric): Promise<void> {
  heading('4. Subscribe on one node, publish on another')
  await using elsewhere = await connect({ url: fabric.urlOf('depot'), reconnect: false })
  const messages = client.messages('orders.*.created', { backlogSeconds: 0 })
  const first = messages.next()
  // The subscription has to get around first; a publisher in a real system would not know or care.
  let published = 0
  const publish = () => void elsewhere.publish('orders.eu.created', { order: ++published, item: 'fig' }).catch(() => {})
  const publishing = setInterval(publish, LOOK_AGAIN_MS)
  const { value } = await first.finally(() => clearInterval(publishing))
  answer(`front hears ${value.topic}`, value.payload)
  say('  published on depot, whose client knows nothing of front')
  await messages.return?.()
}

async function crossClusters(client: Client): Promise<void> {
  heading('5. Call into a cluster that only another cluster reaches, and ask which way it goes')
  answer('train("resnet"), from alpha', await client.callWith({ locs: ['gpu-0'] }, 'train', 'resnet'))
  await until('a route to gamma', async () => (await wayTo(client, 'gamma')).reason === 'ok')
  sayRoute(await routeTo(client, 'gamma'))
}

async function routeTo(client: Client, cluster: string): Promise<RouteTrace> {
  return (await client.call('route.to', cluster)) as RouteTrace
}

async function wayTo(client: Client, cluster: string): Promise<RouteTrace['forwarding_plan']> {
  return (await routeTo(client, cluster)).forwarding_plan
}

function sayRoute({ candidates, forwarding_plan: plan }: RouteTrace): void {
  const [chosen] = plan.steps.filter(({ outcome }) => outcome === 'chosen')
  say(`  the way to ${plan.target_cluster}: ${plan.planned_path.join(' - ')}, next node ${plan.next_peer_url}; known from ${chosen?.step}`)
  for (const { metrics, path, score, ...more } of candidates) {
    const via = 'via_node' in more ? ` over ${String(more.via_node)}` : ''
    say(`    candidate ${path.hops.join(' - ')}${via}: ${metrics.hop_count} hops, ${metrics.latency_ms} ms, score ${score}`)
  }
}

async function loseTwoNodes(client: Client, fabric: TourFabric): Promise<void> {
  heading('6. One node is killed, one says goodbye, and calls go on')
  const load = callWithoutEnd(client)
  try {
    await pause(500)
    const killed = fabric.urlOf('depot')
    const killing = performance.now()
    await fabric.kill('depot')
    await until('depot gone from the list', async () => !(await peersOf(client)).includes(killed))
    say(`  depot killed (SIGKILL): off front's list of peers after ${Math.round(performance.now() - killing)} ms`)
    answer('train("resnet"), by way of till', await client.callWith({ locs: ['gpu-0'] }, 'train', 'resnet'))
    const left = fabric.urlOf('till')
    const leaving = performance.now()
    await fabric.leave('till')
    await until('till gone from the list', async () => !(await peersOf(client)).includes(left))
    say(
      `  till left with GOODBYE: off the list after ${Math.round(performance.now() - leaving)} ms; beta is gone, and with it the bridge to gamma`,
    )
    answer('train("resnet")', await client.callWith({ locs: ['gpu-0'] }, 'train', 'resnet').catch(detailsOf))
    for (const { outcome, step } of (await wayTo(client, 'gamma')).steps) say(`    ${step}: ${outcome}`)
    await pause(500)
  } finally {
    say(`  meanwhile stock.of("pear"): ${await load.stop()}`)
  }
  const returning = performance.now()
  await fabric.start('depot')
  await fabric.start('till')
  await until('both back', async () => (await peersOf(client)).length === TOUR_NODES.length - 1 && (await knows(client, 'add')))
  say(`  both started again, and known again after ${Math.round(performance.now() - returning)} ms`)
  await until('gamma reached again', async () => (await wayTo(client, 'gamma')).reason === 'ok' && (await knows(client, 'train')))
  answer('train("resnet")', await client.callWith({ locs: ['gpu-0'] }, 'train', 'resnet'))
}

function detailsOf(error: unknown): unknown {
  return (error as { details?: unknown }).details ?? String(error)
}

/** Calls one function again and again; `stop` tells what became of the calls. */
function callWithoutEnd(client: Client) {
  const answers = new Map<string, number>()
  const failures = new Map<string, number>()
  const count = (tally: Map<string, number>, what: string) => tally.set(what, (tally.get(what) ?? 0) + 1)
  let calling = true
  const load = (async () => {
    while (calling) {
      try {
        const { asked, error } = (await client.call('stock.of', 'pear')) as { asked?: string; error?: string }
        if (asked === undefined) count(failures, String(error))
        else count(answers, asked)
      } catch (error) {
        count(failures, String((error as { details?: unknown }).details ?? error))
      }
      await pause(5)
    }
  })()
  const shown = (tally: Map<string, number>) => [...tally].map(([what, times]) => `${what} ${times}`).join(', ')
  return {
    async stop(): Promise<string> {
      calling = false
      await load
      return `answered by ${shown(answers)}; failed: ${shown(failures) || 'none'}`
    },
  }
}

async function peersOf(client: Client): Promise<string[]> {
  return ((await client.call('list_peers')) as { url: string }[]).map(({ url }) => url)
}

async function knows(client: Client, fun: string): Promise<boolean> {
  const { items } = (await client.call('rpc_list', { function_name: fun })) as { items: unknown[] }
  return items.length > 0
}

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  while (!(await condition())) {
    stopping.signal.throwIfAborted()
    if (performance.now() > deadline) throw new Error(`after ${PATIENCE_MS / 1000} s still not: ${what}`)
    await pause(LOOK_AGAIN_MS)
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
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
