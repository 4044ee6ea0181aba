/**
 * Settings: one table (schema.ts) from which the types, the checks, the command-line options and the guide follow.
 *
 * Start reading at schema.ts. {@link loadSettings} reads a file, {@link resolveSettings} takes what code gives; both return complete,
 * normalised settings or throw one {@link SettingsError} that names every problem. {@link readRoutingSettings} reads what a node can take up
 * while it runs.
 */

export type { SettingsFormat } from './document.ts'
export { loadSettings } from './load.ts'
export { type StartOption, serverStartOptions, settingsFromOptions } from './options.ts'
export { SettingsError, type SettingsProblem, type SettingsProblemCode } from './report.ts'
export { type ResolvedSettings, type ResolveOptions, resolveSettings, settingsDocument } from './resolve.ts'
export {
  type RoutingSettings,
  type RoutingSettingsOptions,
  type RoutingSettingsRead,
  readRouteKeys,
  readRoutingSettings,
} from './routing-settings.ts'
export type {
  FederationConfig,
  PersistenceConfig,
  PortCallback,
  Settings,
  SettingsInput,
  Subsystem,
} from './schema.ts'
export type { DiscoveryScope, RouteKeyProvider, RouteKeyRefresh } from './structures.ts'
export { type WatchedFile, watchedFile } from './watched-file.ts'
