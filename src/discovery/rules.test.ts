import { describe, expect, it } from 'vitest'
import { readRules } from './rules.ts'

describe('rules as somebody writes them', () => {
  it('take a scalar for a list and one window for many, and leave empty fields out', () => {
    expect(readRules({ namespace: 'a', owners: 'moss', visibility: ['b', 'a', ''], cutover_windows: { starts_at: '12' } }).rules).toEqual([
      {
        namespace: 'a',
        owners: ['moss'],
        visibility: ['a', 'b'],
        export_scopes: [],
        allow_summaries: false,
        cutover_windows: [{ starts_at: 12 }],
      },
    ])
  })

  it('say where they can not be read', () => {
    expect(readRules([3, { namespace: 'a', cutover_windows: [{ starts_at: 'soon' }] }]).problems).toEqual([
      'rules[0] must be an object, not a number',
      'rules[1].cutover_windows[0].starts_at must be a number, not a string',
    ])
  })

  it('are refused with members that are unknown, and named with what was meant', () => {
    expect(
      readRules([
        { namespace: 'bank', visib: ['moss'], allowSummaries: true, colour: 'red' },
        { namespace: 'shop', cutover_windows: { starts_at: 5, end_at: 6 } },
      ]).problems,
    ).toEqual([
      'rules[0].visib is unknown; did you mean visibility?',
      'rules[0].allowSummaries is unknown; did you mean allow_summaries?',
      'rules[0].colour is unknown; choose from namespace, owners, visibility, visibility_tenants, export_scopes, allow_summaries, cutover_windows, policy_version',
      'rules[1].cutover_windows[0].end_at is unknown; did you mean ends_at?',
    ])
  })

  it('have scopes that exist, by either name', () => {
    expect(readRules({ namespace: 'a', export_scopes: ['Global', 'cluster', 'zone'] })).toMatchObject({
      problems: [],
      rules: [{ export_scopes: ['global', 'zone'] }],
    })
    expect(
      readRules([
        { namespace: 'a', export_scopes: ['galaxy'] },
        { namespace: 'b', cutover_windows: [{ starts_at: 5, export_scopes: 'galaxy' }] },
      ]).problems,
    ).toEqual([
      'rules[0].export_scopes must be of local, zone, region, global, not galaxy',
      'rules[1].cutover_windows[0].export_scopes must be of local, zone, region, global, not galaxy',
    ])
  })

  it('do not become open by a list of names that names nobody', () => {
    const visibilities = [{}, true, false, '', ['  '], [null], [['moss']]]
    expect(visibilities.map((visibility) => readRules({ namespace: 'a', visibility }).problems)).toEqual([
      ['rules[0].visibility must be a list of names, not of {}'],
      ['rules[0].visibility must be a list of names, not of true'],
      ['rules[0].visibility must be a list of names, not of false'],
      ['rules[0].visibility has only empty names; for no restriction give an empty list'],
      ['rules[0].visibility has only empty names; for no restriction give an empty list'],
      ['rules[0].visibility must be a list of names, not of null'],
      ['rules[0].visibility must be a list of names, not of ["moss"]'],
    ])
    expect(readRules({ namespace: 'a', visibility: null, owners: [] }).problems).toEqual([])
  })

  it('keep their places when one before them can not be read', () => {
    expect(readRules(['x', { namespace: '' }])).toMatchObject({
      given: 2,
      problems: ['rules[0] must be an object, not a string', 'rules[1].namespace is empty'],
    })
  })
})
