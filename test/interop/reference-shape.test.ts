import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { problemsOf } from './reference-shape.ts'

const VECTORS = fileURLToPath(new URL('../vectors/peer-frames/', import.meta.url))
const read = (name: string) => readFileSync(`${VECTORS}${name}.json`, 'utf8')

describe('shape of frames between nodes', () => {
  it('accepts every recorded frame', () => {
    for (const file of readdirSync(VECTORS).filter((name) => name.endsWith('.json'))) {
      expect(problemsOf(readFileSync(VECTORS + file, 'utf8')), file).toEqual([])
    }
  })

  it.each([
    ['an unknown member', read('catalog-node').replace('"region":"local"', '"region":"local","zone":1'), 'zone is not in any recording'],
    ['a missing member', read('catalog-node').replace('"region":"local"', '"x":1').replace('"scope":"zone",', ''), 'scope is missing'],
    ['a wrong type', read('rpc-request').replace('"hop_budget":5', '"hop_budget":"5"'), 'hop_budget is string'],
    ['hop 0 on a message that travels', read('catalog-node').replace('"hop_count":1', '"hop_count":0'), 'hop_count 0'],
    ['an unknown kind', '{"role":"fabric-sync","payload":{}}', 'no recording'],
  ])('objects to %s', (_what, text, problem) => {
    expect(problemsOf(text).join('\n')).toContain(problem)
  })
})
