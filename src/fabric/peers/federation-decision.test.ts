import { describe, expect, it } from 'vitest'
import { decideFederation, type FederationPolicy, STRICT_ISOLATION } from './federation-decision.ts'

const explicit = (bridges: FederationPolicy['explicitBridges'], allowed: readonly string[] = []): FederationPolicy => ({
  federationMode: 'explicit_bridging',
  allowedForeignClusterIds: allowed,
  explicitBridges: bridges,
})

describe('the federation decision', () => {
  it('admits the own cluster in every mode', () => {
    for (const federationMode of ['strict_isolation', 'explicit_bridging', 'permissive_bridging'] as const) {
      expect(decideFederation({ ...STRICT_ISOLATION, federationMode }, 'own', 'own')).toMatchObject({
        verdict: 'authorized',
        allowed: true,
        reason: 'same_cluster',
      })
    }
  })

  it('refuses every other cluster in isolation, with the text the peer is told', () => {
    expect(decideFederation(STRICT_ISOLATION, 'home', 'abroad', 'ws://a:1')).toEqual({
      verdict: 'rejected_cluster_mismatch',
      allowed: false,
      reason: 'strict_isolation',
      message:
        'Connection rejected: cluster_id mismatch. Local: home, Remote: abroad. Cross-federation connections not allowed in current federation mode.',
    })
  })

  it('control plane check 31: bridges and the allowed set admit, everybody else is not allowed', () => {
    const policy = explicit([{ remoteClusterId: 'P', allowedRemoteNodes: [] }], ['P', 'S'])
    expect(decideFederation(policy, 'own', 'P').reason).toBe('bridge_admits_cluster')
    expect(decideFederation(policy, 'own', 'S').reason).toBe('cluster_listed')
    expect(decideFederation(policy, 'own', 'U')).toMatchObject({
      verdict: 'rejected_not_allowed',
      message: "Connection rejected: cluster 'U' not in allowed foreign clusters list.",
    })
    const narrow = explicit([{ remoteClusterId: 'P', allowedRemoteNodes: ['n1'] }], ['P'])
    expect(decideFederation(narrow, 'own', 'P', 'n1').reason).toBe('bridge_lists_node')
    expect(decideFederation(narrow, 'own', 'P', 'n2')).toMatchObject({
      verdict: 'rejected_not_allowed',
      reason: 'bridge_lists_other_nodes',
    })
    expect(decideFederation(narrow, 'own', 'P').allowed).toBe(true)
    expect(decideFederation({ ...STRICT_ISOLATION, federationMode: 'permissive_bridging' }, 'own', 'U')).toMatchObject({
      verdict: 'authorized_with_warning',
      allowed: true,
    })
  })
})
