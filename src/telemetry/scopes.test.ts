import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { diagnosticChannels, logComponents, moduleName, scopeSelects, unknownScopeWarnings } from './scopes.ts'

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

  it('is not given for components, prefixes, aliases, channels and blanks', () => {
    const valid = [...Object.keys(logComponents), ...diagnosticChannels, 'fabric', 'mpreg.core.cach', 'core.global_cache', '', ' ']
    expect(unknownScopeWarnings(valid)).toEqual([])
  })
})

describe('the table of components', () => {
  it('knows every scope that the sources log under', () => {
    const sources = join(import.meta.dirname, '..')
    const used = readdirSync(sources, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
      .flatMap((path) => {
        const text = readFileSync(join(sources, path), 'utf8')
        return [...text.matchAll(/\blog\w*\.scope\('([^']+)'\)/g)].map((match) => `${match[1]} in ${path}`)
      })
    expect(used.filter((use) => !Object.hasOwn(logComponents, use.split(' ')[0] ?? ''))).toEqual([])
  })
})
