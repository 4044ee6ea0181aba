import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { root } from '../../scripts/bootstrap.mjs'

const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))

describe('the package', () => {
  it('has a source behind every export', () => {
    const targets = [...JSON.stringify(manifest.exports).matchAll(/"\.\/dist\/([^"]+?)(?:\.d\.ts|\.js)"/g)].map(
      (match) => `src/${match[1]}.ts`,
    )
    expect(targets.length).toBeGreaterThan(0)
    expect(targets.filter((source) => !existsSync(path.join(root, source)))).toEqual([])
  })

  it('holds what its users need and no more', () => {
    const { stdout } = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: root, encoding: 'utf8' })
    const [packed] = Object.values<{ files: { path: string }[] }>(JSON.parse(stdout))
    const files = packed?.files.map((file) => file.path) ?? []
    expect(files).toEqual(expect.arrayContaining(['package.json', 'bin/mpreg', 'LICENSE', 'CHANGELOG.md']))
    const allowed =
      /^(?:dist\/.*(?<!\.test)\.(?:js|d\.ts)|dist\/.*\/(?:public|static)\/.*|dist\/vendor\/.*\.LICENSE|bin\/.*|docs\/[a-z-]+\.md|package\.json|README\.md|LICENSE|CHANGELOG\.md)$/
    expect(files.filter((file) => !allowed.test(file))).toEqual([])
  })

  it('never uses the hooks that npm skips under ignore-scripts', () => {
    expect(Object.keys(manifest.scripts).filter((name) => /^(?:pre(?!pack$)|post)/.test(name))).toEqual([])
  })
})
