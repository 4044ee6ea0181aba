import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { namespaceMatches } from '../wire/index.ts'
import { createNamespacePolicy, PolicyRulesError, type PolicySettings, ruleProblems } from './policy.ts'
import { readRules } from './rules.ts'
import { rule } from './sample-world.ts'

const policyOf = (settings: Partial<PolicySettings>) => createNamespacePolicy({ enabled: true, defaultAllow: true, rules: [], ...settings })
const moss = { clusterId: 'moss', tenantId: null }
const verdict = ({ allowed, reason }: { allowed: boolean; reason: string }) => `${allowed ? '+' : '-'}${reason}`

describe('the namespace policy', () => {
  it('decides by the longest rule that covers a name, at the dots', () => {
    const policy = policyOf({ rules: [rule('svc'), rule('svc.alpha'), rule('svc.alpha.deep.er')] })
    const covering = (name: string) => policy.ruleFor(name)?.namespace
    expect(['svc', 'svc.x', 'svc.alpha', 'svc.alpha.one', 'svc.alpha.deep', 'svc2', 'svc.alphabet', ''].map(covering)).toEqual([
      'svc',
      'svc',
      'svc.alpha',
      'svc.alpha',
      'svc.alpha',
      undefined,
      'svc',
      undefined,
    ])
  })

  it('finds the rule a look at every rule would find', () => {
    const name = fc.array(fc.constantFrom('a', 'b', 'ab'), { minLength: 1, maxLength: 5 }).map((words) => words.join('.'))
    fc.assert(
      fc.property(fc.uniqueArray(name, { maxLength: 8 }), name, (namespaces, asked) => {
        const longest = namespaces.filter((known) => namespaceMatches(known, asked)).sort((a, b) => b.length - a.length)[0]
        expect(policyOf({ rules: namespaces.map((known) => rule(known)) }).ruleFor(asked)?.namespace).toBe(longest)
      }),
    )
  })

  it('says who may announce', () => {
    const rules = [rule('open'), rule('owned', { owners: ['fern'] })]
    const decisions = (settings: Partial<PolicySettings>) => {
      const policy = policyOf({ rules, ...settings })
      return ['open.a', 'owned.a', 'other'].flatMap((name) => ['fern', 'moss'].map((cluster) => verdict(policy.source(name, cluster))))
    }
    expect(decisions({})).toEqual([
      '+owners_unrestricted',
      '+owners_unrestricted',
      '+owner_allowed',
      '-owner_denied',
      '+no_policy',
      '+no_policy',
    ])
    expect(decisions({ defaultAllow: false }).slice(4)).toEqual(['-no_policy', '-no_policy'])
    expect(new Set(decisions({ enabled: false }))).toEqual(new Set(['+policy_disabled']))
  })

  it('says who may see', () => {
    const rules = [rule('open'), rule('s', { visibility: ['fern'], visibility_tenants: ['t1'] }), rule('t', { visibility_tenants: ['t1'] })]
    const policy = policyOf({ rules })
    const seen = (name: string, clusterId: string, tenantId: string | null) => verdict(policy.viewer(name, { clusterId, tenantId }))
    expect(seen('open', 'moss', null)).toBe('+visibility_unrestricted')
    expect(seen('s.a', 'fern', null)).toBe('+viewer_allowed')
    expect(seen('s.a', 'moss', null)).toBe('-viewer_denied')
    expect(seen('s.a', 'moss', 't1')).toBe('+tenant_allowed')
    expect(seen('s.a', 'moss', 't2')).toBe('-viewer_denied')
    expect(seen('t', 'fern', null)).toBe('-viewer_denied')
    expect(verdict(policyOf({ rules, enabled: false }).viewer('s', moss))).toBe('+policy_disabled')
  })

  it('rpc check 30: summaries leave in an open window only, the one that opened last having its say', () => {
    const windows = [
      { starts_at: 100, ends_at: 200, export_scopes: ['zone' as const] },
      { starts_at: 150, allow_summaries: true },
    ]
    const policy = policyOf({
      rules: [
        rule('w', { cutover_windows: windows, export_scopes: ['zone'] }),
        rule('plain', { allow_summaries: true }),
        rule('off'),
        rule('scoped', { allow_summaries: true, export_scopes: ['region'], owners: ['moss'] }),
      ],
    })
    const leaves = (name: string, scope: 'zone' | 'region' | null, at: number, cluster = 'moss') =>
      verdict(policy.summaryExport(name, cluster, scope, at))
    expect(leaves('w', 'zone', 99)).toBe('-cutover_closed')
    expect(leaves('w', 'region', 120)).toBe('-cutover_scope_denied')
    expect(leaves('w', null, 120)).toBe('-cutover_scope_denied')
    expect(leaves('w', 'zone', 120)).toBe('-summaries_disabled')
    expect(leaves('w', 'zone', 150)).toBe('+summary_allowed')
    expect(leaves('w', 'region', 500)).toBe('-scope_denied')
    expect(leaves('plain', null, 1)).toBe('+summary_allowed')
    expect(leaves('off', null, 1)).toBe('-summaries_disabled')
    expect(leaves('scoped', null, 1)).toBe('-scope_denied')
    expect(leaves('scoped', 'region', 1)).toBe('+summary_allowed')
    expect(leaves('scoped', 'region', 1, 'fern')).toBe('-owner_denied')
    expect(leaves('unknown', null, 1)).toBe('+no_policy')
  })

  it('rpc check 33: says what is wrong with rules, in the words of the protocol', () => {
    expect(readRules([{ namespace: '' }, { namespace: 'a' }, { namespace: 'a' }]).problems).toEqual([
      'rules[0].namespace is empty',
      'rules[2].namespace duplicate: a',
    ])
    expect(
      readRules({
        namespace: 'a',
        cutover_windows: [{ starts_at: 0 }, { starts_at: 5, ends_at: 5 }, { starts_at: 5, ends_at: 6 }],
      }).problems,
    ).toEqual(['rules[0].cutover_windows[0].starts_at invalid', 'rules[0].cutover_windows[1].ends_at before starts_at'])
  })

  it('has a limit of rules', () => {
    const many = Array.from({ length: 10_001 }, (_, index) => rule(`n${index}`))
    expect([ruleProblems(many), readRules(many).problems]).toEqual(Array(2).fill(['rules are 10001, more than 10000']))
  })

  it('keeps its rules when others can not be used', () => {
    const policy = policyOf({ rules: [rule('a')] })
    expect(() => policy.apply({ enabled: false, defaultAllow: false, rules: [rule(' ')] })).toThrow(PolicyRulesError)
    expect([policy.enabled, policy.defaultAllow, policy.ruleFor('a')?.namespace]).toEqual([true, true, 'a'])
  })
})
