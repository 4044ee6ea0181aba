/**
 * On whose behalf discovery is asked: a cluster, and maybe a tenant of it.
 *
 * The cluster is the one the request is bound to; what a request says of it does not count. A tenant is bound to a connection by a
 * credential; only where that is missing, and the operator allows it, may a request name one.
 */
import { type QueryFields, queryName } from '../wire/index.ts'

export interface Viewer {
  readonly clusterId: string
  /** Null: none, or not known. */
  readonly tenantId: string | null
}

/** What a connection's headers say about who is behind it. */
export interface ConnectionIdentity {
  readonly tenantId: string | null
  /** Whether it showed the token that changing discovery demands. */
  readonly isAdmin: boolean
}

export interface TenantCredential {
  readonly tenantId: string
  readonly token: string
  /** `bearer` or `api-key`, in any case. */
  readonly scheme: string
}

export interface TenantOptions {
  readonly enabled: boolean
  readonly allowRequestOverride: boolean
  readonly defaultId: string | null
  /** Header a trusted proxy sets, in lower case; consulted only while no credentials are configured. */
  readonly header: string | null
  readonly credentials: readonly TenantCredential[]
  readonly adminToken: string | null
}

export interface Viewers {
  /** @param headers of the upgrade request, names in lower case */
  identify(headers: Readonly<Record<string, string>>): ConnectionIdentity
  /** The viewer of a request. @throws QueryError for the name of a tenant that is too long */
  of(bound: { readonly viewerCluster: string; readonly viewerTenant: string | null }, request: QueryFields): Viewer
}

/** @param sameSecret compares in constant time */
export function createViewers(options: TenantOptions, sameSecret: (a: string, b: string) => boolean): Viewers {
  const { adminToken, allowRequestOverride, credentials, defaultId, enabled, header } = options

  /** Looks at every credential whatever the outcome, so that the time taken tells nothing. */
  function tenantWith(scheme: string, token: string): string | null {
    let found: string | null = null
    for (const credential of credentials) {
      const isSame = sameSecret(credential.token, token)
      if (isSame && credential.scheme.toLowerCase() === scheme) found ??= credential.tenantId
    }
    return found
  }

  function tenantOf(shown: Shown, headers: Readonly<Record<string, string>>): string | null {
    if (!enabled) return null
    if (credentials.length === 0) return (header !== null && headers[header]?.split(',')[0]?.trim()) || null
    return (
      (shown.bearer === undefined ? null : tenantWith('bearer', shown.bearer)) ??
      (shown.apiKey === undefined ? null : tenantWith('api-key', shown.apiKey))
    )
  }

  return {
    identify(headers) {
      const shown = shownIn(headers)
      const isAdmin =
        adminToken !== null && [shown.bearer, shown.apiKey].some((token) => token !== undefined && sameSecret(adminToken, token))
      return { tenantId: tenantOf(shown, headers), isAdmin }
    },

    of({ viewerCluster, viewerTenant }, request) {
      if (viewerTenant !== null || !enabled) return { clusterId: viewerCluster, tenantId: viewerTenant }
      const named = allowRequestOverride ? queryName(request, 'viewer_tenant_id').trim() : ''
      return { clusterId: viewerCluster, tenantId: named || defaultId }
    },
  }
}

interface Shown {
  readonly bearer: string | undefined
  readonly apiKey: string | undefined
}

/** `Authorization` falls into scheme and token at the first blank; without one it is a token of the scheme `bearer`. */
function shownIn(headers: Readonly<Record<string, string>>): Shown {
  const authorization = headers.authorization?.trim() ?? ''
  const blank = authorization.indexOf(' ')
  const scheme = blank < 0 ? 'bearer' : authorization.slice(0, blank).toLowerCase()
  const token = blank < 0 ? authorization : authorization.slice(blank + 1).trim()
  return {
    bearer: scheme === 'bearer' && token !== '' ? token : undefined,
    apiKey: headers['x-api-key']?.trim() || undefined,
  }
}

/** Under which name a viewer is counted and told of. */
export function viewerLabel({ clusterId, tenantId }: Viewer): string {
  return tenantId === null ? `cluster:${clusterId}` : `tenant:${tenantId}`
}
