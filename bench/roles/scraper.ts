/** Who watches a node: reads its metrics at a steady pace, and times its answers. */

import { roleInput, serveRole } from '../role.ts'
import { quantile } from '../statistics.ts'

export interface ScraperInput {
  /** Of the monitoring service. */
  readonly url: string
}

export interface PathTimes {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly answers: number
}

const { url } = roleInput<ScraperInput>()

const operations = {
  /** Reads everything a Prometheus server would, so many times, after a while. */
  async scrape({ afterMs, scrapes }: { readonly scrapes: number; readonly afterMs: number }): Promise<null> {
    await new Promise((resolve) => setTimeout(resolve, afterMs))
    for (let i = 0; i < scrapes; i++) await scrape()
    return null
  },
  /** Asks for a path at a steady pace, one question after another, and says how long answers took. */
  async time({
    everyMs,
    path,
    seconds,
  }: {
    readonly path: string
    readonly seconds: number
    readonly everyMs: number
  }): Promise<PathTimes> {
    const durations: number[] = []
    const endMs = performance.now() + seconds * 1000
    while (performance.now() < endMs) {
      const began = performance.now()
      const response = await fetch(`${url}${path}`)
      await response.text()
      if (!response.ok) throw new Error(`GET ${path}: ${response.status}`)
      durations.push(performance.now() - began)
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, everyMs - (performance.now() - began))))
    }
    const sorted = durations.sort((a, b) => a - b)
    return { p50Ms: quantile(sorted, 0.5), p99Ms: quantile(sorted, 0.99), answers: sorted.length }
  },
}
export type Scraper = typeof operations
serveRole(operations)

async function scrape(): Promise<void> {
  const response = await fetch(`${url}/metrics`, { headers: { accept: 'text/plain;version=0.0.4' } })
  await response.text()
  if (!response.ok) throw new Error(`GET /metrics: ${response.status}`)
}
