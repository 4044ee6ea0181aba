import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RawJson } from '../wire/browser.ts'
import { encodeCall } from './call-frame.ts'

const U = '01M88VYTTPPHT09KTZE4J0M5R4'

interface Command {
  readonly name: string
  readonly args: unknown
  readonly kwargs: unknown
}

const commandOf = (text: string) => (JSON.parse(text) as { cmds: [Command] }).cmds[0]
const nameOf = (...args: unknown[]) => commandOf(encodeCall(U, 'f', args, {})).name

/** Strings a node may take for a reference. */
function stringsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(stringsIn) : []
}

describe('the label of a call', () => {
  it('is the same for calls with ordinary arguments', () => {
    const names = [[], [1, 2], ['text', { deep: ['x'] }], ['call', 'call.x', 'a @call', '\\', '"']].map((args) => nameOf(...args))
    expect(new Set(names)).toEqual(new Set(['@call']))
  })

  it.each([
    ['the label', '@call'],
    ['a path', '@call.amount'],
    ['deep inside', { a: [{ b: '@call' }] }],
    ['spelled with an escape', new RawJson('"\\u0040call"')],
  ])('is the id of the request when an argument could be taken for a reference: %s', (_what, arg) => {
    expect(nameOf(arg)).toBe(U)
    expect(commandOf(encodeCall(U, 'f', [], { kwargs: { arg } })).name).toBe(U)
  })

  it('never refers to an argument, whatever that is', () => {
    const piece = fc.constantFrom('@call', '@', '.', '"', '\\', '\\u0040call', '\u0000', 'x')
    const string = fc.array(piece, { maxLength: 4 }).map((pieces) => pieces.join(''))
    const value = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof({ depthSize: 'small' }, string, fc.integer(), fc.array(tie('value')), fc.dictionary(string, tie('value'))),
    })).value
    fc.assert(
      fc.property(fc.array(value), fc.dictionary(string, value), (args, kwargs) => {
        const command = commandOf(encodeCall(U, 'f', args, { kwargs }))
        for (const text of stringsIn([command.args, command.kwargs])) expect(text.split('.')[0]).not.toBe(command.name)
      }),
    )
  })
})

describe('the frame of a call', () => {
  it('leaves out what the caller leaves at its default', () => {
    const [plain, full] = [
      commandOf(encodeCall(U, 'f', [1], {})),
      commandOf(
        encodeCall(U, 'f', [], {
          kwargs: { a: 1 },
          locs: ['gpu'],
          functionId: 'id',
          versionConstraint: '>=1',
          targetCluster: 'eu',
          routingTopic: 't',
        }),
      ),
    ]
    expect(plain).toEqual({ name: '@call', fun: 'f', args: [1] })
    expect(full).toEqual({
      name: '@call',
      fun: 'f',
      kwargs: { a: 1 },
      locs: ['gpu'],
      function_id: 'id',
      version_constraint: '>=1',
      target_cluster: 'eu',
      routing_topic: 't',
    })
  })
})
