/**
 * Checks a federation configuration. Every check leaves a row, passed or not; one that fails makes the configuration invalid, a warning
 * does not.
 */
import { isObject, type JsonObject } from './json-value.ts'

export interface Check {
  readonly verdict: 'passed' | 'failed' | 'warning'
  readonly text: string
}

export function validateFederation(config: unknown): readonly Check[] {
  if (!isObject(config)) return [failed('The configuration is not an object')]
  const { clusters } = config
  const checks = ['version', 'federation', 'clusters'].map((field) =>
    config[field] === undefined ? failed(`Required field '${field}' missing`) : passed(`Required field '${field}' present`),
  )
  if (!Array.isArray(clusters) || clusters.length === 0) checks.push(failed('No valid clusters configured'))
  else {
    checks.push(passed(`Found ${clusters.length} cluster configurations`))
    checks.push(...clusters.flatMap(checkCluster), ...checkIds(clusters))
  }
  return [...checks, ...unknownKeys(config)]
}

export function isValid(checks: readonly Check[]): boolean {
  return checks.every(({ verdict }) => verdict !== 'failed')
}

export interface Placeholder {
  /** From 1. */
  readonly line: number
  /** Such as `clusters[0].server_url`. */
  readonly field: string
  readonly value: string
}

const PLACEHOLDER = '<port>'

/** What is still to be filled in, in the order of the text. `text` must be valid JSON. */
export function placeholdersIn(text: string): readonly Placeholder[] {
  const strings = [...text.matchAll(/"(?:[^"\\]|\\.)*"/g)].map(({ 0: token, index }) => ({ value: JSON.parse(token) as string, index }))
  return textsIn(JSON.parse(text)).flatMap(({ field, value }) => {
    if (!value.includes(PLACEHOLDER)) return []
    // Each is taken once, so that the same text elsewhere has its own line.
    const [found] = strings.splice(
      strings.findIndex((string) => string.value === value),
      1,
    )
    return { line: text.slice(0, found?.index).split('\n').length, field, value }
  })
}

function textsIn(value: unknown, field = ''): readonly { readonly field: string; readonly value: string }[] {
  if (typeof value === 'string') return [{ field, value }]
  if (Array.isArray(value)) return value.flatMap((item, index) => textsIn(item, `${field}[${index}]`))
  if (!isObject(value)) return []
  return Object.entries(value).flatMap(([key, member]) => textsIn(member, field === '' ? key : `${field}.${key}`))
}

const clusterFields = ['cluster_id', 'cluster_name', 'region', 'server_url', 'bridge_url'] as const
const nodeProtocols: readonly string[] = ['ws:', 'wss:', 'tcp:', 'tcps:']

function checkCluster(cluster: unknown, index: number): Check[] {
  if (!isObject(cluster)) return [failed(`Cluster ${index}: is not an object`)]
  return clusterFields.flatMap((field) => {
    const value = cluster[field]
    if (value === undefined) return failed(`Cluster ${index}: '${field}' missing`)
    if (typeof value !== 'string' || value === '') return failed(`Cluster ${index}: '${field}' is no text`)
    const present = passed(`Cluster ${index}: '${field}' present`)
    return field.endsWith('_url') ? [present, ...checkUrl(`Cluster ${index}: '${field}'`, value)] : present
  })
}

/** The port has to be filled in before a template is of use, and until then it is valid as a template. */
function checkUrl(what: string, value: string): Check[] {
  if (value.includes(PLACEHOLDER)) return [warning(`${what} still has the placeholder ${PLACEHOLDER}`)]
  if (!URL.canParse(value)) return [failed(`${what} is no URL: ${value}`)]
  const { port, protocol } = new URL(value)
  if (!nodeProtocols.includes(protocol)) return [failed(`${what} begins with ${protocol} instead of ${nodeProtocols.join(', ')}`)]
  const isGiven = port !== '' || /:\d+(?:[/?#]|$)/.test(value.slice(value.indexOf('//') + 2))
  if (!isGiven) return [failed(`${what} has no port: ${value}`)]
  return Number(port) === 0 && port !== '' ? [failed(`${what} has port 0, which nothing can be reached at`)] : []
}

function checkIds(clusters: readonly unknown[]): Check[] {
  const seen = new Set<string>()
  return clusters.flatMap((cluster, index) => {
    const id = isObject(cluster) ? cluster.cluster_id : undefined
    if (typeof id !== 'string') return []
    if (seen.has(id)) return [failed(`Cluster ${index}: the id '${id}' is taken by an earlier cluster`)]
    seen.add(id)
    return []
  })
}

const knownKeys: readonly (readonly [where: string, keys: readonly string[], read: (config: JsonObject) => unknown])[] = [
  ['', ['version', 'federation', 'clusters', 'monitoring', 'auto_discovery'], (config) => config],
  ['federation.', ['enabled', 'auto_discovery', 'health_check_interval', 'resilience'], ({ federation }) => federation],
  ['monitoring.', ['enabled', 'metrics_port', 'alert_endpoints'], ({ monitoring }) => monitoring],
]
const clusterKeys: readonly string[] = [...clusterFields, 'priority', 'resources', 'tags', 'monitoring_url', 'metadata', 'status']

function unknownKeys(config: JsonObject): Check[] {
  const places = knownKeys.map(([where, keys, read]) => ({ where, keys, value: read(config) }))
  const clusters = Array.isArray(config.clusters) ? config.clusters : []
  places.push(...clusters.map((value, index) => ({ where: `Cluster ${index}: `, keys: clusterKeys, value: value as unknown })))
  return places.flatMap(({ keys, value, where }) =>
    Object.keys(isObject(value) ? value : {})
      .filter((key) => !keys.includes(key))
      .map((key) =>
        warning(`Unknown key '${where.endsWith('.') ? where : ''}${key}'${where.startsWith('Cluster') ? ` in ${where.slice(0, -2)}` : ''}`),
      ),
  )
}

function passed(text: string): Check {
  return { verdict: 'passed', text }
}

function failed(text: string): Check {
  return { verdict: 'failed', text }
}

function warning(text: string): Check {
  return { verdict: 'warning', text }
}
