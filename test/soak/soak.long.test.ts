/**
 * Ten minutes at half of what the node can do (SOAK_MINUTES for another time): memory stays flat, the slowest answers stay as slow as
 * they were, and nothing is left when the node has stopped.
 *
 * What the node holds on to is its heap after a full collection. The resident set is many times that: V8 widens its young generation
 * under load and keeps creeping by some pages, so it only gets a bound.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Histogram } from '../../src/base/index.ts'
import { type Client, connect } from '../../src/client-node.ts'
import type { SoakAnswer, SoakQuestion } from './server.ts'

const MINUTES = Number(process.env.SOAK_MINUTES ?? 10)
/** One sample of memory and latency. */
const WINDOW_MS = 5_000
/** Early samples show the process growing to its working size. */
const WARM_UP_SHARE = 0.3
const TICK_MS = 10
/** A client waits rather than run into the node's limit of requests in flight, which a stall of either process could otherwise reach. */
const IN_FLIGHT_MAX = 2_000
/** Several million operations must not leave more than this behind. */
const REACHABLE_GROWTH_BYTES_MAX = 1_000_000
const RSS_GROWTH_SHARE_MAX = 0.02

describe('soak', () => {
  it('runs at half of peak without growing or slowing down, and stops clean', { timeout: MINUTES * 60_000 + 120_000 }, async () => {
    const server = startServer()
    const { url } = await server.answer('ready')
    const clients = await Promise.all(Array.from({ length: 4 }, () => connect(url)))
    for (const client of clients) await client.subscribe('soak.*', () => {})

    const peak = await peakRate(clients)
    const reachable = async () => {
      const { external, heapUsed } = await server.ask('reachable', 'reachable')
      return heapUsed + external
    }
    const rssNow = async () => (await server.ask('usage', 'usage')).rss
    const warmUp = await load(clients, peak / 2, MINUTES * 60_000 * WARM_UP_SHARE, rssNow)
    const reachableBefore = await reachable()
    const settled = await load(clients, peak / 2, MINUTES * 60_000 * (1 - WARM_UP_SHARE), rssNow)
    const reachableGrowth = (await reachable()) - reachableBefore
    const growth = slope(settled.map((sample) => sample.rss)) * settled.length
    const rss = mean(settled.map((sample) => sample.rss))
    const [first, last] = halves(settled.map((sample) => sample.p99Ms)).map(median) as [number, number]
    console.log(
      `peak ${Math.round(peak)}/s, ran at ${Math.round(mean(settled.map((s) => s.rate)))}/s for ${MINUTES} min: rss ${(rss / 1e6).toFixed(1)} MB, ` +
        `growth over the settled part ${(growth / 1e6).toFixed(2)} MB, reachable ${(reachableBefore / 1e6).toFixed(2)} MB ` +
        `${(reachableGrowth / 1e6).toFixed(3)} MB more at the end, ` +
        `p99 ${first.toFixed(2)} ms in the first half, ${last.toFixed(2)} ms in the second`,
    )
    expect([...warmUp, ...settled].reduce((sum, sample) => sum + sample.failures, 0)).toBe(0)
    expect(reachableGrowth).toBeLessThan(REACHABLE_GROWTH_BYTES_MAX)
    expect(growth).toBeLessThan(RSS_GROWTH_SHARE_MAX * rss)
    expect(last).toBeLessThan(Math.max(2 * first, first + 5))

    await Promise.all(clients.map((client) => client.close()))
    const { resources } = await server.ask('stop', 'stopped')
    expect(resources).toEqual([])
    expect(await server.exitCode).toBe(0)
  })
})

interface Sample {
  readonly rss: number
  readonly p99Ms: number
  readonly rate: number
  readonly failures: number
}

/** Calls a second with as many in flight as help. */
async function peakRate(clients: readonly Client[]): Promise<number> {
  const until = performance.now() + 3_000
  let calls = 0
  const worker = async (client: Client) => {
    while (performance.now() < until) {
      await client.call('add', 1, 2)
      calls++
    }
  }
  await Promise.all(clients.flatMap((client) => Array.from({ length: 32 }, () => worker(client))))
  return calls / 3
}

/** A steady rate: mostly calls, some asynchronous, some publications. */
async function load(clients: readonly Client[], rate: number, durationMs: number, rssNow: () => Promise<number>): Promise<Sample[]> {
  const samples: Sample[] = []
  const latency = new Histogram()
  const started = performance.now()
  let issued = 0
  let inFlight = 0
  let done = 0
  let failures = 0
  let windowEnd = started + WINDOW_MS
  const burstMax = (rate * 2 * TICK_MS) / 1000
  while (performance.now() - started < durationMs) {
    await new Promise((resolve) => setTimeout(resolve, TICK_MS))
    const due = ((performance.now() - started) / 1000) * rate
    // After a stall of this process the load goes on at its rate: catching up in one burst would be another test.
    issued = Math.max(issued, Math.floor(due - burstMax))
    for (; issued < due && inFlight < IN_FLIGHT_MAX; issued++) {
      inFlight++
      const client = clients[issued % clients.length] as Client
      const at = performance.now()
      const operation =
        issued % 50 === 0
          ? client.publish('soak.t', issued)
          : issued % 10 === 0
            ? client.call('later', issued)
            : client.call('add', issued, 1)
      operation
        .finally(() => inFlight--)
        .then(
          () => {
            done++
            latency.record(performance.now() - at)
          },
          () => failures++,
        )
    }
    if (performance.now() < windowEnd) continue
    windowEnd += WINDOW_MS
    samples.push({ rss: await rssNow(), p99Ms: latency.quantile(0.99) ?? 0, rate: (done * 1000) / WINDOW_MS, failures })
    latency.reset()
    done = 0
    failures = 0
  }
  return samples
}

function startServer() {
  const child: ChildProcess = fork(fileURLToPath(new URL('./server.ts', import.meta.url)), { execArgv: ['--expose-gc'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const waiting = new Map<string, (answer: never) => void>()
  child.on('message', (message: SoakAnswer) => waiting.get(message.kind)?.(message as never))
  const answer = <K extends SoakAnswer['kind']>(kind: K) =>
    new Promise<Extract<SoakAnswer, { kind: K }>>((resolve) => waiting.set(kind, resolve as (answer: never) => void))
  return {
    answer,
    ask<K extends SoakAnswer['kind']>(question: SoakQuestion, kind: K) {
      const result = answer(kind)
      child.send(question)
      return result
    },
    exitCode: new Promise<number | null>((resolve) => child.on('exit', resolve)),
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}

function halves(values: readonly number[]): number[][] {
  const middle = Math.floor(values.length / 2)
  return [values.slice(0, middle), values.slice(middle)]
}

/** Least-squares slope per sample. */
function slope(values: readonly number[]): number {
  const x = (values.length - 1) / 2
  const y = mean(values)
  const covariance = values.reduce((sum, value, index) => sum + (index - x) * (value - y), 0)
  return covariance / values.reduce((sum, _, index) => sum + (index - x) ** 2, 0)
}
