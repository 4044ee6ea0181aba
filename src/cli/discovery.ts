/** `mpreg discovery`: what a node knows of services elsewhere, and what it tells others. */
import type { Command } from 'commander'
import { answerFailure, showAnswer } from './answers.ts'
import { type FormatFlags, formatOption, printBody } from './body-output.ts'
import { addPolicyCommands } from './discovery-policy.ts'
import { addQueryCommands } from './discovery-queries.ts'
import { type MonitoringFlags, monitorClient, monitoringOptions } from './monitoring-options.ts'

type Flags = MonitoringFlags & FormatFlags

const parts = ['summary', 'cache', 'policy', 'lag'] as const

export function declareDiscoveryCommands(discovery: Command): void {
  shown(discovery.command('status'))
    .description('Export, resolver cache, policy and lag of discovery together.')
    .action(async ({ format = 'json', ...flags }: Flags) => {
      const client = monitorClient(flags)
      const answers = await Promise.all(parts.map((part) => client.getJson(`/discovery/${part}`)))
      printBody(`{${answers.map(({ text }, index) => `"${parts[index]}":${text}`).join(',')}}`, format)
      const failed = answers.find(({ status }) => status !== 200)
      if (failed !== undefined) throw answerFailure(failed)
    })

  endpoint(discovery.command('lag'), '/discovery/lag').description('How old what the node knows and tells is.')
  endpoint(discovery.command('cache-stats'), '/discovery/cache').description('What the resolver cache holds, and how it is used.')

  addQueryCommands(discovery)

  const policy = discovery.command('policy').description('Who may see which namespace.')
  endpoint(policy.command('status'), '/discovery/policy').description('The rules in force, and the latest decisions by them.')
  addPolicyCommands(discovery, policy)
}

function endpoint(command: Command, path: string): Command {
  return shown(command).action(({ format = 'json', ...flags }: Flags) => showAnswer(monitorClient(flags), path, format))
}

function shown(command: Command): Command {
  return monitoringOptions(command).addOption(formatOption('json'))
}
