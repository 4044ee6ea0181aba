import { describe, expect, it } from 'vitest'
import { createVirtualEnv } from '../../base/index.ts'
import { REQUEST_TIMEOUT_MS } from './constants.ts'
import { createRequests, type Request } from './requests.ts'

function setup(refuses: readonly string[] = []) {
  const env = createVirtualEnv({ seed: 1 })
  const asked: string[] = []
  const requests = createRequests(env, ({ peer, version }: Request) => {
    if (refuses.includes(peer)) return false
    asked.push(`${peer} ${version}`)
    return true
  })
  const wanted = (peer: string, version: number) => requests.wanted({ node_id: 'o', epoch: 1, version, beat: 0 }, peer)
  return { env, asked, requests, wanted }
}

describe('requests for a record', () => {
  it('are one at a time', () => {
    const { requests, wanted } = setup()
    expect([wanted('a', 2), wanted('b', 2), wanted('a', 2)]).toEqual([true, false, false])
    requests.arrived('o', 'a', 1, 2)
    expect(requests.size).toBe(0)
    expect(wanted('b', 3)).toBe(true)
  })

  it('go on to those who announced more meanwhile', () => {
    const { asked, requests, wanted } = setup()
    wanted('a', 2)
    wanted('b', 2)
    wanted('c', 4)
    requests.arrived('o', 'a', 1, 2)
    expect(asked).toEqual(['c 4'])
    requests.arrived('o', 'x', 1, 5)
    expect(requests.size).toBe(0)
  })

  it('pass over who does not answer, refuses or is gone', async () => {
    const { env, asked, requests, wanted } = setup(['b'])
    for (const peer of ['a', 'b', 'c', 'd', 'e']) wanted(peer, 2)
    await env.advance(REQUEST_TIMEOUT_MS)
    expect(asked).toEqual(['c 2'])
    requests.lost('d')
    requests.lost('c')
    expect(asked).toEqual(['c 2', 'e 2'])
    requests.fail('o')
    expect([requests.size, requests.timeouts]).toEqual([0, 1])
  })

  it('get more time as pieces come', async () => {
    const { env, requests, wanted } = setup()
    wanted('a', 9)
    for (let version = 1; version < 9; version++) {
      await env.advance(REQUEST_TIMEOUT_MS - 1)
      requests.arrived('o', 'a', 1, version)
    }
    expect([requests.size, requests.timeouts]).toEqual([1, 0])
    requests.arrived('o', 'a', 1, 9)
    expect([requests.size, env.pendingTimers <= 1]).toEqual([0, true])
  })
})
