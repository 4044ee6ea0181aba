/**
 * Pictures of the process, for whoever has to find out what it does: a profile of the processor, a snapshot of the heap.
 *
 * One at a time for the whole process, however many nodes run in it: each holds the process up, and two would measure one another.
 */
import type { Session } from 'node:inspector/promises'
import type { Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { getHeapSnapshot } from 'node:v8'
import type { LogScope } from '../../base/index.ts'
import type { EvidenceViews } from '../../monitor/index.ts'
import { EvidenceRefusedError } from '../../telemetry/index.ts'

/** What is being taken, and when it began; of the process, not of one node. */
let taking: { readonly what: string; readonly startedMs: number } | undefined

export function createEvidence(log: LogScope): EvidenceViews {
  return {
    async cpuProfile(seconds, gone) {
      const release = claim(`a profile of ${seconds} s`)
      try {
        const session = await profiling()
        try {
          log.info(`processor profile of ${seconds} s begins`)
          await pause(seconds * 1000, undefined, { signal: gone, ref: false })
          const { profile } = await session.post('Profiler.stop')
          log.info(`processor profile taken samples=${profile.samples?.length ?? 0}`)
          return JSON.stringify(profile)
        } finally {
          session.disconnect()
        }
      } finally {
        release()
      }
    },

    heapSnapshot(gone) {
      const release = claim('a heap snapshot')
      try {
        log.info('heap snapshot begins; the process stands still meanwhile')
        const startedMs = performance.now()
        const snapshot: Readable = getHeapSnapshot()
        log.info(`heap snapshot taken in ${Math.round(performance.now() - startedMs)} ms, and sent`)
        snapshot.once('close', release)
        gone.addEventListener('abort', () => snapshot.destroy(), { once: true })
        return snapshot
      } catch (error) {
        release()
        throw error
      }
    },
  }
}

/** @throws EvidenceRefusedError */
function claim(what: string): () => void {
  if (taking !== undefined) {
    const seconds = Math.round((performance.now() - taking.startedMs) / 1000)
    throw new EvidenceRefusedError(`${taking.what} is being taken since ${seconds} s: one at a time, ask again later`, {
      code: 'EVIDENCE_BUSY',
    })
  }
  const own = { what, startedMs: performance.now() }
  taking = own
  return () => {
    if (taking === own) taking = undefined
  }
}

/** A session whose profiler runs. @throws EvidenceRefusedError where the inspector is built out of the runtime */
async function profiling(): Promise<Session> {
  let session: Session | undefined
  try {
    const inspector = await import('node:inspector/promises')
    session = new inspector.Session()
    session.connect()
    await session.post('Profiler.enable')
    await session.post('Profiler.start')
    return session
  } catch (cause) {
    session?.disconnect()
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new EvidenceRefusedError(`no processor profile can be taken: ${reason}`, { code: 'EVIDENCE_UNAVAILABLE', cause })
  }
}
