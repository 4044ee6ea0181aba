import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { diagnose, type NodeFacts, nodesToAsk } from '../telemetry/index.ts'
import { shapedFacts } from './facts-shape.ts'

const NOW = 1_700_000_000

/** A node with something of everything it can tell. */
function fullFacts(): NodeFacts {
  return {
    node_id: 'a',
    cluster_id: 'alpha',
    instance_id: 'i',
    version: '0.1.0',
    uptime_seconds: 600,
    wall_clock: NOW,
    monitoring_url: null,
    settings: {
      federation_mode: 'strict_isolation',
      fabric_routing_enabled: true,
      fabric_routing_max_hops: 1,
      gossip_interval_seconds: 5,
      fabric_catalog_ttl_seconds: 120,
      fabric_route_announce_interval_seconds: 10,
      fabric_route_ttl_seconds: 30,
      require_signatures: false,
      send_buffer_bytes_max: 1_000_000,
    },
    process: { cpu_percent: 1, rss_bytes: 1, loop_delay_p99_ms: 1, loop_delay_max_ms: 1, stalls: [{ at: NOW - 9, ms: 2_000 }] },
    peers: [
      {
        node_id: 'b',
        cluster_id: 'beta',
        monitoring_url: 'http://b',
        listed: true,
        hidden_reason: 'membership_failed',
        linked: false,
        link: {
          direction: null,
          connected_since: null,
          reconnects_10m: 4,
          crash_restarts_at: [NOW - 30, NOW - 20, NOW - 10],
          last_disconnect_at: NOW - 9,
          last_disconnect_why: 'closed',
          last_disconnect_reason: '1006',
          rtt_ms: 1,
        },
        clock_offset_seconds: 90,
        departed: false,
        liveness: 'failed',
        liveness_since: NOW - 8,
        suspected_since: null,
        dial: {
          url: 'b',
          source: 'seed',
          reason: 'backing_off',
          failures: 3,
          successes_total: 0,
          next_at: NOW,
          last_error: 'refused',
        },
      },
    ],
    routes: {
      routes_active: 0,
      rejection_reasons: { policy: 1 },
      destinations: [
        { cluster_id: 'gamma', nodes: 2, routes: 0, plan_reason: 'hop_budget_exhausted', planned_path: ['alpha', 'beta', 'gamma'] },
        { cluster_id: 'delta', nodes: 2, routes: 0, plan_reason: 'no_fabric_path', planned_path: [] },
      ],
    },
    keys: {
      clusters: [
        {
          cluster_id: 'gamma',
          standing: 'lapsed',
          pinned: true,
          keys: [{ key_id: 'k', source: 'configured', primary: true, active: false, expires_at: NOW - 60 }],
        },
        {
          cluster_id: 'delta',
          standing: 'active',
          pinned: true,
          keys: [{ key_id: 'k', source: 'configured', primary: true, active: true, expires_at: NOW + 60 }],
        },
      ],
    },
    refusals: (['call', 'announcement', 'route', 'peer', 'admission', 'publication', 'slow_consumer'] as const).map((kind, index) => ({
      kind,
      subject: 'quote',
      reason: ['version', 'signature', 'hop_budget_exhausted', 'federation', 'rate_limited', 'topic_refused', 'dropped'][index] ?? '',
      count: 2,
      first_at: NOW - 10,
      last_at: NOW - 10,
      detail: 'b',
      wanted: { version_constraint: '>=2', resources: ['gpu'], function_id: 'q', target_cluster: 'alpha' },
    })),
    slow_consumers: [{ remote: 'x:1', kind: 'client', buffered_bytes: 5_000_000, since: NOW - 9 }],
    functions: [{ name: 'quote', function_id: 'q', version: '1.0.0', resources: ['cpu'] }],
    alerts: [
      {
        alert_id: 'alpha_cpu_usage_percent_critical',
        severity: 'critical',
        metric: 'cpu_usage_percent',
        cluster_id: 'alpha',
        current_value: 97,
        threshold_value: 95,
        message: 'Critical CPU usage in cluster alpha: 97.0%',
        since: NOW - 60,
      },
    ],
  }
}

/** The paths to every value in it, itself left out. */
function pathsIn(value: unknown, path: readonly string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => [[...path, key], ...pathsIn(inner, [...path, key])])
}

function replaced(value: unknown, [key = '', ...rest]: readonly string[], by: unknown): unknown {
  const next = rest.length === 0 ? by : replaced((value as Record<string, unknown>)[key], rest, by)
  if (Array.isArray(value)) return value.map((item, index) => (String(index) === key ? next : item))
  return { ...(value as object), [key]: next }
}

/** Numbers beyond all dates, half a character, a list that is none. */
const strange = fc.constantFrom<unknown>(
  ...[undefined, null, 0, -1, 1e300, Number.POSITIVE_INFINITY, '', '\ud800', 'x', true, false, [], [null], {}, { length: 1 }],
)

describe('the shape of facts', () => {
  it('is that of a node with something of everything, and of one that tells more than is known', () => {
    const facts = fullFacts()
    expect(shapedFacts(facts)).toEqual({ facts })
    expect(shapedFacts({ ...facts, mood: 'good' })).toHaveProperty('facts')
  })

  it('says where it is missing', () => {
    const { refusals: _refusals, ...some } = fullFacts()
    expect(shapedFacts(some)).toEqual({ missing: 'refusals' })
    expect(shapedFacts(replaced(fullFacts(), ['peers', '0', 'dial', 'failures'], 'x'))).toEqual({ missing: 'peers[0].dial.failures' })
    expect(shapedFacts([])).toEqual({ missing: '' })
  })

  it('keeps from the doctor whatever would be the end of it', () => {
    const path = fc.constantFrom(...pathsIn(fullFacts()))
    fc.assert(
      fc.property(fc.array(fc.tuple(path, strange), { minLength: 1, maxLength: 3 }), (changes) => {
        const told = changes.reduce<unknown>((facts, [where, by]) => {
          try {
            return replaced(facts, where, by)
          } catch {
            // An earlier change took away what this one is about.
            return facts
          }
        }, fullFacts())
        const shaped = shapedFacts(told)
        if ('missing' in shaped) return
        nodesToAsk([shaped.facts], new Set())
        diagnose([shaped.facts, { ...fullFacts(), node_id: 'c' }])
      }),
      { numRuns: 5_000 },
    )
  })
})
