import { describe, expect, it } from 'vitest'
import { serverStartOptions, settingsFromOptions } from './options.ts'
import { resolveSettings } from './resolve.ts'

describe('options of server start', () => {
  it('are all there', () => {
    const flags = serverStartOptions().map(({ flags }) => flags.split(' ')[0])
    expect(flags.toSorted()).toEqual(
      [
        '--advertised-url',
        '--cache-capacity-mb',
        '--cache-latitude',
        '--cache-longitude',
        '--cache-region',
        '--cluster-id',
        '--connect',
        '--enable-cache',
        '--enable-cache-federation',
        '--enable-queue',
        '--host',
        '--monitoring',
        '--monitoring-cors',
        '--monitoring-host',
        '--monitoring-port',
        '--monitoring-require-token',
        '--monitoring-token',
        '--name',
        '--no-monitoring',
        '--no-monitoring-cors',
        '--no-monitoring-require-token',
        '--otlp',
        '--peer',
        '--persistence-dir',
        '--persistence-mode',
        '--persistence-sqlite-filename',
        '--port',
        '--resource',
        '--tracing-sample-ratio',
      ].toSorted(),
    )
  })

  it('know what can be repeated and what can be chosen', () => {
    const options = serverStartOptions()
    expect(options.filter(({ repeatable }) => repeatable).map(({ attribute }) => attribute)).toEqual(['resource', 'advertisedUrl', 'peer'])
    expect(options.find(({ attribute }) => attribute === 'persistenceMode')).toMatchObject({
      choices: ['memory', 'sqlite', 'off'],
      default: 'off',
    })
  })

  it('become settings', () => {
    const input = settingsFromOptions({
      port: '9001',
      resource: ['gpu', 'cpu'],
      cacheLatitude: '-59.9',
      enableCache: true,
      monitoring: false,
      persistenceMode: 'sqlite',
      persistenceDir: 'state',
    })
    expect(resolveSettings(input).settings).toMatchObject({
      name: 'MPREG Server',
      port: 9001,
      resources: ['gpu', 'cpu'],
      cacheLatitude: -59.9,
      enableDefaultCache: true,
      monitoringEnabled: false,
      persistenceConfig: { mode: 'sqlite', dataDir: 'state' },
    })
  })

  it('that were not given leave the defaults, with persistence off', () => {
    const { settings, warnings } = resolveSettings(settingsFromOptions({}), { subsystems: new Set() })
    expect(settings).toEqual(resolveSettings({ name: 'MPREG Server' }).settings)
    expect(warnings).toEqual(['this version has no node; without effect: name'])
  })

  it('with a text where a number belongs are refused by name', () => {
    expect(() => resolveSettings(settingsFromOptions({ port: 'abc' }))).toThrow(
      'port: expected an integer from 0 to 65535, got the string "abc"',
    )
  })
})
