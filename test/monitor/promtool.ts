/** The tools of Prometheus, where they are installed. */
import { spawnSync } from 'node:child_process'

export interface ToolOutcome {
  readonly code: number | null
  readonly output: string
}

export const promtoolVersion = versionOf('promtool')
export const prometheusVersion = versionOf('prometheus')

/** Runs promtool with `input` on its standard input. */
export function promtool(args: readonly string[], input = ''): ToolOutcome {
  const { status, stderr, stdout } = spawnSync('promtool', args, { input, encoding: 'utf8' })
  return { code: status, output: `${stdout}${stderr}`.trim() }
}

/** Undefined when it is not installed. */
function versionOf(command: string): string | undefined {
  const { status, stderr, stdout } = spawnSync(command, ['--version'], { encoding: 'utf8' })
  return status === 0 ? (`${stdout}${stderr}`.split('\n')[0] ?? '') : undefined
}
