import { describe, expect, it } from 'vitest'
import { describeFunction } from './function.ts'
import { sharesSpec } from './sharing.ts'

const spec = (name: string) =>
  describeFunction(
    name,
    () => 1,
    {},
    () => 'd',
  ).spec

describe('sharing of specifications', () => {
  it('rpc check 17: namespaces cover what lies below them, at dot boundaries', () => {
    const policy = { mode: 'full', namespaces: ['svc'], bytesMax: null }
    expect(sharesSpec(policy, spec('svc.alpha.echo'))).toBe(true)
    expect(sharesSpec(policy, spec('svc2.alpha.echo'))).toBe(false)
  })

  it('needs mode full, and respects the size limit', () => {
    expect(sharesSpec({ mode: 'summary', namespaces: [], bytesMax: null }, spec('f'))).toBe(false)
    expect(sharesSpec({ mode: 'full', namespaces: [], bytesMax: 10 }, spec('f'))).toBe(false)
    expect(sharesSpec({ mode: 'full', namespaces: [], bytesMax: 10_000 }, spec('f'))).toBe(true)
  })
})
