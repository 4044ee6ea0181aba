import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RawJson } from './json.ts'
import {
  decodeRpcRequest,
  encodeRpcError,
  encodeRpcResponse,
  encodeServerReply,
  encodeSingleResult,
  rpcRequestFrame,
  rpcResponseFrame,
} from './rpc.ts'
import { encodeRpcRequest } from './rpc-client.ts'

const decode = (text: string) => decodeRpcRequest(JSON.parse(text), text)

describe('an rpc request', () => {
  it('needs no more than its commands and its correlation id', () => {
    expect(decode('{"role":"rpc","cmds":[{"name":"a","fun":"f"}],"u":"1","extra":true}')).toEqual({
      u: '1',
      cmds: [
        {
          name: 'a',
          fun: 'f',
          args: [],
          kwargs: {},
          locs: [],
          function_id: null,
          version_constraint: null,
          target_cluster: null,
          routing_topic: null,
        },
      ],
      return_intermediate_results: false,
      intermediate_result_callback_topic: null,
      include_execution_summary: false,
      debug_mode: false,
    })
  })

  it.each([
    ['{"role":"rpc","u":"1"}', 'cmds is required'],
    ['{"role":"rpc","cmds":[]}', 'u is required'],
    ['{"role":"rpc","cmds":{},"u":"1"}', 'cmds must be an array'],
    ['{"role":"rpc","cmds":[{"name":"a"}],"u":"1"}', 'cmds.0.fun is required'],
    ['{"role":"rpc","cmds":[{"name":"a","fun":"f"},{"name":"b","fun":7}],"u":"1"}', 'cmds.1.fun must be a string'],
    ['{"role":"rpc","cmds":[{"name":"a","fun":"f","args":{}}],"u":"1"}', 'cmds.0.args must be an array'],
    ['{"role":"rpc","cmds":[{"name":"a","fun":"f","kwargs":[]}],"u":"1"}', 'cmds.0.kwargs must be an object'],
    ['{"role":"rpc","cmds":[{"name":"a","fun":"f","locs":"eu"}],"u":"1"}', 'cmds.0.locs must be an array'],
    ['{"role":"rpc","cmds":[{"name":"a","fun":"f","version_constraint":1}],"u":"1"}', 'cmds.0.version_constraint must be a string or null'],
    ['{"role":"rpc","cmds":[],"u":1}', 'u must be a string'],
    ['{"role":"rpc","cmds":[],"u":"1","debug_mode":"yes"}', 'debug_mode must be true or false'],
  ])('%s is refused: %s', (text, message) => {
    expect(() => decode(text)).toThrow(message)
  })

  it('carries an argument as text where only the text is faithful', () => {
    const [cmd] = decode(
      '{"role":"rpc","cmds":[{"name":"a","fun":"f","args":[1, 1.0, "x 1.0", {"2":[],"1":-0}],"kwargs":{"k":18446744073709551615,"__proto__":1e5,"p":7}}],"u":"1"}',
    ).cmds
    expect(cmd?.args).toEqual([1, new RawJson('1.0'), 'x 1.0', new RawJson('{"2":[],"1":-0}')])
    expect(Object.entries(cmd?.kwargs ?? {})).toEqual([
      ['k', new RawJson('18446744073709551615')],
      ['__proto__', new RawJson('1e5')],
      ['p', 7],
    ])
  })

  it('keeps arguments with their own commands, blanks and repeated members or not', () => {
    const { cmds } = decode(
      '{ "cmds" : [0], "role":"rpc", "u":"1", "cmds" : [ {"args":[9], "name":"a", "fun":"f", "args" : [ 1.0 ] } , {"name":"b","fun":"g","args":[2.0]} ] }',
    )
    expect(cmds.map((cmd) => [cmd.name, cmd.args])).toEqual([
      ['a', [new RawJson('1.0')]],
      ['b', [new RawJson('2.0')]],
    ])
  })

  it('reads what a client wrote', () => {
    const name = fc.string({ unit: 'grapheme' })
    const command = fc.record(
      {
        name,
        fun: name,
        args: fc.array(fc.jsonValue()),
        kwargs: fc.dictionary(name, fc.jsonValue()),
        locs: fc.array(name),
        functionId: name,
        versionConstraint: name,
        targetCluster: name,
        routingTopic: name,
      },
      { requiredKeys: ['name', 'fun'] },
    )
    fc.assert(
      fc.property(fc.array(command), fc.boolean(), (cmds, flag) => {
        const text = encodeRpcRequest('u1', cmds, { debugMode: flag, returnIntermediateResults: !flag })
        expect(rpcRequestFrame.check(JSON.parse(text))).toBe(true)
        const request = decode(text)
        expect(request).toMatchObject({ u: 'u1', debug_mode: flag, return_intermediate_results: !flag })
        expect(request.cmds.map((cmd) => [cmd.name, cmd.fun, cmd.function_id, cmd.locs])).toEqual(
          cmds.map((cmd) => [cmd.name, cmd.fun, cmd.functionId ?? null, cmd.locs ?? []]),
        )
      }),
    )
    expect(encodeRpcRequest('1', [{ name: 'a', fun: 'f' }])).toBe(encodeRpcRequest('1', [{ name: 'a', fun: 'f' }], {}))
  })
})

describe('an rpc response', () => {
  it('has its five members in their order, and no role', () => {
    expect(encodeSingleResult('1', 'a"', '1.0')).toBe(
      '{"r":{"a\\"":1.0},"error":null,"u":"1","intermediate_results":[],"execution_summary":null}',
    )
    expect(encodeRpcResponse('1', new Map([['a', '1.0']]), [], null)).toBe(encodeSingleResult('1', 'a', '1.0'))
    expect(encodeServerReply('1', 'STATUS')).toBe('{"r":"STATUS","error":null,"u":"1","intermediate_results":[],"execution_summary":null}')
    expect(encodeRpcError('1', { code: 1001, message: 'no', details: null })).toBe(
      '{"r":null,"error":{"code":1001,"message":"no","details":null},"u":"1","intermediate_results":[],"execution_summary":null}',
    )
  })

  it('is what its schema says, instrumented too', () => {
    const results = new Map([['a', '1.0']])
    const text = encodeRpcResponse(
      '1',
      results,
      [
        {
          request_id: '1',
          level_index: 0,
          level_results: results,
          accumulated_results: results,
          total_levels: 1,
          completed_levels: 1,
          timestamp: 1.5,
          execution_time_ms: 2.5,
        },
      ],
      {
        request_id: '1',
        total_execution_time_ms: 2.5,
        total_levels: 1,
        level_execution_times: [2.5],
        bottleneck_level_index: 0,
        average_level_time_ms: 2.5,
        parallel_commands_executed: 1,
        cross_cluster_hops: 0,
      },
    )
    expect(rpcResponseFrame.check(JSON.parse(text))).toBe(true)
    expect(text).toContain('"level_results":{"a":1.0},"accumulated_results":{"a":1.0}')
  })
})
