/** The house's linter with the house's configuration, run over one piece of code in many places. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { root } from '../../scripts/bootstrap.mjs'
import { plantTree } from './planted-tree.ts'

const CONFIGURATION = ['biome.json', 'lint/no-ambient-world.grit', 'lint/no-assigned-functions.grit'] as const

/**
 * Plants the code as each of the files, and lints them all in one run.
 * @returns file -> the lines on which a rule of the house reports something
 */
export function lintEverywhere(code: string, files: readonly string[]): Map<string, number[]> {
  const tree = plantTree({
    ...Object.fromEntries(files.map((file) => [file, code])),
    ...Object.fromEntries(CONFIGURATION.map((file) => [file, readFileSync(path.join(root, file), 'utf8')])),
    '.gitignore': 'dist/\n',
  })
  try {
    return reportedLines(tree.folder)
  } finally {
    tree.remove()
  }
}

function reportedLines(folder: string): Map<string, number[]> {
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
