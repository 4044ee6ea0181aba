/**
 * `mpreg debug bundle`: everything nodes tell about themselves, in one archive to look at later or hand to somebody. Nodes mask the secrets
 * among their settings. They do not mask what is in log lines, nor in a picture of the memory (`--heap`), which holds every secret of the
 * process: the archive is readable by its owner only, and is to be looked through before somebody else gets it.
 */
import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import { type Command, Option } from 'commander'
import { answerFailure } from './answers.ts'
import { type Archive, openArchive } from './archive.ts'
import { notice } from './body-output.ts'
import { type BundledFile, questionsFor } from './debug-questions.ts'
import { type WalkFlags, walkOptions, walkOptionsOf } from './doctor.ts'
import { walkFabric } from './fabric-walk.ts'
import { asJson, createMonitorClient, type MonitorAnswer, type MonitorClient } from './monitor-client.ts'
import { monitoringUrls, tokenOf } from './monitoring-options.ts'
import { positiveInteger } from './option-values.ts'
import { CommandFailure, EXIT_FAILURE } from './outcome.ts'
import { tell } from './remark.ts'

interface BundleFlags extends WalkFlags {
  readonly out: string
  readonly all?: boolean
  readonly profile?: number
  readonly heap?: boolean
}

interface NodeManifest {
  readonly url: string
  readonly directory: string
  readonly files: BundledFile[]
}

/** Something that should be in the archive and is not: it was asked for by an option, or wants a token. */
interface Gap {
  readonly what: string | undefined
  readonly why: string
}

export function declareDebugCommands(debug: Command, version: string): void {
  walkOptions(debug.command('bundle'))
    .description('Collect all that nodes tell about themselves into one archive.')
    .requiredOption('--out <file>', 'the archive to write, such as bundle.tar.gz')
    .option('--all', 'not only the named nodes, but all that can be reached from them')
    .addOption(new Option('--profile <seconds>', 'also record what uses the processor, for so long').argParser(positiveInteger))
    .option('--heap', 'also take a picture of the memory, with every secret in it; the node stands still meanwhile')
    .action(async (flags: BundleFlags) => {
      const clients = await nodesOf(flags)
      const archive = openArchive(flags.out)
      try {
        const nodes: NodeManifest[] = []
        const gaps: Gap[][] = []
        const taken = new Set(['manifest.json'])
        for (const client of clients) {
          const collected = await collect(client, flags, archive, taken)
          nodes.push(collected.node)
          gaps.push(collected.gaps)
        }
        const manifest = { format: 1, created_at: new Date().toISOString(), mpreg_version: version, nodes }
        await archive.add('manifest.json', Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`))
        await archive.close()
        const files = nodes.flatMap((node) => node.files)
        const missing = files.filter(({ sha256 }) => sha256 === null).length
        tell('✅', `${flags.out}: ${files.length - missing} answers of ${nodes.length} nodes`)
        if (missing > 0) notice(`${missing} questions had no answer; manifest.json says why.`)
        for (const line of gaps.flatMap(gapLines)) {
          notice(line)
          process.exitCode = EXIT_FAILURE
        }
        if (missing === files.length) throw new CommandFailure('Error: No node answered anything.')
      } catch (error) {
        archive.discard()
        throw error
      }
    })
}

async function nodesOf(flags: BundleFlags): Promise<readonly MonitorClient[]> {
  const urls = monitoringUrls(flags)
  const named = [...new Set(urls)].map((url) => createMonitorClient({ url, token: tokenOf(flags), timeoutMs: flags.timeout * 1000 }))
  if (flags.all !== true) return named
  const { nodes, unreachable } = await walkFabric(urls, walkOptionsOf(flags))
  for (const { error } of unreachable) notice(`Left out: ${error}`)
  return nodes.map(({ client }) => client)
}

/** One answer at a time: a node in trouble has other things to do, and no more than one answer is held in memory. */
async function collect(
  client: MonitorClient,
  flags: BundleFlags,
  archive: Archive,
  taken: Set<string>,
): Promise<{ readonly node: NodeManifest; readonly gaps: Gap[] }> {
  const directory = unused(taken, client.url.replace(/^https?:\/\//i, '').replace(/[^A-Za-z0-9.-]+/g, '_'))
  const files: BundledFile[] = []
  const gaps: Gap[] = []
  notice(`Asking ${client.url} ...`)
  for (const { file, path, timeoutMs, wanted } of await questionsFor(client, flags)) {
    const { dir, ext, name: stem } = posix.parse(`${directory}/${file}`)
    const name = unused(taken, `${dir}/${stem}`, ext)
    try {
      const answer = await client.get(path, timeoutMs === undefined ? {} : { timeoutMs })
      const { bytes, latencyMs, status } = answer
      // A refusal is worth keeping: it says why.
      await archive.add(name, bytes)
      const error = status !== 200 && (wanted !== undefined || WANTS_TOKEN.has(status)) ? reasonOf(answer) : null
      if (error !== null) gaps.push({ what: wanted, why: error })
      files.push({ endpoint: path, file: name, status, bytes: bytes.length, sha256: sha256(bytes), duration_ms: latencyMs, error })
    } catch (error) {
      if (!(error instanceof CommandFailure)) throw error
      const text = withoutHead(error)
      if (wanted !== undefined) gaps.push({ what: wanted, why: text })
      files.push({ endpoint: path, file: null, status: null, bytes: 0, sha256: null, duration_ms: null, error: text })
    }
  }
  return { node: { url: client.url, directory, files }, gaps }
}

/** Statuses by which a node asks for a token, or says that it has none to ask for. */
const WANTS_TOKEN: ReadonlySet<number> = new Set([401, 403])

/** Of one node. What it refuses for want of a token it refuses for one reason. */
function gapLines(gaps: readonly Gap[]): string[] {
  const [first, ...others] = gaps.filter(({ what }) => what === undefined)
  return [
    ...(first === undefined ? [] : [`Missing: ${others.length + 1} answers that want a token. ${first.why}`]),
    ...gaps.flatMap(({ what, why }) => (what === undefined ? [] : [`Missing: ${what}. ${why}`])),
  ]
}

function reasonOf(answer: MonitorAnswer): string {
  return withoutHead(answerFailure(asJson(answer)))
}

function withoutHead({ message }: CommandFailure): string {
  return message.replace(/^Error: /, '')
}

/** A name that none has yet, also where capitals do not count: by a number where characters that were replaced made the difference. */
function unused(taken: Set<string>, stem: string, ending = ''): string {
  let name = `${stem}${ending}`
  for (let number = 2; taken.has(name.toLowerCase()); number++) name = `${stem}-${number}${ending}`
  taken.add(name.toLowerCase())
  return name
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
