import { describe, expect, it, onTestFinished } from 'vitest'
import { createNode, type Node } from '../../src/node/index.ts'

const TOKEN = 'evidence-token'
const authorized = { headers: { authorization: `Bearer ${TOKEN}` } }

async function monitored(settings: object = {}, logSink: (line: string) => void = () => {}): Promise<Node> {
  const node = await createNode({ port: 0, monitoringPort: 0, monitoringToken: TOKEN, ...settings }, { logSink })
  onTestFinished(() => node.stop())
  await node.start()
  return node
}

async function refusal(response: Response): Promise<{ status: number; message: string }> {
  const { message } = (await response.json()) as { message: string }
  return { status: response.status, message }
}

interface CpuProfile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: { readonly functionName: string; readonly url: string } }[]
  readonly samples: readonly number[]
  readonly startTime: number
  readonly endTime: number
}

function countSheepBusily(): number {
  let sheep = 0
  for (let jump = 0; jump < 20_000_000; jump++) sheep = (sheep * 31 + jump) % 1_000_003
  return sheep
}

describe('a processor profile over HTTP', () => {
  it('names the function that keeps the process busy', async () => {
    let onBegun = (): void => {}
    const begun = new Promise<void>((resolve) => {
      onBegun = resolve
    })
    const node = await monitored({}, (line) => {
      if (line.includes('processor profile of 1 s begins')) onBegun()
    })
    node.register('sheep', countSheepBusily)
    let isOver = false
    const answering = fetch(`${node.monitoringUrl}/debug/profile?seconds=1`, authorized).finally(() => {
      isOver = true
    })
    // Not before: what the compiler has made part of its caller by then, the profiler does not tell apart from it.
    await begun
    while (!isOver) {
      await node.call('sheep')
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    const response = await answering
    expect(response.status).toBe(200)
    const profile = (await response.json()) as CpuProfile
    expect(profile.endTime - profile.startTime).toBeGreaterThan(500_000)
    const busy = profile.nodes.filter(({ callFrame }) => callFrame.functionName === 'countSheepBusily').map(({ id }) => id)
    expect(busy).not.toEqual([])
    const share = profile.samples.filter((id) => busy.includes(id)).length / profile.samples.length
    expect(share, 'most of the time is spent there').toBeGreaterThan(0.3)
  })

  it('is taken one at a time, and a client that hangs up makes room', async () => {
    const node = await monitored()
    const hangUp = new AbortController()
    const url = `${node.monitoringUrl}/debug/profile?seconds=60`
    const first = fetch(url, { ...authorized, signal: hangUp.signal }).catch((error: unknown) => error)
    const second = await expectSoon(async () => {
      const told = await refusal(await fetch(`${node.monitoringUrl}/debug/heap`, { ...authorized, method: 'GET' }))
      return told.status === 409 ? told : undefined
    })
    expect(second.message).toMatch(/^a profile of 60 s is being taken since \d+ s: one at a time, ask again later$/)
    hangUp.abort()
    await first
    await expectSoon(async () => {
      const { status } = await fetch(`${node.monitoringUrl}/debug/profile?seconds=1`, authorized)
      return status === 200 ? true : undefined
    })
  })

  it('is bounded in time', async () => {
    const { monitoringUrl } = await monitored()
    for (const seconds of ['0', '61', '-1', 'long']) {
      const { message, status } = await refusal(await fetch(`${monitoringUrl}/debug/profile?seconds=${seconds}`, authorized))
      expect(status).toBe(400)
      expect(message).toBe(`Invalid parameter: seconds must be a whole number from 1 to 60, not "${seconds}"`)
    }
  })
})

describe('a heap snapshot over HTTP', () => {
  it('is a snapshot as DevTools reads it', async () => {
    const { monitoringUrl } = await monitored()
    const response = await fetch(`${monitoringUrl}/debug/heap`, authorized)
    expect(response.status).toBe(200)
    const text = await response.text()
    expect(text.startsWith('{"snapshot":{"meta":{"node_fields":[')).toBe(true)
    expect(text.trimEnd().endsWith('}')).toBe(true)
  })
})

describe('pictures of the process', () => {
  it('are given for the token alone, on loopback too, and where tokens are switched off', async () => {
    for (const settings of [{}, { monitoringRequireToken: false }]) {
      const { monitoringUrl } = await monitored(settings)
      for (const path of ['/debug/profile', '/debug/heap']) {
        const { message, status } = await refusal(await fetch(`${monitoringUrl}${path}`))
        expect(status).toBe(401)
        expect(message).toContain('it shows all that is in the process')
      }
      expect((await fetch(`${monitoringUrl}/health`)).status).toBe(200)
    }
  })

  it('are given to nobody by a node without a token', async () => {
    const { monitoringUrl } = await monitored({ monitoringToken: null, monitoringRequireToken: false })
    const { message, status } = await refusal(await fetch(`${monitoringUrl}/debug/heap`, authorized))
    expect(status).toBe(403)
    expect(message).toMatch(/the node has none: set monitoring_token \(/)
  })
})

/** Asks until there is an answer. */
async function expectSoon<T>(look: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + 15_000
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (performance.now() > deadline) throw new Error('what was expected did not come about in 15 s')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
