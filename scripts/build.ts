/**
 * `npm run build`: compiles src/ into dist/ for publishing. A checkout never needs it; there the sources run as they are.
 */
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import path from 'node:path'
import { root } from './bootstrap.mjs'
import { inlineTypebox } from './inline-typebox.ts'

const dist = path.join(root, 'dist')
// A file that was renamed or removed since the last build must not be published again.
rmSync(dist, { recursive: true, force: true })
const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc')
const { status } = spawnSync(process.execPath, [tsc, '--project', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' })
if (status === 0) await inlineTypebox(dist)
process.exitCode = status ?? 1
