import { describe, expect, it } from 'vitest'
import { encodeJson, RawJson, RPC_CODES, RpcError } from '../wire/index.ts'
import { createDescribe, type DescribeDeps } from './describe.ts'
import { createFunctions } from './functions.ts'
import { ask, functionEntry, nobody, world } from './sample-world.ts'

type Asked = Readonly<Record<string, unknown>>

/** Functions `a.<n>` of as many nodes as there are answers; a node answers what its own says. */
function describing(answers: readonly ((asked: Asked) => string | Error)[], members: object = { spec_digest: 'd' }) {
  const functions = answers.map((_, index) => functionEntry(`a.${index}`, { node_id: `ws://n${index}:1`, ...members }))
  const asked: { readonly node: string; readonly request: Asked; readonly timeoutMs: number | undefined }[] = []
  const deps = world({ entries: { functions } })
  const callNode: DescribeDeps['callNode'] = async ({ node_id }, { args = [] }, _parent, timeoutMs) => {
    const request = args[0] as Asked
    asked.push({ node: node_id, request, timeoutMs })
    const answer = (answers[functions.findIndex((entry) => entry.node_id === node_id)] as (request: Asked) => string | Error)(request)
    if (answer instanceof Error) throw answer
    return new RawJson(answer)
  }
  const { describe: command } = createDescribe({ ...deps, functions: createFunctions(deps), callNode })
  return { command, asked }
}

const item = (name: string, spec: string) =>
  `{"items":[{"identity":{"name":"${name}","function_id":"${name}","version":"1.0.0"},"spec":${spec}}],"errors":[]}`

describe('rpc_describe', () => {
  it('passes specifications on as the text they are', async () => {
    const spec = '{"default":1.0,"big":18446744073709551616}'
    const { command } = describing([() => item('a.0', spec)])
    expect(encodeJson(await command({}, nobody, {} as never))).toContain(`"spec":${spec}`)
  })

  it('asks by digest where all functions of a node have one, else by name and id', async () => {
    const answer = () => '{"items":[]}'
    const withDigest = describing([answer])
    await ask(withDigest.command, { timeout_seconds: 2 })
    expect(withDigest.asked).toEqual([
      { node: 'ws://n0:1', request: { mode: 'local', detail_level: 'full', limit: 2000, spec_digests: ['d'] }, timeoutMs: 2_000 },
    ])
    const without = describing([answer], {})
    await ask(without.command, { timeout_seconds: 0 })
    expect(without.asked).toEqual([
      {
        node: 'ws://n0:1',
        request: { mode: 'local', detail_level: 'full', limit: 2000, function_names: ['a.0'], function_ids: ['a.0'] },
        timeoutMs: Number.POSITIVE_INFINITY,
      },
    ])
  })

  it('leaves out what it did not ask for', async () => {
    const { command } = describing([() => item('b.9', '{"x":1}')])
    expect((await ask(command)).items).toEqual([expect.not.objectContaining({ spec: expect.anything() })])
  })

  it('says of each node what went wrong with it, and shows the others', async () => {
    const { command } = describing([
      () => '{"error":"bad request","command":"rpc_describe_local","error_type":"ValueError"}',
      () => '[1,2]',
      () => new RpcError({ code: RPC_CODES.timedOut, message: 'late' }),
      () => new TypeError('link broke'),
      () => item('a.4', '{"x":1}'),
    ])
    const { errors, items } = await ask(command)
    expect(errors).toEqual([
      { node_id: 'ws://n0:1', cluster_id: 'moss', error: 'bad request' },
      { node_id: 'ws://n1:1', cluster_id: 'moss', error: 'unexpected_response_type' },
      { node_id: 'ws://n2:1', cluster_id: 'moss', error: 'timeout' },
      { node_id: 'ws://n3:1', cluster_id: 'moss', error: 'TypeError: link broke' },
    ])
    expect(items.filter((found) => 'spec' in found)).toHaveLength(1)
  })

  it('asks sixteen nodes at a time', async () => {
    let running = 0
    let most = 0
    const deps = world({
      entries: { functions: Array.from({ length: 40 }, (_, n) => functionEntry(`a.${n}`, { node_id: `ws://n${n}:1` })) },
    })
    const callNode: DescribeDeps['callNode'] = async () => {
      most = Math.max(most, ++running)
      await Promise.resolve()
      running--
      return new RawJson('{"items":[]}')
    }
    await ask(createDescribe({ ...deps, functions: createFunctions(deps), callNode }).describe)
    expect(most).toBe(16)
  })

  it.each([{ mode: 'everywhere' }, { max_nodes: 'few' }, { timeout_seconds: 'soon' }])('refuses %o', async (request) => {
    await expect(ask(describing([() => '{}']).command, request)).rejects.toThrow(/Unsupported rpc_describe mode|must be a number/)
  })
})
