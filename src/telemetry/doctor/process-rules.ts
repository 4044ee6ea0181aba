/** Processes that do not keep up: their event loop, their clock, and those who read from them. */
import { commands } from './commands.ts'
import { duration, type Examination, refusalLine } from './examination.ts'
import type { Suspicion } from './finding.ts'
import { CLOCK_OFFSET_CRITICAL_SECONDS, CLOCK_OFFSET_SECONDS, STALL_MS, STALL_STARTUP_SECONDS } from './thresholds.ts'

export function processFaults(exam: Examination): Suspicion[] {
  return [...stalledLoops(exam), ...slowConsumers(exam), ...skewedClocks(exam)]
}

function stalledLoops(exam: Examination): Suspicion[] {
  return exam.nodes.flatMap((by) => {
    const { node_id: node, uptime_seconds, wall_clock } = by
    const startedAt = wall_clock - uptime_seconds
    const stalls = by.process.stalls.filter(
      ({ at, ms }) => ms >= STALL_MS && exam.isRecent(by, at) && at - startedAt > STALL_STARTUP_SECONDS,
    )
    if (stalls.length === 0) return []
    const longest = Math.max(...stalls.map(({ ms }) => ms))
    const suspicion: Suspicion = {
      severity: 'warning',
      code: 'event_loop_stalled',
      node,
      subject: node,
      summary: `The event loop of node ${node} stood still ${stalls.length === 1 ? 'once' : `${stalls.length} times`} in the last ${duration(exam.recentSeconds)}, for up to ${(longest / 1000).toFixed(1)} s.`,
      evidence: stalls
        .slice(-5)
        .map(({ at, ms }) => `${node}: stood still for ${(ms / 1000).toFixed(1)} s, ${duration(wall_clock - at)} ago`),
      remedy: `Find the function that computes or waits without giving way, and register it to run in a worker thread ({ module, export }); check the machine for swapping and CPU limits.`,
      command: commands.explainPeer(node),
      causes: [`stalled:${node}`, `links:${node}`, `peer:${node}`],
    }
    return [suspicion]
  })
}

function slowConsumers(exam: Examination): Suspicion[] {
  const waiting = exam.nodes.flatMap((by) =>
    by.slow_consumers.map(
      ({ buffered_bytes, kind, remote, since }): Suspicion => ({
        ...slowConsumer(by.node_id, remote),
        summary: `${kind === 'client' ? 'A client' : 'Another node'} (${remote}) reads too slowly from node ${by.node_id}: ${megabytes(buffered_bytes)} are waiting for it.`,
        evidence: [
          `${by.node_id}: ${megabytes(buffered_bytes)} waiting for ${remote} since ${duration(by.wall_clock - since)}; at ${megabytes(by.settings.send_buffer_bytes_max)} it is cut off`,
        ],
        causes: [`links:${remote}`],
      }),
    ),
  )
  const dropped = exam.refusals('slow_consumer').map((refused): Suspicion => {
    const { by, refusal } = refused
    return {
      ...slowConsumer(by.node_id, refusal.subject),
      summary: `Node ${by.node_id} cut off ${refusal.subject}, which read too slowly: what was waiting for it is lost.`,
      evidence: [refusalLine(refused)],
    }
  })
  return [...waiting, ...dropped]
}

function slowConsumer(node: string, remote: string): Omit<Suspicion, 'summary' | 'evidence'> {
  return {
    severity: 'warning',
    code: 'slow_consumer',
    node,
    subject: remote,
    remedy: `Make the reader at ${remote} faster, have it subscribe to less, or spread its subscriptions over several connections; send_buffer_bytes_max only postpones the end.`,
    command: commands.transportMetrics,
  }
}

function megabytes(bytes: number): string {
  return bytes < 1_000_000 ? `${Math.round(bytes / 1_000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`
}

function skewedClocks(exam: Examination): Suspicion[] {
  const off = exam.clocks.filter(({ seconds }) => Math.abs(seconds) > CLOCK_OFFSET_SECONDS)
  return off.map(({ compared, evidence, node_id: node, seconds }): Suspicion => {
    const size = Math.abs(seconds)
    const way = seconds > 0 ? 'ahead of' : 'behind'
    const summary =
      compared > 1
        ? `The clock of node ${node} is ${duration(size)} ${way} that of the others.`
        : `The clock of node ${node} is ${duration(size)} ${way} the only other one: one of the two is wrong.`
    return {
      severity: size > CLOCK_OFFSET_CRITICAL_SECONDS ? 'critical' : 'warning',
      code: 'clock_skewed',
      node,
      subject: node,
      summary,
      evidence,
      remedy: `Set the clock of the machine of ${node}, and keep it set: switch time synchronisation on (chrony, systemd-timesyncd).`,
      command: commands.clock,
    }
  })
}
