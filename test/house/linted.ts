/** Runs the house's linter over a planted tree. */
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { root } from '../../scripts/bootstrap.mjs'

/** file -> the lines on which the plugin reports something */
export function reportedLines(folder: string): Map<string, number[]> {
  const biome = path.join(root, 'node_modules/@biomejs/biome/bin/biome')
  const args = [biome, 'lint', '--reporter=github', '--colors=off', '--max-diagnostics=none', '.']
  const { stdout } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' })
  const lines = new Map<string, number[]>()
  for (const [, file = '', line] of stdout.matchAll(/title=plugin,file=(.*?),line=(\d+)/g)) {
    const name = file.slice(file.search(/(?:src|test)\//))
    lines.set(
      name,
      [...(lines.get(name) ?? []), Number(line)].sort((a, b) => a - b),
    )
  }
  return lines
}
