import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

/** Everything a module reaches by import or export, types left aside. */
function reached(file: URL, seen = new Set<string>()): Set<string> {
  if (seen.has(file.href)) return seen
  seen.add(file.href)
  const source = readFileSync(file, 'utf8')
  for (const [, specifier = ''] of source.matchAll(/^(?:import|export)\s+(?!type\b)(?:[^'"]*?\sfrom\s+)?['"]([^'"]+)['"]/gm)) {
    if (specifier.startsWith('.')) reached(new URL(specifier, file), seen)
    else seen.add(specifier)
  }
  return seen
}

const packages = (entry: string) => [...reached(new URL(entry, import.meta.url))].filter((name) => !name.startsWith('file:'))

describe("the browser's part of wire", () => {
  it('reaches no validator and nothing of Node.js', () => {
    expect(packages('./browser.ts')).toEqual([])
  })

  it('is told from the whole by the same walk', () => {
    expect(packages('./index.ts')).toContain('typebox')
  })
})
