/**
 * The gate every discovery answer passes: how often a viewer may ask, and which namespaces it may see. Whoever is turned away is put on
 * record, with the reason.
 */
import type { Clock } from '../base/index.ts'
import type { Caller } from '../rpc/index.ts'
import { type AccessAuditEntry, RPC_CODES, RpcError } from '../wire/index.ts'
import { createAuditTrail } from './audit.ts'
import type { Decision, DecisionReason, NamespacePolicy } from './policy.ts'
import { createRateLimit, type RateLimitOptions } from './rate-limit.ts'
import { type Viewer, viewerLabel } from './viewer.ts'

export interface AccessOptions extends RateLimitOptions {
  /** Denials remembered. */
  readonly auditEntriesMax: number
  /** Whether changes take an admin's token. */
  readonly adminRequired: boolean
}

export interface AccessDeps {
  readonly clock: Clock
  readonly policy: NamespacePolicy
  /** Told of every denial, for whoever keeps the refusals of a node. @param remote address it was asked from */
  onDenied(entry: AccessAuditEntry, remote: string): void
}

/** Who is behind a viewer, for the record: many clients are of one cluster. */
export type Asker = Pick<Caller, 'credential' | 'remote'>

/** Why somebody was turned away. */
type DenialReason = DecisionReason | 'rate_limited' | 'admin_required'

export interface Access {
  /** Counts a call. @param namespace asked for; empty: none. @throws RpcError 429 when the viewer asks too often */
  admit(command: string, viewer: Viewer, namespace: string, asker: Asker): void
  /** Whether a viewer may see a namespace it asked for; a denial is put on record. */
  decide(command: string, viewer: Viewer, namespace: string, asker: Asker): Decision
  /** For commands that change something. @throws RpcError 403 for whoever did not show the admin's token where one is demanded */
  admitChange(command: string, viewer: Viewer, asker: Asker & Pick<Caller, 'isAdmin'>): void
  /** Denials, oldest first. */
  denials(count?: number): readonly AccessAuditEntry[]
  readonly denialsTotal: number
  snapshot(): AccessSnapshot
}

export interface AccessSnapshot {
  /** By reason. */
  readonly denials: Readonly<Record<string, number>>
  /** Counters of viewers forgotten while they still counted. */
  readonly rate_limit_keys_evicted: number
}

export function createAccess({ clock, onDenied, policy }: AccessDeps, options: AccessOptions): Access {
  const limit = createRateLimit(clock, options)
  const denials = createAuditTrail<AccessAuditEntry>(options.auditEntriesMax)
  const byReason: Partial<Record<DenialReason, number>> = {}

  function deny(command: string, { clusterId, tenantId }: Viewer, namespace: string, reason: DenialReason, asker: Asker): void {
    const entry = {
      event: command,
      timestamp: clock.wall(),
      viewer_cluster_id: clusterId,
      ...(tenantId !== null && { viewer_tenant_id: tenantId }),
      ...(asker.credential !== null && { viewer_credential: asker.credential }),
      ...(namespace !== '' && { namespace }),
      allowed: false,
      reason,
    }
    byReason[reason] = (byReason[reason] ?? 0) + 1
    denials.add(entry)
    onDenied(entry, asker.remote)
  }

  return {
    admit(command, viewer, namespace, asker) {
      const label = viewerLabel(viewer)
      const waitMs = limit.take(JSON.stringify([label, command, namespace]))
      if (waitMs === undefined) return
      deny(command, viewer, namespace, 'rate_limited', asker)
      const { callsMax, windowSeconds } = options
      throw new RpcError({
        code: RPC_CODES.rateLimited,
        message: 'discovery_rate_limited',
        details:
          `${command} by viewer ${label}${namespace === '' ? '' : ` for namespace ${namespace}`}: ` +
          `${callsMax} calls in ${windowSeconds} s are allowed; ask again in ${(waitMs / 1000).toFixed(1)} s`,
      })
    },

    decide(command, viewer, namespace, asker) {
      const decision = policy.viewer(namespace, viewer)
      if (!decision.allowed) deny(command, viewer, namespace, decision.reason, asker)
      return decision
    },

    admitChange(command, viewer, asker) {
      if (asker.isAdmin || !options.adminRequired) return
      deny(command, viewer, '', 'admin_required', asker)
      throw new RpcError({
        code: RPC_CODES.forbidden,
        message: 'discovery_access_denied',
        details: `${command} takes the token of discovery_admin_token: show it as bearer token or API key when connecting`,
      })
    },

    denials: denials.latest,
    get denialsTotal() {
      return denials.total
    },
    snapshot: () => ({ denials: { ...byReason }, rate_limit_keys_evicted: limit.evictedEarly }),
  }
}
