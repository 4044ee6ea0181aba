/** Every route, in the order of the index: first those of the protocol in its order, then further ones. */
import type { MonitorContext } from '../context.ts'
import type { MonitorRoute } from '../route.ts'
import { alertRoutes } from './alerts.ts'
import { configurationRoutes } from './configuration.ts'
import { discoveryRoutes, dnsRoutes } from './discovery.ts'
import { evidenceRoutes } from './evidence.ts'
import { healthRoutes } from './health.ts'
import { logRoutes } from './log.ts'
import { furtherMetricsRoutes, metricsRoutes } from './metrics.ts'
import { performanceRoutes } from './performance.ts'
import { routingRoutes } from './routing.ts'
import { contractRoutes, indexRoutes, probeRoutes } from './service.ts'
import { timeseriesRoutes } from './timeseries.ts'
import { toolRoutes } from './tools.ts'
import { topologyRoutes } from './topology.ts'

export function allRoutes(context: MonitorContext): MonitorRoute[] {
  return [
    ...healthRoutes(context),
    ...metricsRoutes(context),
    ...discoveryRoutes(context),
    ...timeseriesRoutes(context),
    ...topologyRoutes(context),
    ...performanceRoutes(context),
    ...alertRoutes(context),
    ...configurationRoutes(context),
    ...routingRoutes(context),
    ...indexRoutes(context),
    ...dnsRoutes(context),
    ...furtherMetricsRoutes(context),
    ...probeRoutes(context),
    ...toolRoutes(context),
    ...logRoutes(context),
    ...evidenceRoutes(context),
    ...contractRoutes(context),
  ]
}
