/**
 * fabric: the control plane. Nodes find each other, stay found, forget the departed, and know who owns what; pure logic over `Env`, so that
 * the same code runs on sockets and, by the hundreds, in simulation.
 *
 * Start at catalog/catalog.ts (who owns what), then peers/ (links to other nodes), gossip/ and sync/ (how the catalog spreads), membership/ (who
 * is alive), dialing/ (whom to connect to) and routing/ (where a call goes).
 */

// catalog
export type { Pace } from './catalog/announcement-pace.ts'
export {
  type Announcer,
  type AnnouncerDeps,
  type AnnouncerOptions,
  type AnnouncerSnapshot,
  createAnnouncer,
  type Offer,
  type Offers,
} from './catalog/announcer.ts'
export {
  type Catalog,
  type CatalogChange,
  type CatalogCountersSnapshot,
  type CatalogDeps,
  type CatalogOptions,
  createCatalog,
  type FunctionQuery,
  type NodeQuery,
  type ServiceQuery,
  type StampVerdict,
} from './catalog/catalog.ts'
export type { Applied, CatalogRefusal, ChangeSource, Refused } from './catalog/changes.ts'
export { type CatalogCounts, type DeltaDraft, type DeltaHeader, deltaSize, draftDelta } from './catalog/delta.ts'
export type { Lifetime } from './catalog/freshness.ts'
export { type FunctionConflict, FunctionConflictError } from './catalog/function-conflict.ts'
export {
  type AnyEntry,
  type AnyKey,
  CATALOG_KINDS,
  type CatalogEntry,
  type CatalogKey,
  type CatalogKind,
  type EntryOfKind,
  type KeyOfKind,
  keyText,
  REMOVALS_OF,
} from './catalog/kinds.ts'
export type { Commit, LocalOwner } from './catalog/local.ts'
export type { OwnerChange, OwnerRemoval, OwnerStamp, OwnerUpdate } from './catalog/owner-record.ts'
export { type CatalogPolicy, type CatalogPolicyOptions, createCatalogPolicy, type PolicyRefusal } from './catalog/policy.ts'

// dialing
export { createConnector } from './dialing/connect-attempts.ts'
export { createDialing, type Dialing, type DialingSnapshot } from './dialing/dial-loop.ts'
export type { DialContext } from './dialing/dial-policy.ts'
export { dialUrlOf } from './dialing/dial-url.ts'
export type { DialOutcome } from './dialing/dialer.ts'
export type { DialExplanation } from './dialing/explain.ts'

// gossip
export { createGossip, type Gossip, type GossipSnapshot } from './gossip/gossip.ts'
export { gossipFrame } from './gossip/message.ts'

// membership
export type { MemberState, StateReason } from './membership/members.ts'
export { createMembership } from './membership/membership.ts'
export type {
  LinkLossCause,
  MemberExplanation,
  MemberSummary,
  Membership,
  MembershipChange,
  MembershipDeps,
  MembershipOptions,
  MembershipSnapshot,
} from './membership/membership-api.ts'
export type { ProbeRecord } from './membership/probing.ts'

// peers
export type { AcceptedOutcome, AcceptedPeer } from './peers/accepting.ts'
export type { ConnectionEvent, ConnectionEventsSnapshot, LostWhy, ReconnectHistory } from './peers/connection-events.ts'
export type { DepartureView } from './peers/departures.ts'
export { type DialRefusal, DialRefused } from './peers/dial-refused.ts'
export type {
  FederationDecision,
  FederationMode,
  FederationPolicy,
  FederationReason,
  FederationVerdict,
} from './peers/federation-decision.ts'
export type { LinkView, PeerExtension, PeerLink, PeerSender } from './peers/links.ts'
export type { DepartureEvent, PeersCatalog, PeersDeps, PeersOptions, RefusalRecord, RoleHandler } from './peers/peer-core.ts'
export { createPeers, type GoodbyeReport, type Peers, type PeersSnapshot } from './peers/peers.ts'
export type { LocalNode } from './peers/status-frame.ts'
export type { PeerStatus } from './peers/status-table.ts'
export type { ClusterMap, HiddenPeer, HiddenReason, ListedPeer, Liveness, MappedNode, PeerViews } from './peers/views.ts'

// routing
export { createFederationGraph } from './routing/graph/federation-graph.ts'
export { createGraphMonitor, type GraphMonitor, type GraphMonitorSnapshot } from './routing/graph/graph-monitor.ts'
export type { MetricSample, MetricSource } from './routing/graph/metric-collector.ts'
export { createPathRouter, type PathRouter, type PathRouterStatistics } from './routing/graph/path-router.ts'
export { type HeaderPlace, type HeaderRefusal, nextHeaders, originHeaders } from './routing/headers.ts'
export { creatorOf } from './routing/link-state/creator.ts'
export { createLinkState, type LinkState, type LinkStateSnapshot, type LinkStateStatus } from './routing/link-state/link-state.ts'
export { isWithdrawal } from './routing/path-vector/ports.ts'
export type { RefusalRecord as RouteRefusalRecord } from './routing/path-vector/refusal-log.ts'
export { createRouteControl, type RouteControl, type RouteControlSnapshot } from './routing/path-vector/route-control.ts'
export type { RouteExplanation } from './routing/path-vector/route-explanation.ts'
export type { LinkMetrics } from './routing/path-vector/route-metrics.ts'
export type { PolicyDirectory, RoutePolicy } from './routing/path-vector/route-policy.ts'
export type { Plan, PlanReason, PlanStep } from './routing/planner/plan.ts'
export { canForward, createPlanner, type Planner, type PlannerSnapshot, type PlanRequest } from './routing/planner/planner.ts'
export { createFileKeyProvider, type KeyProvider } from './routing/security/key-provider.ts'
export type { KeyExplanation } from './routing/security/key-registry.ts'
export type { RouteCrypto } from './routing/security/ports.ts'
export { createRouteTrust, type RouteTrustSnapshot } from './routing/security/route-trust.ts'

// sync
export { createSync, type Sync, type SyncSnapshot } from './sync/sync.ts'
