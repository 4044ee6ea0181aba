/** Nodes that end without a goodbye and come back as another process, again and again. */
import { commands } from './commands.ts'
import { duration, type Examination, type Sighting } from './examination.ts'
import type { Suspicion } from './finding.ts'
import { causesOfLoss } from './reachability.ts'
import { CRASH_RESTARTS, CRASH_RESTARTS_SECONDS } from './thresholds.ts'

/** What one node saw of another that keeps ending. */
interface CrashLoop {
  readonly by: string
  readonly restarts: number
  /** How long ago the first and the last of them were, s. */
  readonly firstAgo: number
  readonly lastAgo: number
}

export function crashLoops(exam: Examination): Suspicion[] {
  return [...exam.sightings].flatMap(([nodeId, sightings]): Suspicion[] => {
    if (exam.isDeparted(nodeId)) return []
    const loops = sightings.flatMap((sighting) => crashLoop(exam, sighting) ?? [])
    const [worst] = [...loops].sort((a, b) => b.restarts - a.restarts)
    if (worst === undefined) return []
    const uptime = exam.node(nodeId)?.uptime_seconds
    return [
      {
        severity: 'warning',
        code: 'node_restarting',
        node: nodeId,
        subject: nodeId,
        summary: `Node ${nodeId} keeps crashing: within ${duration(worst.firstAgo)} it ended without a goodbye and was started again ${worst.restarts} times, the last time ${duration(worst.lastAgo)} ago.`,
        evidence: [
          ...(uptime === undefined ? [] : [`${nodeId}: has been up for ${duration(uptime)}`]),
          ...loops.map(
            ({ by, firstAgo, lastAgo, restarts }) =>
              `${by}: linked to ${restarts} new processes of it since ${duration(firstAgo)} ago, each after one that said no goodbye; the last ${duration(lastAgo)} ago`,
          ),
        ],
        remedy:
          'Look at the end of the log and the exit code of its last process, and at what starts it again: an error nobody caught, memory that ran out, or a supervisor that kills what it takes for unhealthy.',
        command: commands.explainPeer(nodeId),
        causes: [`restarting:${nodeId}`, `peer:${nodeId}`, `links:${nodeId}`, ...causesOfLoss(exam, nodeId)],
      },
    ]
  })
}

/** Undefined where it is none, or has held for a while now. */
function crashLoop(exam: Examination, { by, peer }: Sighting): CrashLoop | undefined {
  const now = by.wall_clock
  const times = (peer.link?.crash_restarts_at ?? []).filter((at) => now - at <= CRASH_RESTARTS_SECONDS)
  const [first] = times
  const last = times.at(-1)
  if (first === undefined || last === undefined || times.length < CRASH_RESTARTS || !exam.isRecent(by, last)) return undefined
  return { by: by.node_id, restarts: times.length, firstAgo: now - first, lastAgo: now - last }
}
