/** `mpreg discovery` against a node that answers for itself: its rules, changed from the command line, and what they do to a query. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createNode, type Node } from '../../src/node/index.ts'
import { endLeftovers, mpreg } from './run-mpreg.ts'

const ADMIN = ['--token', 'root']
let node: Node
let folder: string

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'mpreg-policy-'))
  node = await createNode({ port: 0, clusterId: 'oak', monitoringEnabled: true, logLevel: 'ERROR', discoveryAdminToken: 'root' })
  node.register('svc.secret.key', () => 1)
  await node.start()
})

afterAll(async () => {
  endLeftovers()
  await node.stop()
  rmSync(folder, { recursive: true })
})

async function run(...words: string[]) {
  return mpreg(['discovery', ...words], { MPREG_URL: node.url, MPREG_MONITORING_URL: node.monitoringUrl ?? '' })
}

async function answer(...words: string[]): Promise<unknown> {
  const { code, stderr, stdout } = await run(...words)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout)
}

function file(name: string, content: unknown): string {
  const at = path.join(folder, name)
  writeFileSync(at, JSON.stringify(content))
  return at
}

describe('mpreg discovery, asking a node', { timeout: 60_000 }, () => {
  it('lists what is announced', async () => {
    expect(await answer('query', '--function-name', 'svc.secret.key')).toMatchObject({
      entry_type: 'functions',
      items: [{ identity: { name: 'svc.secret.key' }, node_id: node.url, cluster_id: 'oak' }],
    })
    expect(await answer('query', '--entry-type', 'nodes', '--limit', '1')).toMatchObject({ items: [{ node_id: node.url }] })
  })

  it('tells of a function where a namespace was asked for, and of a scope that nothing reaches', async () => {
    const nothing = async (...words: string[]) => {
      const { code, stderr, stdout } = await run('query', ...words)
      expect({ code, items: (JSON.parse(stdout) as { items: unknown }).items }).toEqual({ code: 0, items: [] })
      return stderr
    }
    const named = "'svc.secret.key' is a function, not a namespace: --function-name svc.secret.key finds it.\n"
    expect(await nothing('--namespace', 'svc.secret.key')).toBe(named)
    expect(await nothing('--namespace', 'echo')).toContain("'echo' is a function")
    expect(await nothing('--namespace', 'svc.public')).toBe('')
    expect(await nothing('--scope', 'Global', '--function-name', 'svc.secret.key')).toBe(
      "No functions reach as far as 'global'. There are some without --scope; the first is announced for 'zone'.\n",
    )
  })

  it('refuses scopes and page tokens that are none, and fails where nothing was read anew', async () => {
    for (const command of ['query', 'summary', 'cluster-map', 'watch']) {
      expect(await run(command, '--scope', 'galaxy')).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('Allowed choices are local, zone, region, global.'),
      })
    }
    expect(await run('summary', '--page-token', 'foo')).toMatchObject({ code: 2, stderr: expect.stringContaining('such as 200:200') })
    expect(await answer('query', '--page-token', '1:1')).toMatchObject({ next_page_token: '2:1' })
    const { code, stderr, stdout } = await run('resync', ...ADMIN)
    expect([code, JSON.parse(stdout)]).toMatchObject([1, { resynced: false, error: 'resolver_mode_disabled' }])
    expect(stderr).toBe(
      'Error: the node has read nothing anew: resolver_mode_disabled. Only with discovery_resolver_mode has it a resolver.\n',
    )
  })

  it('checks rules, and tells what is wrong with them', async () => {
    expect(await answer('policy', 'validate', file('good.json', { rules: { namespace: 'a' } }))).toMatchObject({ valid: true })
    const bad = file('bad.json', [{ namespace: 'a' }, { namespace: 'a' }])
    const { code, stderr, stdout } = await run('policy', 'validate', bad)
    expect({ code, stderr }).toEqual({ code: 1, stderr: `Error: the rules in ${bad} can not be used; nothing has changed.\n` })
    expect(JSON.parse(stdout)).toMatchObject({ valid: false, errors: ['rules[1].namespace duplicate: a'] })
    expect((await run('policy', 'validate', path.join(folder, 'missing.json'))).stderr).toMatch(/^Error: .*missing\.json can not be read: /)
  })

  it('does not take a slip of the pen for rules that are to be removed', async () => {
    const apply = async (content: unknown) => (await run('policy', 'apply', file('slip.json', content), ...ADMIN)).stderr
    const at = path.join(folder, 'slip.json')
    const missing = `Error: ${at}: it has no rules; an empty list of rules removes all that are in force\n`
    expect(await apply({ rulez: [{ namespace: 'a' }] })).toBe(`Error: ${at}: rulez is unknown; did you mean rules?\n${missing}`)
    expect(await apply({ namespace: 'a' })).toBe(`Error: ${at}: namespace is unknown\n${missing}`)
    expect(await apply({ rules: null })).toBe(missing)
    const { code, stdout } = await run('policy', 'apply', file('slip.json', [{ namespace: 'a', visib: 1 }]), ...ADMIN)
    expect([code, JSON.parse(stdout)]).toMatchObject([
      1,
      { applied: false, rule_count: 1, errors: ['rules[0].visib is unknown; did you mean visibility?'] },
    ])
  })

  it('changes them with the token of the admin, and shows what that does', async () => {
    const rules = file('rules.json', { enabled: true, rules: [{ namespace: 'svc.secret', visibility: ['ash'] }] })
    expect(await run('policy', 'apply', rules)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Error 403: discovery_access_denied'),
    })
    expect(await answer('policy', 'apply', rules, '--actor', 'ann', ...ADMIN)).toMatchObject({ applied: true, rule_count: 1 })
    expect(await answer('namespace', 'svc.secret')).toMatchObject({ allowed: false, reason: 'viewer_denied' })
    expect(await answer('query', '--namespace', 'svc.secret')).toMatchObject({ items: [] })
    expect(await answer('access-audit', '--limit', '1')).toMatchObject({
      entries: [{ event: 'catalog_query', viewer_cluster_id: 'oak', namespace: 'svc.secret', reason: 'viewer_denied' }],
    })
    expect(await answer('policy', 'audit', '--limit', '1')).toMatchObject({
      entries: [{ event: 'apply', actor: 'admin (ann)', valid: true }],
    })
    // The query that found nothing asked once more, for a function of that name.
    expect(await answer('policy', 'status')).toMatchObject({ policy: { enabled: true, rule_count: 1, audit_total: 4, access_total: 4 } })
    const { configuration } = (await (await fetch(`${node.monitoringUrl}/config`)).json()) as { configuration: { policies: object } }
    expect(configuration.policies).toEqual({ total: 1, active: 1, compliance_percent: 100 })
    // What is exported can be applied.
    expect(await answer('policy', 'apply', file('exported.json', await answer('policy', 'export')), ...ADMIN)).toMatchObject({
      applied: true,
    })
  })
})
