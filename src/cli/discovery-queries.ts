/**
 * `mpreg discovery query`, `summary`, `cluster-map` and their like: questions to a node itself rather than to its monitoring service. What a node
 * does not have, it refuses by itself: its answer is shown with the command that tells which parts it has, and the command fails.
 */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { type Client, CommandNotFoundError } from '../client-node.ts'
import { type CallFlags, connecting, print, timeoutOption, withClient } from './client.ts'
import { jsonLine } from './json-output.ts'
import { at, listAt, textAt } from './json-value.ts'
import { anyCase, collect, positiveInteger, positiveSeconds } from './option-values.ts'
import { CommandFailure } from './outcome.ts'
import { remark } from './remark.ts'
import { rpcFailureLines } from './rpc-failure.ts'
import { whyEmpty } from './why-empty.ts'

export interface Field {
  /** As the node calls it; the option is the same with dashes, in the singular for a list. */
  readonly name: string
  readonly help: string
  readonly kind?: 'list' | 'count' | 'scope' | 'page'
}

type Answers = Readonly<Record<string, unknown>>
export type Flags = CallFlags & Answers

const scopes = ['local', 'zone', 'region', 'global']
const scope: Field = { name: 'scope', help: `how far to look: ${scopes.join(', ')}`, kind: 'scope' }
const namespace: Field = { name: 'namespace', help: 'only what is in this namespace or below' }
const clusterId: Field = { name: 'cluster_id', help: 'only of this cluster' }
const viewers: readonly Field[] = [
  { name: 'viewer_cluster_id', help: 'as nodes of this cluster would see it; a node goes by whom it is connected to' },
  { name: 'viewer_tenant_id', help: 'as this tenant would see it' },
]
const offers: readonly Field[] = [
  { name: 'capabilities', help: 'capability that must be offered; repeatable', kind: 'list' },
  { name: 'resources', help: 'resource that must be offered; repeatable', kind: 'list' },
]
const pages: readonly Field[] = [
  { name: 'limit', help: 'how many at most', kind: 'count' },
  { name: 'page_token', help: 'the next_page_token of the page before', kind: 'page' },
]

const entryTypes = ['functions', 'nodes', 'queues', 'topics', 'services', 'caches', 'cache_profiles']
const queryFields: readonly Field[] = [
  namespace,
  scope,
  ...viewers,
  ...offers,
  { name: 'tags', help: 'tag it must have; repeatable', kind: 'list' },
  clusterId,
  { name: 'node_id', help: 'only of this node' },
  { name: 'function_name', help: 'only functions of this name' },
  { name: 'function_id', help: 'only the function of this global id' },
  { name: 'version_constraint', help: 'only versions such as ">=1.2,<2"' },
  { name: 'queue_name', help: 'only the queue of this name' },
  { name: 'topic', help: 'only subscriptions that get messages of this topic' },
  ...pages,
]
const ingressFields: readonly Field[] = [
  { name: 'ingress_limit', help: 'how many URLs of a cluster at most', kind: 'count' },
  { name: 'ingress_scope', help: 'scope the nodes behind the URLs must have', kind: 'scope' },
  { name: 'ingress_capabilities', help: 'capability those nodes must offer; repeatable', kind: 'list' },
  { name: 'ingress_tags', help: 'tag those nodes must have; repeatable', kind: 'list' },
]
const summaryFields: readonly Field[] = [namespace, { name: 'service_id', help: 'only this function' }, ...viewers, scope, ...pages]
const mapFields: readonly Field[] = [
  scope,
  { name: 'namespace_filter', help: 'only nodes with an id, cluster, resource or capability that begins so' },
  { name: 'viewer_tenant_id', help: 'as this tenant would see it' },
  ...offers,
  clusterId,
  ...pages,
]
const watchFields: readonly Field[] = [scope, namespace, clusterId, { name: 'viewer_tenant_id', help: 'as this tenant would see it' }]

export function addQueryCommands(discovery: Command): void {
  asking(discovery.command('query'), queryFields)
    .description('What is announced in the fabric: functions, nodes, queues, topics, services, caches.')
    .addOption(
      new Option('--entry-type <type>', `what to list: ${entryTypes.join(', ')}`).argParser(anyCase(entryTypes)).default('functions'),
    )
    .action((flags: Flags) =>
      asked(flags, async (client) => {
        const options = { timeoutMs: flags.timeout * 1000 }
        const request = { entry_type: flags.entryType, ...given(queryFields, flags) }
        const answer = await client.callRaw(options, 'catalog_query', request)
        print(answer.text)
        if (listAt(answer.parse(), 'items').length > 0) return
        const why = await whyEmpty(request, (other) => client.callWith(options, 'catalog_query', other))
        if (why !== undefined) remark('💡', why)
      }),
    )

  asking(discovery.command('summary'), [...summaryFields, ...ingressFields])
    .description('Which services other clusters offer, in summary.')
    .option('--include-ingress', 'also the URLs by which each cluster is reached')
    .option('--no-include-ingress', 'without those URLs (the default)')
    .action((flags: Flags) => {
      const ingress = given(ingressFields, flags)
      // Who asks something about the URLs wants them.
      const isWanted = flags.includeIngress === true || (flags.includeIngress === undefined && Object.keys(ingress).length > 0)
      return ask(flags, 'summary_query', { ...given(summaryFields, flags), ...(isWanted && { include_ingress: true, ...ingress }) })
    })

  asking(discovery.command('cluster-map'), mapFields)
    .description('All nodes known, page by page, with what they offer and how busy they are.')
    .action((flags: Flags) => ask(flags, 'cluster_map_v2', given(mapFields, flags)))

  asking(discovery.command('access-audit'), [{ name: 'limit', help: 'how many at most', kind: 'count' }])
    .description('Who asked for which namespace, and whether they were let.')
    .action((flags: Flags) => ask(flags, 'discovery_access_audit', given(pages, flags)))

  asking(discovery.command('resync'), [])
    .description('Have the resolver of a node read everything anew.')
    .action((flags: Flags) =>
      asked(flags, async (client) => {
        const answer = await client.callRaw({ timeoutMs: flags.timeout * 1000 }, 'resolver_resync')
        print(answer.text)
        const told = answer.parse()
        if (at(told, 'resynced') === false) {
          const why = textAt(told, 'error') ?? 'it does not say why'
          throw new CommandFailure(`Error: the node has read nothing anew: ${why}. Only with discovery_resolver_mode has it a resolver.`)
        }
      }),
    )

  asking(discovery.command('watch'), watchFields)
    .description('Print changes as they are published, one JSON object a line.')
    .addOption(new Option('--summary', 'changes of summaries').conflicts('delta'))
    .option('--delta', 'changes of the catalog (the default)')
    .addOption(new Option('--duration <seconds>', 'end after so long').argParser(positiveSeconds))
    .addOption(new Option('--count <n>', 'end after so many').argParser(positiveInteger))
    .action((flags: Flags) => asked(flags, (client) => follow(client, flags)))
}

export function asking(command: Command, fields: readonly Field[]): Command {
  for (const field of fields) {
    const { help, kind } = field
    const option = new Option(`--${singular(field).replaceAll('_', '-')} <${kind === 'count' ? 'n' : 'value'}>`, help)
    if (kind !== undefined) option.argParser<unknown>(PARSERS[kind])
    command.addOption(option)
  }
  return connecting(command).addOption(timeoutOption())
}

const PARSERS: Record<NonNullable<Field['kind']>, (word: string, before: unknown) => unknown> = {
  list: (word, before) => collect(word, before as readonly string[] | undefined),
  count: positiveInteger,
  // The older name of `zone` will do.
  scope: (word) => anyCase(scopes)(word.toLowerCase() === 'cluster' ? 'zone' : word),
  page(word) {
    // The node takes what it can not read for the start: a script would read the first page for ever.
    if (!/^\d+:\d+$/.test(word)) throw new InvalidArgumentError('Expected the next_page_token of the page before, such as 200:200.')
    return word
  },
}

/** The fields that were given on the command line, as the node calls them. */
export function given(fields: readonly Field[], flags: Answers): Record<string, unknown> {
  const told: Record<string, unknown> = {}
  for (const field of fields) {
    const value = flags[singular(field).replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())]
    if (value !== undefined) told[field.name] = value
  }
  return told
}

function singular({ kind, name }: Field): string {
  return kind === 'list' ? name.replace(/ies$/, 'y').replace(/s$/, '') : name
}

export function ask(flags: Flags, fun: string, request: Answers): Promise<void> {
  const args = Object.keys(request).length > 0 ? [request] : []
  return asked(flags, async (client) => print((await client.callRaw({ timeoutMs: flags.timeout * 1000 }, fun, ...args)).text))
}

/** @throws what {@link withClient} does; when the node has no such function, with the command that shows more */
export function asked(flags: Flags, use: (client: Client) => Promise<void>): Promise<void> {
  return withClient(flags, async (client) => {
    try {
      await use(client)
    } catch (error) {
      if (!(error instanceof CommandNotFoundError)) throw error
      throw new CommandFailure([...rpcFailureLines(error), '$ mpreg discovery status'].join('\n'), { cause: error })
    }
  })
}

/** Asks for the topic of the changes, and prints what is published there and below. */
async function follow(client: Client, flags: Flags): Promise<void> {
  const { count, duration, summary, timeout } = flags as Flags & { readonly count?: number; readonly duration?: number }
  const fun = summary === true ? 'summary_watch' : 'catalog_watch'
  const request = given(watchFields, flags)
  const answer = await client.callWith({ timeoutMs: timeout * 1000 }, fun, ...(Object.keys(request).length > 0 ? [request] : []))
  const topic = textAt(answer, 'topic')
  if (topic === undefined) throw new CommandFailure(`Error: the node's answer to ${fun} names no topic.`)
  const messages = client.messages([topic, `${topic}.#`], { backlogSeconds: 0 })
  const end = duration === undefined ? undefined : setTimeout(() => void messages.return?.(), duration * 1000)
  let printed = 0
  for await (const message of messages) {
    process.stdout.write(`${jsonLine({ topic: message.topic, timestamp: message.timestamp, payload: message.payload })}\n`)
    if (++printed === count) break
  }
  clearTimeout(end)
}
