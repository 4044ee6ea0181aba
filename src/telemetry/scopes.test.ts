import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { diagnosticChannels, type LogComponent, logComponents, moduleName, scopeSelects, unknownScopeWarnings } from './scopes.ts'

const absentScopes = Object.entries<LogComponent>(logComponents).flatMap(([scope, { absence }]) => (absence === undefined ? [] : [scope]))

/** Components a configured scope selects. */
function selectedBy(configured: string): string[] {
  return Object.keys(logComponents).filter((scope) => scopeSelects(configured, scope))
}

describe('debug scopes', () => {
  it('select by prefix, with or without the leading mpreg.', () => {
    expect(selectedBy('fabric.queue')).toEqual(['fabric.queue', 'fabric.queue_federation'])
    expect(selectedBy('mpreg.fabric.queue')).toEqual(['fabric.queue', 'fabric.queue_federation'])
    expect(selectedBy(' core.timer ')).toEqual(['core.timer'])
  })

  it('select by module names of the Python implementation', () => {
    expect(selectedBy('mpreg.core.message_queue')).toEqual(['queue', 'queue.manager'])
    expect(selectedBy('core.message_queue_manager')).toEqual(['queue.manager'])
    expect(selectedBy('mpreg.datastructures')).toEqual(['raft.impl', 'raft.rpc', 'raft.storage', 'raft.tasks'])
    expect(selectedBy('fabric.route_key_gossip')).toEqual(['fabric.route_control'])
    expect(selectedBy('mpreg.server')).toEqual(['server', 'pubsub', 'goodbye'])
  })

  it('select everything as mpreg, and nothing when blank or unknown', () => {
    expect(selectedBy('mpreg')).toEqual(Object.keys(logComponents))
    expect([...selectedBy(''), ...selectedBy('  '), ...selectedBy('Fabric'), ...selectedBy('mpreg.nothing')]).toEqual([])
  })

  it('each select at least the component of that name', () => {
    for (const scope of Object.keys(logComponents)) {
      expect(selectedBy(scope)).toContain(scope)
      expect(selectedBy(moduleName(scope))).toContain(scope)
    }
  })
})

describe('the warning about a scope', () => {
  it('names the nearest valid one', () => {
    expect(unknownScopeWarnings(['fabric.gosip', 'mpreg.fabric.ruoter', 'peer_dail', 'zzzzzzzzzzz'])).toEqual([
      'no component logs under "fabric.gosip", did you mean "fabric.gossip"?',
      'no component logs under "mpreg.fabric.ruoter", did you mean "fabric.router"?',
      'no component logs under "peer_dail", did you mean "peer_dial"?',
      'no component logs under "zzzzzzzzzzz"',
    ])
  })

  it('says when nothing of that name exists in this version', () => {
    expect(unknownScopeWarnings(['raft.impl', 'mpreg.core.global_cache', 'dns'])).toEqual([
      'nothing logs under "raft.impl": this version has no Raft',
      'nothing logs under "mpreg.core.global_cache": this version has no cache',
      'nothing logs under "dns": this version has no DNS gateway',
    ])
  })

  it('is not given for components that exist, prefixes, aliases, channels and blanks', () => {
    const existing = Object.keys(logComponents).filter((scope) => !absentScopes.includes(scope))
    const valid = [...existing, ...diagnosticChannels, 'fabric', 'mpreg.core.trans', 'core.task_manager', '', ' ']
    expect(unknownScopeWarnings(valid)).toEqual([])
  })
})

describe('the table of components', () => {
  const sources = join(import.meta.dirname, '..')
  const used = readdirSync(sources, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
    .flatMap((path) => {
      const text = readFileSync(join(sources, path), 'utf8')
      return [...text.matchAll(/\.scope\('([^']+)'\)/g)].map((match) => ({ scope: match[1] as string, path }))
    })

  it('knows every scope that the sources log under', () => {
    expect(used.filter(({ scope }) => !Object.hasOwn(logComponents, scope))).toEqual([])
  })

  it('says of exactly those scopes that nothing logs under them', () => {
    const scopes = new Set(used.map(({ scope }) => scope))
    // The root is the log itself.
    expect(Object.keys(logComponents).filter((scope) => !scopes.has(scope) && scope !== 'mpreg')).toEqual(absentScopes)
  })
})
