/** Pictures of the process: what uses its processor, and what is in its memory. They hold it up, and show secrets: only with the token. */
import { EvidenceRefusedError } from '../../telemetry/index.ts'
import type { MonitorContext } from '../context.ts'
import { RequestRefusal } from '../errors.ts'
import { JSON_TYPE, type MonitorRequest, type MonitorRoute, queryCount, StreamAnswer, TextAnswer } from '../route.ts'
import type { EvidenceViews } from '../views.ts'

const PROFILE_SECONDS = 10
const PROFILE_SECONDS_MAX = 60

export function evidenceRoutes({ views }: MonitorContext): MonitorRoute[] {
  return [
    {
      method: 'GET',
      path: '/debug/profile',
      description: 'A processor profile as Chrome DevTools and others open it (.cpuprofile); always needs the token',
      query: { seconds: `For how long, 1 to ${PROFILE_SECONDS_MAX}; without it ${PROFILE_SECONDS}` },
      needsToken: true,
      async reply(request) {
        const seconds = queryCount(request, 'seconds', PROFILE_SECONDS, PROFILE_SECONDS_MAX)
        return new TextAnswer(200, JSON_TYPE, await taken(request, (evidence, gone) => evidence.cpuProfile(seconds, gone)))
      },
    },
    {
      method: 'GET',
      path: '/debug/heap',
      description: 'A heap snapshot (.heapsnapshot); the process stands still while it is taken. Always needs the token',
      needsToken: true,
      reply: async (request) => new StreamAnswer(JSON_TYPE, await taken(request, (evidence, gone) => evidence.heapSnapshot(gone))),
    },
  ]

  /** @throws RequestRefusal 409 while another is being taken, 503 where none can be */
  async function taken<T>(request: MonitorRequest, take: (evidence: EvidenceViews, gone: AbortSignal) => T | Promise<T>): Promise<T> {
    if (views.evidence === undefined) throw new RequestRefusal(503, 'this node takes no pictures of its process')
    const { gone } = request
    try {
      return await take(views.evidence, gone)
    } catch (error) {
      throw refusalOf(error, gone)
    }
  }
}

function refusalOf(error: unknown, gone: AbortSignal): unknown {
  if (error instanceof EvidenceRefusedError) return new RequestRefusal(error.code === 'EVIDENCE_BUSY' ? 409 : 503, error.message)
  // Nobody reads this; it keeps a client that hung up from being logged as a failure.
  return gone.aborted ? new RequestRefusal(400, 'the client is gone') : error
}
