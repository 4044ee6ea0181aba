import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { renderSettingsGuide } from './guide.ts'

describe('the settings guide', () => {
  it('in docs/ is the one rendered from the schema (else: node scripts/gen-docs.ts)', () => {
    const file = join(import.meta.dirname, '../../../docs/settings.md')
    expect(readFileSync(file, 'utf8')).toBe(renderSettingsGuide())
  })
})
