/**
 * Commands about federation configurations: `discover`, `auto-discovery`, `generate-config`, `validate-config`, `deploy`, `config`. The
 * configuration to use may stand in `MPREG_FEDERATION_CONFIG`.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { type Command, Option } from 'commander'
import { bodyText, type Format, type FormatFlags, formatOption } from './body-output.ts'
import { discoverClusters } from './cluster-discovery.ts'
import { autoDiscoveryTemplate, federationTemplate, namedTemplate, type TemplateName, templateNames } from './federation-template.ts'
import { type Check, isValid, type Placeholder, placeholdersIn, validateFederation } from './federation-validation.ts'
import { at, isObject, type JsonObject, listAt, objectAt, textAt } from './json-value.ts'
import { CommandFailure, isDecorated, UsageError } from './outcome.ts'
import { inRegistry, timeoutOption, urlComplaint, verify } from './registry-commands.ts'
import { changeRegistry, type RegisteredCluster, registryPath } from './registry-file.ts'
import { remark, tell } from './remark.ts'
import { colored, printable, tableText } from './table.ts'

interface DiscoverFlags extends FormatFlags {
  readonly config?: string
  readonly output?: 'table' | 'json'
}

/** What nobody can guess has not been filled in. */
class PlaceholderError extends CommandFailure {
  readonly code = 'config_placeholder'

  constructor(file: string, placeholders: readonly Placeholder[]) {
    const places = placeholders.map(({ field, line, value }) => printable(`  line ${line}, ${field}: ${value}`))
    const count = places.length === 1 ? 'a placeholder' : `${places.length} placeholders`
    super([`Error: ${file} has ${count} left. Put in what belongs there, and deploy again:`, ...places].join('\n'))
  }
}

interface WriteFlags {
  readonly force?: boolean
}

interface DeployFlags {
  readonly dryRun?: boolean
  readonly verify: boolean
  readonly registry?: string
  readonly timeout: number
}

export function declareDiscover(command: Command): void {
  command
    .option('-c, --config <file>', 'federation configuration; default: MPREG_FEDERATION_CONFIG')
    .addOption(new Option('-o, --output <format>', 'the older name of --format').choices(['table', 'json']))
    .addOption(formatOption('table'))
    .action(async ({ config, format, output }: DiscoverFlags) => {
      const path = config ?? (process.env.MPREG_FEDERATION_CONFIG || undefined)
      remark('🔍', 'Discovering fabric clusters...')
      const { clusters, failures } = await discoverClusters(path === undefined ? undefined : configObject(path))
      for (const failure of failures) remark('⚠️', `Discovery back end skipped: ${failure}`)
      if (clusters.length === 0) remark('⚠️', 'No clusters discovered')
      printClusters(clusters, format ?? output ?? 'table')
    })
}

export function declareAutoDiscoveryCommands(autoDiscovery: Command): void {
  for (const name of ['run', 'discover']) declareDiscover(autoDiscovery.command(name).description('Discover available fabric clusters.'))
  for (const name of ['generate', 'generate-config']) {
    writing(autoDiscovery.command(name))
      .description('Write a template with each kind of discovery back end.')
      .action((output: string, flags: WriteFlags) => {
        writeJson(output, autoDiscoveryTemplate(), flags)
        tell('✅', `Auto-discovery configuration generated: ${output}`)
      })
  }
}

export function declareGenerateConfig(command: Command): void {
  writing(command).action((output: string, flags: WriteFlags) => {
    writeJson(output, federationTemplate(), flags)
    tell('✅', `Configuration template generated: ${output}`)
  })
}

export function declareValidateConfig(command: Command): void {
  command.argument('[file]', 'the configuration; default: MPREG_FEDERATION_CONFIG').action((file: string | undefined) => {
    validated(configPath(file), { whole: false })
  })
}

export function declareDeploy(command: Command): void {
  inRegistry(command)
    .argument('[file]', 'the configuration; default: MPREG_FEDERATION_CONFIG')
    .option('--dry-run', 'only check the configuration')
    .option('--no-verify', 'register clusters even if they can not be reached')
    .addOption(timeoutOption())
    .action(async (given: string | undefined, flags: DeployFlags) => {
      const file = configPath(given)
      if (flags.dryRun === true) {
        tell('🔍', 'Running deployment validation (dry-run mode)')
        validated(file, { whole: true })
        tell('✅', 'Configuration is valid and ready for deployment')
      } else await deploy(validated(file, { whole: true }), flags)
    })
}

export function declareConfigCommands(config: Command): void {
  writing(config.command('template').argument('<name>', `which: ${templateNames.join(', ')}`))
    .description('Write a template: basic, for one local cluster; production, strict; development, lenient.')
    .action((name: string, output: string, flags: WriteFlags) => {
      if (!isTemplateName(name)) throw new UsageError(`There is no template '${name}'; there are ${templateNames.join(', ')}.`)
      writeJson(output, namedTemplate(name), flags)
      tell('✅', `Generated ${name} template: ${output}`)
    })

  config
    .command('show')
    .description('Print a configuration, or the value of one of its keys.')
    .argument('<file>', 'the configuration')
    .option('--key <key>', 'which; parts are separated by dots, such as federation.resilience')
    .action((file: string, { key }: { key?: string }) => {
      const { value } = read(file)
      const chosen = key === undefined ? value : (at(value, key) ?? at(value, ...key.split('.')))
      if (chosen === undefined) throw new CommandFailure(`Error: ${file} has no key '${key}'.`)
      process.stdout.write(`${JSON.stringify(chosen, null, 2)}\n`)
    })
}

function writing(command: Command): Command {
  return command.argument('<output>', 'file to write').option('--force', 'overwrite a file that exists')
}

function isTemplateName(name: string): name is TemplateName {
  return (templateNames as readonly string[]).includes(name)
}

function printClusters(clusters: readonly object[], format: Format): void {
  if (format === 'json') process.stdout.write(`${JSON.stringify(clusters, null, 2)}\n`)
  else if (format === 'compact') {
    if (clusters.length > 0) process.stdout.write(`${bodyText(JSON.stringify({ cluster: clusters }), 'compact')}\n`)
  } else {
    const rows = clusters.map((cluster) => {
      const text = (field: string) => printable(textAt(cluster, field) ?? '-')
      const states = [colored(text('status')), colored(text('health'))]
      return [text('cluster_id'), text('cluster_name'), text('region'), ...states, text('discovery_source'), text('bridge_url')]
    })
    const title = isDecorated(process.stdout) ? '🌍 Fabric Clusters' : 'Fabric Clusters'
    const head = ['Cluster ID', 'Name', 'Region', 'Status', 'Health', 'Source', 'Bridge URL']
    process.stdout.write(`${tableText({ title, head, rows })}\n`)
  }
}

/** Prints every check. A template that is not filled in yet is valid, and not `whole`. @throws CommandFailure when a check has failed */
function validated(file: string, { whole }: { readonly whole: boolean }): JsonObject {
  remark('🔍', `Validating configuration: ${file}`)
  const { text, value: config } = read(file)
  const checks = validateFederation(config)
  const rows = checks.map((check) => [verdictText(check.verdict), printable(check.text)])
  process.stdout.write(`${tableText({ title: 'Configuration Validation Results', head: ['Status', 'Validation Check'], rows })}\n`)
  if (!isValid(checks)) {
    tell('❌', 'Configuration validation failed!')
    const failed = checks.filter(({ verdict }) => verdict === 'failed').length
    throw new CommandFailure(`Error: ${file}: ${failed} of ${checks.length} checks failed.`)
  }
  const placeholders = whole ? placeholdersIn(text) : []
  if (placeholders.length > 0) throw new PlaceholderError(file, placeholders)
  tell('✅', 'Configuration validation passed!')
  return objectAt(config)
}

function verdictText(verdict: Check['verdict']): string {
  const signs = { passed: '✅', failed: '❌', warning: '⚠️' }
  return isDecorated(process.stdout) ? signs[verdict] : { passed: 'ok', failed: 'FAILED', warning: 'warning' }[verdict]
}

/** Each cluster by itself: one that can not be reached does not keep the others out. @throws CommandFailure when one failed */
async function deploy(config: JsonObject, flags: DeployFlags): Promise<void> {
  const resilience = at(config, 'federation', 'resilience', 'enabled') !== false
  const candidates = await Promise.all(
    listAt(config, 'clusters').map(async (entry) => {
      const cluster = clusterOf(objectAt(entry), resilience)
      return { cluster, obstacle: await obstacleTo(cluster, flags) }
    }),
  )
  const fit = candidates.filter(({ obstacle }) => obstacle === undefined).map(({ cluster }) => cluster)
  const before = await changeRegistry(registryPath(flags.registry), (clusters) => ({
    clusters: { ...clusters, ...Object.fromEntries(fit.map((cluster) => [cluster.cluster_id, cluster])) },
    result: clusters,
  }))
  const rows = candidates.map(({ cluster: { cluster_id, region, server_url }, obstacle }) => {
    const outcome = obstacle ?? (before[cluster_id] === undefined ? 'registered' : 'updated')
    return [cluster_id, region, server_url, outcome].map(printable)
  })
  process.stdout.write(`${tableText({ title: 'Deployment', head: ['Cluster', 'Region', 'Server', 'Outcome'], rows })}\n`)
  const failed = candidates.length - fit.length
  if (failed > 0) throw new CommandFailure(`Error: ${failed} of ${candidates.length} clusters could not be deployed.`)
  tell('✅', `Deployed ${candidates.length} clusters`)
}

/** Why a cluster can not be registered; undefined when it can. */
async function obstacleTo(cluster: RegisteredCluster, flags: DeployFlags): Promise<string | undefined> {
  const wrong = urlComplaint(cluster)
  if (wrong !== undefined || !flags.verify) return wrong
  try {
    await verify(cluster, flags.timeout)
    return undefined
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error
    return error.message.replace(/^Error: /, '')
  }
}

/** A cluster whose configuration was found valid. */
function clusterOf(entry: JsonObject, resilience: boolean): RegisteredCluster {
  const text = (field: string) => textAt(entry, field) ?? ''
  const monitoringUrl = textAt(entry, 'monitoring_url')
  return {
    cluster_id: text('cluster_id'),
    cluster_name: text('cluster_name'),
    region: text('region'),
    server_url: text('server_url'),
    bridge_url: text('bridge_url'),
    ...(monitoringUrl !== undefined && { monitoring_url: monitoringUrl }),
    resilience,
    registered_at: Date.now() / 1000,
    tags: objectAt(entry, 'tags'),
    resources: listAt(entry, 'resources').map(String),
  }
}

function configPath(given: string | undefined): string {
  const path = given ?? process.env.MPREG_FEDERATION_CONFIG ?? ''
  if (path === '') throw new UsageError('Name a configuration file, or set MPREG_FEDERATION_CONFIG.')
  return path
}

function configObject(file: string): JsonObject {
  const { value: config } = read(file)
  if (!isObject(config)) throw new CommandFailure(`Error: ${file} holds no configuration: it is not an object.`)
  return config
}

/** @throws UsageError when there is no such file; CommandFailure when it is no JSON */
function read(file: string): { readonly text: string; readonly value: unknown } {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new UsageError(code === 'ENOENT' ? `File '${file}' does not exist.` : `File '${file}': ${message}`, { cause: error })
  }
  try {
    return { text, value: JSON.parse(text) }
  } catch (error) {
    throw new CommandFailure(`Error: ${file} is no JSON: ${(error as Error).message}`, { cause: error })
  }
}

/** @throws CommandFailure when the file exists and is not to be overwritten, or can not be written */
function writeJson(file: string, value: JsonObject, { force = false }: WriteFlags): void {
  try {
    writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`, { flag: force ? 'w' : 'wx' })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const reason =
      code === 'EEXIST' ? 'exists already. Name another file, or have it overwritten with --force.' : `can not be written: ${message}`
    throw new CommandFailure(`Error: ${file} ${reason}`, { cause: error })
  }
}
