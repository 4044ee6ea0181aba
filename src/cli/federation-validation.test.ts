import { describe, expect, it } from 'vitest'
import { federationTemplate, namedTemplate, templateNames } from './federation-template.ts'
import { isValid, placeholdersIn, validateFederation } from './federation-validation.ts'

const cluster = { cluster_id: 'a', cluster_name: 'A', region: 'eu', server_url: 'ws://a:1', bridge_url: 'tcps://a:2' }
const config = (...clusters: unknown[]) => ({ version: '1.0', federation: {}, clusters })
const texts = (value: unknown, verdict: string) =>
  validateFederation(value)
    .filter((check) => check.verdict === verdict)
    .map(({ text }) => text)

describe('validation of a federation configuration', () => {
  it('passes a whole one', () => {
    expect(texts(config(cluster), 'failed')).toEqual([])
    expect(texts(config(cluster), 'warning')).toEqual([])
  })

  it.each([
    [
      {},
      [
        "Required field 'version' missing",
        "Required field 'federation' missing",
        "Required field 'clusters' missing",
        'No valid clusters configured',
      ],
    ],
    [[], ['The configuration is not an object']],
    [config(), ['No valid clusters configured']],
    [config('a'), ['Cluster 0: is not an object']],
    [config({ ...cluster, region: undefined }), ["Cluster 0: 'region' missing"]],
    [config({ ...cluster, region: 1 }), ["Cluster 0: 'region' is no text"]],
    [config(cluster, cluster), ["Cluster 1: the id 'a' is taken by an earlier cluster"]],
    [config({ ...cluster, server_url: 'http://a:1' }), ["Cluster 0: 'server_url' begins with http: instead of ws:, wss:, tcp:, tcps:"]],
    [config({ ...cluster, server_url: 'ws://a' }), ["Cluster 0: 'server_url' has no port: ws://a"]],
    [config({ ...cluster, server_url: 'ws://a:0' }), ["Cluster 0: 'server_url' has port 0, which nothing can be reached at"]],
    [config({ ...cluster, server_url: 'nowhere' }), ["Cluster 0: 'server_url' is no URL: nowhere"]],
  ])('says what is wrong with %j', (value, failures) => {
    expect(texts(value, 'failed')).toEqual(failures)
    expect(isValid(validateFederation(value))).toBe(false)
  })

  it('takes the default port of a protocol for one when it is written out', () => {
    expect(texts(config({ ...cluster, server_url: 'ws://a:80' }), 'failed')).toEqual([])
  })

  it('warns of placeholders and of keys nobody reads, without failing', () => {
    const checks = validateFederation({
      ...config({ ...cluster, server_url: 'ws://a:<port>', colour: 1 }),
      federation: { enable: true },
      extra: 1,
    })
    expect(isValid(checks)).toBe(true)
    expect(checks.filter(({ verdict }) => verdict === 'warning').map(({ text }) => text)).toEqual([
      "Cluster 0: 'server_url' still has the placeholder <port>",
      "Unknown key 'extra'",
      "Unknown key 'federation.enable'",
      "Unknown key 'colour' in Cluster 0",
    ])
  })

  it('passes every template', () => {
    for (const template of [federationTemplate(), ...templateNames.map(namedTemplate)])
      expect(isValid(validateFederation(template))).toBe(true)
  })
})

describe('placeholders', () => {
  it('are found by line and field, also where the same text stands twice or escaped', () => {
    const text = '{\n "a": "x:<port>",\n "b": [ "x", "x:<port>",\n {"c": "y\\u003a<port>"} ]\n}'
    expect(placeholdersIn(text)).toEqual([
      { line: 2, field: 'a', value: 'x:<port>' },
      { line: 3, field: 'b[1]', value: 'x:<port>' },
      { line: 4, field: 'b[2].c', value: 'y:<port>' },
    ])
  })
})
