/** Links that come and go. */
import { commands } from './commands.ts'
import type { Examination } from './examination.ts'
import type { Suspicion } from './finding.ts'
import { pair } from './peer-rules.ts'
import { causesOfLinks } from './reachability.ts'
import { FLAPS } from './thresholds.ts'

interface Flapping {
  readonly ends: readonly [string, string]
  readonly reconnects: number
  readonly lines: readonly string[]
}

/** Both ends count the same breaks. A node whose links to several others flap is the one to look at, so that is one finding. */
export function linkFaults(exam: Examination): Suspicion[] {
  const flapping = flappingLinks(exam)
  const counts = new Map<string, number>()
  for (const { ends } of flapping) for (const end of ends) counts.set(end, (counts.get(end) ?? 0) + 1)
  const byNode = new Map<string, Flapping[]>()
  for (const link of flapping) {
    const [a, b] = link.ends
    const node = (counts.get(b) ?? 0) > (counts.get(a) ?? 0) ? b : a
    byNode.set(node, [...(byNode.get(node) ?? []), link])
  }
  return [...byNode].map(([node, links]): Suspicion => {
    const others = links.map(({ ends }) => (ends[0] === node ? ends[1] : ends[0]))
    const most = Math.max(...links.map(({ reconnects }) => reconnects))
    return {
      severity: 'warning',
      code: 'link_flapping',
      node,
      subject: others.length === 1 ? pair(node, others[0] as string) : node,
      summary: `The ${others.length === 1 ? 'link' : 'links'} between ${node} and ${others.join(', ')} keep${others.length === 1 ? 's' : ''} breaking: made again ${most} times in 10 minutes.`,
      evidence: links.flatMap(({ lines }) => lines),
      remedy:
        'Look at the network between the two (loss, a proxy or firewall with a short idle time, a cable), and at the load of both: a process that stands still loses its links.',
      command: commands.explainPeer(others[0] as string),
      causes: [...causesOfLinks(exam, [node, ...others]), ...others.flatMap((other) => [`peer:${other}`])],
      effects: [`links:${node}`, ...others.map((other) => `links:${other}`)],
    }
  })
}

/** One that has held for a while now is mended, and one to a node that has left is nobody's any more. */
function flappingLinks(exam: Examination): Flapping[] {
  const links = new Map<string, Flapping>()
  for (const node of exam.nodes) {
    const by = node.node_id
    for (const { departed, link, node_id: nodeId } of node.peers) {
      if (departed || link === null || link.reconnects_10m < FLAPS || !exam.isRecent(node, link.last_disconnect_at ?? node.wall_clock))
        continue
      const last = link.last_disconnect_reason ? `; the last time: ${link.last_disconnect_reason}` : ''
      const line = `${by}: link to ${nodeId} broke without a word and was made again ${link.reconnects_10m} times in 10 minutes${last}`
      const key = pair(by, nodeId)
      const known = links.get(key)
      links.set(key, {
        ends: known?.ends ?? [by, nodeId],
        reconnects: Math.max(known?.reconnects ?? 0, link.reconnects_10m),
        lines: [...(known?.lines ?? []), line],
      })
    }
  }
  return [...links.values()]
}
