/** One fault, from a healthy fabric to a healthy fabric: the doctor names it in time and nothing else, and what it advises to run runs. */
import { expect } from 'vitest'
import { mpreg } from '../cli/run-mpreg.ts'
import { consultUntil, isHealthy } from './doctor.ts'
import type { OperatorFabric, OperatorNode } from './operator-fabric.ts'

export interface Fault {
  /** @returns the moment from which it was there, by the monotonic clock */
  inject(): Promise<number>
  undo(): Promise<unknown>
  /** Whom the operator asks; not the node at fault, which may be unable to answer. */
  readonly ask: OperatorNode
  readonly code: string
  readonly node: OperatorNode
  /** Default: the node. */
  readonly subject?: string | RegExp
  readonly remedy: RegExp
}

/** From the fault to the doctor's last word about it. */
const FOUND_WITHIN_MS = 10_000
/** For processes to start, links to be made, and routes to come back, on a machine that has other things to do. */
const HEALTHY_WITHIN_MS = 30_000

/** @returns what it took to find it, in words */
export async function prove(fabric: OperatorFabric, { ask, code, inject, node, remedy, subject, undo }: Fault): Promise<string> {
  const { monitoringUrl, url } = fabric.node(ask)
  await consultUntil(monitoringUrl, isHealthy, HEALTHY_WITHIN_MS)
  const faulty = fabric.node(node).url
  let tookMs = 0
  // One that is not found is undone all the same: the next one needs a healthy fabric.
  try {
    const since = await inject()
    const { code: exit, findings } = await consultUntil(monitoringUrl, (answer) => !isHealthy(answer), FOUND_WITHIN_MS)
    tookMs = performance.now() - since
    const about = subject ?? faulty
    const expected = {
      code,
      node: faulty,
      subject: typeof about === 'string' ? about : expect.stringMatching(about),
      remedy: expect.stringMatching(remedy),
    }
    expect(findings).toMatchObject([expected])
    expect(exit).toBe(1)
    expect(tookMs).toBeLessThan(FOUND_WITHIN_MS)
    const [program, ...words] = (findings[0]?.command ?? '').split(' ')
    if (program === 'mpreg') expect(await mpreg(words, { MPREG_MONITORING_URL: monitoringUrl, MPREG_URL: url })).toMatchObject({ code: 0 })
  } finally {
    await undo()
  }
  await consultUntil(monitoringUrl, isHealthy, HEALTHY_WITHIN_MS)
  return `${code} found after ${(tookMs / 1000).toFixed(1)} s`
}

/** Asks again until the answer will do. */
export async function eventually<T>(ask: () => Promise<T>, accepts: (answer: T) => boolean, limitMs = HEALTHY_WITHIN_MS): Promise<T> {
  const deadline = performance.now() + limitMs
  for (;;) {
    const answer = await ask()
    if (accepts(answer)) return answer
    if (performance.now() > deadline) throw new Error(`after ${limitMs / 1000} s still ${JSON.stringify(answer)}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
