/** `mpreg discovery policy`: the namespace rules of a node, read, checked and replaced. What the node exports can be edited and applied. */
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { nearestName } from '../telemetry/index.ts'
import { print } from './client.ts'
import { ask, asked, asking, type Flags, given } from './discovery-queries.ts'
import { isObject, type JsonObject } from './json-value.ts'
import { CommandFailure } from './outcome.ts'

const actor = { name: 'actor', help: 'who does it, for the audit; a credential that was shown counts more' }
const limit = { name: 'limit', help: 'how many of the latest at most', kind: 'count' } as const
const tenant = { name: 'viewer_tenant_id', help: 'as this tenant would see it' }

export function addPolicyCommands(discovery: Command, policy: Command): void {
  asking(discovery.command('namespace'), [tenant])
    .argument('<name>', 'namespace, or name of a function or queue')
    .description('Whether you may see a namespace, and which rule says so.')
    .action((namespace: string, flags: Flags) => ask(flags, 'namespace_status', { namespace, ...given([tenant], flags) }))

  asking(policy.command('export'), [])
    .description('The rules in force, as apply takes them.')
    .action((flags: Flags) => ask(flags, 'namespace_policy_export', {}))

  asking(policy.command('audit'), [limit])
    .description('Who checked or changed the rules.')
    .action((flags: Flags) => ask(flags, 'namespace_policy_audit', given([limit], flags)))

  asking(policy.command('validate'), [actor])
    .argument('<file>', 'JSON: a list of rules, or an object with rules, enabled, default_allow')
    .description('Whether rules could be put in force.')
    .action((file: string, flags: Flags) => submit(flags, 'namespace_policy_validate', file))

  asking(policy.command('apply'), [actor])
    .argument('<file>', 'JSON: a list of rules, or an object with rules, enabled, default_allow')
    .description('Put rules in force on this node, until it restarts.')
    .action((file: string, flags: Flags) => submit(flags, 'namespace_policy_apply', file))
}

/** Prints the answer, and fails when the rules are no good. @throws CommandFailure */
function submit(flags: Flags, fun: string, file: string): Promise<void> {
  const request = { ...requestIn(file), ...given([actor], flags) }
  return asked(flags, async (client) => {
    const answer = await client.callRaw({ timeoutMs: flags.timeout * 1000 }, fun, request)
    print(answer.text)
    const { valid } = answer.parse() as { readonly valid?: unknown }
    if (valid !== true) throw new CommandFailure(`Error: the rules in ${file} can not be used; nothing has changed.`)
  })
}

/** What a file of rules may hold; the last two stand in what the node exports. */
const MEMBERS = ['rules', 'enabled', 'default_allow', 'generated_at', 'rule_count']

/**
 * The node takes a request without rules for one that leaves them as they are, and does not mind members it does not know. Of a file, both
 * are slips of the pen. @throws CommandFailure
 */
function requestIn(file: string): JsonObject {
  let document: unknown
  try {
    document = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new CommandFailure(`Error: ${file} can not be read: ${(error as Error).message}`, { cause: error })
  }
  if (Array.isArray(document)) return { rules: document }
  if (!isObject(document)) throw new CommandFailure(`Error: ${file} holds neither a list of rules nor an object with rules.`)
  const { default_allow, enabled, rules } = document
  const unknown = Object.keys(document).filter((member) => !MEMBERS.includes(member))
  const problems = unknown.map((member) => {
    const nearest = nearestName(member, MEMBERS)
    return `${member} is unknown${nearest === undefined ? '' : `; did you mean ${nearest}?`}`
  })
  if (rules === undefined || rules === null) problems.push('it has no rules; an empty list of rules removes all that are in force')
  if (problems.length > 0) throw new CommandFailure(problems.map((problem) => `Error: ${file}: ${problem}`).join('\n'))
  return { rules, ...(enabled !== undefined && { enabled }), ...(default_allow !== undefined && { default_allow }) }
}
