import { describe, expect, it } from 'vitest'
import { createNamespaces } from './namespaces.ts'
import { ask, rule, world } from './sample-world.ts'

function namespaces(init: Parameters<typeof world>[0] = {}, exported?: { summaries_exported: number; last_export_at: number }) {
  const deps = world(init)
  const applied: string[][] = []
  const commands = createNamespaces({
    ...deps,
    exported: () => exported,
    onApplied: () => applied.push(deps.policy.rules.map(({ namespace }) => namespace)),
  })
  return { ...deps, ...commands, applied }
}

describe('namespace_status', () => {
  it('tells what was exported, where something was', async () => {
    const { status } = namespaces({ policy: { rules: [rule('svc')] } }, { summaries_exported: 3, last_export_at: 5 })
    expect(await ask(status, { namespace: 'svc.a' })).toEqual({
      namespace: 'svc.a',
      generated_at: 1_700_000_000,
      viewer_cluster_id: 'moss',
      viewer_tenant_id: null,
      allowed: true,
      reason: 'visibility_unrestricted',
      rule: { namespace: 'svc', owners: [], visibility: [], export_scopes: [], allow_summaries: false },
      summaries_exported: 3,
      last_export_at: 5,
    })
  })

  it('is limited, and takes no name that is too long', async () => {
    const { status } = namespaces({ access: { callsMax: 1 } })
    await ask(status, { namespace: 'a' })
    await expect(ask(status, { namespace: 'a' })).rejects.toThrow('discovery_rate_limited')
    await expect(ask(status, { namespace: 'a'.repeat(1000) })).rejects.toThrow('namespace has 1000 characters')
  })
})

describe('rules that are checked or applied', () => {
  it('stay as they are where nothing is said of them', async () => {
    const { apply, applied, policy } = namespaces({ policy: { rules: [rule('kept')], enabled: false } })
    expect(await ask(apply, { enabled: true })).toMatchObject({ applied: true, rule_count: 1 })
    expect([policy.enabled, policy.defaultAllow, applied]).toEqual([true, true, [['kept']]])
    expect(await ask(apply, { rules: [], default_allow: 'false' })).toMatchObject({ applied: true, rule_count: 0 })
    expect([policy.enabled, policy.defaultAllow, applied.at(-1)]).toEqual([true, false, []])
  })

  it('are not touched by a flag that is none, nor by anything in a check', async () => {
    const { apply, applied, policyAudit, validate } = namespaces()
    await expect(ask(apply, { enabled: 'perhaps', rules: [] })).rejects.toThrow('enabled must be true or false, not perhaps')
    expect(await ask(validate, { rules: ['x', { namespace: 'a' }] })).toMatchObject({
      valid: false,
      rule_count: 2,
      errors: ['rules[0] must be an object, not a string'],
    })
    expect(applied).toEqual([])
    expect(await ask(policyAudit)).toMatchObject({ entries: [{ event: 'validate', valid: false }] })
  })

  it('leave at most twenty problems in the audit, and all of them in the answer', async () => {
    const { policyAudit, validate } = namespaces()
    const answer = await ask(validate, { rules: Array.from({ length: 30 }, () => ({ namespace: '' })) })
    expect(answer.errors).toHaveLength(30)
    const [entry] = (await ask(policyAudit)).entries as [{ errors: string[] }]
    expect(entry.errors).toHaveLength(20)
  })

  it('name who did it: the credential shown, else the admin, else who they say they are', async () => {
    const { policyAudit, validate } = namespaces()
    await ask(validate, { actor: 'me' }, { credential: 'ci', isAdmin: true })
    await ask(validate, { actor: 'me' }, { isAdmin: true })
    await ask(validate, {}, { isAdmin: true })
    await ask(validate, { actor: 'me' })
    await ask(validate)
    const entries = (await ask(policyAudit)).entries as { actor?: string }[]
    expect(entries.map(({ actor }) => actor)).toEqual(['ci', 'admin (me)', 'admin', 'me', undefined])
    expect((await ask(policyAudit, { limit: 2 })).entries).toHaveLength(2)
    expect((await ask(policyAudit, { limit: 0 })).entries).toEqual([])
  })
})
