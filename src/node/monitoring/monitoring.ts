/**
 * Monitoring of a running node: measures from the start to the stop, and serves what it knows over HTTP where the node has real sockets.
 */
import type { Env } from '../../base/index.ts'
import { createMonitorService, type MonitorService, type MonitorViews } from '../../monitor/index.ts'
import { hostForUrl, isWildcardHost } from '../../transport/index.ts'
import { errorLine } from '../../wire/index.ts'
import { claimPort, releasePort } from '../process-ports.ts'
import type { Settings } from '../settings/index.ts'

export interface MonitoringServer {
  /** Where it answers; null while it does not listen. */
  readonly url: string | null
  /** @throws MonitorListenError */
  start(): Promise<void>
  stop(): Promise<void>
}

/** @param nodeId whose host stands in for a wildcard, which is no address others could ask */
export function createMonitoringServer(env: Env, settings: Settings, nodeId: string, views: () => MonitorViews): MonitoringServer {
  const host = settings.monitoringHost ?? settings.host
  let claimed: number | undefined
  let service: MonitorService | undefined

  function release(): void {
    if (claimed !== undefined) releasePort(env.log, claimed)
    claimed = undefined
  }

  return {
    get url() {
      if (service === undefined) return null
      const reachable = isWildcardHost(host) ? new URL(nodeId).hostname : hostForUrl(host)
      return `http://${reachable}:${service.port}`
    },

    async start() {
      if (settings.monitoringPort === null) claimed = await claimPort(env.log, 'monitoring')
      const opening = createMonitorService(views(), {
        env,
        host,
        port: settings.monitoringPort ?? claimed ?? 0,
        cors: settings.monitoringEnableCors,
        token: settings.monitoringToken,
        tokenRequired: settings.monitoringRequireToken,
        allowedOrigins: settings.allowedOrigins,
      })
      try {
        await opening.start()
      } catch (error) {
        release()
        throw error
      }
      service = opening
      if (claimed === undefined) return
      // Told once it is really bound: somebody may have been quicker at the port that was claimed.
      if (opening.port !== claimed) release()
      try {
        await settings.onMonitoringPortAssigned?.(opening.port)
      } catch (error) {
        env.log.scope('fabric.monitoring').error(`on_monitoring_port_assigned failed: ${errorLine(error)}`, error)
      }
    },

    async stop() {
      const closing = service
      service = undefined
      await closing?.stop()
      release()
    },
  }
}
