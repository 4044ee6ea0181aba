/** What a bundle asks a node: every path it can be asked, with the ids of its clusters filled in. */
import { LOG_LINES_MAX } from '../telemetry/index.ts'
import { listAt, objectAt, textAt } from './json-value.ts'
import type { MonitorClient } from './monitor-client.ts'
import { CommandFailure } from './outcome.ts'

export interface Question {
  readonly path: string
  /** Where the answer goes, within the directory of the node. */
  readonly file: string
  readonly timeoutMs?: number
  /** What it is, where the command line asks for it: a bundle without it is not what was wanted. */
  readonly wanted?: string
}

/** An answer, or what came instead of one. */
export interface BundledFile {
  readonly endpoint: string
  readonly file: string | null
  readonly status: number | null
  readonly bytes: number
  readonly sha256: string | null
  readonly duration_ms: number | null
  /** Why there is no answer, or not the one that was wanted. */
  readonly error: string | null
}

export interface QuestionOptions {
  /** Seconds of processor profile; undefined for none. */
  readonly profile?: number
  readonly heap?: boolean
}

/** Asked of a node that does not say what it can be asked. */
const usualPaths = ['/', '/endpoints', '/health', '/health/summary', '/metrics', '/metrics/unified', '/config', '/topology', '/alerts']
/** Clusters asked about one by one. */
const CLUSTERS_MAX = 50
/** A picture of the memory takes seconds a gigabyte. */
const HEAP_TIMEOUT_MS = 300_000
/** What a profile takes beyond its time. */
const PROFILE_GRACE_MS = 30_000
/** They need a name, or ask for work, or do not end. */
const notAsked = /^\/(?:explain|debug|events|timelines)(?:\/|$)/

export async function questionsFor(client: MonitorClient, { heap, profile }: QuestionOptions): Promise<readonly Question[]> {
  const listed = listAt(await bodyOrNothing(client, '/endpoints'), 'endpoints')
    .filter((row) => textAt(row, 'method') === 'GET')
    .flatMap((row) => textAt(row, 'path') ?? [])
  const clusters = Object.keys(objectAt(await bodyOrNothing(client, '/health/clusters'), 'clusters')).slice(0, CLUSTERS_MAX)
  const paths = [...new Set([...usualPaths, ...listed])].filter((path) => path.startsWith('/') && !notAsked.test(path))
  return [
    ...paths.flatMap((path) => filled(path, clusters)).map((path) => ({ path, file: fileOf(path) })),
    ...(profile === undefined ? [] : [profileQuestion(profile)]),
    ...(heap === true ? [heapQuestion] : []),
  ]
}

const heapQuestion: Question = {
  path: '/debug/heap',
  file: 'debug/heap.heapsnapshot',
  timeoutMs: HEAP_TIMEOUT_MS,
  wanted: 'the heap snapshot',
}

function profileQuestion(seconds: number): Question {
  return {
    path: `/debug/profile?seconds=${seconds}`,
    file: 'debug/profile.cpuprofile',
    timeoutMs: seconds * 1000 + PROFILE_GRACE_MS,
    wanted: 'the processor profile',
  }
}

function filled(path: string, clusters: readonly string[]): readonly string[] {
  if (path === '/log/lines') return [`${path}?limit=${LOG_LINES_MAX}`]
  if (path === '/routing/trace') return clusters.map((id) => `${path}?${new URLSearchParams({ destination: id })}`)
  if (path.includes('{cluster_id}')) return clusters.map((id) => path.replace('{cluster_id}', encodeURIComponent(id)))
  return path.includes('{') ? [] : [path]
}

function fileOf(path: string): string {
  const name =
    path
      .slice(1)
      .replace(/[^A-Za-z0-9./-]+/g, '_')
      .replaceAll('..', '_') || 'index'
  return path === '/metrics/prometheus' ? `${name}.txt` : `${name}.json`
}

async function bodyOrNothing(client: MonitorClient, path: string): Promise<unknown> {
  try {
    return (await client.getJson(path)).body
  } catch (error) {
    if (error instanceof CommandFailure) return {}
    throw error
  }
}
